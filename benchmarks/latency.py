"""How long a user waits: python benchmarks/latency.py"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from timing import alternate

import strokejax
from strokejax.ink.formats import write_json
from strokejax.ink.synthesis import Writer, write

ROUNDS = 5


def process(*arguments: str) -> float:
    """Median seconds of a whole process."""
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        command = [sys.executable, "-m", "strokejax.cli", *arguments]
        subprocess.run(command, check=True, capture_output=True)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main() -> None:
    """Prints seconds of cold commands and milliseconds of warm calls."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    ink = write("a", Writer(), np.random.default_rng(0))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "a.json"
        write_json(file, ink)
        print(f"whole processes, median of {ROUNDS}")
        print(f"  strokejax --help            {process('--help'):6.2f} s")
        print(f"  strokejax recognize a.json  {process('recognize', str(file)):6.2f} s")
    model = strokejax.load()
    times = alternate({"ink to neighbours": lambda: model.recognize(ink)})
    print("warm, one stroke, median of 15 rounds")
    for name, ms in times.items():
        print(f"  {name:<26}{ms:8.2f} ms")


if __name__ == "__main__":
    main()
