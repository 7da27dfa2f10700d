"""Following: what add, remove and list keep, and what a running process makes of it."""

import json
import os
import socket
import stat
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest
from health_webui import cli
from health_webui.config import Endpoints
from health_webui.following.collectors import Source, Store, to_follow
from health_wire.keys import InvalidKey, Invitation, KeyPair
from health_wire.version import VERSION

from tests.running import Running, as_nobody, environment, start_collector, start_webui, wait_for
from tests.webui.asking import HANDSHAKE, UPGRADE, Client, frame
from tests.webui.sample import config

pytestmark = pytest.mark.slow

PLACE = Endpoints("tcp://127.0.0.1:1", "tcp://127.0.0.1:2")  # where nothing listens
AWAY = Endpoints("tcp://192.0.2.1:8087", "tcp://192.0.2.1:8088")


def invitation(
    name: str = "pi 4", place: Endpoints = PLACE, server: KeyPair | None = None
) -> Invitation:
    server, client = server or KeyPair.generate(), KeyPair.generate()
    return Invitation(
        name=name,
        events=place.events,
        state=place.state,
        server_key=server.public,
        client_secret=client.secret,
    )


def run(tmp_path: Path, *args: str, stdin: str = "") -> tuple[int, str]:
    """Exit status, and all that was said."""
    (tmp_path / "none.toml").touch()
    command, *rest = args
    done = subprocess.run(
        [sys.executable, "-m", "health_webui", command, "--config", str(tmp_path / "none.toml"),
         "--data-dir", str(tmp_path / "data"), *rest],
        env=environment(), input=stdin, capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def test_an_invitation_is_kept_where_nobody_else_can_read_it(tmp_path: Path) -> None:
    given = invitation()
    status, said = run(tmp_path, "add", "-", stdin=f"  {given.encode()}\n")
    assert status == 0
    assert said.startswith("pi-4 is followed from now on (tcp://127.0.0.1:1).\nIt does not answer")
    (file,) = (tmp_path / "data/collectors").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    (source,) = to_follow(config(data_dir=str(tmp_path / "data"), local=False))
    assert source == Source(PLACE, given.keys, "pi-4")
    assert not source.plaintext
    listed = [line.split() for line in run(tmp_path, "list")[1].splitlines()]
    assert listed == [["pi-4", "keys", str(PLACE)], ["(this", "host)", "plain", str(Endpoints())]]
    assert given.client_secret not in run(tmp_path, "list")[1]
    assert run(tmp_path, "remove", "pi-4")[0] == 0
    assert not file.exists()


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("add", "nonsense"), "not an invitation"),
        (("add", "hc1-AAAA"), "damaged"),
        (("add", "http://a,http://b"), "expected tcp:// or ipc://, got 'http://a'"),
        (("add", "pi:8087,pi:8088"), "with its scheme, such as tcp://pi:8087"),
        (("add", "ipc://a,ipc://b", "--name", "../../x"), "is no name"),
        (("remove", "nobody"), "no collector of the name 'nobody'"),
        (("remove", "../password"), "is no name"),
    ],
)
def test_what_cannot_be_kept_is_one_line_and_status_1(
    tmp_path: Path, args: tuple[str, ...], said: str
) -> None:
    status, output = run(tmp_path, *args)
    assert (status, output.count("\n")) == (1, 1)
    assert said in output


def test_who_may_not_look_is_told_so_instead_of_another_list(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, "add", invitation().encode())[0] == 0
    (tmp_path / "data").chmod(0o700)
    with as_nobody(tmp_path / "data"):
        status = cli.main(["list", "--config", "/dev/null", "--data-dir", str(tmp_path / "data")])
    said = capsys.readouterr()
    assert (status, said.out) == (1, "")
    assert said.err == (
        f"health-webui: {tmp_path}/data/collectors: Permission denied; run this as root or its "
        "owner\n"
    )


def test_a_name_is_one_collectors_and_a_collector_has_one_name(tmp_path: Path) -> None:
    store = Store(tmp_path / "collectors")
    store.add(invitation().encode(), None)
    again = invitation()
    assert store.add(again.encode(), None).keys == again.keys, "invited anew: the new key holds"
    assert store.read("pi-4").keys == again.keys
    other = Endpoints("ipc:///a", "ipc:///b")
    with pytest.raises(InvalidKey, match="another collector's name"):
        store.add(invitation(place=other).encode(), None)
    with pytest.raises(InvalidKey, match="already, as 'pi-4'"):
        store.add(invitation().encode(), "second")
    assert store.add(str(other), "second") == Source(other, None, "second")
    assert store.names() == ["pi-4", "second"]


