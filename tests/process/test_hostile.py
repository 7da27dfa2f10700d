"""Thousands of hostile inputs at the real process: no crash, no memory kept, nobody waits.

HOSTILE_INPUTS says how many, such as 100000.

A well-behaved client asks all the while, in a process of its own. An answer may take 50 ms, and as
much longer as the two waited for a processor that others had: what is judged is the collector, not
the machine. A virtual machine's processors can be taken away whole, which no account in it tells:
one answer in a thousand, and one more, may be late by up to a second.
"""

import json
import os
import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
import zmq
from health_wire import CollectorClient, Event
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.process.hearing import Hearing, hearing
from tests.process.hostile import MEMBERS, OPS, Fuzzer, endless
from tests.running import Running, may_open, start_collector, wait_for

SEED = int(os.environ.get("HOSTILE_SEED", "20260101"))
INPUTS = int(os.environ.get("HOSTILE_INPUTS", "30000"))
HALF_OPEN, STREAMS, EXAMPLES, EXAMPLE_SIZE = 3000, INPUTS // 1000 * 100, INPUTS // 400, 20
MESSAGES = INPUTS - HALF_OPEN - STREAMS - EXAMPLES * EXAMPLE_SIZE
ANSWER_SECONDS = 0.05
CONNECTIONS, WAITING = 32, 20
ENDLESS_BYTES = 2 << 30
# What one attack has left scattered in the allocator's pages, a second one of its kind uses again:
# 2 MB where the parts come one after the other, up to 11 MB on a busy machine where they don't.
SCATTERED_BYTES = 16e6

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
REQUESTS = st.fixed_dictionaries(
    {"op": st.sampled_from(OPS) | VALUES},
    optional=dict.fromkeys(sorted({*MEMBERS} - {"op", ""}), VALUES),
)


@pytest.fixture(scope="module", autouse=True)
def many_files() -> Iterator[None]:
    with may_open(HALF_OPEN + 1000):
        yield


class Scene:
    """A collector as it is run, and the well-behaved client."""

    def __init__(self, collector: Running, polite: Hearing) -> None:
        self.collector, self.polite = collector, polite
        self._place = collector.state.removeprefix("tcp://").split(":")

    def connect(self) -> socket.socket:
        return socket.create_connection((self._place[0], int(self._place[1])), 10)

    def memory(self) -> int:
        """Bytes that belong to the process alone."""
        status = Path(f"/proc/{self.collector.pid}/status").read_text()
        [kilobytes] = re.findall(r"RssAnon:\s+(\d+) kB", status)
        return int(kilobytes) * 1024

    def files(self) -> int:
        return len(os.listdir(f"/proc/{self.collector.pid}/fd"))

    def counted(self) -> dict[str, Any]:
        """What it says of itself the next time."""
        with CollectorClient(self.collector.events, self.collector.state) as client:
            for update in client:
                if isinstance(update, Event) and update.name == "collector.self.updated":
                    return dict(update.data)
        raise AssertionError

    def judge(self, since: float) -> str:
        """Whether the well-behaved client got its answers, all of them and soon."""
        wait_for(lambda: len(self.polite.of("Answer", since)) > 20)
        answers = self.polite.of("Answer", since)
        assert all(answer["ok"] for answer in answers)
        shut_out = self.collector.stderr.count("all are shut out")
        assert len(self.polite.of("Lost", since)) <= shut_out
        slowest = max(answer["seconds"] for answer in answers)
        took = sorted(answer["seconds"] - answer["waited"] for answer in answers)
        worst = max(answers, key=lambda answer: answer["seconds"] - answer["waited"])
        told = f"{len(answers)} answers, the slowest {slowest * 1e3:.1f} ms; judged: "
        told += "{seconds:.4f} s, {waited:.4f} s of it for a processor".format_map(worst)
        excused = 1 + len(took) // 1000
        assert took[-1 - excused] < ANSWER_SECONDS, told
        assert took[-1] < 1.0, told
        return told


