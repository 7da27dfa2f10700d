"""Which thermometers there are, what they are called, and which of them is the CPU's."""

from itertools import permutations
from pathlib import Path

import pytest
from health_collectord.thermometers import NOT_THE_CPU, Thermometer, look, named, places
from hypothesis import given
from hypothesis import strategies as st


def write(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{content}\n")


def zone(sysfs: Path, number: int, name: str, **files: object) -> None:
    for file, content in {"temp": 40000, "type": name, **files}.items():
        write(sysfs / f"class/thermal/thermal_zone{number}" / file, content)


def chip(sysfs: Path, number: int, name: str, device: str | None = None, **files: object) -> None:
    folder = sysfs / f"class/hwmon/hwmon{number}"
    for file, content in {"name": name, "temp1_input": 40000, **files}.items():
        write(folder / file, content)
    if device:
        (folder / "device").symlink_to(f"../../../devices/{device}")


def found(sysfs: Path) -> dict[str, Thermometer]:
    return named(t for place in places(sysfs) for t in look(place))


def the_cpus(names: tuple[str, ...], tmp_path: Path) -> list[str]:
    """Which of these zones are best known to be the CPU's."""
    for number, name in enumerate(names):
        zone(tmp_path, number, name)
    ranks = {key: t.rank for key, t in found(tmp_path).items() if t.rank < NOT_THE_CPU}
    return [key for key, rank in ranks.items() if rank == min(ranks.values())]


# The zones' names as the boards' device trees, or vendors' kernels, have them.
BOARDS = [
    (("cpu-thermal", "gpu-thermal"), ["cpu-thermal"]),
    (("bcm2835_thermal",), ["bcm2835_thermal"]),
    (("imx_thermal_zone",), ["imx_thermal_zone"]),
    (("cpul_thermal_zone", "cpub_thermal_zone", "gpu_thermal_zone", "npu_thermal_zone"),
     ["cpul_thermal_zone", "cpub_thermal_zone"]),
    (("AO-therm", "CPU-therm", "GPU-therm", "PLL-therm", "PMIC-Die", "thermal-fan-est"),
     ["CPU-therm"]),
    (("cpu0-1-thermal", "cpu2-3-thermal", "gpu-thermal", "camera-thermal", "modem1-thermal"),
     ["cpu0-1-thermal", "cpu2-3-thermal"]),
    (("package-thermal", "bigcore0-thermal", "bigcore2-thermal", "littlecore-thermal",
      "center-thermal", "gpu-thermal", "npu-thermal"),
     ["package-thermal", "bigcore0-thermal", "bigcore2-thermal", "littlecore-thermal"]),
    (("soc-thermal", "gpu-thermal"), ["soc-thermal"]),
    (("soc-thermal", "cpu0-thermal", "cpu1-thermal"), ["cpu0-thermal", "cpu1-thermal"]),
    (("mtktscpu", "mtktsbattery", "mtktspmic", "mtktswmt"), ["mtktscpu"]),
    (("battery", "charger", "wifi", "ap_cluster0", "skin-therm"), ["ap_cluster0"]),
    (("ddr-thermal", "aoss0-thermal", "q6-modem", "cpuss0-thermal", "lpass"), ["cpuss0-thermal"]),
    (("BIG", "LITTLE", "G3D", "ISP"), ["BIG", "LITTLE"]),
    (("acpitz", "INT3400 Thermal", "iwlwifi_1", "pch_cannonlake", "x86_pkg_temp"),
     ["x86_pkg_temp"]),
    (("acpitz", "INT3400 Thermal", "TCPU"), ["TCPU"]),
    (("acpitz", "iwlwifi_1", "BAT0"), ["acpitz"]),
    (("main0-thermal", "main1-thermal", "pmic"), ["main0-thermal", "main1-thermal"]),
    (("ve_thermal", "gpu_thermal", "ddr_thermal", "nvme"), []),
    (("Tboard_tegra", "tj-thermal", "gpu-thermal", "soc0-thermal"), ["tj-thermal"]),
    (("input-thermal", "npu"), ["input-thermal"]),
]  # fmt: skip


@pytest.mark.parametrize(("names", "cpus"), BOARDS, ids=lambda b: b[0] if b else "none")
def test_the_cpus_zones_of_a_board(tmp_path: Path, names: tuple[str, ...], cpus: list[str]) -> None:
    assert the_cpus(names, tmp_path) == cpus


CHIPS = [
    ((("k10temp", "Tctl"), ("k10temp", "Tdie")), "k10temp Tdie"),
    ((("nct6775", "SYSTIN"), ("nct6775", "CPUTIN"), ("nct6775", "AUXTIN0")), "nct6775 CPUTIN"),
    ((("thinkpad", "GPU"), ("thinkpad", "CPU")), "thinkpad CPU"),
    ((("dell_smm", "Ambient"), ("dell_smm", "SODIMM"), ("dell_smm", "CPU")), "dell_smm CPU"),
    ((("amdgpu", "edge"), ("amdgpu", "junction"), ("asusec", "VRM")), None),
    ((("rp1_adc", "temp1"), ("w1_slave_temp", "temp1"), ("lm75", "temp1")), None),
    ((("jc42", "temp1"), ("drivetemp", "temp1"), ("iwlwifi_1", "temp1")), None),
    ((("applesmc", "TC0P"), ("applesmc", "TB1T"), ("applesmc", "TG0D")), "applesmc TC0P"),
    ((("scpi_sensors", "pvt"), ("tmp102", "temp1")), "scpi_sensors pvt"),
    ((("nct6775", "CPU VRM"), ("it8720", "temp1")), "it8720 temp1"),
]


@pytest.mark.parametrize(("chips", "cpu"), CHIPS)
def test_the_cpus_sensor_among_chips(
    tmp_path: Path, chips: tuple[tuple[str, str], ...], cpu: str | None
) -> None:
    for number, (name, label) in enumerate(chips):
        chip(tmp_path, number, name, **({} if label == "temp1" else {"temp1_label": label}))
    best = min(found(tmp_path).items(), key=lambda item: item[1].rank)
    assert (best[0] if best[1].rank < NOT_THE_CPU else None) == cpu


def test_a_zone_says_what_it_is_by_what_it_does(tmp_path: Path) -> None:
    """The CPU is slowed down where it is hot; a machine is switched off where it is critical."""
    zone(tmp_path, 0, "one")
    zone(tmp_path, 1, "two", trip_point_0_type="critical", trip_point_0_temp=100000)
    zone(tmp_path, 2, "three")
    write(tmp_path / "class/thermal/thermal_zone2/cdev0/type", "cpufreq-cpu0")
    zone(tmp_path, 3, "skin")
    write(tmp_path / "class/thermal/thermal_zone3/cdev0/type", "cpufreq-cpu0")
    ranks = {key: t.rank for key, t in found(tmp_path).items()}
    assert sorted(ranks, key=ranks.__getitem__) == ["three", "two", "one", "skin"]
    assert ranks["skin"] == NOT_THE_CPU


def test_what_is_alone_has_its_name_alone(tmp_path: Path) -> None:
    zone(tmp_path, 0, "cpu-thermal")
    chip(tmp_path, 4, "nvme", "nvme0", temp1_label="Composite")
    assert list(found(tmp_path)) == ["cpu-thermal", "nvme Composite"]


def test_labels_that_are_alike_are_told_apart_by_their_number(tmp_path: Path) -> None:
    chip(
        tmp_path,
        0,
        "dell_smm",
        "dell_smm_hwmon",
        temp1_label="CPU",
        temp2_input=18000,
        temp2_label="SODIMM",
        temp3_input=24000,
        temp3_label="SODIMM",
    )
    assert list(found(tmp_path)) == [
        "dell_smm CPU",
        "dell_smm SODIMM (dell_smm_hwmon temp2)",
        "dell_smm SODIMM (dell_smm_hwmon temp3)",
    ]


def test_keys_do_not_depend_on_the_numbers_of_this_boot(tmp_path: Path) -> None:
    chips = [
        ("nvme", "nvme0"), ("nvme", "nvme1"), ("coretemp", "coretemp.0"), ("jc42", "0-0018"),
        ("jc42", "0-0019"),
    ]  # fmt: skip
    seen = []
    for boot, order in enumerate(list(permutations(chips))[::17]):
        sysfs = tmp_path / str(boot)
        for number, (name, device) in enumerate(order):
            chip(sysfs, number * 3, name, device)
        seen.append(set(found(sysfs)))
    assert all(keys == seen[0] for keys in seen)
    assert len(seen[0]) == len(chips)


def test_chips_that_nothing_tells_apart_are_counted(tmp_path: Path) -> None:
    for number in range(3):
        chip(tmp_path, number, "virtual")
    chip(tmp_path, 3, "virtual", temp1_label="temp1 (temp1)")
    assert list(found(tmp_path)) == [
        "virtual temp1 (temp1) #2",
        "virtual temp1 (temp1) #3",
        "virtual temp1 (temp1) #4",
        "virtual temp1 (temp1)",
    ]


LABELS = st.sampled_from(["", "CPU", "CPU (a)", "CPU (a temp1)", "CPU (temp2)", "temp1", " ", "é"])


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "b", "a CPU"]),
            st.sampled_from([None, "a", "b"]),
            st.lists(LABELS, min_size=1, max_size=4),
        ),
        max_size=5,
    )
)
def test_every_sensor_has_a_key_of_its_own(
    tmp_path_factory: pytest.TempPathFactory,
    chips: list[tuple[str, str | None, list[str]]],
) -> None:
    sysfs = tmp_path_factory.mktemp("sys")
    for number, (name, device, labels) in enumerate(chips):
        chip(sysfs, number, name, device)
        for sensor, label in enumerate(labels, 1):
            folder = sysfs / f"class/hwmon/hwmon{number}"
            write(folder / f"temp{sensor}_input", 1000)
            write(folder / f"temp{sensor}_label", label)
    got = found(sysfs)
    assert len(got) == sum(len(labels) for _, _, labels in chips)
    assert len({t.input for t in got.values()}) == len(got)
    names = [t.name for t in got.values()]
    assert all(names.count(t.name) > 1 or key == t.name for key, t in got.items())


