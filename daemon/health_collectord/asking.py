"""Asks what may never answer, in a bounded number of threads, and waits for nobody too long.

A thread in a system call to a dead server cannot be ended, nor can what it asks about be asked
again to any avail. So one thread asks one question after the other; while it is kept waiting
another goes on with the rest; and no more of them may hang than `_HANGING` for this machine's own
things and as many for others', of these no more than `_OF_A_SERVER` for each.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable
from time import monotonic
from typing import Generic, TypeVar

T = TypeVar("T")
Key = tuple[str, str]

_HANGING = 16
_OF_A_SERVER = 2
_PATIENCES = 20  # in a deadline: how often a further thread may set out


class Question(Generic[T]):
    """A call that may hang, and what became of it.

    Attributes:
        key: tells it from others, from one `Asking.ask` to the next.
        server: who has to answer; None: this machine.
        asked: it was called, at some time.
        done: it has returned, with an answer or an error.
    """

    __slots__ = ("_call", "answer", "asked", "done", "error", "key", "name", "server")

    def __init__(
        self, key: Key, call: Callable[[], T], name: str = "", server: str | None = None
    ) -> None:
        self.key = key
        self.name = name
        self.server = server
        self.asked = False
        self.done = False
        self.answer: T | None = None
        self.error: OSError | ValueError | None = None
        self._call = call

    def run(self) -> None:
        try:
            self.answer = self._call()
        except (OSError, ValueError) as error:  # ValueError: a path that cannot be one
            self.error = error


class Asking(Generic[T]):
    """Remembers what does not answer, and asks it nothing further until it has.

    Args:
        deadline: seconds after which those that have not answered are left alone.
    """

    def __init__(self, deadline: float) -> None:
        self._deadline = deadline
        self._changed = threading.Condition()
        self._flying: list[Question[T]] = []  # called and not returned
        self._returned = 0

    def ask(self, questions: Iterable[Question[T]]) -> dict[Key, Question[T]]:
        """What became of each: the question itself, or the one that hangs since an earlier time.

        Those that were not asked, because too many others hang, are not `asked`.
        """
        until = monotonic() + self._deadline
        with self._changed:
            hanging = {question.key: question for question in self._flying}
            found = {q.key: hanging.get(q.key, q) for q in questions}
            fresh = [q for key, q in found.items() if key not in hanging]
            queue = deque(fresh)
            started = self._start(queue)
            while started and (self._next(queue) or any(q.asked and not q.done for q in fresh)):
                left = until - monotonic()
                if left <= 0:
                    break
                before = self._returned
                self._changed.wait(min(self._deadline / _PATIENCES, left))
                if before == self._returned and self._next(queue):
                    self._start(queue)
            queue.clear()
        return found

    def _start(self, queue: "deque[Question[T]]") -> bool:
        """Sends a thread; False where there are too many already for one more (TasksMax)."""
        if not self._next(queue):
            return False
        # The process can end although it never returns.
        thread = threading.Thread(target=self._work, args=(queue,), name="asking", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            return False
        return True

    def _next(self, queue: "deque[Question[T]]") -> Question[T] | None:
        """The first that may be asked now."""
        for question in queue:
            of_a_kind = [q for q in self._flying if (q.server is None) == (question.server is None)]
            server = question.server
            same = sum(q.server == server for q in of_a_kind) if server is not None else 0
            if len(of_a_kind) < _HANGING and same < _OF_A_SERVER:
                return question
        return None

    def _work(self, queue: "deque[Question[T]]") -> None:
        thread = threading.current_thread()
        while True:
            with self._changed:
                question = self._next(queue)
                if question is None:
                    return
                queue.remove(question)
                question.asked = True
                self._flying.append(question)
            thread.name = question.name
            question.run()
            with self._changed:
                question.done = True
                self._flying.remove(question)
                self._returned += 1
                self._changed.notify_all()
