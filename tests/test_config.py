"""The collector's settings, and each metric's own."""

import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import pytest
from health_collectord import catalogue, config
from health_collectord.config import Config
from health_collectord.vocabulary import Above, Below, Options, Raised, Shared
from health_wire.settings import SettingsError

from tests.declarations import metric


@dataclass(slots=True, frozen=True, kw_only=True)
class ProbeOptions(Options):
    exclude: Annotated[tuple[str, ...], "what to leave out"] = ("tmpfs",)
    serial: Annotated[bool, "whether to read it"] = False
    command: Annotated[str, "what to call"] = "probe"
    scale: Annotated[float, "how much"] = 1.5


PROBE = metric(
    rules=(Above("used_percent", warning=80.0, critical=90.0), Raised("used_percent", "warning")),
    options=ProbeOptions,
)


def load(tmp_path: Path, text: str = "", environ: dict[str, str] | None = None, **flags: Any):  # type: ignore[no-untyped-def]
    file = tmp_path / "config.toml"
    file.write_text(text)
    return config.load((PROBE,), flags, environ or {}, file)


def test_the_defaults(tmp_path: Path) -> None:
    found: Config = load(tmp_path)
    assert (found.events, found.state) == ("tcp://127.0.0.1:8087", "tcp://127.0.0.1:8088")
    assert (found.interval, found.record.enabled, found.console) == (1.0, True, False)
    assert found.data_dir == Path("data")
    assert found.record.segment_seconds == 600
    assert found.host_id == Path("/proc/sys/kernel/hostname").read_text().strip()
    assert found.allow_remote_plaintext is False
    [probe] = found.metrics
    assert (probe.enabled, probe.interval, probe.rules) == (True, 1.0, PROBE.metric.rules)
    assert probe.options == ProbeOptions()


def test_a_metrics_own_settings(tmp_path: Path) -> None:
    text = """
        interval = 2
        [metrics.probe]
        enabled = false
        used_percent_warning = false
        used_percent_critical = 50
        exclude = ["a", "b"]
        serial = true
        scale = 2
    """
    [probe] = load(tmp_path, text).metrics
    assert probe.enabled is False
    assert probe.interval == 2.0
    assert probe.rules[0] == Above("used_percent", warning=None, critical=50.0)
    assert probe.rules[1] == Raised("used_percent", "warning")
    assert probe.options == ProbeOptions(exclude=("a", "b"), serial=True, scale=2.0)


def test_a_metrics_interval_beats_the_general_one(tmp_path: Path) -> None:
    [probe] = load(tmp_path, "interval = 2\n[metrics.probe]\ninterval = 7").metrics
    assert probe.interval == 7.0
    environ = {"HEALTH_COLLECTORD_METRICS_PROBE_INTERVAL": "9"}
    [probe] = load(tmp_path, "", environ, interval="3").metrics
    assert probe.interval == 9.0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("interval = 0.05", ":1: interval: expected a number from 0.1 to 3600, got 0.05"),
        ("interval = nan", ":1: interval: expected a number from 0.1 to 3600, got nan"),
        (
            "segment_seconds = 0",
            ":1: record.segment_seconds: expected a whole number from 1 to 86400",
        ),
        (
            'events = "0.0.0.0:8087"',
            ":1: events: expected an endpoint with its scheme, such as "
            "tcp://0.0.0.0:8087, got '0.0.0.0:8087'",
        ),
        ('\nstate = "tcp://300.1.1.1:8087"', ":2: state: expected an IPv4 address of four numbers"),
        ('state = "tcp://127.0.0.1:99999"', ":1: state: expected a port from 0 to 65535"),
        (
            'state = "tcp://127.0.0.1:8087"',
            ":1: state: events = 'tcp://127.0.0.1:8087' and state = "
            "'tcp://127.0.0.1:8087' cannot both be bound; give them two ports",
        ),
        ('events = "tcp://*:8088"', ":1: events: events = 'tcp://*:8088' and state ="),
        ('data_dir = ""', ":1: data_dir: '' is not a directory"),
        ('keys_dir = "/dev/null"', ":1: keys_dir: '/dev/null' is not a directory"),
        (
            "[metrics.probe]\nused_percent_warning = 95",
            ":2: metrics.probe.used_percent_warning: the warning at 95 would come after the "
            "critical one at 90 (default); let the warning be lower, or false",
        ),
        (
            "[metrics.probe]\nused_percent_critical = 50",
            ":2: metrics.probe.used_percent_critical: the warning at 80 would come after",
        ),
        (
            "[metrics.probe]\nused_percent_critical = 900",
            ":2: metrics.probe.used_percent_critical: "
            "expected a number from 0 to 100, or false, got 900",
        ),
        (
            "[metrics.probe]\nevents = 'tcp://*:1'",
            ":2: unknown key 'metrics.probe.events'; events "
            "belongs above the first table ([...]) of that file",
        ),
        ("[metrics.prob]\nenabled = true", ":2: unknown key 'metrics.prob.enabled'; did you mean"),
        ("[metrics.probe]\nscale = true", ":2: metrics.probe.scale: expected a number"),
        ("[metrics.probe]\ncommand = 1", ":2: metrics.probe.command: expected text, got 1"),
    ],
)
def test_what_is_wrong_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, text)
    assert str(caught.value).startswith(f"{tmp_path}/config.toml{message}")


def test_the_order_of_thresholds_is_that_of_the_rule(tmp_path: Path) -> None:
    low = metric(rules=(Below("used_percent", warning=20.0, critical=10.0),))
    file = tmp_path / "config.toml"
    file.write_text("[metrics.probe]\nused_percent_warning = 5")
    with pytest.raises(SettingsError, match=r":2: .* let the warning be higher, or false"):
        config.load((low,), {}, {}, file)
    file.write_text("[metrics.probe]\nused_percent_warning = 10")  # the same: no warning is seen
    assert config.load((low,), {}, {}, file).metrics[0].rules == (
        Below("used_percent", warning=10.0, critical=10.0),
    )