def test_a_driver_older_than_hwmons_own_folder(tmp_path: Path) -> None:
    """applesmc and others keep everything in the device's (psutil#1245)."""
    device = tmp_path / "devices/platform/applesmc.768"
    files = {"name": "applesmc", "temp1_input": 1, "temp1_label": "TC0P", "temp2_input": 1}
    for file, content in files.items():
        write(device / file, content)
    (tmp_path / "class/hwmon/hwmon0").mkdir(parents=True)
    (tmp_path / "class/hwmon/hwmon0/device").symlink_to("../../../devices/platform/applesmc.768")
    assert list(found(tmp_path)) == ["applesmc TC0P", "applesmc temp2"]


def test_a_zone_is_not_shown_again_as_the_chip_that_it_announces(tmp_path: Path) -> None:
    zone(tmp_path, 0, "cpu-thermal")
    (tmp_path / "devices").mkdir()
    chip(tmp_path, 0, "cpu_thermal", "../class/thermal/thermal_zone0")
    chip(tmp_path, 1, "cpu_thermal")  # on an old kernel without a device
    assert list(found(tmp_path)) == ["cpu-thermal"]


def test_what_has_no_name_is_there_nevertheless(tmp_path: Path) -> None:
    zone(tmp_path, 0, "")
    chip(tmp_path, 0, "", "i2c-1")
    chip(tmp_path, 1, "")
    assert list(found(tmp_path)) == ["thermal_zone0", "i2c-1 temp1", "hwmon temp1"]


