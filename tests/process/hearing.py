"""What processes tell, a JSON object a line (`telling`, `page_link`), read as it comes."""

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE
from typing import Any

from tests.running import Running, running

Told = dict[str, Any]


class Hearing:
    """A process and all that it has told so far."""

    def __init__(self, process: Running) -> None:
        self.process = process
        self.lines: list[Told] = []
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        assert self.process.process.stdout is not None
        for line in self.process.process.stdout:
            self.lines.append(json.loads(line))

    def of(self, kind: str, since: float = 0.0) -> list[Told]:
        return [line for line in list(self.lines) if line["kind"] == kind and line["at"] >= since]

    def statuses(self, since: float = 0.0) -> list[tuple[float, str]]:
        """When the link became what."""
        return [(line["at"], line["status"]) for line in self.of("Link", since)]

    def join(self) -> None:
        self._thread.join(10.0)


@contextmanager
def hearing(tmp_path: Path, module: str, *args: str, on: list[str] | None = None) -> Iterator[Any]:
    """`module` of the tests' with `args`, run by way of the words in `on`."""
    command = [*(on or []), sys.executable, "-m", f"tests.process.{module}", *args]
    with running(command, tmp_path, stdout=PIPE, ready=False) as process:
        heard = Hearing(process)
        yield heard
        process.stop()
        heard.join()


def holes(lines: list[Told]) -> list[Told]:
    """The gaps. Events, gaps and snapshots have to leave nothing out from the first event on."""
    gaps: list[Told] = []
    seq = None
    for line in lines:
        if line["kind"] == "Event":
            assert seq in (None, line["seq"] - 1), f"after {seq} came {line}"
            seq = line["seq"]
        elif line["kind"] == "Gap":
            assert seq is None or line["first"] == seq + 1, f"after {seq} came {line}"
            assert line["last"] is None or line["last"] >= line["first"]
            gaps.append(line)
            seq = line["last"]
        elif line["kind"] == "Snapshot" and seq is not None:
            assert line["seq"] == seq, f"after {seq} came {line}"
    return gaps
