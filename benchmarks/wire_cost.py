"""What encryption costs the collector: the same events to one subscriber, plain and with CURVE.

Both collectors run at the same time on the same machine, each emitting a thousand synthetic events
a second (tests/process/synthetic.py) to one client that reads all of them, so that the ratio holds
even where the machine is shared. CPU time is the kernel's own, summed over threads
(``/proc/PID/task/*/schedstat``, nanoseconds).

    python benchmarks/wire_cost.py [--seconds 30] [--rounds 5]
"""

import argparse
import signal
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "daemon")]

from health_collectord.interfaces.access import KeyFiles  # noqa: E402
from health_wire import ClientKeys, CollectorClient, Event  # noqa: E402
from health_wire.keys import KeyPair  # noqa: E402

from tests.running import Running, running  # noqa: E402

CLIENT = "import sys; from benchmarks.wire_cost import read; read(sys.argv[1:])"


def cpu(process: Running) -> dict[str, int]:
    """Nanoseconds that each thread has run, by its number."""
    tasks = Path(f"/proc/{process.pid}/task").iterdir()
    return {task.name: int((task / "schedstat").read_text().split()[0]) for task in tasks}


def read(words: list[str]) -> None:
    """A client that takes in everything, and says when it has begun."""
    events, state, *keys = words
    client = CollectorClient(events, state, keys=ClientKeys(*keys) if keys else None)
    with client:
        while not any(isinstance(update, Event) for update in client.receive(1.0)):
            pass
        signal.signal(signal.SIGTERM, lambda *_: sys.exit())
        print("ready client=1", file=sys.stderr, flush=True)
        for _ in client:
            pass


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        files, keys = KeyFiles(Path(name) / "keys"), KeyPair.generate()
        files.allow("client", keys.public)
        secret = [files.server().public, keys.public, keys.secret]
        places = ["tcp://127.0.0.1:0"] * 2
        collectors: dict[str, Running] = {}
        for how, given, shown in (("plain", [], []), ("curve", [str(files.directory)], secret)):
            command = [sys.executable, "-m", "tests.process.synthetic", *places, *given]
            collectors[how] = one = stack.enter_context(running(command, Path(name)))
            client = [sys.executable, "-c", CLIENT, one.events, one.state, *shown]
            stack.enter_context(running(client, Path(name)))
        ratios = []
        print(f"{'':8}{'plain ms/s':>12}{'curve ms/s':>12}{'ratio':>8}   I/O thread: plain, curve")
        for number in range(options.rounds):
            before = {how: cpu(one) for how, one in collectors.items()}
            begin = time.monotonic()
            time.sleep(options.seconds)
            seconds = time.monotonic() - begin
            spent = {how: difference(before[how], cpu(one)) for how, one in collectors.items()}
            total = {how: sum(each.values()) / 1e6 / seconds for how, each in spent.items()}
            ratios.append(total["curve"] / total["plain"])
            print(f"{number:<8}{total['plain']:>12.1f}{total['curve']:>12.1f}", end="")
            io = {how: thread(one, spent[how]) / 1e6 / seconds for how, one in collectors.items()}
            print(f"{ratios[-1]:>8.3f}   {io['plain']:.1f}, {io['curve']:.1f}", flush=True)
        print(f"median ratio {statistics.median(ratios):.3f}")


def difference(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    return {thread: spent - before.get(thread, 0) for thread, spent in after.items()}


def thread(process: Running, spent: dict[str, int], name: str = "ZMQbg/IO/0") -> int:
    """What libzmq's thread spent, which sends and encrypts."""
    found = Path(f"/proc/{process.pid}/task")
    return sum(
        nanoseconds
        for number, nanoseconds in spent.items()
        if (found / number / "comm").read_text().strip() == name
    )


if __name__ == "__main__":
    main()
