"""Following: what add, remove and list keep, and what a running process makes of it."""

import json
import signal
import stat
import subprocess
import sys
from html import unescape
from pathlib import Path

import pytest
from health_webui import cli
from health_webui.config import Endpoints
from health_webui.following.collectors import Source, Store, to_follow
from health_wire.keys import InvalidKey, Invitation, KeyPair

from tests.running import Running, as_nobody, environment, start_collector, start_webui, wait_for
from tests.webui.asking import HANDSHAKE, UPGRADE, Client, frame
from tests.webui.sample import config

pytestmark = pytest.mark.slow

PLACE = Endpoints("tcp://192.0.2.1:8087", "tcp://192.0.2.1:8088")


def invitation(name: str = "pi 4", place: Endpoints = PLACE) -> Invitation:
    server, client = KeyPair.generate(), KeyPair.generate()
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
    assert run(tmp_path, "add", "-", stdin=f"  {given.encode()}\n") == (
        0,
        "pi-4 is followed from now on (tcp://192.0.2.1:8087).\n",
    )
    (file,) = (tmp_path / "data/collectors").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    (source,) = to_follow(config(data_dir=str(tmp_path / "data")))
    assert source == Source(PLACE, given.keys, "pi-4")
    assert not source.plaintext
    assert run(tmp_path, "list")[1].split() == ["pi-4", "keys", str(PLACE)]
    assert given.client_secret not in run(tmp_path, "list")[1]
    assert run(tmp_path, "remove", "pi-4")[0] == 0
    assert not file.exists()


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("add", "nonsense"), "not an invitation"),
        (("add", "hc1-AAAA"), "damaged"),
        (("add", "http://a,http://b"), "expected a pair of ZeroMQ endpoints"),
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


def test_without_any_it_is_this_hosts_own(tmp_path: Path) -> None:
    given = {"data_dir": str(tmp_path)}
    assert to_follow(config(**given)) == [Source(Endpoints())]
    assert to_follow(config(**given, collector=[str(PLACE)])) == [Source(PLACE)]
    added = Store(tmp_path / "collectors").add(invitation().encode(), "x")
    assert to_follow(config(**given)) == [added]
    assert to_follow(config(**given, collector=[str(PLACE)])) == [added], "once, with its keys"


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


def command(tmp_path: Path, collector: Running, *words: str) -> str:
    """What a collector's command prints, of one that asks for keys."""
    where = ("--events", collector.events, "--state", collector.state)
    files = ("--data-dir", str(tmp_path / "data"), "--config", "none.toml")
    return subprocess.run(
        [sys.executable, "-m", "health_collectord", *words, *where, *files],
        cwd=tmp_path, env=environment({"HEALTH_COLLECTORD_REQUIRE_KEYS": "true"}),
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


def test_sighup_reads_the_configuration_anew(tmp_path: Path) -> None:
    file = tmp_path / "webui.toml"
    with start_webui(tmp_path) as webui:
        hosts = lambda: Client(webui.url).ask("/").body.count(b'href="host/')  # noqa: E731
        file.write_text('collector = ["ipc:///x,ipc:///y", "ipc:///u,ipc:///v"]\n')
        webui.send(signal.SIGHUP)
        wait_for(lambda: hosts() == 2)
        file.write_text("collector = 1\n")
        webui.send(signal.SIGHUP)
        wait_for(lambda: "nothing has changed" in webui.stderr)
        assert hosts() == 2


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
                heard += websocket.recv(65536)
        assert sum(epoch.encode() in heard for epoch in epochs) == 1
