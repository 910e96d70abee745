"""Writes what lies beside this file, with the commands of another version.

python tests/data_before/write.py CODE, where CODE is a checkout of that version.
"""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

HERE = Path(__file__).parent
TRAINED = (
    "--config=configs/finetune.py",
    "--config.model.init=none",
    "--config.model.name=stroke_net",
    "--config.model.channels=0.25",
    "--config.model.convs=1",
    "--config.model.embed_dim=8",
    "--config.model.capacity=72",
    "--config.data.samples=1",
    "--config.data.points=16",
    "--config.data.limit_valid=40",
    "--config.raster.size=12",
    "--config.raster.margin=1",
    "--config.loop.batch_size=32",
    "--config.loop.log_every=1",
    "--config.loop.statistics=2",
)
"""The smallest network there is."""
RUN = (
    *TRAINED,
    "--config.data.writers=2",
    "--config.loop.steps=4",
    "--config.loop.checkpoint_every=2",
)
"""Three steps an epoch, and one more."""
LONG = (
    *TRAINED,
    "--config.data.writers=16",
    "--config.loop.epochs=30",
    "--config.optim.learning_rate=4e-3",
    "--config.model.dropout=0.0",
    "--config.model.channel_dropout=0.0",
    "--config.augment.enabled=False",
)
"""Learns its writers by heart: its answers are far from ties."""
KEPT = 2
"""The step after which the run ends: no epoch has, so no state is the best yet."""
CORNERS = {
    "heart": [(0, 3), (-3, 0), (-2, -2), (0, -1), (2, -2), (3, 0), (0, 3)],
    "house": [(-2, 3), (-2, 0), (0, -2), (2, 0), (2, 3), (-2, 3), (2, 0), (-2, 0)],
    "arrow": [(-4, 0), (4, 0), (2, -2), (4, 0), (2, 2)],
    "star": [(-2, 3), (0, -3), (2, 3), (-3, -1), (3, -1), (-2, 3)],
    "comb": [(x, 3 * (-1) ** x) for x in range(-9, 9)],
}
FEWER = "1/20"
"""Of ink without meaning, the share that is named."""


