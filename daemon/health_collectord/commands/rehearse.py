"""Other thresholds over the record, or the same by another version: ``rehearse``."""

import sys
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from pathlib import Path

from health_wire import command
from health_wire.terminal import escape, shorten

from health_collectord.commands.progress import Progress
from health_collectord.commands.times import Given, TimeError, resolve
from health_collectord.config import Config
from health_collectord.replay.recording import Recording, RecordingError, checkpoint_of
from health_collectord.replay.rehearsal import (
    Problem,
    Rehearsal,
    Segment,
    Verdict,
    thresholds_that_differ,
)
from health_collectord.replay.sources import Source

_PROGRAM = "health-collectord"
_MOST_SPANS = 100
_LONGEST = 160  # characters of a summary
_STATUSES = ("healthy", "warning", "critical", "unknown")
Span = tuple[datetime, datetime, Verdict | None, Verdict | None]


def rehearse(config: Config, *, paths: Sequence[str], new: bool, start: Given, end: Given) -> int:
    """Prints which verdicts would have been, or whether this version comes to the same states.

    Args:
        paths: recordings; none: the record of this configuration.
        new: whether a configuration was named: its thresholds are tried. Else the recorded ones
            are, and states are compared.

    Returns:
        The exit status: without `new` 0 where all states are the same.
    """
    given = [Path(path) for path in paths] or [config.data_dir / "history"]
    try:
        recording = Recording(given)
        since, until = resolve(start, end, recording.span)
    except (RecordingError, TimeError) as error:
        return command.fail(_PROGRAM, str(error))
    first, sources = _within(recording.sources, since, until)
    # Which metrics are observed is the record's to say, unless thresholds are tried.
    metrics = [m if new else replace(m, enabled=True) for m in config.metrics]
    rehearsal = Rehearsal(
        [m for m in metrics if m.enabled],
        thresholds=new,
        catalogue=_catalogue(recording.sources, first),
    )
    done: list[Segment] = []
    try:
        with Progress("rehearsed", len(sources)) as progress:
            for segment in rehearsal.run(sources):
                done.append(segment)
                progress.step()
    except KeyboardInterrupt:
        return command.fail(_PROGRAM, f"stopped: {progress}")
    began, ended = rehearsal.began, rehearsal.ended
    if began is None or ended is None or (since and since > ended) or (until and until <= began):
        return command.fail(_PROGRAM, "there is no event in that time")
    since, until = max(since or began, began), min(until or ended, ended)
    for metric, count in rehearsal.unjudged.items():
        print(f"{escape(metric)}: {count} events have not what is looked at now", file=sys.stderr)
    if new:
        return _print_verdicts(rehearsal, since, until)
    if rehearsal.catalogue is None:
        print("the record does not say its thresholds: those in force are used", file=sys.stderr)
    return _print_states(done)


def _within(
    sources: Sequence[Source], since: datetime | None, until: datetime | None
) -> tuple[int, Sequence[Source]]:
    """Those of a window, and one before from whose beginning all is known; and its number."""
    begins = [(source.begin or datetime.min.replace(tzinfo=UTC)) for source in sources]
    first = 0
    if since is not None:
        earlier = [n for n, begin in enumerate(begins) if n and begin <= since]
        first = next((n for n in reversed(earlier) if checkpoint_of(sources[n])), 0)
    found = [s for n, s in enumerate(sources) if n >= first and (not until or begins[n] < until)]
    return first, found


def _catalogue(sources: Sequence[Source], first: int) -> object:
    """The recorded one in force where the rehearsal begins."""
    for number in range(first, -1, -1):
        found = checkpoint_of(sources[number])
        if found is not None and found.catalogue is not None:
            return found.catalogue
    return None


