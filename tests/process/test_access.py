"""Who is let in and who is not, between processes, as another host sees it."""

import contextlib
import dataclasses
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
import zmq
from health_wire import ClientKeys, CollectorClient, CollectorTimeout, Invitation, Snapshot
from health_wire.keys import KeyPair

from tests.process.network import COLLECTOR, two_hosts
from tests.running import Running, environment, running, start_collector, wait_for

QUIET = 1.5  # seconds in which at least one heartbeat goes out to whoever may listen


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Running]:
    """One that asks for keys, on loopback."""
    with start_collector(tmp_path, env={"HEALTH_COLLECTORD_REQUIRE_KEYS": "true"}) as process:
        yield process


def command(
    tmp_path: Path, collector: Running, *words: str, status: int = 0
) -> subprocess.CompletedProcess[str]:
    where = ["--events", collector.events, "--state", collector.state]
    where += ["--data-dir", "data", "--config", "none.toml"]
    done = subprocess.run(
        [sys.executable, "-m", "health_collectord", *words, *where],
        cwd=tmp_path,
        env=environment({"HEALTH_COLLECTORD_REQUIRE_KEYS": "true"}),
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert done.returncode == status, done.stderr
    return done


def invite(tmp_path: Path, collector: Running, name: str, *words: str) -> Invitation:
    return Invitation.decode(command(tmp_path, collector, "invite", name, *words).stdout)


class Listener:
    """Subscribes to everything and asks, with a client that shares no code with the project."""

    def __init__(self, invitation: Invitation, keys: ClientKeys | None) -> None:
        self.context = zmq.Context()
        self.sub = self._connect(zmq.SUB, invitation.events, keys)
        self.sub.setsockopt(zmq.SUBSCRIBE, b"")
        self.req = self._connect(zmq.DEALER, invitation.state, keys)

    def _connect(self, kind: int, endpoint: str, keys: ClientKeys | None) -> Any:
        socket = self.context.socket(kind)
        socket.linger = 0
        if keys is not None:
            socket.curve_serverkey = keys.server_public.encode()
            socket.curve_publickey = keys.public.encode()
            socket.curve_secretkey = keys.secret.encode()
        socket.connect(endpoint)
        return socket

    def hears(self, seconds: float) -> bool:
        """Whether an event or a reply comes within that time; takes all that is there before."""
        with contextlib.suppress(zmq.Again):  # where libzmq has given up, there is nobody to ask
            self.req.send_multipart([b"", b'{"op":"ping"}'], zmq.NOBLOCK)
        deadline = monotonic() + seconds
        while (left := deadline - monotonic()) > 0:
            for socket in (self.sub, self.req):
                if socket.poll(min(left, 0.05) * 1000):
                    socket.recv_multipart()
                    return True
        return False

    def drain(self) -> None:
        for socket in (self.sub, self.req):
            while socket.poll(0):
                socket.recv_multipart()

    def shut_out(self) -> bool:
        """Whether nothing comes any more, and nothing came, for a while."""
        self.drain()
        return not self.hears(QUIET)

    def close(self) -> None:
        self.sub.close()
        self.req.close()
        self.context.term()


@pytest.fixture
def listen() -> Iterator[Any]:
    opened: list[Listener] = []

    def open_(invitation: Invitation, keys: ClientKeys | None) -> Listener:
        opened.append(Listener(invitation, keys))
        return opened[-1]

    yield open_
    for listener in opened:
        listener.close()


def follow(invitation: Invitation) -> CollectorClient:
    return CollectorClient(invitation.events, invitation.state, keys=invitation.keys)


def test_the_right_key_gets_everything(tmp_path: Path, collector: Running) -> None:
    invitation = invite(tmp_path, collector, "web")
    assert (invitation.events, invitation.state) == (collector.events, collector.state)
    with follow(invitation) as client:
        wait_for(lambda: any(isinstance(u, Snapshot) for u in client.receive(1.0)))
        seq = client.seq
        seen: list[int] = []

        def events() -> bool:
            seen.extend(getattr(u, "seq", 0) for u in client.receive(1.0))
            return len(seen) > 20

        wait_for(events)
        assert seen == list(range(seq + 1, seq + 1 + len(seen)))
        assert client.request("ping")["ok"] is True


def plain(invitation: Invitation) -> None:
    return None


def unknown_key(invitation: Invitation) -> ClientKeys:
    stranger = KeyPair.generate()
    return ClientKeys(invitation.server_key, stranger.public, stranger.secret)


def wrong_server_key(invitation: Invitation) -> ClientKeys:
    return dataclasses.replace(invitation.keys, server_public=KeyPair.generate().public)


@pytest.mark.parametrize("keys_of", [plain, unknown_key, wrong_server_key])
def test_nobody_else_gets_an_event_or_a_reply(
    tmp_path: Path, collector: Running, listen: Any, keys_of: Any
) -> None:
    invitation = invite(tmp_path, collector, "web")
    listener = listen(invitation, keys_of(invitation))
    assert listen(invitation, invitation.keys).hears(5.0)
    assert not listener.hears(QUIET)
    if keys_of is unknown_key:
        said = "refused a client at 127.0.0.1: its key is not allowed"
        wait_for(lambda: said in collector.stderr)


def test_a_revoked_key_ends_its_open_connection_and_serves_no_thief_and_the_others_go_on(
    tmp_path: Path, collector: Running, listen: Any
) -> None:
    kept, gone = (invite(tmp_path, collector, name) for name in ("kept", "gone"))
    open_connection, other = listen(gone, gone.keys), listen(kept, kept.keys)
    assert open_connection.hears(5.0)
    assert other.hears(5.0)
    command(tmp_path, collector, "revoke", "gone")
    wait_for(open_connection.shut_out, "it still hears")
    thief = listen(gone, gone.keys)  # a new connection, with the key of the revoked client
    assert not thief.hears(QUIET)
    other.drain()
    assert other.hears(5.0)
    assert "kept" in command(tmp_path, collector, "clients").stdout
    assert "gone" not in command(tmp_path, collector, "clients").stdout


def test_a_client_that_follows_comes_back_after_another_was_revoked(
    tmp_path: Path, collector: Running
) -> None:
    invitation = invite(tmp_path, collector, "kept")
    invite(tmp_path, collector, "gone")
    with follow(invitation) as client:
        wait_for(lambda: any(isinstance(u, Snapshot) for u in client.receive(1.0)))
        command(tmp_path, collector, "revoke", "gone")
        wait_for(lambda: any(isinstance(u, Snapshot) for u in client.receive(1.0)))
        assert client.status == "live"


def test_an_invitation_can_be_replaced_and_the_key_rotated(
    tmp_path: Path, collector: Running, listen: Any
) -> None:
    first = invite(tmp_path, collector, "web")
    again = command(tmp_path, collector, "invite", "web", status=1)
    assert "web is invited already; --replace makes a new invitation" in again.stderr
    old = listen(first, first.keys)
    assert old.hears(5.0)
    second = invite(tmp_path, collector, "web", "--replace")
    wait_for(old.shut_out, "it still hears")
    new = listen(second, second.keys)
    assert new.hears(5.0)
    rotated = command(tmp_path, collector, "rotate-key")
    assert rotated.stdout == "health-collectord invite web --replace\n"
    wait_for(new.shut_out, "it still hears")
    assert not listen(second, second.keys).hears(QUIET)
    third = invite(tmp_path, collector, "web", "--replace")
    assert listen(third, third.keys).hears(5.0)


def test_clients_are_listed(tmp_path: Path, collector: Running, listen: Any) -> None:
    assert "No client" in command(tmp_path, collector, "clients").stderr
    invitation = invite(tmp_path, collector, "web")
    assert "never connected" in command(tmp_path, collector, "clients").stdout
    assert listen(invitation, invitation.keys).hears(5.0)
    [line] = command(tmp_path, collector, "clients").stdout.splitlines()
    assert line.startswith("web  since 20")
    assert "  connected 20" in line
    assert line.endswith(invitation.keys.public)
    unknown = command(tmp_path, collector, "revoke", "nobody", status=1)
    assert unknown.stderr == "health-collectord: there is no client nobody; `clients` lists them\n"


def test_the_commands_on_this_host_need_no_invitation(tmp_path: Path, collector: Running) -> None:
    wait_for(lambda: "ready" in collector.stderr)
    done = subprocess.run(
        [sys.executable, "-m", "health_collectord", "status", "--json", "--data-dir", "data",
         "--events", collector.events, "--state", collector.state, "--config", "none.toml"],
        cwd=tmp_path, env=environment({"HEALTH_COLLECTORD_REQUIRE_KEYS": "true"}),
        capture_output=True, text=True, timeout=20,
    )  # fmt: skip
    assert json.loads(done.stdout)["state"]


def test_a_readable_server_key_keeps_it_from_starting(tmp_path: Path) -> None:
    keys = tmp_path / "data/keys"
    keys.mkdir(parents=True)
    keys.chmod(0o700)
    (keys / "server.key").write_text(KeyPair.generate().secret)
    (keys / "server.key").chmod(0o644)
    done = subprocess.run(
        [sys.executable, "-m", "health_collectord", "--data-dir", "data", "--events",
         "tcp://0.0.0.0:0", "--state", "tcp://0.0.0.0:0"],
        cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=20,
    )  # fmt: skip
    assert done.returncode == 1
    assert "server.key can be read by others (mode 0644)" in done.stderr
    assert "chmod 600" in done.stderr


def test_plaintext_for_everybody_is_said_aloud(tmp_path: Path) -> None:
    with start_collector(
        tmp_path,
        "--events",
        "tcp://0.0.0.0:0",
        env={"HEALTH_COLLECTORD_ALLOW_REMOTE_PLAINTEXT": "1"},
    ) as process:
        assert "is open to everybody who can reach it, and not encrypted" in process.stderr
        assert not (tmp_path / "data/keys").exists()


def test_an_address_that_others_reach_asks_for_keys_by_itself(tmp_path: Path, listen: Any) -> None:
    with start_collector(
        tmp_path, "--events", "tcp://0.0.0.0:0", "--state", "tcp://127.0.0.1:0"
    ) as process:
        here = process.events.replace("0.0.0.0", "127.0.0.1")
        plain = Invitation(
            name="x", events=here, state=process.state, server_key="", client_secret=""
        )
        assert not listen(plain, None).hears(QUIET)
        with pytest.raises(CollectorTimeout), CollectorClient(here, process.state) as client:
            client.request("ping", timeout=QUIET)


def test_over_a_network_two_hosts_are_paired_with_one_text(tmp_path: Path) -> None:
    """With real addresses, and nothing in the configuration but those."""
    with two_hosts() as network:
        where = ["--events", "tcp://0.0.0.0:8087", "--state", "tcp://0.0.0.0:8088"]
        module = [*network.collector, sys.executable, "-m", "health_collectord"]
        own = ["--data-dir", str(tmp_path / "data"), *where]
        (tmp_path / "none.toml").touch()
        config = ["--config", str(tmp_path / "none.toml")]

        def run(*words: str) -> str:
            return subprocess.run(
                words, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, text=True,
                timeout=30, check=True,
            ).stdout  # fmt: skip

        with running([*module, *own, *config], tmp_path):
            token = run(*module, "invite", "web", "--address", COLLECTOR, *own, *config)
            listen = [*network.listener, sys.executable, "-m", "tests.process.listening"]
            assert run(*listen, token, "right") == "live\n"
            assert run(*listen, token, "plain").startswith("the collector asks for keys")
            assert run(*listen, token, "unknown").startswith("the collector does not allow")
            run(*module, "revoke", "web", *own, *config)
            assert run(*listen, token, "right").startswith("the collector does not allow")
