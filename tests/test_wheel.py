"""The wheel: every file of the package is in it, and it works away from the sources."""

import json
import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load

from strokejax.ink.formats import write_json
from strokejax.ink.synthesis.handwriting import random_writer, write

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "strokejax"
SCRIPT = Path(__file__).parent / "support/from_wheel.py"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
FILES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in PACKAGE.rglob("*")
    if path.is_file() and path.suffix != ".pyc"
)
DATA = [name for name in FILES if not name.endswith(".py")]
LIMIT = 40_000_000
"""Bytes of the wheel."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The package, built from this folder."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def archive(wheel):
    with zipfile.ZipFile(wheel) as archive:
        yield archive


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> dict:
    """What the unpacked wheel does in a process that never sees the repository."""
    site, elsewhere = (tmp_path_factory.mktemp(n) for n in ("site", "elsewhere"))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    rng = np.random.default_rng(3)
    write_json(elsewhere / "ink.json", write("w", random_writer(rng), rng))
    environment = os.environ | {
        "PYTHONPATH": str(site),
        "STROKEJAX_HOME": str(elsewhere / "home"),
        "JAX_PLATFORMS": "cpu",
    }
    done = subprocess.run(
        [sys.executable, SCRIPT, elsewhere / "ink.json"],
        cwd=elsewhere,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return {"site": str(site)} | json.loads(done.stdout.splitlines()[-1])


# What is in it


def test_it_is_small_and_named_by_the_project(wheel):
    version = PROJECT["version"]
    assert wheel.name == f"strokejax-{version}-py3-none-any.whl"
    assert wheel.stat().st_size < LIMIT


def test_it_holds_the_package_and_nothing_else(archive):
    about = f"strokejax-{PROJECT['version']}.dist-info/"
    names = [name for name in archive.namelist() if not name.startswith(about)]
    assert sorted(names) == FILES
    described = {name.removeprefix(about) for name in archive.namelist()} - {*names}
    assert {"METADATA", "entry_points.txt"} <= described
    assert {f"licenses/{name}" for name in PROJECT["license-files"]} <= described


@pytest.mark.parametrize("name", DATA)
def test_every_file_opens_from_it(archive, name):
    data = archive.read(name)
    assert data == (ROOT / name).read_bytes()
    match Path(name).suffix:
        case ".safetensors":
            assert load(data)
        case ".json":
            assert json.loads(data)
        case ".typed":
            assert data == b""
        case _:
            assert data.decode("utf-8").strip()


def test_each_kind_of_file_is_among_them():
    kinds = {Path(name).suffix for name in DATA}
    wanted = {".safetensors", ".json", ".html", ".js", ".css", ".svg", ".typed"}
    assert wanted | {".txt"} <= kinds


# What it does


def test_nothing_comes_from_the_repository(installed):
    site = installed["site"]
    assert installed["package"] == f"{site}/strokejax"
    assert all(path.startswith(site) for path in installed["modules"])


def test_it_names_ink(installed):
    (answer,) = installed["recognize"]["results"]
    assert {"w", "W"} & {*answer["symbols"][:2]}


def test_it_has_its_words(installed):
    assert installed["words"] > 5_000


def test_it_serves_its_page_and_all_that_it_leads_to(installed):
    served = installed["served"]
    assert {path: status for path, status in served.items() if status != 200} == {}
    reached = {Path(path).name for path in served}
    static = {Path(name).name for name in DATA if "/static/" in name}
    assert static - {"index.html"} <= reached
