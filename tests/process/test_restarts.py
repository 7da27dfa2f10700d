"""A collector that starts anew twenty times under load, and what its clients show meanwhile.

Each value of its state says of which epoch it is: no client may ever show one of another.
"""

import json
import signal
import socket
import struct
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from health_wire import CollectorClient, Event, Snapshot

from tests.running import Running, running, start_webui, wait_for
from tests.webui.asking import HANDSHAKE, UPGRADE, Client, frame

STARTS = 20


def epochs_of(state: Any) -> set[str]:
    """Of which epochs the values of a state are."""
    lanes = (state.get("test") or {}).get("lanes") or {}
    return {lane["epoch"] for lane in lanes.values()}


class Shown:
    """What somebody shows, look by look: the epoch that is said, and those of the values."""

    def __init__(self) -> None:
        self.epochs: list[str] = []
        self.wrong: list[Any] = []
        self.looks = 0

    def look(self, epoch: str, values: set[str]) -> None:
        self.looks += 1
        if self.epochs[-1:] != [epoch]:
            self.epochs.append(epoch)
        if not values <= {epoch}:
            self.wrong.append((epoch, values))


@contextmanager
def client(events: str, state: str) -> Iterator[Shown]:
    """A client in a thread, looked at after everything that it takes in."""
    shown, ending = Shown(), threading.Event()

    def follow() -> None:
        with CollectorClient(events, state) as client:
            while not ending.is_set():
                for update in client.receive(0.2):
                    if isinstance(update, Snapshot):
                        shown.look(update.epoch, epochs_of(update.state))
                    elif isinstance(update, Event) and update.name.startswith("test."):
                        shown.look(update.epoch, {update.data["epoch"]})
                if client.epoch is not None:
                    shown.look(client.epoch, epochs_of(client.state))

    thread = threading.Thread(target=follow)
    thread.start()
    try:
        yield shown
    finally:
        ending.set()
        thread.join()


@contextmanager
def browser(webui: Running) -> Iterator[Shown]:
    """What the web process tells a browser that watches the host."""
    shown = Shown()
    asking = Client(webui.url)
    page = asking.ask("/").body.decode()
    key = page.split('data-follow="')[1].split('"')[0]
    _, websocket = asking.open(HANDSHAKE, UPGRADE)
    websocket.sendall(frame(b"40") + frame(b"420" + json.dumps(["follow", key]).encode()))

    stream = websocket.makefile("rb")
    ending = threading.Event()

    def read() -> None:
        for text in _messages(stream, ending):
            if text == "2":
                websocket.sendall(frame(b"3"))
            elif text.startswith('42["frame"'):
                [_, told] = json.loads(text[2:])
                lanes = [entry[1] for entry in told["events"] if entry[0].startswith("test.")]
                shown.look(told["epoch"], {lane["epoch"] for lane in lanes})
            elif text.startswith('42["snapshot"'):
                [_, told] = json.loads(text[2:])
                shown.look(told["epoch"], epochs_of(told["state"]))

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield shown
    finally:
        ending.set()
        websocket.shutdown(socket.SHUT_RDWR)
        thread.join()
        stream.close()
        websocket.close()


def _messages(stream: BinaryIO, ending: threading.Event) -> Iterator[str]:
    """The texts that a server sends, until the connection ends."""
    try:
        while len(head := stream.read(2)) == 2:
            length = head[1]
            if length >= 126:
                form = "!H" if length == 126 else "!Q"
                [length] = struct.unpack(form, stream.read(struct.calcsize(form)))
            yield stream.read(length).decode()
    except ConnectionResetError:
        # What the server was about to say when this side ended the connection.
        if not ending.is_set():
            raise


def test_nobody_shows_the_state_of_one_epoch_as_anothers(tmp_path: Path) -> None:
    synthetic = [sys.executable, "-m", "tests.process.synthetic"]
    with running(synthetic, tmp_path) as collector:
        places = collector.events, collector.state
        with ExitStack() as stack:
            webui = stack.enter_context(start_webui(tmp_path, collector))
            everybody = [stack.enter_context(client(*places)) for _ in range(3)]
            wait_for(lambda: b'data-page=""' not in Client(webui.url).ask("/").body)
            everybody.append(stack.enter_context(browser(webui)))
            told = {str(collector.request("ping")["epoch"])}
            for number in range(STARTS):
                collector.send(signal.SIGKILL if number % 2 else signal.SIGTERM)
                collector.wait()
                collector = stack.enter_context(running([*synthetic, *places], tmp_path))
                epoch = str(collector.request("ping")["epoch"])
                told.add(epoch)
                looks = [shown.looks for shown in everybody]
                wait_for(
                    lambda e=epoch, n=looks: all(
                        shown.epochs[-1:] == [e] and shown.looks > then + 10
                        for shown, then in zip(everybody, n, strict=True)
                    ),
                    "somebody does not show the new epoch",
                    20.0,
                )
            assert len(told) == STARTS + 1
            for shown in everybody:
                assert shown.wrong == []
                assert len(shown.epochs) == len(set(shown.epochs)), "one came back"
                assert set(shown.epochs) == told