def test_a_corrected_invitation_of_the_same_collector_replaces_the_old_one(tmp_path: Path) -> None:
    store, server = Store(tmp_path / "collectors"), KeyPair.generate()
    store.add(invitation("unreachable", server=server).encode(), None)
    other = Endpoints("tcp://127.0.0.1:5", "tcp://127.0.0.1:6")
    better = invitation("renamed", place=other, server=server)
    assert store.add(better.encode(), None) == Source(other, better.keys, "unreachable")
    assert store.names() == ["unreachable"], "it keeps its name here"
    store.add(invitation("x", place=other, server=server).encode(), "chosen")
    assert store.names() == ["chosen"], "unless another is chosen"
    store.add(invitation("neighbour").encode(), None)
    with pytest.raises(InvalidKey, match="another collector's name"):
        store.add(invitation("x", place=other, server=server).encode(), "neighbour")
    assert store.names() == ["chosen", "neighbour"]


def test_what_others_can_read_is_in_nobodys_way(tmp_path: Path) -> None:
    store = Store(tmp_path / "collectors")
    store.add(invitation("old").encode(), None)
    (tmp_path / "collectors/old.collector").chmod(0o644)
    (tmp_path / "collectors/.old.collector.draft").touch()
    (tmp_path / "collectors/notes.txt").touch()
    store.add(invitation("new", place=AWAY).encode(), None)
    assert [source.label for source in store.all()] == ["new"]


def test_a_key_that_others_can_read_is_not_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = Store(tmp_path / "collectors")
    store.add(invitation().encode(), "open")
    (tmp_path / "collectors/open.collector").chmod(0o640)
    assert store.all() == []
    assert "can be read by others" in caplog.text


@pytest.mark.parametrize(
    ("events", "plaintext"),
    [
        ("tcp://127.0.0.1:1", False),
        ("tcp://[::1]:1", False),
        ("tcp://localhost:1", False),
        ("ipc:///run/x", False),
        ("tcp://192.0.2.1:1", True),
        ("tcp://pi.example:1", True),
    ],
)
def test_which_links_others_can_listen_on(events: str, plaintext: bool) -> None:
    assert Source(Endpoints(events, "ipc:///run/y")).plaintext is plaintext


LOCAL = Source(Endpoints(), local=True)


def test_this_hosts_own_is_followed_beside_the_others_unless_it_is_switched_off(
    tmp_path: Path,
) -> None:
    given = {"data_dir": str(tmp_path)}
    assert to_follow(config(**given)) == [LOCAL]
    assert to_follow(config(**given, collector=[str(PLACE)])) == [Source(PLACE), LOCAL]
    added = Store(tmp_path / "collectors").add(invitation().encode(), "x")
    assert to_follow(config(**given)) == [added, LOCAL]
    both = config(**given, collector=[str(PLACE)])
    assert to_follow(both) == [added, LOCAL], "once, with its keys"
    assert to_follow(config(**given, local=False)) == [added]
    Store(tmp_path / "collectors").remove("x")
    assert to_follow(config(**given, local=False)) == []


@pytest.mark.parametrize(
    ("host", "is_own"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("[::1]", True),
        ("localhost", True),
        (socket.gethostname(), True),
        (f"{socket.gethostname()}.local", True),
        ("192.0.2.1", False),
        ("[2001:db8::1]", False),
        ("pi.example", False),
    ],
)
def test_this_hosts_own_is_not_followed_twice(tmp_path: Path, host: str, is_own: bool) -> None:
    place = f"tcp://{host}:8087,tcp://{host}:8088"
    given = to_follow(config(data_dir=str(tmp_path), collector=[place]))
    assert [source.local for source in given] == [False] + [True] * (not is_own)
    elsewhere = f"tcp://{host}:18087,tcp://{host}:18088"
    given = to_follow(config(data_dir=str(tmp_path), collector=[elsewhere]))
    assert [source.local for source in given] == [False, True]


