"""What has to agree between the packaging and the sources, without building anything."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from health_wire.command import CONFIG, USAGE

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
UNITS = sorted((ROOT / "packaging/systemd").glob("*.service"))


def test_the_version_is_the_same() -> None:
    first = (ROOT / "debian/changelog").read_text().splitlines()[0]
    assert re.match(r"bussdcc-system-health \((.+?)\) ", first)[1] == PROJECT["version"]


def test_the_address_is_the_same() -> None:
    address = PROJECT["urls"]["Homepage"]
    control = (ROOT / "debian/control").read_text()
    assert f"\nHomepage: {address}\nVcs-Browser: {address}\nVcs-Git: {address}.git\n" in control
    assert f"git clone {address}\n" in (ROOT / "README.md").read_text()


def test_bussdcc_is_pinned_alike() -> None:
    pinned = re.search(r"(?m)^(bussdcc==\S+)", (ROOT / "packaging/bussdcc.txt").read_text())[1]
    assert pinned in PROJECT["optional-dependencies"]["daemon"]


def test_debian_has_the_lowest_versions_that_the_project_asks_for() -> None:
    control = (ROOT / "debian/control").read_text()
    names = {"pyzmq": "zmq"}
    for package, extra in (("health-collectord", "daemon"), ("health-webui", "webui")):
        paragraph = control.partition(f"Package: {package}\n")[2].partition("\n\n")[0]
        for requirement in PROJECT["optional-dependencies"][extra]:
            name, relation, version = re.match(r"([\w-]+)([=>]=)(.+)", requirement).groups()
            if relation == ">=":
                assert f"python3-{names.get(name, name)} (>= {version})" in paragraph


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_the_unit_belongs_to_its_package(unit: Path) -> None:
    name = unit.stem
    text = unit.read_text()
    assert re.search(rf"(?m)^u {name} ", unit.with_suffix(".sysusers").read_text())
    assert f" {name} {name} " in unit.with_suffix(".tmpfiles").read_text()
    for key in ("User", "StateDirectory", "RuntimeDirectory", "ConfigurationDirectory"):
        assert f"\n{key}={name}\n" in text
    assert "\nExecReload=kill -HUP $MAINPID\n" in text
    assert f"\nRestartPreventExitStatus={USAGE} {CONFIG}\n" in text
    for suffix in ("service", "sysusers", "tmpfiles"):
        assert (ROOT / f"debian/{name}.{suffix}").resolve() == unit.with_suffix(f".{suffix}")


@pytest.mark.parametrize("version", ["252", "257"])
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_restarts_back_off_from_systemd_254_on(unit: Path, version: str, tmp_path: Path) -> None:
    systemctl = tmp_path / "systemctl"
    systemctl.write_text(f"#!/bin/sh\necho 'systemd {version} ({version}.1-1)'\necho '+PAM'\n")
    systemctl.chmod(0o755)
    normal = tmp_path / "normal"
    subprocess.run(
        [unit.with_name(f"{unit.stem}-backoff"), normal, tmp_path / "early", tmp_path / "late"],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, check=True,
    )  # fmt: skip
    drop_in = normal / f"{unit.name}.d/backoff.conf"
    assert drop_in.exists() == (version == "257")
    if drop_in.exists():
        assert "RestartSteps=" in drop_in.read_text()


@pytest.mark.parametrize("readable", [True, False])
def test_the_kernels_log_is_handed_over_where_it_can_be_opened(
    readable: bool, tmp_path: Path
) -> None:
    device = tmp_path / "kmsg"
    if readable:
        device.touch()
    generator = ROOT / "packaging/systemd/health-collectord-kernel-log"
    subprocess.run(
        [generator, tmp_path / "normal", tmp_path / "early", tmp_path / "late"],
        env={"PATH": "/usr/bin:/bin", "KERNEL_LOG": str(device)}, check=True,
    )  # fmt: skip
    drop_in = tmp_path / "normal/health-collectord.service.d/kernel-log.conf"
    assert drop_in.exists() == readable
    if readable:
        assert f"StandardInput=file:{device}\nDeviceAllow={device} r\n" in drop_in.read_text()
    unit = (ROOT / "packaging/systemd/health-collectord.service").read_text()
    assert "ProtectKernelLogs=yes" in unit, "it needs no right of its own"
    installed = (ROOT / "debian/health-collectord.install").read_text()
    assert "health-collectord-kernel-log usr/lib/systemd/system-generators\n" in installed


def test_the_installed_configuration_is_the_example_with_a_place_for_data(documents: Path) -> None:
    for command in ("health-collectord", "health-webui"):
        text = (documents / f"{command}.toml").read_text()
        assert tomllib.loads(text)["data_dir"] == f"/var/lib/{command}"
        set_ = [line for line in text.splitlines() if line and line[0] not in "#["]
        assert len(set_) == 1


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("health-collectord.8", ["check\\-config", "watch", "\\-\\-json", "2 critical"]),
        ("health-webui.8", ["\\-\\-port", "check\\-config"]),
        ("bussdcc-system-health.1", ["\\-\\-data\\-dir"]),
        ("health-collectord.toml.5", ["[metrics.memory]", "used_percent_warning", "interval"]),
        ("health-webui.toml.5", ["collector"]),
    ],
)
def test_manual_page(documents: Path, page: str, said: list[str]) -> None:
    text = (documents / page).read_text()
    for words in said:
        assert words in text
    if shutil.which("groff"):
        done = subprocess.run(
            ["groff", "-man", "-ww", "-Tutf8", documents / page], capture_output=True, check=True
        )
        assert not done.stderr


def test_fetching_without_a_network_says_so(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\n[ "$3" = --version ] || exit 1\n')  # pip is there, its index not
    python.chmod(0o755)
    done = subprocess.run(
        [ROOT / "packaging/fetch-bussdcc", tmp_path / "wheels"],
        env={"PATH": "/usr/bin:/bin", "PYTHON": str(python)},
        stdin=subprocess.DEVNULL, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 1
    assert "could not be downloaded" in done.stderr
