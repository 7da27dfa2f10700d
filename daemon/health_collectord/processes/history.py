"""Samples become series."""

import json
import math
import threading
from collections import deque
from datetime import UTC, datetime, timedelta
from typing import Any

from bussdcc import ContextProtocol, Event, Message, Process

from health_collectord.catalogue import Entry
from health_collectord.events import SequencedEvent
from health_collectord.history.series import COARSE_SECONDS, MetricHistory, Points
from health_collectord.messages import MetricLost
from health_collectord.vocabulary import Gauge, Telemetry, fields_of

_TAKE_IN = 30  # samples
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


class HistoryProcess(Process):
    """Keeps every gauge's recent past, and answers for it (from any thread).

    A series is named by the metric's state path and its field; in rows,
    ``system.network.usage.interfaces[eth0].rx_bytes_per_second``.

    Args:
        entries: the metrics, each with its interval.
        rests: whether samples, as many as there is a history of, wait until somebody asks.
    """

    name = "history"
    types: tuple[type[Message], ...] = (Telemetry, MetricLost)

    def __init__(self, entries: tuple[tuple[Entry, float], ...], *, rests: bool = False) -> None:
        self._metrics = {e.event: _Series(e, interval, rests) for e, interval in entries}
        self._by_state = {e.metric.state: self._metrics[e.event] for e, _ in entries}

    def handle_event(self, ctx: ContextProtocol, evt: Event[Message]) -> None:  # noqa: ARG002
        assert isinstance(evt, SequencedEvent)
        series = self._metrics.get(evt.name)
        if series is not None:
            series.add(evt)

    def query(self, series: str, start: float | None, end: float, points: int) -> Points:
        """A series' points, as `MetricHistory.query` gives them.

        Raises:
            KeyError: there is no such series.
        """
        metric, name = self._find(series)
        return metric.history.query(name, start, end, points)

    def has(self, series: str) -> bool:
        """Whether there is such a series."""
        try:
            return bool(self._find(series))
        except KeyError:
            return False

    def reaches(self, series: str, start: float, *, first: bool) -> bool:
        """Whether it has all that there was of a series from a time on, see `MetricHistory`.

        Raises:
            KeyError: there is no such series.
        """
        return self._find(series)[0].history.reaches(start, first=first)

    def _find(self, series: str) -> tuple["_Series", str]:
        for state, metric in self._by_state.items():
            if series.startswith(state + "."):
                name = series[len(state) + 1 :]
                metric.take_in()
                if name in metric.plain or name in metric.history.names():
                    return metric, name
        raise KeyError(series)


def _seconds(time: datetime) -> float:
    """Since 1970, with milliseconds: the event's time as the wire and the log carry it."""
    return (time - _EPOCH) // _MILLISECOND / 1000


class _Series:
    """Which figures of a metric's message have a history, and the history.

    Samples are taken in some at a time, or when somebody asks: the same work costs a quarter when
    the processor has just done it.
    """

    def __init__(self, entry: Entry, interval: float, rests: bool) -> None:
        self.history = MetricHistory(interval)
        most = math.ceil(COARSE_SECONDS / interval) if rests else None
        # What rests does so as JSON, which takes a fifth of the memory.
        self._rests = rests
        self._waiting: deque[tuple[datetime, Any]] = deque(maxlen=most)
        self._taking_in = threading.Lock()
        self.plain = tuple(
            f.name for f in entry.fields if isinstance(f.kind, Gauge) and f.kind.history
        )
        self._rows = tuple(
            (f.name, tuple(g.name for g in fields_of(f.row) if _is_kept(g.kind)))
            for f in entry.fields
            if f.row
        )
        self._names: dict[tuple[str, str], list[tuple[str, str]]] = {}

    def add(self, evt: SequencedEvent) -> None:
        self._waiting.append((evt.time, evt.core if self._rests else evt.data))
        if len(self._waiting) >= _TAKE_IN and not self._rests:
            self.take_in()

    def take_in(self) -> None:
        """From any thread: each sample is taken once, in order."""
        with self._taking_in:
            while self._waiting:
                time, data = self._waiting.popleft()
                try:
                    if isinstance(data, bytes):
                        data = json.loads(b"{%b}" % data)["data"]
                    figures = self.figures(data)
                except (KeyError, TypeError, AttributeError):
                    figures = {}  # recorded by a version with other fields
                self.history.append(_seconds(time), figures)

    def figures(self, data: dict[str, Any] | None) -> dict[str, float]:
        """Series name to value, of those that have one."""
        if data is None:
            return {}
        found = {name: value for name in self.plain if (value := data[name]) is not None}
        for rows, names in self._rows:
            for row in data[rows]:
                for name, series in self._series_of(rows, row["key"], names):
                    if (value := row[name]) is not None:
                        found[series] = value
        return found

    def _series_of(self, rows: str, key: str, names: tuple[str, ...]) -> list[tuple[str, str]]:
        """A row's gauges, each with the name of its series; made once per row."""
        known = self._names.get((rows, key))
        if known is None:
            if len(self._names) >= 1000:  # rows that come and go for ever
                self._names.clear()
            known = self._names[rows, key] = [(n, f"{rows}[{key}].{n}") for n in names]
        return known


def _is_kept(kind: object) -> bool:
    return isinstance(kind, Gauge) and kind.history
