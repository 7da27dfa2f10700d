"""What a browser gets: of the host that it looks at, one frame for each tick."""

from contextlib import ExitStack
from pathlib import Path

from tests.process.following import Reader, follow, key_of
from tests.running import start_collector, start_webui, wait_for

TICKS = 6


def test_one_room_per_host_and_one_frame_per_host_and_tick(tmp_path: Path) -> None:
    hosts = ("alpha", "beta")
    with ExitStack() as stack:
        collectors = []
        for host in hosts:
            (tmp_path / host).mkdir()
            started = start_collector(tmp_path / host, "--host-id", host, transport="ipc")
            collectors.append(stack.enter_context(started))
        webui = stack.enter_context(start_webui(tmp_path, *collectors))
        readers = {}
        for host in hosts:
            connection = follow(webui, key_of(webui, host), "127.0.0.7")
            readers[host] = Reader(stack.enter_context(connection))
            stack.callback(readers[host].stop)
        wait_for(lambda: all(len(r.frames) > TICKS for r in readers.values()), timeout=30)
        for host, reader in readers.items():
            frames = list(reader.frames)
            assert {told["host"] for told in frames} == {host}, "nothing of the other"
            # A tick is a second; one that a busy machine tears apart may make two frames.
            seconds = {told["time"].partition(".")[0] for told in frames}
            assert len(frames) <= len(seconds) + 1
            assert sum(len(told["events"]) for told in frames) > 2 * len(seconds)
            seqs = [told["seq"] for told in frames]
            assert seqs == sorted(set(seqs))
