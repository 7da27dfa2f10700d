"""Endpoints as settings: refused where ZeroMQ would refuse them, and with what to write instead."""

import pytest
import zmq
from health_wire.endpoints import bindable, collide, connectable, is_host
from hypothesis import given
from hypothesis import strategies as st

GOOD = [
    "tcp://127.0.0.1:8087", "tcp://0.0.0.0:0", "tcp://*:8087", "tcp://127.0.0.1:*", "tcp://[::1]:1",
    "tcp://[::]:65535", "tcp://eth0.100:1", "tcp://localhost:8087", "tcp://127.1:1",
    "ipc:///run/health/events", "ipc://@abstract", "ipc://relative",
]  # fmt: skip
BAD = [
    ("0.0.0.0:8087", "such as tcp://0.0.0.0:8087"),
    ("localhost", "with its scheme"),
    ("tcp://300.1.1.1:8087", "four numbers"),
    ("tcp://1.2.3.4.5:8087", "four numbers"),
    ("tcp://127.0.0.1:99999", "a port from"),
    ("tcp://127.0.0.1:-1", "a port from"),
    ("tcp://127.0.0.1:http", "a port from"),
    ("tcp://127.0.0.1:\u0661", "tcp://ADDRESS:PORT"),
    ("tcp://127.0.0.1", "tcp://ADDRESS:PORT"),
    ("tcp://:8087", "tcp://ADDRESS:PORT"),
    ("tcp://::1:8087", "in brackets, as in [::1]:8087"),
    ("tcp://[::1:8087", "in brackets"),
    ("tcp://[127.0.0.1]:8087", "an IPv6 address in the brackets"),
    ("tcp://a b:8087", "an endpoint such as"),
    ("tcp://a/b:8087", "expected an address"),
    ("udp://127.0.0.1:8087", "tcp:// or ipc://"),
    ("inproc://x", "tcp:// or ipc://"),
    ("ipc://", "a socket's path"),
    ("ipc:///run/", "a socket's path"),
    (f"ipc:///{'x' * 120}", "at most 107 bytes"),
    ("ipc:///run/\x1b[2J", "an endpoint such as"),
    ("", "with its scheme, such as"),
    (8087, "an endpoint such as"),
]


@pytest.mark.parametrize("text", GOOD)
def test_what_can_be_bound(text: str) -> None:
    assert bindable(text) == text


@pytest.mark.parametrize(("text", "said"), BAD)
def test_what_cannot_be_bound_is_refused_with_a_remedy(text: object, said: str) -> None:
    for check in (bindable, connectable):
        with pytest.raises(ValueError, match="expected") as caught:
            check(text)
        assert said in str(caught.value)
        assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "text", ["tcp://pi4.local:8087", "tcp://pi_4:1", "ipc://x", "tcp://[::1]:1"]
)
def test_what_can_be_connected_to(text: str) -> None:
    assert connectable(text) == text


@pytest.mark.parametrize(
    "text", ["tcp://*:8087", "tcp://127.0.0.1:0", "tcp://127.0.0.1:*", "tcp://-a:1", "tcp://a..b:1"]
)
def test_nothing_connects_to_any_address_or_port(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        connectable(text)


@given(
    st.text(max_size=30) | st.from_regex(r"(tcp|ipc)://[0-9a-z.*:\[\]/@-]{0,20}", fullmatch=True)
)
def test_what_is_accepted_zeromq_takes_as_well(text: str) -> None:
    try:
        connectable(text)
    except ValueError:
        return
    with zmq.Context() as context, context.socket(zmq.REQ) as socket:
        socket.linger = 0
        socket.ipv6 = True
        socket.connect(text)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("tcp://127.0.0.1:1", "tcp://127.0.0.1:1"),
        ("tcp://127.0.0.1:1", "tcp://127.1:01"),
        ("tcp://*:1", "tcp://127.0.0.1:1"),
        ("tcp://[::]:1", "tcp://192.0.2.1:1"),
        ("tcp://0.0.0.0:1", "tcp://eth0:1"),
        ("tcp://[::ffff:127.0.0.1]:1", "tcp://127.0.0.1:1"),
        ("tcp://[::1]:1", "tcp://[0:0::1]:1"),
        ("tcp://eth0:1", "tcp://eth0:1"),
        ("ipc:///run/x", "ipc:///run/./x"),
    ],
)
def test_what_cannot_both_be_bound(one: str, other: str) -> None:
    assert collide(one, other)
    assert collide(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("tcp://127.0.0.1:1", "tcp://127.0.0.1:2"),
        ("tcp://127.0.0.1:1", "tcp://127.0.0.2:1"),
        ("tcp://127.0.0.1:0", "tcp://127.0.0.1:0"),
        ("tcp://*:*", "tcp://*:*"),
        ("tcp://[::1]:1", "tcp://127.0.0.1:1"),
        ("tcp://eth0:1", "tcp://192.0.2.1:1"),
        ("ipc:///run/x", "ipc:///run/y"),
        ("ipc://*", "ipc://*"),
        ("ipc:///run/x", "tcp://127.0.0.1:1"),
    ],
)
def test_what_can(one: str, other: str) -> None:
    assert not collide(one, other)
    assert not collide(other, one)


@pytest.mark.parametrize(
    ("text", "host"),
    [("127.0.0.1", True), ("::1", True), ("pi4.local", True), ("localhost", True), ("pi", True),
     ("300.1.1.1", False), ("0.0.0.0:80", False), ("[::1]", False), ("http://a", False),
     ("", False), ("a b", False), ("-a", False), ("a" * 254, False)],
)  # fmt: skip
def test_what_is_a_host(text: str, host: bool) -> None:
    assert is_host(text) is host
