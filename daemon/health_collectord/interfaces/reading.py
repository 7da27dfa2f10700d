"""Has questions about the record answered, by a process of its own and one at a time.

What is read of a record makes the interpreter work, and its memory grow; a disk may not answer at
all. In another process none of that is felt here: the tick keeps its grid, and `ping` its time.
The process is started when somebody asks, ends when nobody has for a while, and is
killed when it takes too long. There is never more than one.
"""

import json
import logging
import sys
import threading
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from health_wire import protocol

from health_collectord.interfaces.limits import Allowances
from health_collectord.interfaces.questions import NoAnswerError, Question

if TYPE_CHECKING:
    from health_collectord.interfaces.child import Child

_log = logging.getLogger(__name__)
SECONDS = 10.0  # for an answer, from when it was asked
PATIENCE_SECONDS = 1.5  # then memory answers, where it can
_SETTLE_SECONDS = 1.0
_IDLE_SECONDS = 20.0
_LOOK_SECONDS = 0.25  # at who waits by now
_INDEX_SECONDS = 3600.0
_MOST_WAITING, _MOST_OF_ONE = 32, 4
_SHARE, _MOST_SECONDS = 0.5, 20.0  # of the reader's time, for each client
_MODULE = "health_collectord.reader"
_INDEX = json.dumps({"op": "index"}).encode()

Done = Callable[[bytes], None]


@dataclass(slots=True, eq=False)
class _Asked:
    question: Question
    client: bytes
    at: float
    done: Done | None

    @property
    def from_memory(self) -> bool:
        """Whether memory could answer, and has not."""
        return self.done is not None and self.question.memory is not None

    def tell(self, reply: bytes) -> None:
        done, self.done = self.done, None
        if done is not None:
            done(reply)


class RecordReading:
    """Questions in the order in which they were asked, so many of each client's and in all.

    Args:
        folder, index: the record's folder, and the index's file.
        settle: has what was recorded until now written, within so many seconds.
    """

    def __init__(
        self,
        folder: Path,
        index: Path,
        settle: Callable[[float], object] = lambda _: None,
        *,
        seconds: float = SECONDS,
        command: tuple[str, ...] = ("-P", "-m", _MODULE),
    ) -> None:
        self._command = (sys.executable, *command, str(folder), str(index))
        self._settle = settle
        self._seconds = seconds
        self._changed = threading.Condition()
        self._waiting: deque[_Asked] = deque()
        self._of: Counter[bytes] = Counter()
        self._allowances = Allowances(_SHARE, _MOST_SECONDS)
        self._thread: threading.Thread | None = None
        self._child: Child | None = None
        self._indexed = monotonic()
        self._ending = False

    def ask(self, question: Question, client: bytes, done: Done) -> bool:
        """Has it answered: `done` gets the reply, in another thread, at the latest in `seconds`.

        Returns:
            False where too many wait, or the client has had its share; `done` is not called then.
        """
        now = monotonic()
        with self._changed:
            if (
                len(self._waiting) >= _MOST_WAITING
                or self._of[client] >= _MOST_OF_ONE
                or self._allowances.left(client, now) <= 0
                or not self._runs()
            ):
                return False
            self._of[client] += 1
            self._waiting.append(_Asked(question, client, now, done))
            self._changed.notify()
        return True

    def look(self) -> None:
        """Has the index brought up to date, if that is some time ago.

        The process does that as well whenever it has been asked something. What it is behind by
        then is read with the next question.
        """
        with self._changed:
            if monotonic() - self._indexed >= _INDEX_SECONDS:
                self._runs()

    def stop(self) -> None:
        """Ends the process; who still waits gets no answer."""
        with self._changed:
            self._ending = True
            self._waiting.clear()
            if self._child is not None:
                self._child.end()
            self._changed.notify()
            thread = self._thread
        if thread is not None:
            thread.join(2.0)

    def _runs(self) -> bool:
        """Starts the thread if there is none; False where there can be none."""
        if self._thread is None and not self._ending:
            thread = threading.Thread(target=self._run, name="reading", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # no more threads to be had now (TasksMax)
                return False
            self._thread = thread
        return not self._ending

    def _run(self) -> None:
        while True:
            with self._changed:
                if not self._waiting and not self._ending:
                    self._changed.wait(_IDLE_SECONDS)
                asked = self._waiting.popleft() if self._waiting else None
            if asked is not None:
                self._answer(asked)
                continue
            goes_on = not self._ending and self._indexes()
            with self._changed:
                if self._waiting or goes_on:
                    continue
                self._thread, child = None, self._child
                self._child = None
            if child is not None:
                child.kill()
            return

    def _indexes(self) -> bool:
        """Whether the reader is still busy with the index."""
        self._indexed = monotonic()
        try:
            return self._reader().ask(_INDEX, monotonic() + self._seconds) != (True, b"{}")
        except NoAnswerError:
            return False

    def _answer(self, asked: _Asked) -> None:
        question, begun = asked.question, monotonic()
        try:
            if question.near:
                self._settle(_SETTLE_SECONDS)
            reader = self._reader()
            reader.write(protocol.encode(question.asked))
            until = max(asked.at + self._seconds, monotonic())
            self._wait(reader, until, asked)
            good, body = reader.read(until)
            reply = question.reply(body) if good else _error(question, body)
        except NoAnswerError as error:
            _log.warning("the record cannot be read: %s", error)
            reply = (
                question.refusal(protocol.BUSY, f"{error}; ask again later")
                if question.memory is None
                else question.from_memory()
            )
        asked.tell(reply)
        now = monotonic()
        with self._changed:
            self._forget(asked)
            self._allowances.spend(asked.client, now, now - begun)

    def _wait(self, reader: "Child", until: float, asked: _Asked) -> None:
        """For an answer; meanwhile memory answers whoever waits too long."""
        while True:
            late = monotonic() - PATIENCE_SECONDS
            with self._changed:
                those = [each for each in (asked, *self._waiting) if each.from_memory]
                due = [each for each in those if each.at <= late]
                for each in due:
                    if each is not asked:
                        self._waiting.remove(each)
                        self._forget(each)
            for each in due:
                each.tell(each.question.from_memory())
            patient = [each.at + PATIENCE_SECONDS for each in those if each not in due]
            if reader.answers(min([until, monotonic() + _LOOK_SECONDS, *patient])):
                return
            if monotonic() >= until:
                return

    def _forget(self, asked: _Asked) -> None:
        self._of[asked.client] -= 1
        if not self._of[asked.client]:
            del self._of[asked.client]

    def _reader(self) -> "Child":
        child = self._child
        if child is None or child.killed:
            if child is not None and not child.ended():
                raise NoAnswerError("the disk does not answer")
            from health_collectord.interfaces.child import Child  # mostly nobody asks

            child = Child(self._command)  # takes a while: nobody is to wait for the lock
            with self._changed:
                self._child = child
                if self._ending:
                    child.end()
        return child


def _error(question: Question, body: bytes) -> bytes:
    found = json.loads(body)
    if question.memory is not None and found["error"] in (protocol.INTERNAL, protocol.BUSY):
        return question.from_memory()
    return question.refusal(found["error"], found["message"])
