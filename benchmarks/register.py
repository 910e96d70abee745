"""Learning online: what a registration costs: python benchmarks/register.py"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import jax
import numpy as np
from recording import parse

from strokejax.evaluation.figure import Figure
from strokejax.ink.formats import write_json
from strokejax.ink.synthesis.handwriting import scribble
from strokejax.recognizer import load
from strokejax.registration import registry
from strokejax.registration.learn import learn
from strokejax.store.model import Sample, load_model
from strokejax.tasks.symbols.evaluation.incremental import MemoryStore
from strokejax.types import Ink

SHOTS = 10


def drawings(rng: np.random.Generator) -> list[Ink]:
    """One scribble drawn again and again by an unsteady hand."""
    strokes = scribble(rng).strokes
    shake = np.array([0.02, 0.02, 0.0])
    return [
        Ink(tuple((s + shake * rng.normal(size=s.shape)).astype("f4") for s in strokes))
        for _ in range(SHOTS)
    ]


def milliseconds(call, rounds: int) -> float:
    """Median time of a call after a first one."""
    call()
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        call()
        times.append(1e3 * (time.perf_counter() - start))
    return float(np.median(times))


def warm_compute(rounds: int) -> float:
    """From ten drawings to a row, the guard's and the coach's findings included."""
    rng = np.random.default_rng(0)
    inks = drawings(rng)
    model, stored = load(), load_model()

    samples = tuple(Sample("new", "", i, "", "") for i in range(SHOTS))

    def once():
        z = model.embed_many(inks)
        wider = stored._replace(samples=samples)
        learn(wider, MemoryStore(z), "new", "sgd", against=stored, force=True)

    return milliseconds(once, rounds)


def warm_stored(rounds: int) -> float:
    """The same with the new version on disk."""
    rng = np.random.default_rng(1)
    numbers = iter(range(10_000))

    def once():
        registry.register(None, f"new {next(numbers)}", drawings(rng), force=True)

    return milliseconds(once, rounds)


def cold_command(rounds: int) -> float:
    """`strokejax register NAME FOLDER` as a whole process."""
    rng = np.random.default_rng(2)
    times = []
    for i in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            for j, ink in enumerate(drawings(rng)):
                write_json(Path(folder) / f"{j}.json", ink)
            command = [sys.executable, "-m", "strokejax.cli", "register"]
            start = time.perf_counter()
            subprocess.run(
                [*command, f"cold {i}", folder, "--force", "--json"],
                check=True,
                capture_output=True,
            )
            times.append(time.perf_counter() - start)
    return float(np.median(times))


def many_symbols(count: int, rounds: int) -> float:
    """Ink to neighbours among `count` symbols."""
    rng = np.random.default_rng(3)
    model = load("nn-sampling")
    rows = rng.normal(size=(count, model.spec.out_dim)).astype(np.float32)
    slots = model.slots
    wide = type(slots)(
        sums=np.zeros_like(rows),
        counts=np.ones(count, np.int32),
        active=np.ones(count, bool),
        owner=np.arange(count, dtype=np.int32),
        offset=np.zeros(count, np.float32),
        radius=np.ones(count, np.float32),
        scale=np.ones(count, np.float32),
    )
    from dataclasses import replace

    from strokejax.table.symbols import SymbolTable

    table = model.params["table"] | {"embeddings": rows}
    params, slots = jax.device_put((model.params | {"table": table}, wide))
    names = SymbolTable(tuple(f"symbol {i}" for i in range(count)))
    model = replace(model, params=params, slots=slots, symbols=names)
    ink = scribble(rng)
    return milliseconds(lambda: model.recognize(ink, k=5), rounds)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    options, record = parse(parser)
    rounds = options.rounds
    with tempfile.TemporaryDirectory() as folder:
        os.environ["STROKEJAX_HOME"] = folder
        print(f"register a symbol from {SHOTS} drawings, median of {rounds}")
        compute = warm_compute(rounds)
        print(f"  compute, warm                      {compute:8.1f} ms")
        stored = warm_stored(rounds)
        print(f"  with the version on disk, warm     {stored:8.1f} ms")
        cold = cold_command(5)
        print(f"  the whole command, cold            {cold:8.2f} s")
        what = f"register a symbol from {SHOTS} drawings"
        figures = [
            Figure(f"{what}: compute, warm", compute, n=rounds, unit="ms"),
            Figure(
                f"{what}: with the version on disk, warm", stored, n=rounds, unit="ms"
            ),
            Figure(f"{what}: the whole command, cold", cold, n=5, unit="s"),
        ]
        print("recognise one stroke, warm")
        for count in (100, 1_000, 10_000):
            took = many_symbols(count, 5 * rounds)
            print(f"  among {count:6,} symbols               {took:8.2f} ms")
            what = f"recognise one stroke among {count:,} symbols, warm"
            figures.append(Figure(what, took, n=5 * rounds, unit="ms"))
    record(figures)


if __name__ == "__main__":
    main()
