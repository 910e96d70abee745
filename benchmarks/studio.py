"""From pen-up to the answer on the screen: python benchmarks/studio.py

Draws 200 symbols in Chromium with the mouse, in `strokejax serve`. The clock runs from
the moment of the browser's pointerup to the frame after the answer to all of the stroke
has come. Needs chromium and the extra `test`.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile

import numpy as np
from playwright.sync_api import sync_playwright
from recording import parse

from strokejax.evaluation.figure import Figure
from strokejax.ink.synthesis.handwriting import random_writer, write

STROKES, FRAME = 200, 8
WATCH = """
window.took = [];
let up = Infinity;
addEventListener('pointerup', (event) => { up = event.timeStamp; }, true);
window.WebSocket = class extends WebSocket {
  constructor(...given) {
    super(...given);
    this.addEventListener('message', ({ data }) => {
      const told = JSON.parse(data);
      if (!(told.t >= up / 1000)) return;
      const since = up;
      up = Infinity;
      requestAnimationFrame(() =>
        window.took.push([performance.now() - since, told.latency_ms]));
    });
  }
};
"""


def draw(page, box, points: np.ndarray) -> None:
    """One stroke with the mouse, in the middle of the pad."""
    low, high = points.min(0), points.max(0)
    scale = box["height"] / 3 / max((high - low).max(), 1e-6)
    middle = np.array([box["x"] + box["width"] / 2, box["y"] + box["height"] / 2])
    at = (points - (low + high) / 2) * scale + middle
    page.mouse.move(*at[0])
    page.mouse.down()
    for xy in at[1:]:
        page.mouse.move(*xy)
        page.wait_for_timeout(FRAME)
    page.mouse.up()


def measured(url: str) -> list[list[float]]:
    """Milliseconds of every stroke: to the frame, and of these in the server."""
    rng = np.random.default_rng(0)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--disable-background-networking"],
        )
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.add_init_script(WATCH)
        page.goto(url)
        page.wait_for_selector('[data-testid=status][data-state="open"]')
        box = page.get_by_test_id("draw-pad").bounding_box()
        for i in range(STROKES):
            symbol = "abcdeghlmnopqrsuvwyz"[i % 20]
            ink = write(symbol, random_writer(rng), rng)
            draw(page, box, ink.strokes[0][::3, :2])
            page.wait_for_timeout(900)
        took = page.evaluate("window.took")
        browser.close()
    return took


def main() -> None:
    """Prints medians and tails."""
    _, record = parse(argparse.ArgumentParser(description=__doc__))
    with tempfile.TemporaryDirectory() as home:
        command = [sys.executable, "-m", "strokejax.cli", "serve", "--port=0", "--json"]
        settings = os.environ | {"STROKEJAX_HOME": home}
        server = subprocess.Popen(
            command, env=settings, stdout=subprocess.PIPE, text=True
        )
        try:
            url = json.loads(server.stdout.readline())["url"]
            took = measured(url)
        finally:
            server.terminate()
            server.communicate()
    assert len(took) == STROKES, f"{STROKES} strokes, {len(took)} answers"
    print(f"{len(took)} strokes")
    names, figures = ("pen-up to answer", "in the server"), []
    for name, ms in zip(names, np.transpose(took), strict=True):
        p50, p99 = np.quantile(ms, [0.5, 0.99])
        print(f"  {name:<18} p50 {p50:>5.1f} ms, p99 {p99:>5.1f} ms")
        for part, value in (("p50", p50), ("p99", p99)):
            figures.append(Figure(f"{name}, {part}", value, n=len(took), unit="ms"))
    record(figures)


if __name__ == "__main__":
    main()
