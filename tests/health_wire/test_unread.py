"""How many bytes of a connection nobody has taken, by the kernel's count."""

import os
import socket
from collections.abc import Iterator

import pytest
from health_wire.unread import Unread

from tests.running import wait_for


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        near = socket.create_connection(server.getsockname())
        far, _ = server.accept()
    with near, far:
        yield near, far


def test_what_was_not_taken_is_counted(pair: tuple[socket.socket, socket.socket]) -> None:
    near, far = pair
    unread = Unread()
    assert int(unread) == 0
    unread.open(near.fileno())
    far.sendall(b"x" * 1000)
    wait_for(lambda: int(unread) == 1000)
    near.recv(1000)
    assert int(unread) == 1000, "libzmq has it; nobody else does"
    unread.drain()
    assert int(unread) == 1000, "no message was whole"
    unread.take(600)
    unread.drain()
    assert int(unread) == 400, "that is too little to look for what came with it"
    unread.take(1 << 16)
    unread.drain()
    assert int(unread) == 0
    far.sendall(b"x" * 10)
    wait_for(lambda: int(unread) == 10)
    unread.close()
    assert int(unread) == 0


def test_a_descriptor_that_is_anothers_by_now_counts_for_nothing(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    near, far = pair
    unread = Unread()
    unread.open(near.fileno())
    far.sendall(b"x" * 9)
    wait_for(lambda: int(unread) == 9)
    with socket.create_server(("127.0.0.1", 0)) as server:
        os.dup2(server.fileno(), near.fileno())
        assert int(unread) == 0


def test_there_is_no_count_of_a_unix_socket() -> None:
    unread = Unread()
    one, other = socket.socketpair()
    with one, other:
        unread.open(one.fileno())
        other.sendall(b"x")
        assert int(unread) == 0
    assert int(unread) == 0, "nor of one that is closed"
