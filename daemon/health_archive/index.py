"""The index: where what is, in SQLite. A projection of the segments, and no more: FORMAT.md.

Whatever is in it follows from the segments that are there, in whatever order they came and went:
deleted and built again it is the same.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import zip_longest
from pathlib import Path

from health_archive import minutes
from health_archive.facts import facts_of, has_figures, is_notable
from health_archive.minutes import Rows, Stretches
from health_archive.segments import Segment, list_segments
from health_archive.series import read_contents

VERSION = 1
# Of the first day and the last one, figures are kept by segment: the first loses its oldest, the
# last one gains. Those of every day between are kept by series, so that a month is read quickly.
_SCHEMA = f"""
CREATE TABLE segments (
    name TEXT PRIMARY KEY, size INTEGER NOT NULL, facts TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE edges (
    segment TEXT, metric TEXT, minutes BLOB NOT NULL, PRIMARY KEY (segment, metric)
) WITHOUT ROWID;
CREATE TABLE days (
    metric TEXT, series TEXT, day TEXT, hours BLOB NOT NULL, minutes BLOB NOT NULL,
    PRIMARY KEY (metric, series, day)
);
CREATE INDEX days_by_day ON days (day);
PRAGMA user_version = {VERSION};
"""


def connect(path: Path) -> sqlite3.Connection:
    """Opens an index; a new one has no tables yet.

    Raises:
        sqlite3.Error: it cannot be opened.
    """
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
    # Whatever a loss of power takes from an index is made again from the segments.
    try:
        for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "cache_size = -256"):
            db.execute(f"PRAGMA {pragma}")
    except sqlite3.Error:
        db.close()
        raise
    return db


class Index:
    """An index in a file; made anew where it is missing, damaged, or of another version.

    Not for several threads at once. Whoever reads meanwhile has a connection of its own.

    Args:
        path: the file, not in the record's folder.
        folder: the record's.

    Raises:
        OSError, sqlite3.Error: it can be neither opened nor made.
    """

    def __init__(self, path: Path, folder: Path) -> None:
        self.path, self.folder = path, folder
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._db = self._opened()
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError) and "no such" not in str(error):
                raise  # such as locked, or a disk that is full
            forget(path)
            self._db = self._opened()

    def _opened(self) -> sqlite3.Connection:
        db = connect(self.path)
        try:
            (version,) = db.execute("PRAGMA user_version").fetchone()
            if version == VERSION:
                db.execute("SELECT count(*) FROM segments, edges, days WHERE FALSE")
                return db
            if version or db.execute("SELECT count(*) FROM sqlite_schema").fetchone() != (0,):
                raise sqlite3.DatabaseError("another version")
            db.executescript(_SCHEMA)
        except BaseException:
            db.close()
            raise
        return db

    def close(self) -> None:
        self._db.close()

    def update(
        self, segments: Iterable[Segment] | None = None, *, since: str = "", until: str = "~"
    ) -> Iterator[str]:
        """Takes what has ended since, and forgets what is gone; one segment a step.

        Args:
            segments: all that there are, if it is known; only those with columns count.
            since, until: the first and the last day that is looked at.

        Yields:
            The name of each segment after it was taken or forgotten. What has been done by then
            stays, if the steps are not gone through to their end.

        Raises:
            OSError: a segment cannot be read.
            sqlite3.Error: the index cannot be written.
        """
        found = list_segments(self.folder, since, until) if segments is None else segments
        there = {s.name: s for s in found if s.columns is not None}
        known = dict(
            self._db.execute(
                "SELECT name, size FROM segments WHERE name >= ? AND name < ?", (since, f"{until}0")
            )
        )
        for name in sorted(known.keys() - there.keys()):
            with self._transaction():
                self._forget(name)
            yield name
        for name, segment in sorted(there.items()):
            if known.get(name) == segment.columns:
                continue
            try:
                content = segment.columns_path.read_bytes()
            except FileNotFoundError:
                continue  # the next time it is not there
            with self._transaction():
                if name in known:
                    self._forget(name)
                self._take(name, content)
            yield name

    def update_by_day(self) -> Iterator[str]:
        """The same, and for each day a step without a name: a year takes a while to be listed."""
        days = {day for (day,) in self._db.execute("SELECT substr(name, 1, 10) FROM segments")}
        with suppress(FileNotFoundError):
            days.update(each.name for each in self.folder.iterdir())
        for day in sorted(days):
            yield from self.update(since=day, until=day)
            yield ""

    def newest(self) -> str | None:
        """The name of the newest segment that is in it."""
        (name,) = self._db.execute("SELECT max(name) FROM segments").fetchone()
        return None if name is None else str(name)

    def behind(self) -> int:
        """How many segments have ended since the newest one that is in it.

        Raises:
            OSError: the folder cannot be read.
            sqlite3.Error: the index cannot be read.
        """
        newest = self.newest() or ""
        found = list_segments(self.folder, newest[:10])
        return sum(s.columns is not None and s.name > newest for s in found)

    def dump(self) -> Iterator[str]:
        """All that is in it, in an order that does not depend on how it came there."""
        for query in (
            "SELECT name, size, facts FROM segments ORDER BY name",
            "SELECT segment, metric, hex(minutes) FROM edges ORDER BY segment, metric",
            "SELECT metric, series, day, hex(hours), hex(minutes) FROM days"
            " ORDER BY metric, series, day",
        ):
            for row in self._db.execute(query):
                yield json.dumps(row)

    def replace(self, path: Path) -> bool:
        """Puts a copy of this index in another's place; who has that one open has the new one.

        Returns:
            Whether the other one was different.

        Raises:
            OSError, sqlite3.Error: it cannot be written.
        """
        try:
            other = Index(path, self.folder)
            different = any(a != b for a, b in zip_longest(self.dump(), other.dump()))
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise
            forget(path)
            other, different = Index(path, self.folder), True
        try:
            if different:
                self._db.backup(other._db)
        finally:
            other.close()
        return different

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def _take(self, name: str, content: bytes) -> None:
        contents = read_contents(content, lambda _: True, is_notable)
        facts = json.dumps(facts_of(contents).as_json(), separators=(",", ":"), sort_keys=True)
        self._db.execute("INSERT INTO segments VALUES (?, ?, ?)", (name, len(content), facts))
        stretches = Stretches()
        for metric, series in contents.series.items():
            if has_figures(metric):
                rows = {rest: stretches.rows(samples) for rest, samples in series.items()}
                self._put_edge(name, metric, rows)
        self._arrange()

    def _forget(self, name: str) -> None:
        self._split(name[:10])
        self._db.execute("DELETE FROM segments WHERE name = ?", (name,))
        self._db.execute("DELETE FROM edges WHERE segment = ?", (name,))
        self._arrange()

    def _put_edge(self, segment: str, metric: str, rows: dict[str, Rows]) -> None:
        known = {series: those for series, those in rows.items() if those}
        if known:
            row = (segment, metric, minutes.pack(known))
            self._db.execute("INSERT INTO edges VALUES (?, ?, ?)", row)

    def _arrange(self) -> None:
        """Puts each day's figures where they belong."""
        db = self._db
        first, last = db.execute(
            "SELECT substr(min(name), 1, 10), substr(max(name), 1, 10) FROM segments"
        ).fetchone()
        if first is None:
            return
        for day in {first, last}:
            self._split(day)
        while (day := self._between(first, last)) is not None:
            self._split(day)
            self._join(day)

    def _between(self, first: str, last: str) -> str | None:
        """A day between these of which figures are still kept by segment."""
        (segment,) = self._db.execute(
            "SELECT min(segment) FROM edges WHERE segment > ? AND segment < ?", (f"{first}0", last)
        ).fetchone()
        return None if segment is None else str(segment)[:10]

    def _join(self, day: str) -> None:
        parts: dict[tuple[str, str], dict[str, Rows]] = {}
        span = (f"{day}/", f"{day}0")
        for segment, metric, blob in self._db.execute(
            "SELECT segment, metric, minutes FROM edges WHERE segment > ? AND segment < ?", span
        ):
            for series, rows in minutes.unpack(blob).items():
                parts.setdefault((metric, series), {})[segment] = rows
        self._db.execute("DELETE FROM edges WHERE segment > ? AND segment < ?", span)
        for (metric, series), those in sorted(parts.items()):
            blob = minutes.join(those)
            hours = minutes.alone(minutes.merged(minutes.joined(blob)))
            row = (metric, series, day, hours, blob)
            self._db.execute("INSERT INTO days VALUES (?, ?, ?, ?, ?)", row)

    def _split(self, day: str) -> None:
        found = self._db.execute(
            "SELECT metric, series, minutes FROM days WHERE day = ?", (day,)
        ).fetchall()
        if not found:
            return
        edges: dict[tuple[str, str], dict[str, Rows]] = {}
        for metric, series, blob in found:
            for segment, rows in minutes.split(blob):
                edges.setdefault((segment, metric), {})[series] = rows
        self._db.execute("DELETE FROM days WHERE day = ?", (day,))
        for (segment, metric), those in edges.items():
            self._put_edge(segment, metric, those)


def forget(path: Path) -> None:
    """Removes an index; `Index` makes another.

    Raises:
        OSError: it cannot be removed.
    """
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