def test_the_hosts_name_is_read_below_procfs(tmp_path: Path) -> None:
    name = tmp_path / "proc/sys/kernel/hostname"
    name.parent.mkdir(parents=True)
    name.write_text("recorded\n")
    assert load(tmp_path, procfs=str(tmp_path / "proc")).host_id == "recorded"
    assert load(tmp_path, procfs=str(tmp_path / "proc"), host_id="told").host_id == "told"
    name.unlink()
    assert load(tmp_path, procfs=str(tmp_path / "proc")).host_id


def test_the_hosts_name_is_utf_8_in_every_locale(tmp_path: Path) -> None:
    """A locale of ASCII; nor may any reading at all depend on the locale."""
    (tmp_path / "proc/sys/kernel").mkdir(parents=True)
    (tmp_path / "proc/sys/kernel/hostname").write_text("büro-pi\n", encoding="utf-8")
    program = (
        "import sys\n"
        "from health_collectord import catalogue, config\n"
        "from health_collectord.host import Host\n"
        "entries = catalogue.load()\n"
        "found = config.load(entries, {'procfs': sys.argv[1]}, {}, config.Path('/nowhere'))\n"
        "identity = next(m for m in found.metrics if m.entry.name == 'identity')\n"
        "reader = identity.entry.metric.reader(Host(found.procfs), identity.options)\n"
        "print(ascii((found.host_id, reader.read(0.0).hostname, sys.getfilesystemencoding())))\n"
    )
    got = subprocess.run(
        [sys.executable, "-X", "warn_default_encoding", "-W", "error::EncodingWarning",
         "-c", program, str(tmp_path / "proc")],
        env={"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert got.stdout.strip() == ascii(("büro-pi", "büro-pi", "ascii"))


def test_a_shared_option_is_set_where_it_belongs(tmp_path: Path) -> None:
    """Once for both, and not a setting of its own."""

    @dataclass(slots=True, frozen=True, kw_only=True)
    class Following(Options):
        left_out: Annotated[tuple[str, ...], Shared("metrics.probe.exclude")] = ()

    entries = (metric(name="other", options=Following), PROBE)
    assert "metrics.other.left_out" not in {s.key for s in config.settings_of(entries)}
    file = tmp_path / "config.toml"
    file.write_text('[metrics.probe]\nexclude = ["x"]\n')
    assert config.load(entries, {}, {}, file).metrics[0].options == Following(left_out=("x",))
    file.write_text("[metrics.other]\nleft_out = []\n")
    with pytest.raises(SettingsError, match="left_out"):
        config.load(entries, {}, {}, file)


def test_interfaces_are_hidden_everywhere_by_one_list(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text('[metrics.network]\nhide = ["tun*"]\n')
    found = config.load(catalogue.load(), {}, {}, file)
    hidden = {m.entry.name: getattr(m.options, "hide_interfaces", None) for m in found.metrics}
    assert hidden["identity"] == ("tun*",)


@pytest.mark.parametrize("host_id", ["a\nb", "\x1b[31m", "x" * 256])
def test_a_host_id_is_printable_and_short(tmp_path: Path, host_id: str) -> None:
    with pytest.raises(SettingsError, match="host_id: printable, at most 255 long"):
        load(tmp_path, host_id=host_id)


def test_a_root_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="--sysfs: sysfs: /nowhere is not a directory"):
        load(tmp_path, sysfs="/nowhere")


def test_a_reload_says_what_it_applies_and_what_it_cannot(tmp_path: Path) -> None:
    old = load(tmp_path)
    new = load(
        tmp_path,
        """
        interval = 2
        console = true
        [metrics.probe]
        enabled = false
        used_percent_warning = 70
        exclude = ["x"]
        """,
    )
    running = {"probe"}
    assert config.changes(old, new, running) == {
        "metrics.probe.used_percent_warning": 70.0,
        "metrics.probe.exclude": ("x",),
        "metrics.probe.interval": 2.0,
    }
    assert config.waiting(old, new) == ["console", "metrics.probe.enabled"]
    assert config.changes(old, old, running) == {}
    assert config.changes(old, new, ()) == {}, "of what is not observed there is nothing to apply"
    assert config.waiting(old, old) == []


def test_the_example_is_read_as_the_defaults(tmp_path: Path) -> None:
    entries = catalogue.load()
    text = config.example(entries)
    uncommented = "\n".join(
        line[1:] if line.startswith("#") and not line.startswith("# ") and line != "#" else line
        for line in text.splitlines()
    )
    assert len(tomllib.loads(uncommented)) > 5
    (tmp_path / "defaults.toml").write_text("")
    (tmp_path / "example.toml").write_text(uncommented)
    defaults = config.load(entries, {}, {}, tmp_path / "defaults.toml")
    example = config.load(entries, {}, {}, tmp_path / "example.toml")
    assert dict(example.loaded.values) == dict(defaults.loaded.values)
    assert config.waiting(defaults, example) == []


def test_every_real_metrics_options_can_be_set() -> None:
    for setting in config.settings_of(catalogue.load()):
        assert setting.doc
        assert setting.kind.check(setting.default) == setting.default, setting.key


def test_what_version_1_0_called_otherwise_is_taken(tmp_path: Path) -> None:
    found = load(tmp_path, "record = false\nsegment_seconds = 30\n")
    assert (found.record.enabled, found.record.segment_seconds) == (False, 30)
    assert not load(tmp_path, environ={"HEALTH_COLLECTORD_RECORD": "false"}).record.enabled
