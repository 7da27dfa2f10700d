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

from tests.running import wait_for

from .conftest import RecordedHost
from .trees import case
from .verdict import judged

Recorded = Callable[[str], RecordedHost]
Tree = Callable[[str], RecordedHost]
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


def test_the_pi_5_south_bridge_is_not_its_cpu(recorded: Recorded) -> None:
    host = recorded("")
    chip(host, 2, "rp1_adc", temp1_input=60000)
    got = reader(host).read(0.0)
    assert (got.cpu_celsius, rows(got)["rp1_adc temp1"].celsius) == (None, 60.0)


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
    # Limits are read after the first temperature: on a busy machine with the next search.
    row = wait_for(
        lambda: (r := rows(reader(host).read(0.0))["nvme Composite"]).margin_celsius and r
    )
    assert (row.celsius, row.margin_celsius, row.age_seconds) == (41.9, 42.9, 0.0)


@pytest.mark.parametrize("hide", ["nvme Composite (nvme1)", "nvme*1)"])
def test_one_of_some_alike_is_hidden_by_its_key(recorded: Recorded, hide: str) -> None:
    host = recorded("")
    for number in range(2):
        chip(host, number, "nvme", temp1_input=40000, temp1_label="Composite")
        host.write(f"sys/devices/nvme{number}/uevent", "")
        device = host.folder / f"sys/class/hwmon/hwmon{number}/device"
        device.symlink_to(f"../../../devices/nvme{number}")
    assert list(rows(reader(host, hide).read(0.0))) == ["nvme Composite (nvme0)"]


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
    wait_for(lambda: list(rows(read(11.0))) == ["gpu-thermal"])


def test_a_new_sensor_is_found_within_a_minute(recorded: Recorded) -> None:
    host = recorded("")
    zone(host, 0, "cpu-thermal", 50)
    read = reader(host).read
    read(0.0)
    zone(host, 1, "gpu-thermal", 45)
    assert len(read(59.0).sensors) == 1
    wait_for(lambda: len(read(60.0).sensors) == 2)


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


def board(*zones: str) -> str:
    """A quiet host with these zones, the first at 95 degrees, each other one a degree below."""
    return "".join(
        f"=== sys/class/thermal/thermal_zone{n}/temp\n{95 - n}000\n"
        f"=== sys/class/thermal/thermal_zone{n}/type\n{name}\n"
        for n, name in enumerate(zones)
    )


@pytest.mark.parametrize(
    ("zones", "cpu"),
    [
        (("imx_thermal_zone",), 95.0),
        (("cpul_thermal_zone", "cpub_thermal_zone", "gpu_thermal_zone", "npu_thermal_zone"), 95.0),
        (("AO-therm", "CPU-therm", "GPU-therm", "PLL-therm", "PMIC-Die", "thermal-fan-est"), 94.0),
        (("cpu0-1-thermal", "cpu2-3-thermal", "gpu-thermal", "camera-thermal"), 95.0),
        (("package-thermal", "bigcore0-thermal", "littlecore-thermal", "gpu-thermal"), 95.0),
    ],
)
def test_the_cpu_is_judged_whatever_a_board_calls_it(
    tree: Tree, zones: tuple[str, ...], cpu: float
) -> None:
    said = judged(tree(board(*zones)), "temperature")
    assert said.problems == [("temperature", None, "cpu_celsius", "critical")]
    assert said.health["problems"][0]["value"] == cpu


