"""What systemd is told (man 3 sd_notify)."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from health_collectord.runtime.systemd import Notifier


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(path))
        listener.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", str(path))
        yield listener


def test_tells_systemd(systemd: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "15000000")
    notifier = Notifier()
    assert notifier.active
    assert notifier.watchdog_seconds == 15.0
    notifier.ready()
    notifier.alive()
    notifier.status("all is well")
    notifier.reloading()
    notifier.stopping()
    notifier._notify.__self__.socket.close()  # which only the process's end does otherwise
    said = [systemd.recv(500).decode() for _ in range(5)]
    reloading, _, stamp = said.pop(3).partition("\nMONOTONIC_USEC=")
    assert said == ["READY=1", "WATCHDOG=1", "STATUS=all is well", "STOPPING=1"]
    assert reloading == "RELOADING=1"
    assert int(stamp) > 0


@pytest.mark.parametrize("watchdog", ["", "0", "nonsense", "-1"])
def test_without_a_watchdog_it_is_half_a_minute(
    monkeypatch: pytest.MonkeyPatch, watchdog: str
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", watchdog)
    assert Notifier().watchdog_seconds == 30.0


def test_is_silent_where_there_is_no_systemd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notifier = Notifier()
    assert not notifier.active
    notifier.ready()
    notifier.stopping()
