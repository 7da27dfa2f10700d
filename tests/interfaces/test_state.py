"""The state endpoint: answers whoever asks properly, and survives whoever does not."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import zmq
from health_collectord.interfaces.limits import Allowances
from health_collectord.interfaces.operations import Operations
from health_collectord.interfaces.questions import Question
from health_collectord.interfaces.state import StateEndpoint

from tests.doubles import Context
from tests.interfaces.asking import operations
from tests.running import wait_for


@pytest.fixture
def context() -> Iterator[zmq.Context[zmq.Socket[bytes]]]:
    with zmq.Context() as context:
        yield context


@pytest.fixture
def endpoint(context: zmq.Context[zmq.Socket[bytes]]) -> Iterator[StateEndpoint]:
    endpoint = StateEndpoint(context, "tcp://127.0.0.1:0", operations())
    endpoint.start(Context())
    yield endpoint
    endpoint.stop(Context())


def connect(
    context: zmq.Context[zmq.Socket[bytes]], endpoint: StateEndpoint, kind: int
) -> zmq.Socket[bytes]:
    peer = context.socket(kind)
    peer.linger = 0
    peer.rcvtimeo = 5000
    peer.connect(endpoint.endpoint)
    return peer


def ask(context: zmq.Context[zmq.Socket[bytes]], endpoint: StateEndpoint, *frames: bytes) -> Any:
    with connect(context, endpoint, zmq.REQ) as peer:
        peer.send_multipart(frames)
        return json.loads(peer.recv())


PING = b'{"op":"ping"}'


def test_answers_a_plain_req(
    context: zmq.Context[zmq.Socket[bytes]], endpoint: StateEndpoint
) -> None:
    assert ask(context, endpoint, PING)["ok"] is True
    assert ask(context, endpoint, PING, b"more")["error"] == "bad_request"
    assert endpoint.dropped == 0


def test_a_dealer_has_several_requests_under_way(
    context: zmq.Context[zmq.Socket[bytes]], endpoint: StateEndpoint
) -> None:
    with connect(context, endpoint, zmq.DEALER) as peer:
        for n in range(100):
            peer.send_multipart([b"", b'{"op":"ping","id":%d}' % n])
        replies = [peer.recv_multipart() for _ in range(100)]
    assert [(empty, json.loads(reply)["id"]) for empty, reply in replies] == [
        (b"", n) for n in range(100)
    ]


def test_what_is_no_request_is_dropped_and_counted(
    context: zmq.Context[zmq.Socket[bytes]], endpoint: StateEndpoint
) -> None:
    with connect(context, endpoint, zmq.DEALER) as peer:
        peer.send(b"no delimiter")
        peer.send_multipart([b"no", b"delimiter", b"either"])
        wait_for(lambda: endpoint.dropped == 2)
        peer.send_multipart([b""])
        assert json.loads(peer.recv_multipart()[1])["error"] == "bad_request"
    assert ask(context, endpoint, PING)["ok"] is True


def test_a_frame_over_64_kib_ends_that_link_alone(
    context: zmq.Context[zmq.Socket[bytes]], endpoint: StateEndpoint
) -> None:
    with connect(context, endpoint, zmq.REQ) as peer:
        peer.rcvtimeo = 200
        peer.send(b" " * (64 * 1024 + 1))
        with pytest.raises(zmq.Again):
            peer.recv()
        assert ask(context, endpoint, PING)["ok"] is True
    assert ask(context, endpoint, b" " * 64 * 1024)["error"] == "bad_request"


def test_clients_that_go_before_the_reply_cost_nothing(
    context: zmq.Context[zmq.Socket[bytes]], endpoint: StateEndpoint
) -> None:
    for _ in range(50):
        with connect(context, endpoint, zmq.DEALER) as peer:
            peer.send_multipart([b"", b'{"op":"snapshot"}'])
    assert ask(context, endpoint, PING)["ok"] is True


def test_a_client_that_reads_nothing_wedges_nobody(
    context: zmq.Context[zmq.Socket[bytes]], endpoint: StateEndpoint
) -> None:
    with connect(context, endpoint, zmq.DEALER) as peer:
        peer.setsockopt(zmq.SNDHWM, 0)
        for _ in range(5000):
            peer.send_multipart([b"", b'{"op":"snapshot"}'])
        assert ask(context, endpoint, PING)["ok"] is True


def test_a_fault_while_answering_ends_nothing(
    context: zmq.Context[zmq.Socket[bytes]],
    endpoint: StateEndpoint,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(self: Operations, frames: list[bytes]) -> bytes:
        raise MemoryError

    with monkeypatch.context() as broken, connect(context, endpoint, zmq.DEALER) as peer:
        broken.setattr(Operations, "answer", fail)
        peer.send_multipart([b"", PING])
        wait_for(lambda: endpoint.dropped == 1)
    assert "could not be answered" in caplog.text
    assert ask(context, endpoint, PING)["ok"] is True


def test_its_thread_gives_signs_of_life(endpoint: StateEndpoint) -> None:
    for n in range(1, 4):
        endpoint.probe()
        wait_for(lambda n=n: endpoint.answered_probes == n)
    endpoint.stop(Context())
    endpoint.probe()
    endpoint.stop(Context())  # does nothing: it is stopped


def test_who_asks_too_much_is_told_so_and_others_are_answered(
    context: zmq.Context[zmq.Socket[bytes]], endpoint: StateEndpoint
) -> None:
    endpoint._allowances = Allowances(share=0.0, most=0.0001)
    with connect(context, endpoint, zmq.DEALER) as greedy:
        errors = []
        while "busy" not in errors:
            greedy.send_multipart([b"", b'{"op":"snapshot"}'])
            errors.append(json.loads(greedy.recv_multipart()[1]).get("error"))
            assert len(errors) < 1000
        assert set(errors) <= {None, "busy"}
        assert ask(context, endpoint, PING)["ok"] is True
    assert endpoint.busy == 1
    assert endpoint.answered == len(errors)
    assert endpoint.bytes > 0


class Record:
    """In place of the process that reads it."""

    def __init__(self) -> None:
        self.asked: list[tuple[Question, bytes, Callable[[bytes], None]]] = []
        self.takes = True
        self.stopped = False

    def ask(self, question: Question, client: bytes, done: Callable[[bytes], None]) -> bool:
        if self.takes:
            self.asked.append((question, client, done))
        return self.takes

    def stop(self) -> None:
        self.stopped = True


MOMENT = b'{"op":"state_at","time":5,"id":9}'


def test_what_the_record_is_asked_keeps_nobody_waiting(
    context: zmq.Context[zmq.Socket[bytes]],
) -> None:
    record: Any = Record()
    endpoint = StateEndpoint(
        context, "tcp://127.0.0.1:0", operations(recorded=True), reading=record
    )
    endpoint.start(Context())
    with connect(context, endpoint, zmq.DEALER) as peer, connect(context, endpoint, zmq.REQ) as req:
        peer.send_multipart([b"", MOMENT])
        peer.send_multipart([b"", PING])
        assert "version" in json.loads(peer.recv_multipart()[1]), "which was asked later"
        [(question, _, done)] = record.asked
        assert endpoint.answered == 1
        done(question.reply(b'{"epoch":"e","seq":1}'))
        assert json.loads(peer.recv_multipart()[1]) == {
            "ok": True, "v": 1, "host": "pi", "id": 9, "epoch": "e", "seq": 1,
        }  # fmt: skip
        wait_for(lambda: endpoint.answered == 2)
        record.takes = False
        req.send(MOMENT)
        refused = json.loads(req.recv())
        assert (refused["error"], refused["id"]) == ("busy", 9)
        wait_for(lambda: endpoint.busy == 1)
    wait_for(lambda: (done(b"{}"), endpoint.dropped)[1], "it is not noticed that the client left")
    endpoint.stop(Context())
    assert record.stopped
    done(b"{}")  # does nothing: it is stopped


def test_where_nothing_reads_the_record_it_is_busy(
    context: zmq.Context[zmq.Socket[bytes]],
) -> None:
    endpoint = StateEndpoint(context, "tcp://127.0.0.1:0", operations(recorded=True))
    endpoint.start(Context())
    assert ask(context, endpoint, MOMENT)["error"] == "busy"
    endpoint.stop(Context())
