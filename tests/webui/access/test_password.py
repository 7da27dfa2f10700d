"""The password's file, and how often it may be tried."""

import stat
from pathlib import Path

import pytest
from health_webui.access.password import MAX_PASSWORD, PasswordFile, Throttle
from health_wire.keys import InvalidKey


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> PasswordFile:
    made = PasswordFile(tmp_path_factory.mktemp("state") / "webui" / "password")
    made.set("correct horse é")
    return made


def test_only_the_password_matches(file: PasswordFile) -> None:
    assert file.matches("correct horse é")
    assert file.matches("correct horse e\u0301")  # the same letter, typed on another keyboard
    assert not file.matches("correct horse")
    assert not file.matches("")
    assert not file.matches("x" * (MAX_PASSWORD + 1))


def test_the_file_holds_no_password_and_is_private(file: PasswordFile) -> None:
    assert "correct" not in file.path.read_text()
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600


def test_no_file_is_no_password(tmp_path: Path) -> None:
    nothing = PasswordFile(tmp_path / "password")
    assert nothing.record() is None
    assert not nothing.matches("")


def test_a_readable_file_is_refused(tmp_path: Path, file: PasswordFile) -> None:
    copy = tmp_path / "password"
    copy.write_text(file.path.read_text())
    copy.chmod(0o644)
    with pytest.raises(InvalidKey, match="password"):
        PasswordFile(copy).record()


@pytest.mark.parametrize("text", ["", "scrypt", "scrypt:a:8:1:00:00", "md5:1:1:1:00:00", "s:1:2"])
def test_a_file_of_something_else_lets_nobody_in(tmp_path: Path, text: str) -> None:
    garbage = tmp_path / "password"
    garbage.write_text(text)
    garbage.chmod(0o600)
    assert not PasswordFile(garbage).matches("")


def test_tries_are_counted_per_address() -> None:
    now = [0.0]
    throttle = Throttle(lambda: now[0])
    waits = [throttle.take("192.0.2.1") for _ in range(Throttle.BURST + 1)]
    assert waits[:-1] == [0.0] * Throttle.BURST
    assert 0 < waits[-1] <= Throttle.REFILL_SECONDS
    assert throttle.take("192.0.2.2") == 0.0
    now[0] += waits[-1] + 0.001
    assert throttle.take("192.0.2.1") == 0.0
    throttle.forget("192.0.2.1")
    assert throttle.take("192.0.2.1") == 0.0


def test_one_machines_ipv6_addresses_are_one() -> None:
    throttle = Throttle(lambda: 0.0)
    for i in range(Throttle.BURST):
        assert throttle.take(f"2001:db8::{i:x}") == 0.0
    assert throttle.take("2001:db8::ffff") > 0
    assert throttle.take("2001:db8:0:1::1") == 0.0


def test_addresses_are_not_remembered_without_bound() -> None:
    throttle = Throttle(lambda: 0.0)
    for i in range(20_000):
        throttle.take(f"198.51.{i // 250}.{i % 250}")
    assert len(throttle) <= 10_000
