"""One drawing in, its symbol out: POST /predict, with GET /health and /models."""

import time
from typing import Any, NamedTuple

import numpy as np
from fastapi import APIRouter, Request, Response

from strokejax.ink.formats import from_json
from strokejax.ink.raster import rasterize_binary
from strokejax.networks.inputs import validate
from strokejax.networks.spec import ARCHITECTURES
from strokejax.pictures.images import data_url, decode_image
from strokejax.pictures.normalise import normalise_image
from strokejax.recognizer import Recognizer
from strokejax.report.drawings import to_png
from strokejax.serve.messages import FILE, MAX_PIXELS, Health, is_picture, parsed
from strokejax.serve.studio import K, Studio
from strokejax.store.content import read_spec
from strokejax.store.paths import CURRENT, PACKAGED, home, resolve
from strokejax.table.knn import Answer
from strokejax.tasks.symbols.pages.messages import Predict, Prediction
from strokejax.types import Ink, InputError

SIZE = 28
"""Side of a prediction's picture, in pixels."""
INLINE = 16_384
"""Bytes of JSON up to which parsing is quicker than starting it on another thread."""
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
        "image/png": FILE,
        "image/jpeg": FILE,
    },
}
router = APIRouter()

# The server and its models.


@router.get("/health")
async def health(request: Request) -> Health:
    """The state of the server, and the model it serves."""
    studio: Studio = request.app.state.studio
    model = studio.recognizer
    name = "your own" if (home() / "model").is_dir() else "packaged"
    return Health(
        status="ok",
        model=str(studio.model or name),
        version=model.version,
        symbols=len(model.symbols),
        encoder=model.spec.architecture,
        token=bool(request.app.state.limits.token),
    )


@router.get("/models")
async def models(request: Request) -> dict[str, Any]:
    """The available models of symbols, and the one that is served."""
    studio: Studio = request.app.state.studio
    folders = sorted(path.parent for path in PACKAGED.glob(f"*/{CURRENT}"))
    specs = {folder.name: read_spec(folder) or {} for folder in folders}
    # A length is the mark of networks that read pictures of text.
    packaged = [
        name
        for name, spec in specs.items()
        if spec.get("architecture") in ARCHITECTURES and not spec.get("length")
    ]
    personal = ["own"] if (home() / "model").is_dir() else []
    folder, model = resolve(studio.model), studio.recognizer
    return {
        "models": [*packaged, *personal],
        "serving": {
            "name": folder.name if folder.parent == PACKAGED else "own",
            "mode": model.mode,
            "encoder": model.spec.architecture,
            "version": model.version,
            "num_classes": len(model.symbols),
        },
    }


# Predictions.


class Query(NamedTuple):
    """A parsed request."""

    drawing: Ink | np.ndarray
    image: np.ndarray | None = None
    """f32[28 28]: a picture as the answer shows it; None for ink."""
    reference_size: float | None = None
    num_classes: int | None = None


@router.post("/predict", response_model=Prediction, openapi_extra={"requestBody": BODY})
async def predict(request: Request) -> Response:
    """Names a drawing: velocities or ink as JSON, or the bytes of a picture."""
    studio: Studio = request.app.state.studio
    body = await request.body()
    # Large requests take turns on a thread: each may need much memory.
    if is_picture(request):
        query = await studio.run_large(_parse_picture, body)
    elif len(body) > INLINE:
        query = await studio.run_large(_parse_ink, body)
    else:
        query = _parse_ink(body)
    return Response(await request.app.state.predict(query), 200, None, JSON)


def _parse_picture(body: bytes) -> Query:
    picture = decode_image(body, "The picture", MAX_PIXELS)
    drawing = validate(picture)
    return Query(drawing, normalise_image(picture, size=SIZE))


def _parse_ink(body: bytes) -> Query:
    message = parsed(Predict, body)
    if (message.velocities is None) == (message.ink is None):
        raise InputError('Give either "velocities" or "ink", a drawing in one form.')
    content = message.ink
    if message.velocities is not None:
        content = {"velocities": message.velocities}
    ink = from_json(content, "The request")
    return Query(ink, None, message.reference_size, message.num_classes)


def predictions(model: Recognizer, queries: list[Query]) -> list[bytes | Exception]:
    """A `Prediction` as JSON for each query, or the error that refuses it."""
    start = time.perf_counter()
    drawings = [query.drawing for query in queries]
    answers = model.name_many(drawings, K, [query.reference_size for query in queries])
    # The time of the batch: queries that wait together are answered together.
    milliseconds = 1e3 * (time.perf_counter() - start)
    rows = zip(queries, answers, _images(queries), strict=True)
    return [
        _refusal(model, query) or _prediction(model, answer, image, milliseconds)
        for query, answer, image in rows
    ]


def _refusal(model: Recognizer, query: Query) -> InputError | None:
    """The error for a query that expects another number of symbols."""
    if query.num_classes in (None, len(model.symbols)):
        return None
    names = ", ".join(model.symbols.symbols)
    return InputError(
        f"num_classes is {query.num_classes}, but this model has {len(model.symbols)} "
        f"symbols ({names}); ask for that, or leave it out."
    )


def _images(queries: list[Query]) -> list[np.ndarray]:
    """f32[28 28] of each query: ink is drawn by the published rule, all at once."""
    inks = [query.drawing for query in queries if isinstance(query.drawing, Ink)]
    drawn = iter(rasterize_binary([ink.strokes for ink in inks], size=SIZE))
    return [next(drawn) if q.image is None else q.image for q in queries]


def _prediction(
    model: Recognizer, answer: Answer, image: np.ndarray, milliseconds: float
) -> bytes:
    url = data_url(to_png(image))
    prediction = Prediction(
        predicted_char=model.symbols.text(answer.symbols[0]),
        confidence=answer.probability[0],
        inference_ms=round(milliseconds, 3),
        image_base64=url.partition(",")[2],
        image_data_url=url,
        num_classes=len(model.symbols),
        symbols=list(answer.symbols),
        probability=list(answer.probability),
        dist2=None if answer.dist2 is None else list(answer.dist2),
        inputs=list(answer.inputs),
        unknown=answer.unknown,
        reason=answer.reason,
    )
    return prediction.model_dump_json().encode()
