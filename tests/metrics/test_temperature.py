import errno
from collections.abc import Callable

import pytest
from health_collectord.host import KernelFile
from health_collectord.metrics.temperature import (
    Sensor,
    TemperatureOptions,
    TemperatureReader,
    TemperatureUpdated,
)
from health_collectord.vocabulary import Unavailable
from hypothesis import given
from hypothesis import strategies as st

from .conftest import RecordedHost

Recorded = Callable[[str], RecordedHost]
ZONE = "sys/class/thermal/thermal_zone0"


def zone(host: RecordedHost, number: int, name: str, celsius: float) -> None:
    host.write(f"sys/class/thermal/thermal_zone{number}/type", f"{name}\n")
    host.write(f"sys/class/thermal/thermal_zone{number}/temp", f"{round(celsius * 1000)}\n")


def chip(host: RecordedHost, number: int, name: str, **files: object) -> None:
    host.write(f"sys/class/hwmon/hwmon{number}/name", f"{name}\n")
    for file, content in files.items():
        host.write(f"sys/class/hwmon/hwmon{number}/{file}", f"{content}\n")


def reader(host: RecordedHost, *hide: str) -> TemperatureReader:
    return TemperatureReader(host.host, TemperatureOptions(hide=hide))


def rows(sample: TemperatureUpdated) -> dict[str, Sensor]:
    return {row.key: row for row in sample.sensors}


@pytest.mark.parametrize("name", ["cpu-thermal", "cpu_thermal", "bcm2835_thermal", "soc_thermal"])
def test_the_cpu_zone_of_a_board(recorded: Recorded, name: str) -> None:
    host = recorded("")
    zone(host, 0, "gpu-thermal", 70)
    zone(host, 1, name, 51.25)
    assert reader(host).read(0.0).cpu_celsius == 51.2


def test_the_pi_5_south_bridge_is_not_its_cpu(recorded: Recorded) -> None:
    host = recorded("")
    chip(host, 2, "rp1_adc", temp1_input=60000)
    got = reader(host).read(0.0)
    assert (got.cpu_celsius, rows(got)["rp1_adc temp1"].celsius) == (None, 60.0)


def test_amd_tdie_is_better_than_tctl(recorded: Recorded) -> None:
    host = recorded("")
    chip(
        host,
        3,
        "k10temp",
        temp1_input=77000,
        temp1_label="Tctl",
        temp2_input=67000,
        temp2_label="Tdie",
    )
    assert reader(host).read(0.0).cpu_celsius == 67.0


def test_the_hotter_of_two_packages(recorded: Recorded) -> None:
    host = recorded("")
    for number, celsius in enumerate((50, 60, 55)):
        label = f"Package id {number}"
        chip(host, number, "coretemp", temp1_input=celsius * 1000, temp1_label=label)
    assert reader(host).read(0.0).cpu_celsius == 60.0


def test_thresholds_that_a_driver_does_not_know_are_null(recorded: Recorded) -> None:
    host = recorded("")
    chip(host, 0, "nct6775", temp1_input=40000, temp1_max=0, temp1_crit=4294967295)
    chip(host, 1, "coretemp", temp1_input=40000, temp1_max=91000, temp1_crit=101000)
    got = rows(reader(host).read(0.0))
    assert got["nct6775 temp1"].high_celsius is None
    assert got["nct6775 temp1"].critical_celsius is None
    assert got["coretemp temp1"].high_celsius == 91.0
    assert got["coretemp temp1"].critical_celsius == 101.0


def test_drives_are_left_alone_unless_asked_for(recorded: Recorded) -> None:
    host = recorded("pi5")
    by_default = TemperatureReader(host.host, TemperatureOptions()).read(0.0)
    assert not any("nvme" in key for key in rows(by_default))
    assert rows(reader(host).read(0.0))["nvme Composite"].celsius == 41.9


def test_without_sensors_it_is_unavailable(recorded: Recorded) -> None:
    host = recorded("")
    read = reader(host).read
    with pytest.raises(Unavailable, match="no temperature sensor"):
        read(0.0)
    zone(host, 0, "cpu-thermal", 50)  # a module was loaded
    assert read(30.0).cpu_celsius == 50.0


def test_a_sensor_that_vanishes_is_null_and_then_gone(recorded: Recorded) -> None:
    host = recorded("")
    zone(host, 0, "cpu-thermal", 50)
    zone(host, 1, "gpu-thermal", 45)
    read = reader(host).read
    read(0.0)
    (host.folder / ZONE / "temp").unlink()
    got = read(1.0)
    assert (got.cpu_celsius, rows(got)["cpu-thermal"].reason) == (None, "vanished")
    assert rows(got)["gpu-thermal"].celsius == 45.0
    assert list(rows(read(11.0))) == ["gpu-thermal"]


def test_a_new_sensor_is_found_within_a_minute(recorded: Recorded) -> None:
    host = recorded("")
    zone(host, 0, "cpu-thermal", 50)
    read = reader(host).read
    read(0.0)
    zone(host, 1, "gpu-thermal", 45)
    assert len(read(59.0).sensors) == 1
    assert len(read(60.0).sensors) == 2


@pytest.mark.parametrize("number", [errno.EINVAL, errno.EAGAIN, errno.EIO])
def test_a_sensor_that_refuses_is_null_with_the_reason(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    host = recorded("")
    zone(host, 0, "cpu-thermal", 50)
    read = reader(host).read
    answer = KernelFile.read

    def refuse(self: KernelFile) -> bytes:
        raise OSError(number, "no", self.path)

    assert read(0.0).cpu_celsius == 50.0
    monkeypatch.setattr(KernelFile, "read", refuse)
    for now in (1.0, 2.0):
        got = read(now)
        assert (got.cpu_celsius, got.sensors[0].celsius, got.sensors[0].reason) == (
            None,
            None,
            "no",
        )
    with pytest.raises(Unavailable, match="cpu-thermal: no"):
        read(3.0)
    monkeypatch.setattr(KernelFile, "read", answer)
    assert read(33.0).cpu_celsius == 50.0


def test_one_sensor_of_garbage_does_not_hide_the_others(recorded: Recorded) -> None:
    host = recorded("")
    zone(host, 0, "cpu-thermal", 50)
    zone(host, 1, "wifi", 0)
    host.write("sys/class/thermal/thermal_zone1/temp", "65261850000\n")
    got = rows(reader(host).read(0.0))
    assert got["cpu-thermal"].celsius == 50.0
    assert (got["wifi"].celsius, got["wifi"].reason) == (
        None,
        "not a temperature: b'65261850000\\n'",
    )


@given(content=st.binary(max_size=30) | st.integers().map(lambda n: str(n).encode()))
def test_any_bytes_are_a_temperature_or_a_reason(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    host = RecordedHost(tmp_path_factory.mktemp("host"))
    zone(host, 0, "cpu-thermal", 50)
    zone(host, 1, "gpu-thermal", 50)
    host.write(f"{ZONE}/temp", content)
    row = rows(reader(host).read(0.0))["cpu-thermal"]
    assert (row.celsius is None) == (row.reason is not None)
    assert row.celsius is None or -273.2 <= row.celsius <= 1000


def test_alike_sensors_are_told_apart_by_their_device(recorded: Recorded) -> None:
    got = reader(recorded("x86-server"), "nvme*").read(0.0)
    keys = [row.key for row in got.sensors]
    assert len(set(keys)) == len(keys)
    assert {"coretemp Core 0 (coretemp.0)", "coretemp Core 0 (coretemp.1)"} <= set(keys)
