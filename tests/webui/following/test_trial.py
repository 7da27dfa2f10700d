"""What is said of a place where no collector answers; that one answers: test_collectors.py."""

import socket
from pathlib import Path

import pytest
from health_webui.config import Endpoints
from health_webui.following import trial
from health_webui.following.collectors import Source
from health_wire.keys import ClientKeys, KeyPair


def reason(place: Endpoints, keys: ClientKeys | None = None) -> str:
    found = trial.look(Source(place, keys))
    assert found.place is None
    (said,) = found.reasons.values()
    return said


def test_nothing_listens(tmp_path: Path) -> None:
    said = reason(Endpoints("tcp://127.0.0.1:1", "tcp://127.0.0.1:2"))
    assert said.startswith("nothing answers at tcp://127.0.0.1:1 (Connection refused). Is the mach")
    file = f"ipc://{tmp_path}/none"
    assert reason(Endpoints(file, file)).startswith(f"nothing answers at {file} (No such file")
    assert "nothing answers" in reason(Endpoints("tcp://127.0.0.1:99999", "tcp://127.0.0.1:1"))


def test_a_name_leads_nowhere() -> None:
    place = Endpoints("tcp://nowhere.invalid:8087", "tcp://nowhere.invalid:8088")
    assert "the name nowhere.invalid leads nowhere" in reason(place)


def test_only_one_of_the_two_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as one:
        place = Endpoints(f"tcp://127.0.0.1:{one.getsockname()[1]}", "tcp://127.0.0.1:2")
        assert reason(place).startswith("nothing answers at tcp://127.0.0.1:2 (")


def test_another_program_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "_ANSWER_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as one:
        endpoint = f"tcp://127.0.0.1:{one.getsockname()[1]}"
        pair = KeyPair.generate()
        keys = ClientKeys(KeyPair.generate().public, pair.public, pair.secret)
        assert "does not speak as a collector" in reason(Endpoints(endpoint, endpoint), keys)
