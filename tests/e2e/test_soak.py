"""Fifty people draw at once while symbols are taught."""

import asyncio
import json
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from websockets.asyncio.client import connect

from benchmarks.pen_events import write_page
from strokejax.ink.synthesis.handwriting import Writer, random_writer
from tests.support.shapes import shape

SOCKETS, SECONDS, TAUGHT = 50, 60.0, 8
LETTERS = "acemnrsuwz"
FRAME = 1 / 60
"""Seconds between two messages of a page."""


def lines_of(seed: int) -> list[tuple[float, str]]:
    """Events of a hand that writes for `SECONDS`, as (seconds, line)."""
    rng = np.random.default_rng(seed)
    symbols = rng.choice(list(LETTERS), 200)
    writer: Writer = random_writer(rng)
    events, _ = write_page(symbols, writer, rng, rate=60.0)
    events = events[events[:, 0] < events[0, 0] + SECONDS]
    keys = ("t", "x", "y", "down")
    start = events[0, 0]
    return [
        (row[0] - start, json.dumps(dict(zip(keys, row, strict=True))))
        for row in events.tolist()
    ]


async def drawing(
    url: str, lines: list[tuple[float, str]]
) -> tuple[int, int, list[float]]:
    """One page: symbols begun, symbols answered, milliseconds of final answers."""
    told = []
    async with connect(f"{url}/live", open_timeout=60) as socket:

        async def hear() -> None:
            async for message in socket:
                told.append(json.loads(message))

        hearing = asyncio.create_task(hear())
        started, sent = time.perf_counter(), 0
        while sent < len(lines):
            now = time.perf_counter() - started
            due = sent
            while due < len(lines) and lines[due][0] <= now:
                due += 1
            if due > sent:
                await socket.send("\n".join(line for _, line in lines[sent:due]))
                sent = due
            await asyncio.sleep(FRAME)
        await socket.send('{"flush": true}')
        before = -1
        while before != len(told):
            before = len(told)
            await asyncio.sleep(2.0)
        hearing.cancel()
    assert not [each for each in told if "error" in each]
    answered = [each for each in told if each.get("final")]
    begun = {each["id"] for each in told if "id" in each}
    return len(begun), len(answered), [each["latency_ms"] for each in answered]


def teach(url: str, name: str, kind: str, first: int) -> int:
    """Registers a symbol; the version that it made."""
    drawings = [
        {"strokes": [s[:, :2].tolist() for s in shape(kind, first + i).strokes]}
        for i in range(3)
    ]
    body = json.dumps({"name": name, "drawings": drawings, "force": True}).encode()
    kinds = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{url}/symbols", body, kinds)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)["version"]


async def teaching(url: str) -> list[str]:
    """Registers a symbol now and then; their names."""
    names = []
    for i in range(TAUGHT):
        await asyncio.sleep(SECONDS / (TAUGHT + 1))
        name, kind = f"taught {i}", ("heart", "arrow")[i % 2]
        await asyncio.to_thread(teach, url, name, kind, 100 * i)
        names.append(name)
    return names


def resident(pid: int) -> float:
    """Megabytes of a process in memory."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.split("VmRSS:")[1].split()[0]) / 1024


async def everybody(server) -> tuple[list, list[str], list[float]]:
    memory: list[float] = []

    async def watch() -> None:
        while True:
            await asyncio.sleep(SECONDS / 6)
            memory.append(resident(server.pid))

    watching = asyncio.create_task(watch())
    url = server.url.replace("http", "ws")
    pages = [drawing(url, lines_of(seed)) for seed in range(SOCKETS)]
    names, *found = await asyncio.gather(teaching(server.url), *pages)
    watching.cancel()
    return found, names, memory


def test_nothing_is_lost_when_fifty_draw_and_one_teaches(server, capsys):
    teach(server.url, "warm", "heart", 900)  # what registering loads stays loaded
    with ThreadPoolExecutor(
        1
    ) as apart:  # this thread has a loop: another test's browser
        found, names, memory = apart.submit(asyncio.run, everybody(server)).result()
    for begun, answered, _ in found:
        assert begun == answered > 0
    with urllib.request.urlopen(f"{server.url}/symbols") as answer:
        known = {each["name"] for each in json.load(answer)["symbols"]}
    assert {*names, "warm"} <= known
    assert max(memory) < memory[0] + 60, memory
    took = np.concatenate([latencies for _, _, latencies in found])
    p50, p99 = np.quantile(took, [0.5, 0.99])
    with capsys.disabled():
        print(
            f"\n{SOCKETS} sockets, {len(took)} symbols, {TAUGHT} registrations: p50 "
            f"{p50:.1f} ms, p99 {p99:.1f} ms, memory {memory[0]:.0f} to "
            f"{max(memory):.0f} MB"
        )
