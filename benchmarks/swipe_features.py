"""What a typist's network should see of a swipe: five features, 15 minutes each.

python benchmarks/swipe_features.py WORKDIR     # 90 minutes on two cores; resumable

Each feature's seconds a step are measured first, and its run gets as many steps as fit
in the budget: what slows a machine down later makes no run shorter. Measured on
people's swipes in $STROKEJAX_DATA/swipe, and on synthetic ones of layouts that training
saw and of others.
"""

import argparse
import subprocess
import sys
from pathlib import Path

from swipe import layouts, real

from strokejax.files import write_atomically
from strokejax.train.logging import read_jsonl

NAMES = ("nearest", "trajectory", "weighted", "distances", "gaussian")
BUDGET = 900
"""Seconds of training."""
PROBE = 200
"""Steps of the run that measures speed; the first third is left out."""


def launched(name: str, steps: int, workdir: Path) -> None:
    """Trained on synthetic swipes, without evaluations on the way."""
    command = [
        *(sys.executable, "-m", "strokejax.launch", "--config=configs/swipe.py"),
        *(f"--config.features.name={name}", f"--config.loop.steps={steps}"),
        *("--config.swipe.epoch=1_000_000", f"--workdir={workdir}"),
    ]
    root = Path(__file__).parents[1]
    subprocess.run(command, check=True, cwd=root, stdout=subprocess.DEVNULL)


def steps_of(name: str, workdir: Path) -> int:
    """How many fit in the budget."""
    kept = workdir / f"{name}.steps"
    if not kept.exists():
        launched(name, PROBE, workdir / f"{name}-probe")
        lines = read_jsonl(workdir / f"{name}-probe" / "metrics.jsonl")
        lines = [line for line in lines if line["step"] > PROBE // 3]
        spent = lines[-1]["time"] - lines[0]["time"]
        steps = int(BUDGET * (lines[-1]["step"] - lines[0]["step"]) / spent)
        write_atomically(kept, str(steps).encode())
    return int(kept.read_text())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("workdir", type=Path)
    parser.add_argument("--beam", type=int, default=24)
    parser.add_argument("--decoder", default="", help="as `strokejax swipe type`'s")
    given = parser.parse_args()
    given.workdir = given.workdir.resolve()
    given.workdir.mkdir(parents=True, exist_ok=True)
    steps = {name: steps_of(name, given.workdir) for name in NAMES}
    for name in NAMES:
        given.model = str(given.workdir / name / "model")
        if not Path(given.model).exists():
            launched(name, steps[name], given.workdir / name)
        print(f"{name}, {steps[name]:,} steps", flush=True)
        real(given)
        layouts(given)


if __name__ == "__main__":
    main()
