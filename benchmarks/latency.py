"""How long a user waits: python benchmarks/latency.py"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from recording import parse
from timing import ROUNDS as TIMED
from timing import alternate

import strokejax
from strokejax.evaluation.figure import Figure
from strokejax.ink.formats import write_json
from strokejax.ink.synthesis.handwriting import Writer, write

ROUNDS = 5


def process(folder: str, *arguments: str) -> float:
    """Median seconds of a whole process, after a first one that is not counted.

    Python keeps what it compiles of the sources in `folder`, also where the environment
    says otherwise: an installation that has been used once has it.
    """
    kept = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": folder}
    command = [sys.executable, "-m", "strokejax.cli", *arguments]
    times = []
    for _ in range(1 + ROUNDS):
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True, env=os.environ | kept)
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


def main() -> None:
    """Prints seconds of cold commands and milliseconds of warm calls."""
    _, record = parse(argparse.ArgumentParser(description=__doc__))
    ink = write("a", Writer(), np.random.default_rng(0))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "a.json"
        write_json(file, ink)
        print(f"whole processes, median of {ROUNDS}")
        about = process(folder, "--help")
        print(f"  strokejax --help            {about:6.2f} s")
        answer = process(folder, "recognize", str(file))
        print(f"  strokejax recognize a.json  {answer:6.2f} s")
    model = strokejax.load()
    times = alternate({"ink to neighbours": lambda: model.recognize(ink)})
    print("warm, one stroke, median of 15 rounds")
    for name, ms in times.items():
        print(f"  {name:<26}{ms:8.2f} ms")
    record(
        [
            Figure("strokejax --help, whole process", about, n=ROUNDS, unit="s"),
            Figure("strokejax recognize, whole process", answer, n=ROUNDS, unit="s"),
            *(
                Figure(f"one stroke, {name}, warm", ms, n=TIMED, unit="ms")
                for name, ms in times.items()
            ),
        ]
    )


if __name__ == "__main__":
    main()
