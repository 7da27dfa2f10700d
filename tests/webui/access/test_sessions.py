"""The sessions that a password opens."""

import os
import stat
import string
from pathlib import Path

import pytest
from health_webui.access.password import PasswordFile
from health_webui.access.sessions import Ended, Sessions


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> PasswordFile:
    made = PasswordFile(tmp_path_factory.mktemp("state") / "password")
    made.set("correct horse")
    return made


def test_a_session_is_known_until_it_ends(file: PasswordFile) -> None:
    sessions = Sessions(file)
    cookie = sessions.begin()
    assert sessions.valid(cookie)
    assert not sessions.valid(("a" if cookie[0] != "a" else "b") + cookie[1:])
    assert not sessions.valid(None)
    assert Sessions(file).valid(cookie), "it outlives a restart"
    sessions.end(cookie)
    assert not sessions.valid(cookie)


def test_a_session_that_has_ended_is_not_known_in_another_spelling(file: PasswordFile) -> None:
    sessions = Sessions(file)
    cookie = sessions.begin()
    letters = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
    last = letters.index(cookie[-1])  # 32 bytes are 43 letters: two bits of the last are spare
    spellings = [cookie[:-1] + letters[last - last % 4 + spare] for spare in range(4)]
    assert all(map(sessions.valid, spellings))
    sessions.end(spellings[0])
    assert not any(map(sessions.valid, spellings))


def test_a_logout_outlives_a_restart_and_holds_in_other_processes(tmp_path: Path) -> None:
    own = PasswordFile(tmp_path / "password")
    own.set("first")
    one, other = Sessions(own), Sessions(own)
    cookies = [one.begin() for _ in range(3)]
    one.end(cookies[0])
    other.end(cookies[1])
    assert [Sessions(own).valid(cookie) for cookie in cookies] == [False, False, True]
    (kept,) = tmp_path.glob("ended*")
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert cookies[0].split(".")[0] in kept.read_text()
    assert not Sessions(own).valid(cookies[0]), "read, not written"


def test_what_has_ended_by_itself_need_not_be_remembered(tmp_path: Path) -> None:
    now = [1000.0]
    ended = Ended(tmp_path / "ended", lambda: now[0])
    ended.add("a" * 32, 1500)
    now[0] = 1499.0
    ended.add("b" * 32, 3000)
    assert "a" * 32 in Ended(tmp_path / "ended")
    now[0] = 1500.0
    for number in range(1001):
        ended.add(f"{number:032}", 2000 + number)
    kept = Ended(tmp_path / "ended")
    assert len((tmp_path / "ended").read_text().splitlines()) == 1000
    assert "a" * 32 not in kept
    assert "b" * 32 in kept, "whose time is furthest off goes last"


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe", b"x\n1 2 3\n\nab \xc2\xb2\n", b"a 1" * 99_999]
)
def test_a_damaged_file_of_ended_sessions_shuts_nobody_out(
    file: PasswordFile, content: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    own = PasswordFile(tmp_path / "password")
    own.set("first")
    (tmp_path / "ended-sessions").write_bytes(content)
    (tmp_path / "ended-sessions").chmod(0o600)
    sessions = Sessions(own)
    cookie = sessions.begin()
    assert sessions.valid(cookie)
    assert ("damaged" in caplog.text) is (content[:1] == b"\xff")
    sessions.end(cookie)
    assert not sessions.valid(cookie)
    assert not Sessions(own).valid(cookie)


def test_a_logout_that_cannot_be_kept_counts_all_the_same_and_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    own = PasswordFile(tmp_path / "password")
    own.set("first")
    sessions = Sessions(own)
    cookie = sessions.begin()
    (tmp_path / "ended-sessions").mkdir()
    sessions.end(cookie)
    assert not sessions.valid(cookie)
    assert "a logout does not outlive a restart" in caplog.text


def test_another_password_ends_all_sessions(tmp_path: Path) -> None:
    own = PasswordFile(tmp_path / "password")
    own.set("first")
    sessions = Sessions(own)
    cookie = sessions.begin()
    own.set("second")
    os.utime(own.path, ns=(1, 1))  # whatever the file system's clock can tell apart
    assert not sessions.valid(cookie)
