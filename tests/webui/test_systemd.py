import pytest
from health_webui.systemd import StatusLine, notifier


def test_without_systemd_there_is_nobody_to_tell(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert notifier() is None
    now = [0.0]
    status = StatusLine(notifier(), lambda: now[0])
    for _ in range(20):
        now[0] += 1.0
        status.tell(1, 1)
    assert caplog.text == ""


def test_it_is_told_when_it_changes_and_logged_once_it_has_held(
    caplog: pytest.LogCaptureFixture,
) -> None:
    told: list[str] = []
    now = [0.0]
    status = StatusLine(told.append, lambda: now[0])

    def hold(hosts: int, live: int, seconds: int) -> None:
        for _ in range(seconds):
            now[0] += 1.0
            status.tell(hosts, live)

    hold(1, 0, 2)
    hold(1, 1, 10)
    hold(3, 2, 1)
    hold(1, 1, 10)
    hold(3, 3, 10)
    assert told == [
        "STATUS=following 1 host, 0 live",
        "STATUS=following 1 host, 1 live",
        "STATUS=following 3 hosts, 2 live",
        "STATUS=following 1 host, 1 live",
        "STATUS=following 3 hosts, 3 live",
    ]
    assert [record.getMessage() for record in caplog.records] == [
        "following 1 host, 1 live",
        "following 3 hosts, 3 live",
    ]
