"""A record made faster than real time: a recorded host whose files change as a live one's do.

The readers, the messages and their JSON are the collector's own; only the time is not.
"""

import json
import os
import random
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from bussdcc.event import Event
from bussdcc.message import Message
from health_collectord import catalogue
from health_collectord.catalogue import Entry
from health_collectord.config import MetricConfig
from health_collectord.events import SequencedEvent
from health_collectord.host import Host
from health_collectord.messages import CollectorHeartbeat, CollectorSelf, CollectorStarted
from health_collectord.processes.health import HealthProcess
from health_collectord.services.sampling import MetricTask

FIXTURES = Path(__file__).parents[1] / "fixtures"
START = datetime(2026, 1, 1, 12, tzinfo=UTC)
EPOCH = "5f0c2f6e0f3b4f6c8c5b0f4f4d3e2a10"


class MadeHost:
    """Seconds of a host's record, each with noise.

    Args:
        folder: where the copy goes; best in memory (/dev/shm), since it is written each second.
        fixture: which recorded host.
        busy: how much there is to do, from 0 to 1.
        seed: the same gives the same record.
    """

    def __init__(self, folder: Path, fixture: str, busy: float = 0.2, seed: int = 1) -> None:
        self.folder = folder / fixture
        shutil.copytree(FIXTURES / fixture, self.folder, symlinks=True)
        self.entries = catalogue.load()
        self._random = random.Random(seed)
        self._busy = self._activity = busy
        self._stat = [line.split() for line in self._lines("proc/stat") if line[:3] == "cpu"]
        self._rest = "".join(f"{x}\n" for x in self._lines("proc/stat") if x[:3] != "cpu")
        self._memory = dict(line.split(":", 1) for line in self._lines("proc/meminfo"))
        self._net = [line.split() for line in self._lines("proc/net/dev")[2:]]
        self._headings = "".join(f"{x}\n" for x in self._lines("proc/net/dev")[:2])
        self._temperatures = {
            path: int(path.read_text())
            for path in sorted((self.folder / "sys").rglob("temp*"))
            if re.fullmatch(r"temp(\d+_input)?", path.name) and path.is_file()
        }
        self._load = [0.0, 0.0, 0.0]
        self._seq = count(1)

    def record(self, seconds: int, start: datetime = START) -> Iterator[list[bytes]]:
        """The lines of each second, as the log has them; the first begins an epoch."""
        host = Host(str(self.folder / "proc"), str(self.folder / "sys"))
        tasks = [MetricTask(config, host) for config in map(self._configured, self.entries)]
        health = HealthProcess(tuple((e, e.metric.rules, e.metric.interval) for e in self.entries))
        due = [0.0] * len(tasks)
        said: list[Event[Message]] = []
        ctx: Any = SimpleNamespace(events=SimpleNamespace(emit=said.append))
        for second in range(seconds):
            time = start + timedelta(seconds=second, milliseconds=self._random.random() < 0.05)
            now = 1000.0 + second
            self._pass_a_second()
            for i, task in enumerate(tasks):
                if now >= due[i]:
                    said += [Event(time, message) for message in task.run(now, time)]
                    due[i] = now + task.interval
            said += [Event(time, message) for message in self._own(second)]
            lines = []
            while said:
                event = SequencedEvent(said.pop(0), next(self._seq))
                lines.append(event.record)
                health.handle_event(ctx, event)
            yield lines

    def text(self, seconds: int, start: datetime = START) -> bytes:
        return b"".join(line for lines in self.record(seconds, start) for line in lines)

    def _own(self, second: int) -> Iterator[Message]:
        if not second:
            yield CollectorStarted(version="1.0.0", host="made", epoch=EPOCH, interval_seconds=1.0)
        jitter = self._random.choice((0, 0, 0, 0.001))
        yield CollectorHeartbeat(
            monotonic_seconds=1000.0 + second + jitter, uptime_seconds=0.25 + second + jitter
        )
        if second % 10 == 0:
            yield CollectorSelf(
                cpu_seconds=round(0.3 + second * 0.0015, 3),
                rss_bytes=26_000_000 + 4096 * self._random.randrange(20),
                queue_depth=0, events=5 * second, events_bytes=1662 * second, subscribers=1,
                requests=second // 60, reply_bytes=4000 * (second // 60), busy=0, dropped=0,
                refused=0,
                record={
                    "written_bytes_per_day": 1_000_000 * self._random.randrange(270, 273),
                    "kept_bytes": 190_000_000 + 19_000 * (second // 600),
                    "kept_since": "2025-10-01", "full_on": "2026-11-05",
                },
            )  # fmt: skip

    def _configured(self, entry: Entry) -> MetricConfig:
        metric = entry.metric
        options: Any = metric.options()
        if entry.name == "throttling":  # a program each second would take too long
            options = replace(options, vcgencmd="no-such-program")
        if entry.name == "disk":
            reader: Any = metric.reader
            metric = replace(metric, reader=partial(reader, statvfs=self._statvfs))
        return MetricConfig(
            entry=Entry(entry.name, metric), enabled=True, interval=metric.interval,
            rules=metric.rules, options=options,
        )  # fmt: skip

    def _statvfs(self, path: str) -> os.statvfs_result:
        answers = json.loads((self.folder / "statvfs.json").read_text())
        point = path.removeprefix(f"{self.folder}/proc/1/root") or "/"
        size, blocks, free, available, files, free_files = answers[point]
        used = self._random.randrange(200)
        return os.statvfs_result(
            (size, size, blocks, free - used, available - used, files, free_files - used // 50,
             free_files, 0, 255)
        )  # fmt: skip

    def _lines(self, path: str) -> list[str]:
        return (self.folder / path).read_text().splitlines()

    def _write(self, path: str, text: str) -> None:
        (self.folder / path).write_text(text)

    def _pass_a_second(self) -> None:
        chance = self._random
        if chance.random() < 0.02:  # somebody begins or ends something
            self._activity = min(1.0, chance.expovariate(1 / max(self._busy, 0.001)))
        self._pass_cpu()
        self._pass_memory()
        self._pass_net()
        self._pass_temperature()

    def _pass_cpu(self) -> None:
        chance, rows = self._random, self._stat
        for row in rows[1:]:
            busy = min(100, int(chance.expovariate(1 / (100 * self._activity + 1))))
            user = chance.randint(0, busy)
            wait = min(100 - busy, int(chance.expovariate(2)))
            steps = (user, 0, busy - user, 100 - busy - wait + chance.choice((-1, 0, 0, 1)), wait)
            for i, step in enumerate(steps, 1):
                row[i] = str(int(row[i]) + max(step, 0))
            row[7] = str(int(row[7]) + (chance.random() < 0.1))
        for i in range(1, len(rows[0])):
            rows[0][i] = str(sum(int(row[i]) for row in rows[1:]))
        self._write("proc/stat", "".join(" ".join(row) + "\n" for row in rows) + self._rest)
        running = 1 + sum(chance.random() < self._activity for _ in rows[1:])
        if chance.random() < 0.2:  # the kernel renews it every five seconds
            for i, seconds in enumerate((60, 300, 900)):
                self._load[i] += (running - 1 - self._load[i]) * 5 / seconds
        tasks = 200 + chance.randint(-2, 2)
        figures = " ".join(f"{load:.2f}" for load in self._load)
        self._write("proc/loadavg", f"{figures} {running}/{tasks} 30211\n")

    def _pass_memory(self) -> None:
        chance, memory = self._random, self._memory
        spread = int(40 + 4000 * self._activity)
        for name in ("MemFree", "MemAvailable", "Cached", "Buffers"):
            if name in memory and chance.random() < 0.3 + self._activity:
                much = int(memory[name].split()[0]) + 4 * chance.randint(-spread, spread)
                memory[name] = f" {max(much, 40_000)} kB"
        self._write("proc/meminfo", "".join(f"{k}:{v}\n" for k, v in memory.items()))

    def _pass_net(self) -> None:
        chance = self._random
        for row in self._net:
            if int(row[1]) and chance.random() < 0.3 + self._activity:
                packets = int(chance.expovariate(1 / (300 * self._activity + 3)))
                for column, of in ((1, 2), (9, 10)):
                    row[of] = str(int(row[of]) + packets)
                    row[column] = str(int(row[column]) + packets * chance.randint(60, 1400))
        lines = "".join(" ".join(row) + "\n" for row in self._net)
        self._write("proc/net/dev", self._headings + lines)

    def _pass_temperature(self) -> None:
        for path, millidegrees in self._temperatures.items():
            step = 487 if "thermal_zone" in path.as_posix() else 1000
            steps = self._random.choice((-1, 0, 0, 0, 1)) + int(30 * self._activity)
            path.write_text(f"{millidegrees + step * steps}\n")
