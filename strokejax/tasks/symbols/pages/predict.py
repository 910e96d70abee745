"""One drawing in, its symbol out: POST /predict, with /health and /models."""

import base64
import json
import time
from typing import Any, NamedTuple, TypeVar

import numpy as np
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ValidationError

from strokejax.ink.formats import from_json
from strokejax.ink.raster import rasterize_binary
from strokejax.networks.inputs import checked
from strokejax.pictures.images import decode_image
from strokejax.pictures.normalise import normalise_image
from strokejax.recognizer import Recognizer
from strokejax.report.drawings import to_png
from strokejax.serve.messages import Health, Predict, Prediction
from strokejax.serve.studio import K, Studio
from strokejax.store.paths import CURRENT, FONTS, LINES, PACKAGED, home, resolve
from strokejax.table.knn import Answer
from strokejax.types import Ink, InputError

SIZE = 28
"""Pixels a side of the picture that goes with a prediction."""
MAX_PIXELS = 16_000_000
SMALL = 16_384
"""Bytes of JSON that are read sooner than another thread would begin to."""
JSON = "application/json"
BODY = {
    "required": True,
    "content": {
        "application/json": {
            "schema": Predict.model_json_schema(),
            "examples": {
                "velocities": {"value": {"velocities": [{"vx": 3, "vy": 1}] * 4}},
                "ink": {"value": {"ink": {"strokes": [[[0, 0], [4, 9], [8, 0]]]}}},
            },
        },
        "image/png": {"schema": {"type": "string", "format": "binary"}},
        "image/jpeg": {"schema": {"type": "string", "format": "binary"}},
    },
}
T = TypeVar("T", bound=BaseModel)
router = APIRouter()


@router.get("/health")
async def health(request: Request) -> Health:
    """That the server lives, and with what."""
    studio: Studio = request.app.state.studio
    model = studio.recognizer
    name = "your own" if (home() / "model").is_dir() else "packaged"
    return Health(
        status="ok",
        model=str(studio.model or name),
        version=model.version,
        symbols=len(model.symbols),
        encoder=model.spec.architecture,
        token=bool(request.app.state.bounds.token),
    )


@router.get("/models")
async def models(request: Request) -> dict[str, Any]:
    """The models there are, and which of them answers."""
    studio: Studio = request.app.state.studio
    packaged = sorted(path.parent.name for path in PACKAGED.glob(f"*/{CURRENT}"))
    packaged = [name for name in packaged if not name.startswith((LINES, FONTS))]
    own = ["own"] if (home() / "model").is_dir() else []
    folder, model = resolve(studio.model), studio.recognizer
    return {
        "models": [*packaged, *own],
        "serving": {
            "name": folder.name if folder.parent == PACKAGED else "own",
            "mode": model.mode,
            "encoder": model.spec.architecture,
            "version": model.version,
            "num_classes": len(model.symbols),
        },
    }


@router.post("/predict", response_model=Prediction, openapi_extra={"requestBody": BODY})
async def predict(request: Request) -> Response:
    """Names a drawing: velocities or ink as JSON, or a picture's bytes."""
    studio: Studio = request.app.state.studio
    body = await request.body()
    if is_picture(request):
        asked = await studio.read(_picture, body)
    elif len(body) > SMALL:
        asked = await studio.read(_drawn, body)
    else:
        asked = _drawn(body)
    return Response(await request.app.state.predict(asked), 200, None, JSON)


def is_picture(request: Request) -> bool:
    """Whether the body is said to be a picture's bytes."""
    return request.headers.get("content-type", "").strip().lower().startswith("image/")


class Asked(NamedTuple):
    """A request that is read."""

    drawing: Ink | np.ndarray
    image: np.ndarray | None = None
    """f32[28 28] of a picture."""
    usual_size: float | None = None
    num_classes: int | None = None


def _picture(body: bytes) -> Asked:
    picture = decode_image(body, "The picture", MAX_PIXELS)
    drawing = checked(picture)
    return Asked(drawing, normalise_image(picture, size=SIZE))


def _drawn(body: bytes) -> Asked:
    asked = parsed(Predict, body)
    if (asked.velocities is None) == (asked.ink is None):
        raise InputError('Give either "velocities" or "ink", a drawing in one form.')
    content = asked.ink
    if asked.velocities is not None:
        content = {"velocities": asked.velocities}
    ink = from_json(content, "The request")
    return Asked(ink, None, asked.usual_size, asked.num_classes)


def parsed(kind: type[T], body: bytes) -> T:
    """A body's JSON as a message; InputError for anything else."""
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        raise InputError(sentence(error.errors()[0])) from error


def predictions(model: Recognizer, asked: list[Asked]) -> list[bytes | Exception]:
    """A `Prediction` as JSON for each request, or why there is none."""
    since = time.perf_counter()
    drawings = [each.drawing for each in asked]
    answers = model.name_many(drawings, K, [each.usual_size for each in asked])
    took = 1e3 * (time.perf_counter() - since)
    return [
        _refusal(model, each) or _prediction(model, answer, image, took)
        for each, answer, image in zip(asked, answers, _images(asked), strict=True)
    ]


def _refusal(model: Recognizer, asked: Asked) -> InputError | None:
    if asked.num_classes in (None, len(model.symbols)):
        return None
    names = ", ".join(model.symbols.symbols)
    return InputError(
        f"num_classes is {asked.num_classes}, but this model has {len(model.symbols)} "
        f"symbols ({names}); ask for that, or leave it out."
    )


def _images(asked: list[Asked]) -> list[np.ndarray]:
    """f32[28 28] of each: ink by the published rule."""
    inks = [each.drawing for each in asked if isinstance(each.drawing, Ink)]
    drawn = iter(rasterize_binary([x.strokes for x in inks], size=SIZE))
    return [next(drawn) if x.image is None else x.image for x in asked]


def _prediction(
    model: Recognizer, answer: Answer, image: np.ndarray, took: float
) -> bytes:
    png = base64.b64encode(to_png(image)).decode()
    found = Prediction(
        predicted_char=model.symbols.text(answer.symbols[0]),
        confidence=answer.probability[0],
        inference_ms=round(took, 3),
        image_base64=png,
        image_data_url=f"data:image/png;base64,{png}",
        num_classes=len(model.symbols),
        symbols=list(answer.symbols),
        probability=list(answer.probability),
        dist2=None if answer.dist2 is None else list(answer.dist2),
        inputs=list(answer.inputs),
        unknown=answer.unknown,
        reason=answer.reason,
    )
    return found.model_dump_json().encode()


def sentence(error: Any) -> str:
    """What pydantic found wrong, in one sentence."""
    where = ".".join(str(part) for part in error["loc"] if part != "body")
    shown = json.dumps(error.get("input"), default=str)[:60]
    said = error["msg"][:1].lower() + error["msg"][1:]
    return f"{where or 'The request'} is {shown}, but {said}; see /openapi.json."
