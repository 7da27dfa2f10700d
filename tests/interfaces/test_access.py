"""Key files that say who may listen, and the gate that acts on them."""

import logging
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq
from health_collectord.interfaces.access import Gate, KeyFiles
from health_wire.keys import ClientKeys, InvalidKey, KeyPair

CLIENT = KeyPair.generate()


@pytest.fixture
def files(tmp_path: Path) -> KeyFiles:
    return KeyFiles(tmp_path / "keys")


def test_a_collector_keeps_its_keys(files: KeyFiles) -> None:
    assert files.server() == files.server()
    assert files.existing_server() == files.server()
    before = files.server()
    files.rotate()
    assert files.server() != before


def test_keys_that_are_not_there_are_not_made_by_who_only_asks(files: KeyFiles) -> None:
    with pytest.raises(InvalidKey, match="has the collector started"):
        files.existing_server()
    assert files.clients() == []
    assert not files.directory.exists()
    with pytest.raises(InvalidKey, match="No such file"):
        files.stamp()


def test_clients_are_allowed_and_revoked(files: KeyFiles) -> None:
    assert files.allow("web", CLIENT.public)
    [client] = files.clients()
    assert (client.name, client.key, client.connected) == ("web", CLIENT.public, None)
    files.note_connected("web")
    assert files.clients()[0].connected
    other = KeyPair.generate().public
    assert not files.allow("web", other)
    assert files.clients()[0].key == CLIENT.public
    assert files.allow("web", other, replace=True)
    assert files.clients()[0].key == other
    assert files.revoke("web")
    assert not files.revoke("web")
    assert files.clients() == []
    files.note_connected("web")  # does nothing: it is gone


@pytest.mark.parametrize("name", ["../server.key", ".hidden", ""])
def test_a_name_that_leads_elsewhere_is_refused(files: KeyFiles, name: str) -> None:
    with pytest.raises(InvalidKey, match="is no name"):
        files.allow(name, CLIENT.public)
    with pytest.raises(InvalidKey, match="is no name"):
        files.revoke(name)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"key": "short", "since": ""}'])
def test_a_damaged_file_is_named(files: KeyFiles, text: str) -> None:
    files.allow("web", CLIENT.public)
    (files.directory / "clients/web").write_text(text)
    with pytest.raises(InvalidKey, match=r"clients/web is damaged .*; revoke it and invite"):
        files.clients()


class Guarded:
    """A PUB behind a gate, with a thread that answers at the gate."""

    def __init__(self, files: KeyFiles) -> None:
        self.context = zmq.Context()
        self.gate = Gate(files, everywhere=True)
        self.pub = self.context.socket(zmq.PUB)
        self.pub.linger = 0
        self.gate.guard(self.pub)
        self.pub.bind("tcp://127.0.0.1:0")
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self._answer)
        self.thread.start()

    def _answer(self) -> None:
        while not self.ending.is_set():
            if self.gate.socket is not None and self.gate.socket.poll(20):
                self.gate.answer()
        self.gate.close()

    def lets_in(self, pair: KeyPair, server: str) -> bool:
        with self.context.socket(zmq.SUB) as sub:
            sub.linger = 0
            ClientKeys(server, pair.public, pair.secret).apply(sub)
            sub.setsockopt(zmq.SUBSCRIBE, b"")
            monitor: Any = sub.get_monitor_socket(
                zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_HANDSHAKE_FAILED_AUTH
            )
            sub.connect(self.pub.getsockopt_string(zmq.LAST_ENDPOINT).rstrip("\0"))
            assert monitor.poll(5000)
            event = int.from_bytes(monitor.recv_multipart()[0][:2], "little")
            sub.disable_monitor()
            monitor.close(linger=0)
            return event == zmq.EVENT_HANDSHAKE_SUCCEEDED

    def close(self) -> None:
        self.ending.set()
        self.thread.join()
        self.pub.close()
        self.context.term()


@pytest.fixture
def guarded(files: KeyFiles) -> Iterator[Guarded]:
    guarded = Guarded(files)
    yield guarded
    guarded.close()


