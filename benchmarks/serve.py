"""Requests a second that `strokejax serve` holds: python benchmarks/serve.py

`POST /predict` with pen velocities, by 1 and by 8 clients that ask as soon as they are
answered, against StrokeNet in PyTorch behind FastAPI (benchmarks/torch_server.py, which
needs the extra `parity`) with each number of threads; the best is the peer. Rounds
alternate. Also the time to start and to answer, and the memory of the server.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import jax
import numpy as np
from recording import parse

from strokejax.evaluation.figure import Figure
from strokejax.ink.synthesis.handwriting import random_writer, write
from strokejax.networks.spec import EncoderSpec, build_encoder
from strokejax.store.model import StoredModel, save_model
from strokejax.table.rejection import no_calibration
from strokejax.table.symbols import STROKES, SymbolTable
from strokejax.table.table import init_slots, init_table

SECONDS, ROUNDS, STROKES_SENT = 3.0, 5, 200
HERE = Path(__file__).parent


def requests() -> list[bytes]:
    """Of many hands, as a mouse samples them."""
    rng, found = np.random.default_rng(0), []
    for _ in range(STROKES_SENT):
        symbol = str(rng.choice(STROKES[:62]))
        points = np.concatenate(write(symbol, random_writer(rng), rng).strokes)[:, :2]
        steps = np.diff(points, axis=0, prepend=points[:1]).astype(float).tolist()
        velocities = [{"vx": x, "vy": y} for x, y in steps]
        body = json.dumps({"velocities": velocities}).encode()
        head = (
            "POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: "
            f"application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        found.append(head.encode() + body)
    return found


def stroke_net(folder: Path) -> Path:
    """A stored model of the peer's architecture, with random weights."""
    spec = EncoderSpec()
    inputs = {"image": np.zeros((1, 28, 28), np.float32)}
    params, state = build_encoder(spec).init(jax.random.key(0), inputs)
    table = init_table(jax.random.key(1), 64, spec.out_dim)
    active = np.arange(64) < len(STROKES)
    host = jax.device_get((params, state, table, init_slots(active, spec.out_dim)))
    names, none = SymbolTable.of(STROKES, 64), no_calibration({}, spec.out_dim)
    origin = np.full(64, -1, np.int32)
    return save_model(folder, StoredModel(spec, *host, names, {}, none, origin))


@contextmanager
def running(command: list[str], port: int) -> Iterator[tuple[subprocess.Popen, float]]:
    """A server's process, and the seconds until it gave its first answer."""
    started = time.perf_counter()
    server = subprocess.Popen([sys.executable, *command], stdout=subprocess.DEVNULL)
    try:
        while True:
            try:
                held(port, requests()[:1], 1, 0.0)
                break
            except OSError:
                if server.poll() is not None:
                    raise
                time.sleep(0.02)
        yield server, time.perf_counter() - started
    finally:
        server.terminate()
        server.wait()


def held(
    port: int, sent: list[bytes], clients: int, seconds: float
) -> tuple[float, list[float]]:
    """Requests a second, and the milliseconds of each."""
    took: list[float] = []

    def ask(first: int) -> None:
        number = first
        with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while True:
                since = time.perf_counter()
                connection.sendall(sent[number % len(sent)])
                receive(connection)
                took.append(1e3 * (time.perf_counter() - since))
                number += clients
                if time.perf_counter() >= until:
                    return

    started = time.perf_counter()
    until = started + seconds
    if clients == 1:
        ask(0)
    else:
        threads = [threading.Thread(target=ask, args=(i,)) for i in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return len(took) / (time.perf_counter() - started), took


def receive(connection: socket.socket) -> None:
    """Reads one answer to its end; SystemExit unless it is a 200."""
    data, length = b"", -1
    while length < 0 or len(data) < length:
        part = connection.recv(1 << 16)
        if not part:
            raise ConnectionError(f"the server hung up after {data[:80]!r}")
        data += part
        if length < 0 and (end := data.find(b"\r\n\r\n")) >= 0:
            if not data.startswith(b"HTTP/1.1 200"):
                raise SystemExit(data.decode())
            head = data[:end].lower()
            length = end + 4 + int(head.split(b"content-length:")[1].split()[0])


def resident(pid: int) -> float:
    """Megabytes of a process in memory."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return float("nan")


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return found.getsockname()[1]


def main() -> None:
    """Prints the table."""
    _, record = parse(argparse.ArgumentParser(description=__doc__))
    sent, ports = requests(), {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        stack.callback(os.environ.pop, "STROKEJAX_HOME", None)
        os.environ["STROKEJAX_HOME"] = str(folder / "home")
        models = {"StrokeNet": str(stroke_net(folder / "net")), "fused": "nn-sampling"}
        for name, model in models.items():
            ports[f"strokejax, {name}"] = port = free_port()
            command = ["-m", "strokejax.cli", "serve", f"--port={port}", "--rate=0"]
            ours, took = stack.enter_context(
                running([*command, f"--model={model}"], port)
            )
            print(f"strokejax, {name}: start to first answer {took:.1f} s")
            title = f"strokejax, {name}, start to first answer"
            record([Figure(title, took, unit="s")])
        for threads in range(1, (os.cpu_count() or 1) + 1):
            ports[f"torch, {threads} threads"] = port = free_port()
            command = [str(HERE / "torch_server.py"), str(port), str(threads)]
            stack.enter_context(running(command, port))
        for clients in (1, 8):
            rates: dict[str, list[float]] = {name: [] for name in ports}
            times: dict[str, list[float]] = {name: [] for name in ports}
            for _ in range(ROUNDS):
                for name, port in ports.items():
                    rate, took_ms = held(port, sent, clients, SECONDS)
                    rates[name].append(rate)
                    times[name] += took_ms
            record(show(clients, rates, times))
            if clients == 8:
                memory = resident(ours.pid)
                print(f"memory of strokejax, fused: {memory:.0f} MB")
                record([Figure("memory of strokejax, fused", memory, unit="MB")])


def show(
    clients: int, rates: dict[str, list[float]], times: dict[str, list[float]]
) -> list[Figure]:
    """One table and its figures; the ratio is to the best PyTorch."""
    peer = max(
        float(np.median(x)) for name, x in rates.items() if name.startswith("torch")
    )
    print(
        f"{clients} clients            requests/s   over the peer's   p50 ms   p99 ms"
    )
    title, unit = f"{clients} clients", "requests a second"
    figures = [Figure(f"{title}, best PyTorch", peer, n=ROUNDS, unit=unit)]
    for name, found in rates.items():
        p50, p99 = np.quantile(times[name], [0.5, 0.99])
        rate = float(np.median(found))
        print(f"  {name:<24}{rate:>8.0f}{rate / peer:>14.2f}{p50:>15.1f}{p99:>9.1f}")
        if name.startswith("torch"):
            continue
        n, what = len(times[name]), f"{title}, {name}"
        figures += [
            Figure(what, rate, n=ROUNDS, unit=unit),
            Figure(f"{what}, over the best PyTorch", rate / peer, unit="times"),
            Figure(f"{what}, p50", p50, n=n, unit="ms"),
            Figure(f"{what}, p99", p99, n=n, unit="ms"),
        ]
    return figures


if __name__ == "__main__":
    main()
