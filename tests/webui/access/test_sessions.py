"""The sessions that a password opens."""

import os
import string
from pathlib import Path

import pytest
from health_webui.access.password import PasswordFile
from health_webui.access.sessions import Sessions


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


def test_another_password_ends_all_sessions(tmp_path: Path) -> None:
    own = PasswordFile(tmp_path / "password")
    own.set("first")
    sessions = Sessions(own)
    cookie = sessions.begin()
    own.set("second")
    os.utime(own.path, ns=(1, 1))  # whatever the file system's clock can tell apart
    assert not sessions.valid(cookie)
