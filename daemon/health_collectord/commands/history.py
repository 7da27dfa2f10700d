"""What there is of the record, from its files alone: ``history``."""

from itertools import groupby

from health_archive.segments import Segment, list_segments
from health_wire.terminal import escape

from health_collectord.config import Config

_MB = 1e6


def history(config: Config) -> int:
    """Prints how far the record reaches, its size, and what each day has in which form.

    Returns:
        The exit status.

    Raises:
        OSError: the record's folder, or a day's, cannot be read.
    """
    folder = config.data_dir / "history"
    segments = list_segments(folder)
    shown = escape(str(folder))
    if not segments:
        print(f"{shown}: nothing is recorded there")
        return 0
    print(f"{shown}: {_amount(segments)}")
    print(f"first segment {_time(segments[0])}, last {_time(segments[-1])} (UTC)")
    for day, of_day in groupby(segments, key=lambda segment: segment.name[:10]):
        print(f"{day}  {_amount(list(of_day))}")
    return 0


def _amount(segments: list[Segment]) -> str:
    texts = [each.text for each in segments if each.text is not None]
    columns = [each.columns for each in segments if each.columns is not None]
    return (
        f"{len(segments)} {'segment' if len(segments) == 1 else 'segments'}, "
        f"{_size(sum(texts) + sum(columns))}: "
        f"{len(texts)} as text {_size(sum(texts))}, "
        f"{len(columns)} as columns {_size(sum(columns))}"
    )


def _size(size: int) -> str:
    return f"{size / _MB:.1f} MB"


def _time(segment: Segment) -> str:
    day, _, time = segment.name.partition("/")
    return f"{day} {time.replace('-', ':')}"
