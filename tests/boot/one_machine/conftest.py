"""Both packages on one machine, from installation to purge, on each Debian release.

The tests of a release are one machine's life: the files run in the order of their numbers, all of
them for one release and then for the other. Those before the reboot leave the machine as they
found it.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.boot.first_hour import Packages
from tests.boot.machine import Machine
from tests.boot.one_machine.units import created

_PROGRAMS = Path(__file__).parents[1]


@pytest.fixture(scope="package", params=["bookworm", "trixie"])
def machine(request: pytest.FixtureRequest, packages: Packages, work: Path) -> Iterator[Machine]:
    with Machine(f"{request.param}-one", request.param, work) as machine:
        machine.put_packages(*packages[request.param].values())
        machine.give_home_a_disk()
        machine.boot()
        for file in ("faulty.py", "probe.py"):
            machine.write(f"/usr/local/lib/{file}", (_PROGRAMS / file).read_text())
        yield machine


@pytest.fixture(autouse=True)
def _variants_end_with_their_test(machine: Machine) -> Iterator[None]:
    yield
    if created:
        machine.run("systemctl", "stop", *created, check=False)
        machine.run("systemctl", "reset-failed", *created, check=False)
        for name in created:
            unit = f"/run/systemd/system/{name}.service"
            machine.run("rm", "-rf", unit, f"/var/lib/{name}", f"/var/lib/private/{name}")
        machine.run("systemctl", "daemon-reload")
        created.clear()
