"""A collector that runs, for commands to ask."""

import sys
from collections.abc import Iterator

import pytest

from tests.running import Running, start_collector


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("commands")
    with start_collector(folder, "--interval", "0.2", "--host-id", "pi") as collector:
        yield collector


def command(collector: Running, *arguments: str) -> list[str]:
    endpoints = ["--events", collector.events, "--state", collector.state]
    return [sys.executable, "-m", "health_collectord", *arguments, *endpoints]
