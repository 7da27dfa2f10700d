"""What the web process takes to bring events to many browsers: delay, CPU and memory.

Collectors that speak the wire publish ten events a second each, with the moment in them; WebSocket
clients that follow a host take the difference. Both are processes of their own, so that what is
measured is the web process, as long as the machine has a core to spare for them.

    python benchmarks/web_load.py [--seconds 20] [--only 100x1 1000x1 100x100]
"""

import argparse
import base64
import json
import os
import re
import resource
import selectors
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import zmq

HERTZ = 10
SETTLE_SECONDS = 3.0
CASES = ("100x1", "200x1", "1000x1", "100x100")  # clients x collectors
FIGURES = {f"figure_{n}": 12.5 + n for n in range(8)}  # an event as large as one of the CPU


# --- collectors ----------------------------------------------------------------------------------


class Collector:
    def __init__(self, context: "zmq.Context[Any]", folder: str, number: int) -> None:
        self.head = {"v": 1, "host": f"host-{number}", "epoch": f"{number:032x}"}
        self.seq = 0
        self.events = context.socket(zmq.PUB)
        self.events.bind(f"ipc://{folder}/{number}.e")
        self.state = context.socket(zmq.ROUTER)
        self.state.bind(f"ipc://{folder}/{number}.s")

    def answer(self) -> None:
        who, empty, request = self.state.recv_multipart()
        reply = self.head | {"ok": True, "seq": self.seq, "time": "2026-01-01T12:00:00.000Z"}
        if json.loads(request)["op"] == "describe":
            reply |= {"title": "load", "metrics": []}
        self.state.send_multipart([who, empty, json.dumps(reply | {"state": {}}).encode()])

    def publish(self) -> None:
        self.seq += 1
        data = {"at": time.monotonic(), **FIGURES}
        event = {"seq": self.seq, "time": "2026-01-01T12:00:00.000Z", "name": "load.updated"}
        self.events.send_multipart(
            [b"load.updated", json.dumps(self.head | event | {"data": data}).encode()]
        )


def collectors(folder: str, number: int) -> None:
    """Each publishes on a grid of its own, so that they do not all speak at once."""
    context: zmq.Context[Any] = zmq.Context()
    all_ = [Collector(context, folder, n) for n in range(number)]
    poller = zmq.Poller()
    for one in all_:
        poller.register(one.state, zmq.POLLIN)
    asked = {one.state: one for one in all_}
    print("ready", flush=True)
    due = time.monotonic()
    turn = 0
    while True:
        for ready, _ in poller.poll(max((due - time.monotonic()) * 1000, 0)):
            asked[ready].answer()
        if time.monotonic() >= due:
            all_[turn % number].publish()
            turn += 1
            due += 1 / HERTZ / number


# --- browsers ------------------------------------------------------------------------------------


def frame(text: bytes) -> bytes:
    """A masked text frame, as browsers send them."""
    size = bytes([0x80 | len(text)]) if len(text) < 126 else b"\xfe" + struct.pack("!H", len(text))
    return b"\x81" + size + bytes(4) + text


class Browser:
    """One WebSocket that follows a host; it reads no more of a frame than it has to."""

    def __init__(self, port: int, key: str) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        nonce = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\n"
            f"Host: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {nonce}\r\n\r\n".encode()
        )
        self.socket.sendall(frame(b"40") + frame(f'420["follow","{key}"]'.encode()))
        self.left = b""
        self.followed = False
        self.socket.setblocking(False)

    def read(self, now: float, delays: list[float]) -> None:
        data = self.left + self.socket.recv(65536)
        if data.startswith(b"HTTP/1.1 101"):
            data = data.partition(b"\r\n\r\n")[2]
        while len(data) >= 2:
            size, begin = data[1], 2
            if size == 126:
                size, begin = int.from_bytes(data[2:4], "big"), 4
            end = begin + size
            if len(data) < end:
                break
            if data[begin : begin + 1] == b"2":
                self.socket.sendall(frame(b"3"))
            elif data.startswith(b"430", begin):
                self.followed = True
            elif (at := data.find(b'"at":', begin, end)) > 0:
                delays.append(now - float(data[at + 5 : data.index(b",", at)]))
            data = data[end:]
        self.left = data


