"""Where the sockets may be bound, and what is said where they may not."""

import errno
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq
from health_collectord.interfaces.sockets import bind, endpoint_of, finish
from health_collectord.runtime.runtime import StartError

from tests.running import environment


@pytest.fixture
def context() -> Iterator[zmq.Context[zmq.Socket[bytes]]]:
    with zmq.Context() as context:
        yield context


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="hc") as folder:
        yield Path(folder)


def test_port_0_is_a_free_port_that_is_told(context: zmq.Context[zmq.Socket[bytes]]) -> None:
    with bind(context, zmq.PUB, "tcp://127.0.0.1:0", key="events", allow_remote=False) as bound:
        endpoint = endpoint_of(bound)
        port = int(endpoint.removeprefix("tcp://127.0.0.1:"))
        assert port > 0
        with pytest.raises(StartError) as caught:
            bind(context, zmq.PUB, endpoint, key="events", allow_remote=False)
    assert str(caught.value) == (
        f"cannot bind events = '{endpoint}': Address already in use; "
        "is another collector running? Give this one other endpoints"
    )


@pytest.mark.parametrize("endpoint", ["tcp://127.0.0.1:*", "tcp://127.8.9.10:0", "tcp://[::1]:0"])
def test_loopback_needs_no_permission(
    context: zmq.Context[zmq.Socket[bytes]], endpoint: str
) -> None:
    try:
        bind(context, zmq.PUB, endpoint, key="events", allow_remote=False).close()
    except StartError as error:
        if "[::1]" in endpoint and "assign" in str(error):
            pytest.skip("no IPv6 here")
        raise


@pytest.mark.parametrize(
    "endpoint",
    ["tcp://0.0.0.0:0", "tcp://*:0", "tcp://[::]:0", "tcp://192.0.2.1:0", "tcp://example.org:0",
     "tcp://eth0:0", "tcp://localhost.example.org:0", "tcp://:0"],
)  # fmt: skip
def test_whatever_others_can_reach_is_refused(
    context: zmq.Context[zmq.Socket[bytes]], endpoint: str
) -> None:
    with pytest.raises(StartError, match=r"can be reached from other machines.*allow_remote_pl"):
        bind(context, zmq.PUB, endpoint, key="events", allow_remote=False)


def test_unless_the_configuration_says_so(context: zmq.Context[zmq.Socket[bytes]]) -> None:
    bind(context, zmq.PUB, "tcp://0.0.0.0:0", key="events", allow_remote=True).close()


@pytest.mark.parametrize("endpoint", ["", "nonsense", "tcp://127.0.0.1", "http://127.0.0.1:80"])
def test_what_is_no_endpoint_is_refused(
    context: zmq.Context[zmq.Socket[bytes]], endpoint: str
) -> None:
    with pytest.raises(StartError, match=r"state is like tcp://127\.0\.0\.1:8087 or ipc:///run"):
        bind(context, zmq.ROUTER, endpoint, key="state", allow_remote=False)


def test_a_path_on_which_another_listens_is_refused(
    context: zmq.Context[zmq.Socket[bytes]], folder: Path
) -> None:
    path = folder / "events"
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        with pytest.raises(StartError, match=f"another process listens on {path}"):
            bind(context, zmq.PUB, f"ipc://{path}", key="events", allow_remote=False)
    # Nobody behind it any more: what a collector that was killed left is taken over.
    with bind(context, zmq.PUB, f"ipc://{path}", key="events", allow_remote=False) as bound:
        assert endpoint_of(bound) == f"ipc://{path}"


def test_a_file_in_the_way_is_left_alone(
    context: zmq.Context[zmq.Socket[bytes]], folder: Path
) -> None:
    path = folder / "events"
    path.write_text("precious")
    with pytest.raises(StartError, match=f"{path} exists and is not a socket"):
        bind(context, zmq.PUB, f"ipc://{path}", key="events", allow_remote=False)
    assert path.read_text() == "precious"


def test_a_folder_that_is_not_there_is_refused(
    context: zmq.Context[zmq.Socket[bytes]], folder: Path
) -> None:
    with pytest.raises(StartError, match=r"cannot bind events = .*No such file or directory"):
        bind(context, zmq.PUB, f"ipc://{folder}/x/y", key="events", allow_remote=False)
    assert errno.ENOENT


def test_the_links_settings_are_the_documented_ones(
    context: zmq.Context[zmq.Socket[bytes]],
) -> None:
    with bind(context, zmq.PUB, "tcp://127.0.0.1:0", key="events", allow_remote=False) as bound:
        assert bound.getsockopt(zmq.SNDHWM) == 1000
        assert bound.getsockopt(zmq.MAXMSGSIZE) == 64 * 1024
        assert bound.getsockopt(zmq.HEARTBEAT_IVL) == 0
        assert bound.getsockopt(zmq.RCVHWM) == 0, "a reset would end the process"
        assert bound.getsockopt(zmq.TCP_MAXRT) == 5000
        assert bound.getsockopt(zmq.TCP_KEEPALIVE) == 1
        assert bound.getsockopt(zmq.HANDSHAKE_IVL) == 5000
        assert bound.linger == 0


@pytest.mark.parametrize(
    ("said", "ends"),
    [
        (b"\x01\x00\x02\x00x", True),  # ZMTP 1: no routing id, and a message
        (b"\xff" + bytes(8) + b"\x7f\x01\x05", True),  # ZMTP 2
        (b"\xff" + bytes(8) + b"\x7f\x03\x00NULL" + bytes(48), False),
    ],
    ids=["ZMTP 1", "ZMTP 2", "ZMTP 3"],
)
def test_only_the_protocol_of_this_decade_is_spoken(
    context: zmq.Context[zmq.Socket[bytes]], said: bytes, ends: bool
) -> None:
    """For others libzmq keeps memory that it never gives back, connection for connection."""
    with bind(context, zmq.ROUTER, "tcp://127.0.0.1:0", key="state", allow_remote=False) as bound:
        host, _, port = endpoint_of(bound).removeprefix("tcp://").partition(":")
        with socket.create_connection((host, int(port)), 10) as connection:
            connection.settimeout(2.0 if ends else 0.3)
            connection.sendall(said)
            try:
                while connection.recv(1000):
                    pass
            except TimeoutError:
                assert not ends
            except ConnectionResetError:
                assert ends
            else:
                assert ends


_SAYS_A_LAST_WORD = """
import os, sys, zmq
from health_collectord.interfaces.sockets import finish
context = zmq.Context()
socket = context.socket(zmq.PUSH)
socket.connect(sys.argv[1])
socket.send(b"the last word")
socket.close(linger=10_000)
print("closed", flush=True)
finish(context, 10)
os._exit(0)
"""


def test_a_process_ends_only_once_its_last_word_has_gone_out(
    context: zmq.Context[zmq.Socket[bytes]], folder: Path
) -> None:
    endpoint = f"ipc://{folder / 'socket'}"
    with subprocess.Popen(
        [sys.executable, "-c", _SAYS_A_LAST_WORD, endpoint],
        env=environment(),
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"closed\n"
        with context.socket(zmq.PULL) as late:  # the process has no way to get rid of it before
            late.bind(endpoint)
            assert late.poll(10_000)
            assert late.recv() == b"the last word"
        assert process.wait(10) == 0


def test_a_socket_that_was_left_open_is_not_waited_for() -> None:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    with context.socket(zmq.PUB) as left_open:
        finish(context, 0.1)
        assert not context.closed
        assert not left_open.closed
