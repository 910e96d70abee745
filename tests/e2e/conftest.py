"""A studio as a process of its own, and a browser to draw in it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.parse
import urllib.request
from pathlib import Path
from typing import NamedTuple

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


class Server(NamedTuple):
    """A running studio."""

    url: str
    process: subprocess.Popen
    home: Path
    collected: Path

    @property
    def pid(self) -> int:
        return self.process.pid


def start(home: Path, *arguments: str) -> Server:
    """A studio over the model in a folder."""
    collected = home / "collected"
    command = [sys.executable, "-m", "strokejax.cli", "serve", "--port=0", "--json"]
    settings = os.environ | {"STROKEJAX_HOME": str(home), "JAX_PLATFORMS": "cpu"}
    settings.pop("XLA_FLAGS", None)  # tests compile badly, people do not
    process = subprocess.Popen(
        [*command, f"--collect={collected}", *arguments],
        env=settings,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, f"the server ended with {process.wait()}"
    return Server(json.loads(line)["url"], process, home, collected)


def stop(server: Server) -> int:
    """Ends a studio as a service manager does; its exit code."""
    server.process.send_signal(signal.SIGTERM)
    return server.process.wait(timeout=30)


def kill(server: Server) -> None:
    """Ends a studio at once."""
    server.process.kill()
    server.process.wait()
    assert server.process.stdout is not None
    server.process.stdout.close()


@pytest.fixture(scope="session")
def shared(tmp_path_factory):
    server = start(tmp_path_factory.mktemp("studio") / "home", "--rate=0")
    yield server
    kill(server)


@pytest.fixture
def server(shared):
    """A studio without symbols of its own and drawings; each test leaves it so."""
    yield shared
    with urllib.request.urlopen(f"{shared.url}/symbols") as answer:
        known = json.load(answer)["symbols"]
    for each in known:
        if each["origin"] == "registered":
            name = urllib.parse.quote(each["name"], safe="")
            gone = f"{shared.url}/symbols?name={name}"
            urllib.request.urlopen(urllib.request.Request(gone, method="DELETE"))
    shutil.rmtree(shared.collected)
    shared.collected.mkdir()


@pytest.fixture
def own_server(tmp_path):
    """A studio for one test alone."""
    server = start(tmp_path / "home", "--rate=0")
    yield server
    kill(server)


@pytest.fixture(scope="session")
def browser():
    if CHROMIUM is None:
        pytest.skip("chromium is not installed: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        browser.close()