class Version:
    """The commands of a checkout, each a process."""

    def __init__(self, code: Path, home: Path):
        self._code = code
        paths = {"PYTHONPATH": str(code), "STROKEJAX_HOME": str(home)}
        self._environment = os.environ | {"JAX_PLATFORMS": "cpu"} | paths

    def say(self, module: str, *arguments: Any) -> str:
        """What a command prints."""
        command = [sys.executable, "-m", module, *map(str, arguments)]
        done = subprocess.run(
            command, cwd=self._code, env=self._environment, capture_output=True
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    def launch(self, *arguments: Any) -> dict[str, Any]:
        """The last line of a job."""
        return json.loads(self.say("strokejax.launch", *arguments).splitlines()[-1])

    def ask(self, model: Path, *arguments: Any) -> dict[str, Any]:
        """The JSON of a command."""
        shared = ("--model", model, "--json")
        return json.loads(self.say("strokejax.cli", *arguments, *shared))


def strokes(name: str, seed: int) -> list[list[list[float]]]:
    """One drawing, in one stroke."""
    rng = np.random.default_rng([seed, *name.encode()])
    corners = np.array(CORNERS[name]) + rng.normal(0, 0.12, (len(CORNERS[name]), 2))
    along = np.linspace(0, len(corners) - 1, 3 * len(corners))
    columns = [np.interp(along, range(len(corners)), each) for each in corners.T]
    return [(10 * np.column_stack(columns)).round(1).tolist()]


def without_folders(found: dict[str, Any]) -> dict[str, Any]:
    """What `recognize` prints, with the bare names of files."""
    for each in found["results"]:
        each["file"] = Path(each["file"]).name
    return found


def drawn(folder: Path, name: str, seeds: Iterable[int]) -> list[Path]:
    """Files of drawings."""
    paths = []
    for seed in seeds:
        paths.append(folder / f"{name}{seed}.json")
        paths[-1].write_text(json.dumps({"strokes": strokes(name, seed)}))
    return paths


def picture(folder: Path, name: str) -> Path:
    """A file of a drawing as a picture."""
    page = Image.new("L", (80, 80), 255)
    line = [(10 * x + 40, 10 * y + 40) for x, y in CORNERS[name]]
    ImageDraw.Draw(page).line(line, fill=0, width=4)
    page.save(folder / f"{name}.png")
    return folder / f"{name}.png"


def write_run(version: Version, work: Path) -> dict[str, Any]:
    """A run as it is when its process is killed after the step `KEPT`."""
    folder = work / "run"
    line = version.launch(*RUN, f"--workdir={folder}")
    rows = [json.loads(x) for x in (folder / "metrics.jsonl").read_text().splitlines()]
    kept = work / "kept"
    last = Path("checkpoints/last") / str(KEPT)
    shutil.copytree(folder / last, kept / last)
    shutil.copy(folder / "config.json", kept)
    lines = [json.dumps(row) + "\n" for row in rows if row["step"] <= KEPT]
    (kept / "metrics.jsonl").write_text("".join(lines))
    shutil.make_archive(str(HERE / "run"), "xztar", kept)
    losses = {row["step"]: row["loss"] for row in rows if "loss" in row}
    said = {"arguments": RUN, "step": KEPT, "losses": losses}
    return said | {name: line[name] for name in ("steps", "metrics")}


def change(version: Version, model: Path, work: Path) -> None:
    """A history of changes, each kind once."""
    for name, given in {
        "heart": [*drawn(work, "heart", range(3)), "--ignore", "direction"],
        "arrow": [
            *drawn(work, "arrow", range(2)),
            *("--ignore", "rotation", "--usual-size", 90, "--method", "mean"),
        ],
        "house": [picture(work, "house")],
        "a": drawn(work, "star", [9]),
    }.items():
        version.ask(model, "register", name, *given, "--force")
    for verb in (
        ("alias", "heart", "luv"),
        ("text", "heart", "❤"),
        ("rename", "heart", "love"),
        ("forget", "house"),
        ("undo",),
    ):
        version.ask(model, "symbols", *verb)
    (model / "LOCK").unlink(missing_ok=True)


def write_model(version: Version, work: Path) -> dict[str, Any]:
    """A model with a history, its symbols as a pack, and what it answers."""
    run, copy = work / "long", work / "copy"
    version.launch(*LONG, f"--workdir={run}")
    model = run / "model"
    change(version, model, work)
    shutil.make_archive(str(HERE / "model"), "xztar", model)
    version.ask(model, "symbols", "export", HERE / "symbols.pack")
    queries = [strokes(name, 70) for name in CORNERS]
    files = [path for name in CORNERS for path in drawn(work, name, [70])]
    plain = version.ask(model, "recognize", *files, "-k", 4)
    fewer = version.ask(model, "recognize", *files, "--false-accepts", FEWER)
    said = {
        "queries": queries,
        "recognize": without_folders(plain),
        "fewer": without_folders(fewer),
        "list": version.ask(model, "symbols", "list"),
        "history": version.ask(model, "symbols", "history"),
    }
    shutil.copytree(model, copy)
    taught = drawn(work, "star", range(3))
    said["star"] = [strokes("star", seed) for seed in range(3)]
    said["register"] = version.ask(copy, "register", "star", *taught, "--force")
    said["undone"] = [version.ask(copy, "symbols", "undo") for _ in range(2)]
    said["list after undo"] = version.ask(copy, "symbols", "list")
    return said


def settings(version: Version) -> dict[str, Any]:
    """The default of each setting by its dotted name."""
    said = version.say("strokejax.launch", "--help")
    pairs: Sequence[tuple[str, str]] = re.findall(
        r"^  --config\.(\S+?)=(.*)$", said, re.M
    )
    return {name: ast.literal_eval(value) for name, value in pairs}


def main() -> None:
    """All of it, anew."""
    code = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        version = Version(code, work / "home")
        said = {
            "code": version.say("strokejax.cli", "--version").strip(),
            "made": time.strftime("%Y-%m-%d", time.gmtime()),
            "run": write_run(version, work),
            "model": write_model(version, work),
            "settings": settings(version),
        }
    lines = [f"{json.dumps(k)}: {json.dumps(v)}" for k, v in said.items()]
    (HERE / "recorded.json").write_text("{" + ",\n".join(lines) + "}\n")


if __name__ == "__main__":
    main()
