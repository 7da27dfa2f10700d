"""The bound for the memory that clients take."""

import os
import select
from pathlib import Path

import pytest
from health_collectord.interfaces.memory import Ceiling

PAGE = os.sysconf("SC_PAGE_SIZE")


class Statm:
    """The kernel's file, with as many pages as the test wants."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.hold(1000)

    def hold(self, pages: int) -> None:
        self.path.write_text(f"9999 {pages} 7 1 0 99 0\n")


@pytest.fixture
def statm(tmp_path: Path) -> Statm:
    return Statm(tmp_path / "statm")


def tells(ceiling: Ceiling) -> bool:
    return bool(select.select([ceiling.fd], [], [], 0)[0])


def test_it_tells_when_there_is_more_than_there_was_and_may_be(statm: Statm) -> None:
    ceiling = Ceiling(100 * PAGE, statm.path)
    statm.hold(1100)
    ceiling.look()
    assert not ceiling.exceeded()
    assert not tells(ceiling)
    statm.hold(1101)
    ceiling.look()
    assert ceiling.exceeded()
    assert tells(ceiling)


def test_what_is_given_back_leaves_the_ceiling_as_it_was(statm: Statm) -> None:
    ceiling = Ceiling(100 * PAGE, statm.path)
    statm.hold(5000)
    ceiling.look()
    statm.hold(1050)
    ceiling.renew()
    assert not tells(ceiling)
    statm.hold(1101)
    assert ceiling.exceeded()


def test_what_stays_when_no_client_is_left_counts_no_more(statm: Statm) -> None:
    ceiling = Ceiling(100 * PAGE, statm.path)
    statm.hold(5000)
    ceiling.renew()
    assert not ceiling.exceeded()
    statm.hold(5101)
    assert ceiling.exceeded()


def test_where_the_kernel_does_not_tell_nothing_is_exceeded(tmp_path: Path) -> None:
    ceiling = Ceiling(0, tmp_path / "none")
    ceiling.look()
    assert ceiling.held() == 0
    assert not tells(ceiling)


def test_this_process_is_told_of() -> None:
    assert 1e6 < Ceiling().held() < 1e10
