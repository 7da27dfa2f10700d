import socket
from types import SimpleNamespace
from typing import Any

from gevent.queue import JoinableQueue
from health_webui.connections.guard import close_slow


def client(queued: int, tcp: socket.socket) -> Any:
    queue: JoinableQueue[Any] = JoinableQueue()
    for number in range(queued):
        queue.put(number)
    made = SimpleNamespace(queue=queue, tcp=tcp, closing=False, closed=[])
    made.close = lambda **how: made.closed.append(how)
    return made


def test_a_browser_that_takes_nothing_is_cut_and_its_queue_let_go() -> None:
    ours, theirs = socket.socketpair()
    other, idle = socket.socketpair()
    with ours, theirs, other, idle:
        slow, quick = client(11, ours), client(10, other)
        engine = SimpleNamespace(sockets={"slow": slow, "quick": quick})
        assert close_slow(engine, limit=10) == ["slow"]
        assert engine.sockets == {"quick": quick}
        assert slow.closed == [{"wait": False, "abort": True}]
        assert not quick.closed
        assert slow.queue.qsize() == 1, "only the word that ends the writer"
        assert theirs.recv(1) == b"", "the other end sees the connection closed"