def _print_verdicts(rehearsal: Rehearsal, since: datetime, until: datetime) -> int:
    print(f"{_time(since)} to {_time(until)}")
    for key, now, then in thresholds_that_differ(rehearsal.metrics, rehearsal.catalogue):
        print(f"{key} = {_threshold(now)} instead of {_threshold(then)}")
    spans = list(_spans(rehearsal.was, rehearsal.would, since, until))
    others = [span for span in spans if _key(span[2]) != _key(span[3])]
    for begin, end, was, would in islice(others, _MOST_SPANS):
        statuses = f"was {_status(was)}, would be {_status(would)}"
        print(f"{_time(begin)} for {_duration(end - begin)}: {statuses}")
        for sign, one, other in (("-", was, would), ("+", would, was)):
            for problem, reason in _problems(one).items():
                if problem not in _problems(other):
                    print(f"  {sign} {problem[3]}: {shorten(escape(reason), _LONGEST)}")
    if len(others) > _MOST_SPANS:
        print(f"and {len(others) - _MOST_SPANS} times more")
    print(f"{'':10}{''.join(f'{status:>12}' for status in _STATUSES)}{'changes':>10}")
    for title, number, said in (("was", 2, rehearsal.was), ("would be", 3, rehearsal.would)):
        times = dict.fromkeys(_STATUSES, timedelta())
        for span in spans:
            verdict = span[number]
            if isinstance(verdict, Verdict) and verdict.status in times:
                times[verdict.status] += span[1] - span[0]
        changes = sum(since < verdict.time < until for verdict in said)
        print(f"{title:10}{''.join(f'{_duration(t):>12}' for t in times.values())}{changes:>10}")
    if not others:
        print("the verdicts would have been the same")
    return 0


def _spans(
    was: Sequence[Verdict], would: Sequence[Verdict], since: datetime, until: datetime
) -> Iterator[Span]:
    """From one change of either to the next."""
    changes = {v.time for v in (*was, *would) if since < v.time < until}
    times = sorted({since, until} | changes)
    was, would = sorted(was, key=_time_of), sorted(would, key=_time_of)
    open_: Span | None = None
    for begin, end in pairwise(times):
        pair = _said_by(was, begin), _said_by(would, begin)
        if open_ is not None and (_key(open_[2]), _key(open_[3])) == tuple(map(_key, pair)):
            open_ = (open_[0], end, *open_[2:])
            continue
        if open_ is not None:
            yield open_
        open_ = (begin, end, *pair)
    if open_ is not None:
        yield open_


def _said_by(verdicts: Sequence[Verdict], time: datetime) -> Verdict | None:
    """The last one until then, of verdicts in the order of their times."""
    number = bisect_right(verdicts, time, key=_time_of)
    return verdicts[number - 1] if number else None


def _time_of(verdict: Verdict) -> datetime:
    return verdict.time


def _key(verdict: Verdict | None) -> object:
    return None if verdict is None else verdict.key


def _print_states(segments: Sequence[Segment]) -> int:
    different = 0
    for segment in segments:
        same = not segment.differences and segment.recorded == segment.rehearsed
        different += not same
        missing = f", {segment.missing} events missing before" if segment.missing else ""
        verdict = "same" if same else f"recorded {segment.recorded}, differs in "
        paths = ", ".join(map(escape, segment.differences))
        print(f"{escape(segment.source.name)} {segment.rehearsed} {verdict}{paths}{missing}")
    count = sum(segment.events for segment in segments)
    much = f"{count} events in {len(segments)} segments"
    print(f"{much}: {f'{different} segments differ' if different else 'the same states'}")
    return command.FAILED if different else 0


def _status(verdict: Verdict | None) -> str:
    return "nothing" if verdict is None else escape(verdict.status)


def _problems(verdict: Verdict | None) -> Mapping[Problem, str]:
    return {} if verdict is None else verdict.problems


def _threshold(value: float | None) -> str:
    return "false" if value is None else f"{value:g}"


def _time(time: datetime) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%S}Z"


def _duration(time: timedelta) -> str:
    seconds = round(time.total_seconds())
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