def test_no_invitation_is_asked_for_rather_than_shown_to_everybody(tmp_path: Path) -> None:
    given = invitation()
    assert run(tmp_path, "add", stdin=f"{given.encode()}\n")[0] == 0
    assert Store(tmp_path / "data/collectors").read("pi-4").keys == given.keys
    status, said = run(tmp_path, "add")
    assert (status, said.count("\n")) == (1, 1)
    assert "no invitation was given" in said
    here, there = os.openpty()
    config_file, data = str(tmp_path / "none.toml"), str(tmp_path / "second")
    with subprocess.Popen(
        [sys.executable, "-m", "health_webui", "add", "--config", config_file, "--data-dir", data],
        env=environment(), stdin=there, stdout=there, stderr=there, start_new_session=True,
    ) as asked:  # fmt: skip
        os.close(there)
        shown = b""
        while b"and Enter: " not in shown:
            shown += os.read(here, 4096)
        os.write(here, f"{given.encode()}\n".encode())
        with suppress(OSError):  # the end of a terminal's other side
            while part := os.read(here, 4096):
                shown += part
        os.close(here)
        assert asked.wait(20) == 0
    assert b"pi-4 is followed from now on" in shown
    assert given.encode().encode() not in shown
    assert Store(tmp_path / "second/collectors").read("pi-4").keys == given.keys


def test_what_may_not_be_read_is_not_listed_wrongly(tmp_path: Path) -> None:
    run(tmp_path, "add", invitation().encode())
    (tmp_path / "data/collectors").rename(tmp_path / "data/elsewhere")
    (tmp_path / "data/collectors").touch()  # what root, who runs this, may not list either
    status, said = run(tmp_path, "list")
    assert (status, said.count("\n")) == (1, 1)
    assert "data/collectors: Not a directory" in said


def test_a_running_process_follows_what_is_added_until_it_is_removed(tmp_path: Path) -> None:
    data = ("--data-dir", str(tmp_path / "data"))
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with (
        start_collector(tmp_path / "a", "--host-id", "alpha", transport="ipc") as alpha,
        start_collector(tmp_path / "b", "--host-id", "beta", transport="ipc") as beta,
        start_webui(tmp_path, alpha, args=data) as webui,
    ):
        page = lambda: Client(webui.url).ask("/").body.decode()  # noqa: E731
        wait_for(lambda: ">alpha</span>" in page())
        assert run(tmp_path, "add", f"{beta.events},{beta.state}", "--name", "second")[0] == 0
        wait_for(lambda: ">alpha</a>" in page() and ">beta</a>" in page())
        assert page().count('data-label="Last seen"><span>now<') == 2
        assert run(tmp_path, "remove", "second")[0] == 0
        wait_for(lambda: "beta" not in page())
        lines = webui.stderr.splitlines()
        assert [line.split(": ")[1] for line in lines if "health-webui" in line] == [
            "second is followed from now on",
            "beta is not followed any more",
        ]


def test_add_finds_out_by_which_of_its_addresses_a_collector_answers(tmp_path: Path) -> None:
    """First a name that leads nowhere, then where it is."""
    port = lambda endpoint: endpoint.rpartition(":")[2]  # noqa: E731
    data = ("--data-dir", str(tmp_path / "data"))
    with start_collector(tmp_path, env=KEYED) as collector:
        token = command(tmp_path, collector, "invite", "web")
        places = [f"tcp://nowhere.invalid:{port(e)}" for e in (collector.events, collector.state)]
        moved = replace(
            Invitation.decode(token), events=places[0], state=places[1],
            addresses=("127.0.0.1",),
        )  # fmt: skip
        with start_webui(tmp_path, args=(*data, "--no-local")) as webui:
            page = lambda: unescape(Client(webui.url).ask("/").body.decode())  # noqa: E731
            # As an older program stores it, which did not try: the process finds out by itself.
            Store(tmp_path / "data/collectors").add(moved.encode(), None)
            wait_for(lambda: 'data-link="live"' in page(), timeout=30)
            assert run(tmp_path, "add", stdin=moved.encode()) == (
                0,
                f"alpha is followed from now on ({collector.events}).\n"
                f"It answers: host alpha, version {VERSION}.\n",
            )
            kept = Store(tmp_path / "data/collectors").read("alpha")
            assert kept.endpoints == Endpoints(collector.events, collector.state)
            assert len(kept.places) == 2
            wait_for(lambda: 'data-link="live"' in page())
        command(tmp_path, collector, "revoke", "web")
        said = run(tmp_path, "add", stdin=token)[1]
        assert "It does not answer yet" in said
        assert "the collector does not allow this key: `health-collectord invite` there" in said
        said = run(tmp_path, "add", f"{collector.events},{collector.state}", "--name", "p")[1]
        assert "followed already, as 'alpha'" in said