def limits(thermometer: Thermometer) -> list[list[float | None]]:
    return [[limit.read() for limit in of] for of in (thermometer.high, thermometer.critical)]


def test_the_limits_of_a_zone_are_its_trip_points(tmp_path: Path) -> None:
    trips = [("passive", 70000), ("hot", 85000), ("critical", 95000), ("critical", 105000)]
    files: dict[str, object] = {}
    for number, (kind, millidegrees) in enumerate(trips):
        files |= {f"trip_point_{number}_type": kind, f"trip_point_{number}_temp": millidegrees}
    zone(tmp_path, 0, "cpu-thermal", **files)
    assert limits(found(tmp_path)["cpu-thermal"]) == [[85.0], [95.0, 105.0]]


@pytest.mark.parametrize("nothing", [0, -274000, 20800, 4294967295, "", "x"])
def test_a_limit_that_means_nothing_is_none(tmp_path: Path, nothing: object) -> None:
    zone(tmp_path, 0, "acpitz", trip_point_0_type="critical", trip_point_0_temp=nothing)
    assert limits(found(tmp_path)["acpitz"]) == [[], [None]]


@pytest.mark.parametrize("gone", ["", "class", "class/thermal/thermal_zone0/temp"])
def test_where_there_is_nothing_there_is_no_thermometer(tmp_path: Path, gone: str) -> None:
    if gone.endswith("temp"):
        zone(tmp_path, 0, "cpu-thermal")
        (tmp_path / gone).unlink()
    assert found(tmp_path) == {}
