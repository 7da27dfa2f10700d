"""Sockets that yield to gevent, beyond the 1024 descriptors that select(2) knows."""

import os
import resource
import time
from collections.abc import Iterator

import gevent
import pytest
import zmq
from health_webui.following.green import Context


@pytest.fixture
def many_descriptors() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 4096:
        pytest.skip("no more than 4096 descriptors are allowed here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 4096), hard))
    taken = [os.open(os.devnull, os.O_RDONLY) for _ in range(1100)]
    yield
    for descriptor in taken:
        os.close(descriptor)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("many_descriptors")
def test_a_socket_with_a_high_descriptor_waits_while_others_run() -> None:
    with Context() as context, context.socket(zmq.PULL) as pull, context.socket(zmq.PUSH) as push:
        pull.bind("inproc://here")
        push.connect("inproc://here")
        assert int(pull.getsockopt(zmq.FD)) > 1024
        begun = time.monotonic()
        assert pull.poll(0) == 0
        assert pull.poll(50) == 0
        assert time.monotonic() - begun >= 0.05
        gevent.spawn_later(0.05, push.send, b"it")
        assert pull.poll(5000) == zmq.POLLIN
        assert time.monotonic() - begun < 5
        assert pull.recv() == b"it"
        assert push.poll(0, zmq.POLLOUT) == zmq.POLLOUT


@pytest.mark.usefixtures("many_descriptors")
def test_more_sockets_than_a_context_has_unless_asked() -> None:
    with Context() as context:
        sockets = [context.socket(zmq.PAIR) for _ in range(1200)]  # as 200 collectors take
        for socket in sockets:
            socket.close()
