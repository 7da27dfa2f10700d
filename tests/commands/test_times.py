"""What a time of day stands for."""

from datetime import UTC, datetime, time

import pytest
from health_collectord.commands.times import Given, TimeError, resolve

FIRST, LAST = datetime(2026, 1, 1, 12, tzinfo=UTC), datetime(2026, 1, 2, 8, tzinfo=UTC)


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 1, day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("start", "end", "meant"),
    [
        (None, None, (None, None)),
        (at(1, 3), at(1, 4), (at(1, 3), at(1, 4))),
        (time(7, 30), None, (at(2, 7, 30), None)),
        (time(20, 30), None, (at(1, 20, 30), None)),
        (None, time(7, 30), (None, at(2, 7, 30))),
        (time(7), time(7, 30), (at(2, 7), at(2, 7, 30))),
        (time(7, 30), time(7), (at(2, 7, 30), at(3, 7))),
        (time(23), time(1), (at(1, 23), at(2, 1))),
        (at(1, 12), time(13), (at(1, 12), at(1, 13))),
    ],
)
def test_times_of_day(
    start: Given, end: Given, meant: tuple[datetime | None, datetime | None]
) -> None:
    assert resolve(start, end, lambda: (FIRST, LAST)) == meant


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [
        (time(8, 30), None, "08:30 was not recorded: it begins at 2026-01-01 12:00"),
        (None, time(11), "11:00 was not recorded: it begins at 2026-01-01 12:00"),
        (at(1, 4), at(1, 3), "--to 2026-01-01T03:00:00 is not after --from 2026-01-01T04:00:00"),
    ],
)
def test_times_that_are_not_there(start: Given, end: Given, said: str) -> None:
    with pytest.raises(TimeError, match=said):
        resolve(start, end, lambda: (FIRST, LAST))


def test_of_nothing_there_is_no_time_of_day() -> None:
    with pytest.raises(TimeError, match="nothing was recorded"):
        resolve(time(7), None, lambda: None)