@pytest.mark.parametrize(
    ("celsius", "critical", "high", "severity"),
    [
        (94.9, 100, None, None),
        (95.0, 100, None, "warning"),
        (99.9, 100, None, "warning"),
        (100.0, 100, None, "critical"),
        (120.0, 100, None, "critical"),
        (91.0, 100, 90, None),  # hot, as it may be, and far from critical
        (84.9, None, 90, None),
        (85.0, None, 90, "warning"),
        (90.0, None, 90, "critical"),
        (95.0, None, None, None),
        (95.0, 0, 4294967, None),  # limits that mean nothing
    ],
)
def test_every_sensor_is_judged_by_its_own_limits(
    tree: Tree, celsius: float, critical: int | None, high: int | None, severity: str | None
) -> None:
    places = {
        "sys/class/thermal/thermal_zone7": ("type", "skin", "temp"),
        "sys/class/hwmon/hwmon7": ("name", "nct7802", "temp1_input"),
    }
    for folder, (naming, name, reading) in places.items():
        text = f"=== {folder}/{naming}\n{name}\n=== {folder}/{reading}\n{celsius * 1000:.0f}\n"
        for number, (kind, hwmon, limit) in enumerate(
            (("critical", "crit", critical), ("hot", "max", high))
        ):
            if limit is None:
                continue
            if naming == "name":
                text += f"=== {folder}/temp1_{hwmon}\n{limit}000\n"
            else:
                text += f"=== {folder}/trip_point_{number}_type\n{kind}\n"
                text += f"=== {folder}/trip_point_{number}_temp\n{limit}000\n"
        problems = judged(tree(text), "temperature").problems
        own = [(row, how) for _, row, field, how in problems if field == "margin_celsius"]
        row = name if naming == "type" else f"{name} temp1"
        assert own == ([(row, severity)] if severity else [])


def test_every_sensor_has_a_row_whatever_its_label(tree: Tree) -> None:
    got = rows(reader(tree(case("alike-labels"))).read(0.0))
    assert sorted(row.celsius or 0 for row in got.values()) == [18.0, 24.0, 37.0, 92.0]
    assert got["dell_smm CPU"].celsius == 37.0
    assert got["dell_smm SODIMM (dell_smm_hwmon temp4)"].celsius == 92.0


def test_a_driver_of_the_old_layout_and_what_is_not_connected(tree: Tree) -> None:
    got = reader(tree(case("old-hwmon-layout"))).read(0.0)
    assert (got.cpu_celsius, got.cpu_sensor) == (39.0, "applesmc TC0P")
    none = rows(got)["applesmc TH0A"]
    assert (none.celsius, none.margin_celsius) == (None, None)
    assert "nothing is connected" in (none.reason or "")


@pytest.mark.parametrize("fault", [0, 1])
def test_a_faulty_sensor_has_no_temperature(recorded: Recorded, fault: int) -> None:
    host = recorded("")
    zone(host, 0, "cpu-thermal", 50)
    chip(host, 0, "nct6775", temp1_input=140000, temp1_crit=100000, temp1_fault=1 - fault)
    read = reader(host).read
    read(0.0)
    chip(host, 0, "nct6775", temp1_fault=fault)
    row = rows(read(1.0))["nct6775 temp1"]
    assert row.celsius == (None if fault else 140.0)
    assert row.margin_celsius == (None if fault else -40.0)
    assert ("faulty" in (row.reason or "")) == bool(fault)


def test_limits_that_change_are_read_again_some_time(recorded: Recorded) -> None:
    host = recorded("")
    chip(host, 0, "nct6775", temp1_input=50000, temp1_crit=100000)
    read = reader(host).read

    def limit(now: float) -> float | None:
        return read(now).sensors[0].critical_celsius

    assert limit(0.0) == 100.0
    chip(host, 0, "nct6775", temp1_crit=90000)
    assert limit(60.0) == 100.0
    wait_for(lambda: limit(600.0) == 90.0)


def test_thermometers_known_to_be_slow_are_read_apart_from_the_start(tree: Tree) -> None:
    host = tree(case("one-wire"))
    read = reader(host).read
    first = read(0.0)
    assert first.cpu_celsius == 45.0
    assert len(first.sensors) == 6
    for number in range(5):
        key = f"w1_slave_temp temp1 (28-00000000000{number})"
        row = wait_for(lambda key=key: (r := rows(read(1.0))[key]).celsius and r)
        assert (row.celsius, row.reason) == (21.0, None)
        assert row.age_seconds is not None