def test_the_gate_acts_on_the_files_as_they_are(files: KeyFiles, guarded: Guarded) -> None:
    server = files.server().public
    assert not guarded.lets_in(CLIENT, server)
    generation = guarded.gate.generation
    files.allow("web", CLIENT.public)
    assert guarded.lets_in(CLIENT, server)
    assert guarded.gate.generation == generation  # nobody has to go
    assert files.clients()[0].connected
    files.revoke("web")
    assert not guarded.lets_in(CLIENT, server)
    assert guarded.gate.generation == generation + 1
    assert guarded.gate.refused == 2


def test_the_collectors_own_key_is_allowed(files: KeyFiles, guarded: Guarded) -> None:
    assert guarded.lets_in(files.server(), files.server().public)


def test_whatever_ends_somebodys_right_is_noticed(files: KeyFiles, guarded: Guarded) -> None:
    gate = guarded.gate
    files.allow("web", CLIENT.public)
    files.allow("other", KeyPair.generate().public)
    gate.look()
    for change in (
        lambda: files.allow("web", KeyPair.generate().public, replace=True),
        lambda: files.revoke("web"),
        lambda: files.rotate(),
        lambda: files.directory.chmod(0o755),
    ):
        before = gate.generation
        change()
        gate.look()
        assert gate.generation == before + 1
        gate.look()
        assert gate.generation == before + 1


def test_a_file_that_cannot_be_used_costs_its_own_client_alone_and_at_once(
    files: KeyFiles, guarded: Guarded, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    other = KeyPair.generate()
    files.allow("web", CLIENT.public)
    files.allow("another", other.public)
    server = files.server().public
    assert guarded.lets_in(CLIENT, server)
    (files.directory / "clients/web").chmod(0o644)
    (files.directory / "clients/notes.txt").write_text("somebody's")
    assert not guarded.lets_in(CLIENT, server)
    assert guarded.lets_in(other, server)
    guarded.gate.look()
    assert caplog.text.count("clients/web can be read by") == 1
    assert "clients/notes.txt" in caplog.text
    (files.directory / "clients/web").chmod(0o600)
    assert guarded.lets_in(CLIENT, server)


def test_whatever_lies_among_the_keys_costs_itself_alone(files: KeyFiles, guarded: Guarded) -> None:
    files.allow("web", CLIENT.public)
    folder = files.directory / "clients"
    os.mkfifo(folder / "pipe", 0o600)
    (folder / "loop").symlink_to(folder / "loop")
    (folder / "gone").symlink_to(folder / "nowhere")
    (folder / "folder").mkdir(mode=0o700)
    for name, content in (("deep", b"[" * 2000), ("noise", bytes(range(256))), ("empty", b"")):
        (folder / name).touch(0o600)
        (folder / name).write_bytes(content)
    assert guarded.lets_in(CLIENT, files.server().public)
    found, faults = files.sound_clients()
    assert [client.name for client in found] == ["web"]
    assert len(faults) == 6, "a link to nowhere is as if it were not there"


def test_a_key_that_is_edited_in_its_place_allows_the_old_one_no_longer(
    files: KeyFiles, guarded: Guarded
) -> None:
    other = KeyPair.generate()
    files.allow("web", CLIENT.public)
    server = files.server().public
    assert guarded.lets_in(CLIENT, server)
    path = files.directory / "clients/web"
    with path.open("r+") as file:
        text = file.read().replace(CLIENT.public, other.public)
        file.seek(0)
        file.write(text)
    assert not guarded.lets_in(CLIENT, server)
    assert guarded.lets_in(other, server)


def test_while_the_folder_cannot_be_used_nobody_comes_in(
    files: KeyFiles, guarded: Guarded, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    files.allow("web", CLIENT.public)
    server = files.server().public
    assert guarded.lets_in(CLIENT, server)
    files.directory.chmod(0o755)
    assert not guarded.lets_in(CLIENT, server)
    guarded.gate.look()
    assert caplog.text.count("no client is let in") == 1
    files.directory.chmod(0o700)
    assert guarded.lets_in(CLIENT, server)


def test_without_keys_nothing_is_guarded(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir(mode=0o755)
    with zmq.Context() as context, context.socket(zmq.PUB) as pub:
        gate = Gate(KeyFiles(tmp_path / "keys"))
        with pytest.raises(InvalidKey, match="chmod 700"):
            gate.guard(pub)
        assert gate.socket is None
