"""What the README, the model card and the launch files tell people to type exists."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from strokejax.config import default_config, fields

ROOT = Path(__file__).parents[1]
PAGES = (
    "README.md",
    "launch/README.md",
    "strokejax/weights/MODEL_CARD.md",
    "docs/your-language.md",
)
STARTS = ("strokejax ", "python ", "make ")


def commands():
    """Every command line of the pages' code blocks, without its comment."""
    found = set()
    for page in PAGES:
        for block in re.findall(r"```\w*\n(.*?)```", (ROOT / page).read_text(), re.S):
            joined = block.replace("\\\n", " ")
            lines = (line.split("#")[0].strip() for line in joined.splitlines())
            found |= {line for line in lines if line.startswith(STARTS)}
    return sorted(found)


def help_of(*command):
    done = subprocess.run(
        [*command, "--help"], capture_output=True, text=True, cwd=ROOT, timeout=120
    )
    assert done.returncode in (0, 1), done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def helps():
    """Help texts, each asked for once."""
    known = {}

    def ask(*command):
        if command not in known:
            known[command] = help_of(*command)
        return known[command]

    return ask


def test_there_are_commands():
    assert len(commands()) > 6


@pytest.mark.parametrize("line", commands())
def test_the_command_exists_with_its_arguments(line, helps):
    words = shlex.split(line)
    if words[0] == "make":
        makefile = (ROOT / "Makefile").read_text()
        targets = [word for word in words[1:] if "=" not in word]
        assert all(re.search(rf"^{t}:", makefile, re.M) for t in targets)
        return
    if words[0] == "strokejax":
        verbs = 2 if words[1] in ("fonts", "lines", "swipe", "symbols") else 1
        command = [sys.executable, "-m", "strokejax.cli", *words[1 : 1 + verbs]]
        rest = words[1 + verbs :]
    elif words[1] == "-m":
        command, rest = [sys.executable, "-m", words[2]], words[3:]
    else:
        command, rest = [sys.executable, words[1]], words[2:]
        assert (ROOT / words[1]).is_file()
        if "torch" in words[1]:
            return  # its help needs PyTorch
    text = helps(*command)
    names = dict(fields(default_config()))
    for word in rest:
        option, _, value = word.partition("=")
        if option.startswith("--config."):
            assert option.removeprefix("--config.") in names
        elif option == "--config":
            assert (ROOT / value.partition(":")[0]).is_file()
        elif option.startswith("-"):
            assert option.removeprefix("--") in text


def test_the_figures_of_the_readme_name_their_commands():
    text = (ROOT / "README.md").read_text()
    figures = text.split("## Figures")[1].split("\n## ")[0]
    scripts = re.findall(r"benchmarks/\w+\.py", figures)
    assert scripts
    assert all((ROOT / script).is_file() for script in scripts)


def test_every_link_and_picture_of_the_pages_exists():
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)\)", (ROOT / page).read_text()):
            assert ((ROOT / page).parent / target).exists(), (page, target)