def test_a_name_that_leads_nowhere_is_told_with_the_remedy(tmp_path: Path) -> None:
    nowhere = "tcp://nowhere.invalid:8087,tcp://nowhere.invalid:8088"
    said = run(tmp_path, "add", nowhere)[1]
    assert "the name nowhere.invalid leads nowhere" in said
    assert "invite NAME --replace --address ADDRESS" in said
    with start_webui(tmp_path, args=("--data-dir", str(tmp_path / "data"), "--no-local")) as webui:
        page = lambda: Client(webui.url).ask("/").body.decode()  # noqa: E731
        wait_for(lambda: "The name nowhere.invalid leads nowhere: the machine" in page())
        assert 'data-cause="unresolved"' in page()


KEYED = {"HEALTH_COLLECTORD_REQUIRE_KEYS": "true", "HEALTH_COLLECTORD_HOST_ID": "alpha"}


def command(tmp_path: Path, collector: Running, *words: str) -> str:
    """What a collector's command prints, of one that asks for keys."""
    where = ("--events", collector.events, "--state", collector.state)
    files = ("--data-dir", str(tmp_path / "data"), "--config", "none.toml")
    return subprocess.run(
        [sys.executable, "-m", "health_collectord", *words, *where, *files],
        cwd=tmp_path, env=environment(KEYED),
        capture_output=True, text=True, timeout=20, check=True,
    ).stdout  # fmt: skip


def test_a_collector_that_refuses_is_named_with_the_remedy(tmp_path: Path) -> None:
    data = ("--data-dir", str(tmp_path / "data"))
    with (
        start_collector(tmp_path, env={"HEALTH_COLLECTORD_REQUIRE_KEYS": "true"}) as collector,
        start_webui(tmp_path, collector, args=data) as webui,
    ):
        page = lambda: unescape(Client(webui.url).ask("/").body.decode())  # noqa: E731
        wait_for(lambda: "Refused: the collector asks for keys: `health-collectord inv" in page())
        assert "<title>Unknown: refused by its collector" in page()
        stranger = invitation("alpha", Endpoints(collector.events, collector.state))
        assert run(tmp_path, "add", stranger.encode())[0] == 0
        wait_for(lambda: "Refused: the collector has a new key: `health-collectord" in page())
        token = command(tmp_path, collector, "invite", "web")
        assert run(tmp_path, "add", token, "--name", "alpha")[0] == 0
        wait_for(lambda: 'data-link="live"' in page())
        assert "Refused" not in page()
        # Seen, and now refused: that is more than to be stale.
        command(tmp_path, collector, "revoke", "web")
        wait_for(lambda: "Refused: the collector does not allow this key: `health-coll" in page())
        assert "<title>Unknown: refused by its collector" in page()
        wait_for(lambda: 'data-link="stale"' in page())
        assert "<title>Unknown: refused by its collector" in page()
        assert 'data-cause="refused"' in page()


def test_hosts_that_share_a_host_id_are_told_apart_and_reported(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with (
        start_collector(tmp_path / "a", "--host-id", "twin", transport="ipc") as one,
        start_collector(tmp_path / "b", "--host-id", "twin", transport="ipc") as two,
        start_webui(tmp_path, one, two) as webui,
    ):
        client = Client(webui.url)
        page = lambda: client.ask("/").body.decode()  # noqa: E731
        wait_for(lambda: page().count("2 collectors call themselves twin") == 2)
        assert f"twin ({one.events})" in page()
        assert f"twin ({two.events})" in page()
        assert client.ask("/host/twin").status == 404, "which of them?"
        key = page().split('href="host/')[1].split('"')[0]
        epochs = {c.request("ping")["epoch"] for c in (one, two)}
        head, websocket = client.open(HANDSHAKE, UPGRADE)
        with websocket:
            assert head.status == 101
            websocket.sendall(frame(b"40") + frame(b"420" + json.dumps(["follow", key]).encode()))
            heard = b""
            while heard.count(b'42["frame"') < 3:
                part = websocket.recv(65536)
                assert part, "cut off"
                heard += part
        assert sum(epoch.encode() in heard for epoch in epochs) == 1
