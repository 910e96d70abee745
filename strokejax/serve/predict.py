"""One drawing in, its symbol out: POST /predict, with /health and /models."""

import base64
import json
import time
from typing import Any

import numpy as np
from fastapi import APIRouter, Request
from pydantic import ValidationError

from strokejax.figures import to_png
from strokejax.ink.formats import from_json
from strokejax.ink.images import decode_image
from strokejax.ink.normalise import normalise_image
from strokejax.ink.raster import rasterize_binary
from strokejax.locate import PACKAGED, home, resolve
from strokejax.recognizer import Recognizer
from strokejax.serve.messages import Health, Predict, Prediction
from strokejax.serve.studio import K, Studio
from strokejax.types import Ink, InputError

SIZE = 28
"""Pixels a side of the picture that goes with a prediction."""
MAX_PIXELS = 12_000_000
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
router = APIRouter()


@router.get("/health")
async def health(request: Request) -> Health:
    """That the server lives, and with what."""
    studio: Studio = request.app.state.studio
    model = studio.recognizer
    return Health(
        status="ok",
        model=str(studio.model or "your own"),
        version=model.version,
        symbols=len(model.symbols),
        encoder=model.spec.architecture,
        token=bool(request.app.state.bounds.token),
    )


@router.get("/models")
async def models(request: Request) -> dict[str, Any]:
    """The models there are, and which of them answers."""
    studio: Studio = request.app.state.studio
    packaged = sorted(path.name for path in PACKAGED.iterdir() if path.is_dir())
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


@router.post("/predict", openapi_extra={"requestBody": BODY})
async def predict(request: Request) -> Prediction:
    """Names a drawing: velocities or ink as JSON, or a picture's bytes."""
    studio: Studio = request.app.state.studio
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = await request.body()
    if kind.startswith("image/"):
        return await studio.answer(_picture, studio.recognizer, body)
    return await studio.answer(_drawn, studio.recognizer, body)


def _picture(model: Recognizer, body: bytes) -> Prediction:
    picture = decode_image(body, "The picture", MAX_PIXELS)
    return _predicted(model, picture, normalise_image(picture, size=SIZE), None)


def _drawn(model: Recognizer, body: bytes) -> Prediction:
    try:
        asked = Predict.model_validate_json(body)
    except ValidationError as error:
        raise InputError(sentence(error.errors()[0])) from error
    if (asked.velocities is None) == (asked.ink is None):
        raise InputError('Give either "velocities" or "ink", a drawing in one form.')
    if asked.num_classes not in (None, len(model.symbols)):
        names = ", ".join(model.symbols.symbols)
        raise InputError(
            f"num_classes is {asked.num_classes}, but this model has "
            f"{len(model.symbols)} symbols ({names}); ask for that, or leave it out."
        )
    content = {"velocities": [step.model_dump() for step in asked.velocities or ()]}
    ink = from_json(content if asked.ink is None else asked.ink, "The request")
    return _predicted(model, ink, _image(ink), asked.usual_size)


def _image(ink: Ink) -> np.ndarray:
    """f32[28 28] by the published rule."""
    return np.asarray(rasterize_binary([ink.strokes], size=SIZE)[0])


def _predicted(
    model: Recognizer, drawing: Any, image: np.ndarray, usual_size: float | None
) -> Prediction:
    since = time.perf_counter()
    answer = model.recognize(drawing, K, usual_size)
    took = time.perf_counter() - since
    png = base64.b64encode(to_png(image)).decode()
    return Prediction(
        predicted_char=model.symbols.text(answer.symbols[0]),
        confidence=answer.probability[0],
        inference_ms=round(1e3 * took, 3),
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


def sentence(error: Any) -> str:
    """What pydantic found wrong, in one sentence."""
    where = ".".join(str(part) for part in error["loc"] if part != "body")
    shown = json.dumps(error.get("input"), default=str)[:60]
    said = error["msg"][:1].lower() + error["msg"][1:]
    return f"{where or 'The request'} is {shown}, but {said}; see /openapi.json."
