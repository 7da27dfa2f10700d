"""What README has somebody type who has installed both packages."""

import json
import re

from tests.boot import readme
from tests.boot.machine import SHARED, Machine, until
from tests.boot.one_machine.units import COLLECTOR

CLIENT = f"{SHARED}/client.py"


def typed(containing: str) -> str:
    return readme.line("Installing", containing)


def first(machine: Machine, line: str, number: int) -> list[str]:
    """The first lines that something says which does not end by itself."""
    said = machine.type(f"timeout 60 {line} 2> /dev/null | head -n {number}").splitlines()
    assert len(said) == number, said
    return said


def test_how_the_machine_is(machine: Machine) -> None:
    said = machine.type(typed("collectord status"), check=False)
    assert re.match(r"(Healthy|Warning|Critical): ", said)
    assert "(running)" in machine.type(typed("systemctl status"))


def test_events_as_they_come(machine: Machine) -> None:
    shown = first(machine, typed("collectord watch"), 2)
    assert {json.loads(line)["name"] for line in shown} == {"system.memory.usage.updated"}


def test_a_client_of_ones_own(machine: Machine) -> None:
    client, _ = readme.blocks("A client of your own", "python")
    machine.write(CLIENT, client)
    for line in first(machine, f"python3 -u {CLIENT}", 2):
        assert re.fullmatch(r"\d{4}-\S+Z \d+\.\d+", line)


def test_a_replay_beside_the_collector(machine: Machine) -> None:
    replay, watch = (readme.line("Commands", name) for name in ("replay", "watch"))
    recorded = f"/var/lib/{COLLECTOR}/history"
    until(lambda: machine.type(f"sudo find {recorded} -type f -size +10k"), 60)
    watched = f"timeout 60 {watch} 2> /dev/null | head -n 5"
    shown = machine.type(f"{replay} > /dev/null 2>&1 & {watched}; sudo kill $!").splitlines()
    assert len(shown) == 5
    assert all(json.loads(line)["name"] for line in shown)


def test_a_capsule_of_the_last_minutes(machine: Machine) -> None:
    export = readme.line("Commands", "export")
    words = re.sub(r"--(from|to) \S+ ?", "", export).replace("noon.zip", "/tmp/noon.zip")
    machine.type(words)
    assert int(machine.type("sudo stat -c %s /tmp/noon.zip")) > 1000
    machine.type("sudo rm /tmp/noon.zip")


def test_bash_completes_the_commands(machine: Machine) -> None:
    folder = "/usr/share/bash-completion/completions"
    for command in (COLLECTOR, "health-webui", "bussdcc-system-health"):
        said = machine.type(f"source {folder}/{command}; complete -p {command}")
        assert said.startswith("complete -F ")
