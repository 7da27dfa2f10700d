"""How much the record takes: figures from what was written and what there is."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from health_collectord.sinks.amounts import Kept, amounts

NOW = datetime(2026, 1, 11, tzinfo=UTC)
DAY = 86400
KEPT = Kept(
    size=200_000_000, since="2026-01-01", room=1_800_000_000, age=400, texts=144_000_000, ratio=0.02
)  # fmt: skip


def told(kept: Kept | None = KEPT, text: int = 1_000_000, box: int = 500_000, seconds: float = 600,
         text_seconds: float = DAY) -> dict[str, object]:  # fmt: skip
    return amounts(kept, text, box, seconds, text_seconds, NOW)


def test_what_is_written_a_day_is_text_columns_and_black_box() -> None:
    assert told()["written_bytes_per_day"] == 219_000_000  # 144 * 1.02 + 72
    assert told()["kept_bytes"] == 200_000_000
    assert told()["kept_since"] == "2026-01-01"


@pytest.mark.parametrize(
    ("kept", "day"),
    [
        (KEPT, "2027-02-05"),  # by age: 400 days from the oldest; by size there are 625
        (replace(KEPT, room=288_000_000), "2026-04-21"),  # 100 days of 2.88 MB
        (replace(KEPT, room=0), "2026-01-11"),
        (replace(KEPT, room=-5), "2026-01-11"),
        (replace(KEPT, texts=0, room=288_000_000), "2026-03-02"),  # half is for texts to come
        (replace(KEPT, since="2024-01-01"), "2026-01-11"),
        (replace(KEPT, ratio=0.0), "2027-02-05"),
        (replace(KEPT, age=1e9, room=10**15), "2125-12-18"),
        (replace(KEPT, ratio=None), None),
        (replace(KEPT, since=None), None),
    ],
)
def test_until_when_nothing_has_to_go(kept: Kept, day: str | None) -> None:
    assert told(kept)["full_on"] == day


def test_what_is_not_known_is_null() -> None:
    assert told(None) == dict.fromkeys(
        ("written_bytes_per_day", "kept_bytes", "kept_since", "full_on")
    )
    early = told(seconds=30)
    assert (early["written_bytes_per_day"], early["full_on"]) == (None, None)
    assert early["kept_bytes"] == 200_000_000
    assert told(replace(KEPT, ratio=None))["written_bytes_per_day"] is None
    assert told(text=0)["full_on"] is None
