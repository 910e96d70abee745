"""StrokeNet against PyTorch on this CPU: python benchmarks/torch_speed.py

Needs the extra `parity`. Both frameworks run in one process, in alternation; PyTorch
gets every way of running and number of threads, and its best one is the peer.
"""

import argparse
import copy
import os

import jax
import jax.numpy as jnp
import numpy as np
import torch
from recording import parse
from timing import alternate
from torch import nn

from strokejax.evaluation.figure import Figure
from strokejax.networks.spec import EncoderSpec, build_encoder, build_inference
from strokejax.recognizer import Recognizer
from strokejax.table.symbols import STROKES, SymbolTable
from strokejax.table.table import init_slots
from strokejax.train.optim import make_optimizer
from strokejax.train.state import create_state
from strokejax.train.steps import Objective, make_train_step
from strokejax.types import Batch

CLASSES = 63
BATCHES = (1, 32, 128)
REST = 0.3
"""Seconds between the sides: OpenMP's threads spin for 0.2 after their work."""


class TorchStrokeNet(nn.Module):
    """StrokeNet as one would write it in PyTorch."""

    def __init__(self):
        super().__init__()
        layers, channels = [], 1
        for pair in ((16, 32), (64, 64), (128, 128)):
            for out in pair:
                conv = nn.Conv2d(channels, out, 3, padding=1, bias=False)
                layers += [conv, nn.BatchNorm2d(out), nn.ReLU(inplace=True)]
                channels = out
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers, nn.Dropout2d(0.1))
        self.classifier = nn.Sequential(
            nn.Linear(128, 128), nn.ReLU(), nn.Dropout(0.25), nn.Linear(128, CLASSES)
        )

    def forward(self, x):
        return self.classifier(self.features(x).mean((2, 3)))


def torch_variants(threads: int):
    """Name -> (model, memory format) for eager, channels-last and compiled."""
    base = TorchStrokeNet()
    last = torch.channels_last
    for name, memory in (("", torch.contiguous_format), (" channels-last", last)):
        model = copy.deepcopy(base).to(memory_format=memory)
        yield f"torch eager{name}, {threads} threads", model, memory
        model = copy.deepcopy(base).to(memory_format=memory)
        yield f"torch.compile{name}, {threads} threads", torch.compile(model), memory


def with_threads(threads: int, call):
    def run():
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
        return call()

    return run


def stroke_net() -> Recognizer:
    """Ours with random weights, as a stored model would be loaded."""
    spec = EncoderSpec(out_dim=CLASSES, normalise=False)
    image = jnp.zeros((1, 28, 28))
    params, state = build_encoder(spec).init(jax.random.key(0), {"image": image})
    encoder, network, state = build_inference(spec, params, state)
    slots = init_slots(np.ones(CLASSES, bool), CLASSES)
    network = {"encoder": network, "table": {}}
    names = SymbolTable.of(STROKES)
    return Recognizer(spec, encoder, network, state, slots, names, version=1)


def inference(batch: int) -> dict[str, float]:
    """Median milliseconds of each side for a batch of pictures, to logits at least."""
    images = np.random.default_rng(0).random((batch, 28, 28), np.float32)
    inputs = {"image": images}
    ours = stroke_net()
    sides = {"strokejax, to ranked answers": lambda: ours.ranked(inputs, 5)}
    for threads in range(1, (os.cpu_count() or 1) + 1):
        for name, model, memory in torch_variants(threads):
            x = torch.from_numpy(images[:, None]).to(memory_format=memory)
            model.eval()

            def call(model=model, x=x):
                with torch.inference_mode():
                    return model(x)

            sides[name] = with_threads(threads, call)
    return alternate(sides, rounds=9, rest=REST)


def training(batch: int = 128) -> dict[str, float]:
    """Median milliseconds of a step: forward, backward, AdamW; and of our parts."""
    rng = np.random.default_rng(0)
    images = rng.random((batch, 28, 28), np.float32)
    labels = rng.integers(0, CLASSES, batch)
    spec = EncoderSpec(out_dim=CLASSES, normalise=False)
    encoder = build_encoder(spec, channel_dropout=0.1, dropout=0.25)
    inputs = {"image": jnp.asarray(images)}
    network, model_state = encoder.init(jax.random.key(0), inputs)
    params = {"encoder": network, "table": {}}
    optimizer = make_optimizer(
        params, train="all", learning_rate=1e-3, weight_decay=1e-4
    )
    state = create_state(params, model_state, optimizer, jax.random.key(1))
    active = np.ones(CLASSES, bool)
    step = make_train_step(encoder, optimizer, Objective("argmax"), active)
    data = Batch(inputs, jnp.asarray(labels, jnp.int32), jnp.ones(batch, bool))
    holder = [state]

    def train():
        holder[0], metrics = step(holder[0], data)
        metrics["loss"].block_until_ready()

    forward = jax.jit(
        lambda p, s: encoder.apply(
            p, s, inputs, data.mask, train=True, key=jax.random.key(0)
        )[0]
    )
    evaluate = jax.jit(
        lambda p, s: encoder.apply(p, s, inputs, data.mask, train=False)[0]
    )
    start = jax.tree.map(jnp.copy, (network, model_state))
    sides = {
        "strokejax": train,
        "  of which forward, train mode": lambda: forward(*start).block_until_ready(),
        "  of which forward, frozen norms": lambda: evaluate(
            *start
        ).block_until_ready(),
    }
    target = torch.from_numpy(labels)
    for threads in range(1, (os.cpu_count() or 1) + 1):
        for name, model, memory in torch_variants(threads):
            x = torch.from_numpy(images[:, None]).to(memory_format=memory)
            adam = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1e-4)
            model.train()

            def call(model=model, x=x, adam=adam):
                adam.zero_grad(set_to_none=True)
                nn.functional.cross_entropy(model(x), target).backward()
                adam.step()

            sides[name] = with_threads(threads, call)
    return alternate(sides, rounds=7, rest=REST)


def show(title: str, times: dict[str, float]) -> list[Figure]:
    """One table, with ratios to the best PyTorch, and its figures."""
    peers = {name: ms for name, ms in times.items() if name.startswith("torch")}
    best = min(peers, key=peers.__getitem__)
    print(title)
    for name, ms in times.items():
        mark = "  <- the peer" if name == best else ""
        print(f"  {name:<44}{ms:>9.2f} ms{ms / peers[best]:>7.2f}{mark}")
    what, ours = title.rpartition(", ")[0], next(iter(times.values()))
    return [
        Figure(f"{what}, strokejax", ours, unit="ms"),
        Figure(f"{what}, best PyTorch", peers[best], unit="ms"),
        Figure(title, ours / peers[best], unit="times"),
    ]


def main() -> None:
    """Prints the tables that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=("inference", "training"))
    options, record = parse(parser)
    if options.only != "training":
        for batch in BATCHES:
            title = f"inference, batch {batch}, time over the peer's"
            record(show(title, inference(batch)))
    if options.only != "inference":
        record(show("train step, batch 128, time over the peer's", training()))


if __name__ == "__main__":
    main()
