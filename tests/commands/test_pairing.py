"""What can be invited, and where to: without a collector."""

from pathlib import Path
from socket import AF_INET, AF_INET6
from types import SimpleNamespace
from typing import Any

import pytest
from health_collectord import cli
from health_collectord.commands import pairing
from health_wire import Invitation

from tests.running import as_nobody

REMOTE = ("--events", "tcp://192.0.2.7:8087", "--state", "tcp://192.0.2.7:8088")


@pytest.fixture(autouse=True)
def _apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "config.toml"
    config.touch()
    monkeypatch.setenv("HEALTH_COLLECTORD_CONFIG", str(config))
    monkeypatch.setenv("HEALTH_COLLECTORD_HOST_ID", "pi4")
    monkeypatch.chdir(tmp_path)


def invited(capsys: Any, *words: str) -> Invitation:
    assert cli.main(["invite", "web", *words]) == 0
    out, err = capsys.readouterr()
    assert len(out.split()) == 1
    invitation = Invitation.decode(out)
    assert invitation.client_secret not in err
    return invitation


def refused(capsys: Any, *words: str) -> str:
    assert cli.main(list(words)) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    return str(err)


def test_an_invitation_leads_to_where_the_collector_listens(capsys: Any) -> None:
    invitation = invited(capsys, *REMOTE)
    assert invitation.name == "pi4"
    assert (invitation.events, invitation.state) == (REMOTE[1], REMOTE[3])


@pytest.mark.parametrize("anywhere", ["0.0.0.0", "*", "[::]"])
def test_or_to_an_address_that_is_given(capsys: Any, anywhere: str) -> None:
    where = ("--events", f"tcp://{anywhere}:87", "--state", f"tcp://{anywhere}:88")
    assert invited(capsys, *where, "--address", "pi4.local").events == "tcp://pi4.local:87"
    given = invited(capsys, *where, "--address", "fd00::1", "--replace")
    assert given.state == "tcp://[fd00::1]:88"
    own = invited(capsys, *where, "--replace").events
    assert own.endswith(":87")
    assert anywhere not in own


def test_all_addresses_of_this_host_are_told_the_likeliest_first(
    capsys: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def told(family: int, *addresses: str) -> list[Any]:
        return [SimpleNamespace(family=family, address=address) for address in addresses]

    (tmp_path / "sys/class/net/eth0/device").mkdir(parents=True)
    monkeypatch.setenv("HEALTH_COLLECTORD_SYSFS", str(tmp_path / "sys"))
    monkeypatch.setattr(pairing, "_own_address", lambda: "192.0.2.7")
    monkeypatch.setattr(
        "psutil.net_if_addrs",
        lambda: {
            "lo": told(AF_INET, "127.0.0.1") + told(AF_INET6, "::1"),
            "docker0": told(AF_INET, "172.17.0.1"),
            "eth0": told(AF_INET, "192.0.2.7", "198.51.100.7", "169.254.3.4")
            + told(AF_INET6, "2001:db8::7", "fe80::7%eth0")
            + told(17, "02:00:00:00:00:01"),
        },
    )
    where = ("--events", "tcp://0.0.0.0:87", "--state", "tcp://0.0.0.0:88", "--replace")
    invitation = invited(capsys, *where)
    assert invitation.events == "tcp://192.0.2.7:87"
    assert invitation.addresses == ("198.51.100.7", "172.17.0.1")
    both = ("--events", "tcp://[::]:87", "--state", "tcp://[::]:88", "--replace")
    assert invited(capsys, *both).addresses == ("198.51.100.7", "[2001:db8::7]", "172.17.0.1")
    assert invited(capsys, *where, "--address", "pi4").addresses == ()
    assert invited(capsys, *REMOTE, "--replace").addresses == ()


def test_what_nobody_else_reaches_needs_no_invitation(capsys: Any, tmp_path: Path) -> None:
    text = refused(capsys, "invite", "web")
    assert "cannot be reached from other machines" in text
    assert (
        'write events = "tcp://0.0.0.0:8087" above the first table ([...]) of '
        f"{tmp_path}/config.toml, and restart"
    ) in text


def test_nor_does_what_is_open_to_everybody(capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEALTH_COLLECTORD_ALLOW_REMOTE_PLAINTEXT", "true")
    text = refused(capsys, "invite", "web", *REMOTE)
    assert "take allow_remote_plaintext out of HEALTH_COLLECTORD_ALLOW_REMOTE_PLAINTEXT" in text


def test_a_port_that_changes_cannot_be_told(capsys: Any) -> None:
    where = ("--events", "tcp://0.0.0.0:0", "--state", "tcp://0.0.0.0:0")
    assert "another port at each start" in refused(capsys, "invite", "web", *where)


def test_names_are_checked(capsys: Any) -> None:
    assert "is no name" in refused(capsys, "invite", "../web", *REMOTE)
    assert "is no name" in refused(capsys, "revoke", "../web")
    invited(capsys, *REMOTE)
    assert "web is invited already" in refused(capsys, "invite", "web", *REMOTE)


def test_who_is_invited_is_listed_until_revoked(capsys: Any) -> None:
    invitation = invited(capsys, *REMOTE)
    assert cli.main(["clients"]) == 0
    assert invitation.keys.public in capsys.readouterr().out
    assert cli.main(["rotate-key"]) == 0
    assert capsys.readouterr().out == "health-collectord invite web --replace\n"
    assert cli.main(["revoke", "web"]) == 0
    capsys.readouterr()
    assert cli.main(["clients"]) == 0
    assert capsys.readouterr().out == ""
    assert "there is no client web" in refused(capsys, "revoke", "web")


def test_who_may_not_look_is_told_so_instead_of_another_list(capsys: Any, tmp_path: Path) -> None:
    invited(capsys, *REMOTE)
    with as_nobody(tmp_path):
        said = refused(capsys, "clients", "--config", "/dev/null", "--data-dir", f"{tmp_path}/data")
    assert said.endswith("Permission denied; run this as root or its owner\n")


def test_where_it_was_looked_is_said(capsys: Any, tmp_path: Path) -> None:
    assert cli.main(["clients", "--keys-dir", f"{tmp_path}/x"]) == 0
    assert capsys.readouterr().err == f"No client is invited ({tmp_path}/x).\n"


def test_commands_of_this_host_say_what_they_lack(capsys: Any) -> None:
    assert cli.main(["status", *REMOTE]) == 3  # unknown, to a monitoring system
    assert "has the collector started" in capsys.readouterr().out
    assert "has the collector started" in refused(capsys, "watch", *REMOTE)
