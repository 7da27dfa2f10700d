"""How often the password may be tried, and what a program pays that gives it each time."""

from pathlib import Path

import gevent
import pytest
from health_webui.access.password import PasswordFile, Throttle
from health_webui.access.tries import TooManyTries, Tries, basic_password

HERE = "192.0.2.1"


class Counting(PasswordFile):
    """Counts how often it was compared."""

    compared = 0

    def matches(self, password: str) -> bool:
        self.compared += 1
        return super().matches(password)


@pytest.fixture
def file(tmp_path: Path) -> Counting:
    made = Counting(tmp_path / "password")
    made.set("right")
    return made


def test_the_right_password_is_compared_once_for_a_program(file: Counting) -> None:
    tries = Tries(file)
    for _ in range(100):
        assert tries.right_again(HERE, "right")
    assert file.compared == 1


def test_each_wrong_password_takes_a_try_and_then_nothing_is_compared(file: Counting) -> None:
    tries = Tries(file)
    assert tries.right_again(HERE, "right")
    for _ in range(Throttle.BURST):
        assert not tries.right_again(HERE, "wrong")
    for given in ("wrong", "right"):
        with pytest.raises(TooManyTries) as refused:
            tries.right_again(HERE, given)
        assert refused.value.seconds >= 1
    assert tries.right_again("192.0.2.2", "right"), "another address"
    assert file.compared == Throttle.BURST + 1


def test_another_password_ends_what_is_known(file: Counting) -> None:
    tries = Tries(file)
    assert tries.right_again(HERE, "right")
    file.set("another one")
    assert not tries.right_again(HERE, "right")
    assert tries.right_again(HERE, "another one")


def test_few_wait_for_their_turn(file: Counting) -> None:
    tries = Tries(file)
    many = [gevent.spawn(tries.right, f"10.0.0.{number}", "wrong") for number in range(30)]
    gevent.joinall(many)
    refused = [greenlet for greenlet in many if isinstance(greenlet.exception, TooManyTries)]
    assert len(refused) == 22
    assert file.compared == 8


def test_a_file_that_others_can_read_opens_nothing(file: Counting) -> None:
    file.path.chmod(0o644)
    assert not Tries(file).right(HERE, "right")
    assert not Tries(file).right_again(HERE, "right")


def test_without_a_password_nothing_is_right(tmp_path: Path) -> None:
    for given in ("", "None"):
        assert not Tries(PasswordFile(tmp_path / "none")).right_again(HERE, given)


@pytest.mark.parametrize(
    ("header", "password"),
    [
        ("Basic bWU6c2VjcmV0", "secret"),
        ("basic OjE6Mg==", "1:2"),
        ("Basic bWU=", None),
        ("Basic !", None),
        ("Basic /w==", None),
        ("Basic", None),
        ("Bearer bWU6c2VjcmV0", None),
        ("", None),
    ],
)
def test_a_password_in_a_header(header: str, password: str | None) -> None:
    assert basic_password(header) == password