@contextmanager
def scene(tmp_path: Path) -> Iterator[Scene]:
    config = tmp_path / "config.toml"
    # The end of a segment takes memory of its own, whatever comes from outside meanwhile.
    config.write_text("[record]\nsegment_seconds = 86400\n")
    with (
        start_collector(tmp_path, "--config", str(config)) as collector,
        hearing(tmp_path, "polite", collector.state, str(collector.pid)) as polite,
    ):
        wait_for(lambda: len(polite.of("Answer")) > 50)
        # Recording takes some memory as well, once.
        wait_for(lambda: list((tmp_path / "data/history").glob("*/*")), timeout=20.0)
        wait_for((tmp_path / "data/black-box").exists, timeout=20.0)
        ask_everything(collector)
        yield Scene(collector, polite)


def ask_everything(collector: Running) -> None:
    """What answering takes is not what an attack leaves: it is taken before memory is judged."""
    usual: dict[str, dict[str, Any]] = {
        "get": {"path": "system"},
        "history": {"series": "system.load.load1"},
        "state_at": {"time": collector.request("ping")["time"]},
    }
    wait_for(lambda: collector.request("history", **usual["history"])["ok"])
    for _ in range(20):
        for op in OPS:
            assert collector.request(op, **usual.get(op, {}))["ok"] is True
        assert collector.request("no-such-op")["ok"] is False


def test_all_kinds_of_hostile_inputs(tmp_path: Path) -> None:
    print(f"HOSTILE_SEED={SEED}")
    fuzzer = Fuzzer(SEED)
    with scene(tmp_path) as at:
        begun, before = monotonic(), at.counted()
        memory, files = at.memory(), at.files()
        sent = 0
        with zmq.Context() as context, ExitStack() as stack:
            dealers = [stack.enter_context(context.socket(zmq.DEALER)) for _ in range(CONNECTIONS)]
            for dealer in dealers:
                dealer.linger = 0
                dealer.connect(at.collector.state)
            sent += send_messages(fuzzer, dealers)
            sent += send_structured(dealers)
            counted = at.counted()
        requests = sum(counted[name] - before[name] for name in ("requests", "busy"))
        got = requests + counted["dropped"] - before["dropped"]
        asked = len(at.polite.of("Answer", begun))
        assert got >= sent, f"it took in {got} of {sent}"
        assert requests <= sent + asked + 10, "the well-behaved client's own are all that is more"
        connections = send_streams(fuzzer, at)
        connections += stay_half_open(at)
        assert sent + connections == INPUTS
        print(f"{INPUTS} inputs in {monotonic() - begun:.0f} s: {at.judge(begun)}")
        wait_for(lambda: at.files() <= files + 2, "connections stay open", 20.0)
        forgotten(at, memory)
        assert at.collector.request("ping")["ok"] is True


def forgotten(at: Scene, before: int) -> None:
    """What it needed meanwhile is given back: it looks after that twice a minute."""
    try:
        wait_for(lambda: at.memory() <= before + SCATTERED_BYTES, "memory is kept", 75.0)
    except AssertionError:
        raise AssertionError(f"memory is kept: {at.memory()} bytes, before {before}") from None
    print(f"memory {before / 1e6:.2f} MB before, {at.memory() / 1e6:.2f} MB after")


def send_messages(fuzzer: Fuzzer, dealers: list[zmq.Socket[bytes]]) -> int:
    """At most a few wait in each, or they would be ended before all had come."""
    waiting = dict.fromkeys(dealers, 0)
    for n in range(MESSAGES):
        dealer = dealers[n % len(dealers)]
        message = fuzzer.message()
        dealer.send_multipart(message)
        waiting[dealer] += message[0] == b"" and len(message) > 1
        waiting[dealer] -= drain(dealer)
        if waiting[dealer] > WAITING:
            while waiting[dealer] > 0 and dealer.poll(20):  # what is not taken may be dropped
                waiting[dealer] -= drain(dealer)
            waiting[dealer] = 0
    return MESSAGES


