"""The peer of benchmarks/serve.py: StrokeNet in PyTorch behind FastAPI, plainly.

python benchmarks/torch_server.py PORT THREADS
"""

import base64
import io
import sys
import time

import numpy as np
import torch
import uvicorn
from fastapi import FastAPI
from PIL import Image, ImageDraw
from pydantic import BaseModel
from torch_speed import CLASSES, TorchStrokeNet

from strokejax.table.symbols import build_char_map

SIZE, MARGIN = 28, 4


class Velocity(BaseModel):
    """One step of the pen."""

    vx: float
    vy: float


class Asked(BaseModel):
    """A request."""

    velocities: list[Velocity]


def create_app(network: torch.nn.Module) -> FastAPI:
    """`POST /predict` as published."""
    app, names = FastAPI(), build_char_map()

    @app.post("/predict")
    def predict(asked: Asked) -> dict:
        steps = np.array([(step.vx, step.vy) for step in asked.velocities])
        picture = drawn(np.cumsum(steps, axis=0))
        since = time.perf_counter()
        pixels = torch.from_numpy(np.asarray(picture, np.float32) / 255)
        with torch.inference_mode():
            share = network(pixels[None, None]).softmax(1)[0]
        best = int(share.argmax())
        file = io.BytesIO()
        picture.save(file, "PNG")
        data = base64.b64encode(file.getvalue()).decode()
        return {
            "predicted_char": names[best],
            "confidence": float(share[best]),
            "inference_ms": 1e3 * (time.perf_counter() - since),
            "image_base64": data,
            "image_data_url": f"data:image/png;base64,{data}",
            "num_classes": CLASSES,
        }

    return app


def drawn(points: np.ndarray) -> Image.Image:
    """The line as a picture."""
    low = points.min(0)
    scale = (SIZE - 1 - 2 * MARGIN) / max(np.ptp(points, axis=0).max(), 1e-6)
    middle = (SIZE - 1 - np.ptp(points, axis=0) * scale) / 2
    picture = Image.new("L", (SIZE, SIZE))
    at = [tuple(xy) for xy in ((points - low) * scale + middle).tolist()]
    ImageDraw.Draw(picture).line(at, fill=255, width=3)
    return picture


def main() -> None:
    """Serves until it is killed."""
    port, threads = map(int, sys.argv[1:])
    torch.set_num_threads(threads)
    network = TorchStrokeNet().eval()
    uvicorn.run(create_app(network), port=port, log_level="warning")


if __name__ == "__main__":
    main()
