"""Writes versions of a small model in children that are killed: FOLDER KILLS.

A process of its own, because a process with threads must not fork. Prints one line of
JSON: {"kills", "versions", "temporaries", "wrong"}.
"""

import json
import os
import signal
import sys
import time
import warnings
from pathlib import Path

import numpy as np

from strokejax.store.model import StoredModel, load_model, save_model, versions
from strokejax.store.versions import changing, save
from tests.support.tables import model_of


def numbered(model: StoredModel, number: int) -> StoredModel:
    """The model with a number in everything that a version writes."""
    table = {
        **model.table,
        "embeddings": np.full_like(model.table["embeddings"], number),
    }
    slots = model.slots._replace(radius=np.full_like(model.slots.radius, number))
    return model._replace(table=table, slots=slots, about={"number": number})


def is_whole(model: StoredModel) -> bool:
    """Whether all parts of a version have its own number."""
    number = model.version
    return (
        (model.table["embeddings"] == number).all()
        and (model.slots.radius == number).all()
        and model.about == {"number": number}
        and model.change["number"] == number
        and len(model.calibration.z) > 0
    )


def write_on(folder: Path, acknowledge: int) -> None:
    """Writes version after version and says so after each."""
    while True:
        with changing(folder) as stored:
            number = max(number for number, _ in versions(folder)) + 1
            save(folder, stored, numbered(stored, number), {"number": number})
        os.write(acknowledge, number.to_bytes(8, "little"))


def killed_writer(folder: Path, seconds: float) -> int:
    """The last version a writer acknowledged before it was killed, 0 for none."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        write_on(folder, writing)
    os.close(writing)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    told = b""
    while part := os.read(reading, 1 << 16):
        told += part
    os.close(reading)
    return int.from_bytes(told[-8:], "little")


def main(folder: Path, kills: int) -> None:
    """Kills that many writers and looks at what each leaves."""
    warnings.simplefilter("error")
    # numpy's idle threads: none of the children uses them.
    warnings.filterwarnings("ignore", message=".*fork.*")
    rng = np.random.default_rng(os.getpid())
    model = numbered(model_of(np.random.default_rng(0)), 1)
    save_model(folder, model._replace(change={"number": 1}))
    known, wrong = 1, []
    for kill in range(kills):
        told = killed_writer(folder, rng.uniform(0.001, 0.03))
        try:
            found = load_model(folder)
        except Exception as error:
            wrong.append(f"kill {kill}: {error!r}")
            break
        known = max(known, told)
        if not is_whole(found) or found.version < known:
            wrong.append(f"kill {kill}: {found.version} after {known}")
        known = found.version
    temporaries = len([*folder.glob(".*")])
    print(
        json.dumps(
            {
                "kills": kills,
                "versions": known,
                "temporaries": temporaries,
                "wrong": wrong,
            }
        )
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