def send_structured(dealers: list[zmq.Socket[bytes]]) -> int:
    """What hypothesis makes of the requests that there are."""
    sent = 0

    @settings(
        max_examples=EXAMPLES, database=None, suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(st.lists(REQUESTS, min_size=EXAMPLE_SIZE, max_size=EXAMPLE_SIZE))
    def send(requests: list[Any]) -> None:
        nonlocal sent
        for request in requests:
            body = json.dumps(request).encode("utf-8", "surrogatepass")
            dealers[sent % len(dealers)].send_multipart([b"", body])
            drain(dealers[sent % len(dealers)])
            sent += 1

    send()
    assert sent == EXAMPLES * EXAMPLE_SIZE
    return sent


def drain(dealer: zmq.Socket[bytes]) -> int:
    """Each reply is one of the protocol's. Returns how many there were."""
    found = 0
    while dealer.poll(0):
        found += 1
        reply = json.loads(dealer.recv_multipart()[-1])
        assert reply["ok"] is True or isinstance(reply["message"], str)
        assert reply.get("error") != "internal"
    return found


def send_streams(fuzzer: Fuzzer, at: Scene) -> int:
    """Bytes over connections that are opened for them, a hundred at a time."""
    for _ in range(STREAMS // 100):
        with ExitStack() as stack:
            for _ in range(100):
                connection = stack.enter_context(at.connect())
                connection.setblocking(False)
                with suppress(OSError):  # it was closed already
                    connection.send(fuzzer.stream())
    return STREAMS


def stay_half_open(at: Scene) -> int:
    """Connections that say nothing, until they are closed for it."""
    with ExitStack() as stack:
        held = [stack.enter_context(at.connect()) for _ in range(HALF_OPEN)]
        last = held[-1]
        last.settimeout(30.0)
        with suppress(ConnectionResetError):
            while last.recv(100):  # its greeting, and then the end
                pass
        assert "Too many open files" not in at.collector.stderr
    return HALF_OPEN


def test_an_endless_message_ends_with_its_connection_before_it_takes_much(tmp_path: Path) -> None:
    """libzmq has no limit for that: the kernel's count of what came over a connection is it."""
    with scene(tmp_path) as at:
        memory, begun, sent, most = at.memory(), monotonic(), 0, 0
        for _ in range(20):
            with suppress(ConnectionError), at.connect() as connection:
                for part in endless():
                    connection.sendall(part)
                    sent += len(part)
                    most = max(most, at.memory())
                    assert sent < ENDLESS_BYTES, "nobody ends it"
        print(f"{sent / 1e6:.0f} MB sent took {(most - memory) / 1e6:.0f} MB")
        assert most < memory + 130e6
        forgotten(at, memory)
        print(at.judge(begun))


def test_nonsense_at_the_events_endpoint_costs_nothing(tmp_path: Path) -> None:
    fuzzer = Fuzzer(SEED)
    with scene(tmp_path) as at:
        memory, begun = at.memory(), monotonic()
        host, port = at.collector.events.removeprefix("tcp://").split(":")
        with zmq.Context() as context, context.socket(zmq.XSUB) as greedy:
            greedy.linger = 0
            greedy.setsockopt(zmq.SNDHWM, 0)
            greedy.connect(at.collector.events)
            for n in range(2_000):
                greedy.send(b"\x01" + f"{n}-topic".encode())
            for size in (10, 1000, 20_000):
                greedy.send(b"\x01" + bytes(size))
            greedy.send(b"\x01")
            assert greedy.poll(10_000), "it hears everything, after all that"
        for _ in range(10):
            with ExitStack() as stack:
                for _ in range(100):
                    stream = stack.enter_context(socket.create_connection((host, int(port)), 10))
                    with suppress(OSError):  # it was closed already
                        stream.setblocking(False)
                        stream.send(fuzzer.stream())
        with CollectorClient(at.collector.events, at.collector.state) as client:
            wait_for(lambda: any(isinstance(u, Event) for u in client.receive(1.0)))
        forgotten(at, memory)
        print(at.judge(begun))
