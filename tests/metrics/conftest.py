"""Recorded hosts: copies of tests/fixtures/<host> that a test may change between two samples."""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from health_collectord.host import Host
from health_collectord.vocabulary import Metric, Reader, Telemetry

from .trees import grow

FIXTURES = Path(__file__).parents[1] / "fixtures"


@dataclass
class RecordedHost:
    """A host in a folder: ``proc`` and ``sys``, programs in ``bin``, answers in statvfs.json.

    ``proc.next`` and ``sys.next`` hold what the files say one second later; ``vanishing`` lists
    the ones that are gone by then.
    """

    folder: Path

    @property
    def host(self) -> Host:
        return Host(str(self.folder / "proc"), str(self.folder / "sys"))

    def write(self, path: str, content: str | bytes) -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)

    def a_second_passes(self) -> None:
        for root in ("proc", "sys"):
            after = self.folder / f"{root}.next"
            if after.exists():
                shutil.copytree(after, self.folder / root, dirs_exist_ok=True, symlinks=True)
        vanishing = self.folder / "vanishing"
        if vanishing.exists():
            for path in vanishing.read_text().split("\n"):
                if path:
                    (self.folder / path).unlink()

    def reader(self, metric: Metric, **options: Any) -> Reader:
        """The metric's reader, with what a recorded host cannot do by itself put in."""
        name = metric.state
        if name == "system.throttling":
            nodes = tuple(f"{self.folder}/dev/{node}" for node in ("vcio_gencmd", "vcio"))
            options = {"devices": nodes, "vcgencmd": f"{self.folder}/bin/vcgencmd"} | options
        if name == "system.disk.usage":
            make: Any = metric.reader
            reader: Reader = make(self.host, metric.options(**options), statvfs=self.statvfs)
            return reader
        return metric.reader(self.host, metric.options(**options))

    def samples(self, metric: Metric, **options: Any) -> Telemetry | None:
        """The sample a second after the first."""
        reader = self.reader(metric, **options)
        reader.read(100.0)
        self.a_second_passes()
        return reader.read(101.0)

    def statvfs(self, path: str) -> os.statvfs_result:
        """What statvfs.json says of the mount point; a text is an error."""
        answers = json.loads((self.folder / "statvfs.json").read_text())
        point = "/" + os.path.relpath(path, self.folder / "proc/1/root").removeprefix(".")
        answer = answers.get(point, "No such file or directory")
        if isinstance(answer, str):
            raise OSError(0, answer)
        frsize, blocks, bfree, bavail, files, ffree = answer
        return os.statvfs_result(
            (frsize, frsize, blocks, bfree, bavail, files, ffree, ffree, 0, 255)
        )


@pytest.fixture
def recorded(tmp_path: Path) -> Callable[[str], RecordedHost]:
    """Copies a fixture host by its name; the name "" is a host without any file."""

    def copy(name: str) -> RecordedHost:
        folder = tmp_path / (name or "nothing")
        if name:
            shutil.copytree(FIXTURES / name, folder, symlinks=True)
        else:
            (folder / "proc").mkdir(parents=True)
            (folder / "sys").mkdir()
        return RecordedHost(folder)

    return copy


@pytest.fixture
def tree(tmp_path: Path) -> Callable[[str], RecordedHost]:
    """Makes a quiet host but for what the text says differs (trees.py)."""

    def make(text: str) -> RecordedHost:
        folder = tmp_path / f"tree{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        grow(folder, text)
        return RecordedHost(folder)

    return make