def browsers(port: int, number: int, hosts: int, seconds: float) -> None:
    """Prints the delays' quantiles in milliseconds, and how many of the messages came."""
    url = f"http://127.0.0.1:{port}/api/v1/hosts"
    with urllib.request.urlopen(url, timeout=30) as reply:
        keys = sorted(host["key"] for host in json.load(reply)["hosts"])
    assert len(keys) == hosts
    selector = selectors.EpollSelector()
    delays: list[float] = []
    all_ = []

    def turn(timeout: float) -> None:
        for ready, _ in selector.select(timeout):
            ready.data.read(time.monotonic(), delays)

    for n in range(number):
        all_.append(Browser(port, keys[n % hosts]))
        selector.register(all_[-1].socket, selectors.EVENT_READ, all_[-1])
        turn(0)
    end = time.monotonic() + 60
    while not all(b.followed for b in all_):
        assert time.monotonic() < end, "not all could follow"
        turn(0.1)
    settled = time.monotonic() + SETTLE_SECONDS
    while time.monotonic() < settled:
        turn(0.01)
    print("measuring", flush=True)
    delays.clear()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        turn(0.1)
    cut = statistics.quantiles(delays, n=1000)
    found = {f"p{n}": cut[round(n * 10) - 1] * 1000 for n in (50, 95, 99)}
    found |= {"max": max(delays) * 1000, "came": len(delays) / (number * HERTZ * seconds)}
    print(json.dumps(found), flush=True)


# --- the run -------------------------------------------------------------------------------------


@contextmanager
def process(*command: str) -> "Iterator[subprocess.Popen[str]]":
    started = subprocess.Popen(
        [sys.executable, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield started
    finally:
        started.terminate()
        started.communicate()


def measure(clients: int, hosts: int, seconds: float) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "config.toml")
        pairs = [f"ipc://{folder}/{n}.e,ipc://{folder}/{n}.s" for n in range(hosts)]
        config.write_text(f"collector = {json.dumps(pairs)}\n")
        with (
            process(__file__, "collectors", folder, str(hosts)) as publishing,
            process(
                *("-m", "health_webui", "--config", str(config), "--port", "0"),
                *("--data-dir", folder),
            ) as web,
        ):
            assert publishing.stdout is not None
            assert publishing.stdout.readline() == "ready\n"
            assert web.stderr is not None
            port = re.search(r":(\d+)/", web.stderr.readline())
            assert port is not None
            said: list[str] = []  # read, so that it is never blocked by what it has to say
            threading.Thread(target=lambda: said.extend(web.stderr or ()), daemon=True).start()
            time.sleep(SETTLE_SECONDS)
            arguments = (port[1], str(clients), str(hosts), str(seconds))
            with process(__file__, "browsers", *arguments) as listening:
                assert listening.stdout is not None
                assert listening.stdout.readline() == "measuring\n", listening.communicate()[1]
                begun, cpu = time.monotonic(), cpu_seconds(web.pid)
                idle = idle_seconds()
                line = listening.stdout.readline()
                passed = time.monotonic() - begun
                busy = 1 - (idle_seconds() - idle) / passed / (os.cpu_count() or 1)
                cpu = cpu_seconds(web.pid) - cpu
                status = Path(f"/proc/{web.pid}/status").read_text()
        found: dict[str, float] = json.loads(line)
        rss = re.search(r"VmRSS:\s+(\d+)", status)
        assert rss is not None
        assert not [text for text in said if "Traceback" in text], said
        return found | {"cpu": cpu / passed * 100, "rss": int(rss[1]) / 1024, "machine": busy * 100}


def cpu_seconds(pid: int) -> float:
    tasks = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9


def idle_seconds() -> float:
    """Of all processors, waiting for disks included."""
    fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()
    return (int(fields[4]) + int(fields[5])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--only", nargs="+", default=CASES, metavar="CLIENTSxCOLLECTORS")
    options = parser.parse_args()
    print("| clients x collectors | p50 ms | p95 | p99 | max | CPU % of a core | RSS MB | arrived |"
          " machine busy | load |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|---|---|")
    for case in options.only:
        clients, hosts = map(int, case.split("x"))
        r = measure(clients, hosts, options.seconds)
        print(f"| {clients} x {hosts} | {r['p50']:.1f} | {r['p95']:.1f} | {r['p99']:.1f} |"
              f" {r['max']:.0f} | {r['cpu']:.0f} | {r['rss']:.0f} | {r['came'] * 100:.1f} % |"
              f" {r['machine']:.0f} % | {os.getloadavg()[0]:.1f} |", flush=True)  # fmt: skip


if __name__ == "__main__":
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    match sys.argv[1:]:
        case ["collectors", folder, number]:
            collectors(folder, int(number))
        case ["browsers", port, number, hosts, seconds]:
            browsers(int(port), int(number), int(hosts), float(seconds))
        case _:
            main()
