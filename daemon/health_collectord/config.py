"""The collector's settings. Each metric's own follow from its declarations."""

import os
import socket
from collections.abc import Collection, Mapping
from dataclasses import MISSING, dataclass, fields, replace
from pathlib import Path
from typing import Any, get_args, get_type_hints

from health_wire import protocol, settings
from health_wire.endpoints import BINDABLE, collide
from health_wire.settings import BOOL, TEXT, TEXTS, Kind, Loaded, Setting, SettingsError, number

from health_collectord.catalogue import Entry
from health_collectord.host import Host
from health_collectord.vocabulary import (
    Above,
    Gauge,
    Options,
    Raised,
    Rule,
    Shared,
    Unit,
    fields_of,
    with_threshold,
)

PREFIX = "HEALTH_COLLECTORD"
DEFAULT_FILE = Path("/etc/health-collectord/config.toml")

GENERAL = (
    Setting("host_id", TEXT, "", "name of this host on the wire; empty: its host name", "ID"),
    Setting(
        "events", BINDABLE, protocol.EVENTS_ENDPOINT,
        "where events are published: a ZeroMQ endpoint, tcp:// or ipc://; port 0 takes a free one",
        "ENDPOINT",
    ),
    Setting("state", BINDABLE, protocol.STATE_ENDPOINT, "where requests are answered", "ENDPOINT"),
    Setting(
        "allow_remote_plaintext", BOOL, False,
        "let everybody listen at endpoints that other machines can reach, unencrypted, instead of "
        "clients that were invited",
    ),
    Setting(
        "require_keys", BOOL, False,
        "ask for keys at loopback and ipc:// endpoints as well: let in invited clients only",
    ),
    Setting(
        "keys_dir", TEXT, "",
        "directory for the keys of this collector and its clients; empty: keys, below data_dir",
        "DIR",
    ),
    Setting("data_dir", TEXT, "data", "directory for the records", "DIR"),
    Setting("interval", number(0.1, 3600), 1.0, "seconds between samples", "SECONDS"),
    Setting("console", BOOL, False, "print every event on standard output", ""),
    Setting(
        "kernel_messages", BOOL, True,
        "tell what the kernel warns of (/dev/kmsg), at most 20 messages a second",
    ),
    Setting("procfs", TEXT, "/proc", "where procfs is mounted", "DIR"),
    Setting("sysfs", TEXT, "/sys", "where sysfs is mounted", "DIR"),
    Setting(
        "shutdown_seconds", number(0.1, 60), 5.0,
        "seconds that each part may take to stop before it is left behind",
    ),
)  # fmt: skip

RECORD = (
    Setting(
        "record.enabled", BOOL, True, "record every event below the data directory", "",
        was="record",
    ),
    Setting(
        "record.segment_seconds", number(1, 86400, whole=True), 600,
        "seconds after which a new record file begins", was="segment_seconds",
    ),
    Setting(
        "record.text_seconds", number(0, 1e9), 86400.0,
        "seconds for which a file that has ended stays as text, for tail, grep and jq; as columns"
        " it takes a sixtieth of that",
    ),
    Setting(
        "record.total_bytes", number(1e6, 1e15), 2e9,
        "how much is kept, in bytes, but never more than a tenth of the disk: the oldest goes",
    ),
    Setting("record.age_days", number(1, 36500), 400.0, "for how many days it is kept"),
    Setting(
        "record.free_bytes", number(0, 1e15), 500e6,
        "what stays free on the disk, in bytes, or a twentieth of it where that is less: the oldest"
        " goes, and recording pauses where that does not help",
    ),
    Setting(
        "record.black_box", BOOL, True,
        "keep the newest events where a loss of power does not reach them: a file of 4 MiB that is"
        " overwritten in place",
    ),
    Setting(
        "record.sync_seconds", number(1, 3600), 10.0,
        "seconds that a loss of power may cost; 2 at most while the machine is critical",
    ),
)  # fmt: skip


@dataclass(slots=True, frozen=True, kw_only=True)
class RecordConfig:
    """The record as configured; RECORD says what each means."""

    enabled: bool
    segment_seconds: int
    text_seconds: float
    total_bytes: float
    age_days: float
    free_bytes: float
    black_box: bool
    sync_seconds: float


@dataclass(slots=True, frozen=True, kw_only=True)
class MetricConfig:
    """One metric as configured."""

    entry: Entry
    enabled: bool
    interval: float
    rules: tuple[Rule, ...]
    options: Options

    def describe(self) -> dict[str, object]:
        """The catalogue's description, with the thresholds and interval as configured."""
        entry = Entry(self.entry.name, replace(self.entry.metric, rules=self.rules))
        return {**entry.describe(), "interval": self.interval}


@dataclass(slots=True, frozen=True, kw_only=True)
class Config:
    """The collector as configured; GENERAL says what each means."""

    host_id: str
    events: str
    state: str
    allow_remote_plaintext: bool
    require_keys: bool
    keys_dir: Path
    data_dir: Path
    interval: float
    console: bool
    kernel_messages: bool
    record: RecordConfig
    procfs: str
    sysfs: str
    shutdown_seconds: float
    metrics: tuple[MetricConfig, ...]
    loaded: Loaded

    @property
    def place(self) -> str:
        """Where a key that is in no table is to be written, in words for a remedy."""
        return f"above the first table ([...]) of {self.loaded.file or DEFAULT_FILE}"


def settings_of(catalogue: tuple[Entry, ...]) -> tuple[Setting, ...]:
    """Every setting there is: the general ones, then each metric's."""
    return GENERAL + RECORD + tuple(s for entry in catalogue for s in _metric_settings(entry))


def load(
    catalogue: tuple[Entry, ...],
    flags: Mapping[str, Any],
    environ: Mapping[str, str] = os.environ,
    default_file: Path = DEFAULT_FILE,
) -> Config:
    """The configuration in force.

    Raises:
        SettingsError: it cannot be used; the text says what and why.
    """
    loaded = settings.load(
        settings_of(catalogue),
        prefix=PREFIX,
        environ=environ,
        flags=flags,
        default_file=default_file,
    )
    for key in ("procfs", "sysfs"):
        if not os.path.isdir(loaded[key]):
            raise SettingsError(f"{loaded.origins[key]}: {key}: {loaded[key]} is not a directory")
    for key in ("data_dir", "keys_dir"):
        given, optional = loaded[key], key == "keys_dir"
        if not (given or optional) or (os.path.exists(given) and not os.path.isdir(given)):
            raise SettingsError(
                f"{loaded.origins[key]}: {key}: {given!r} is not a directory; name another"
            )
    _check_endpoints(loaded)
    host_id = loaded["host_id"] or _host_name(loaded["procfs"])
    if not host_id.isprintable() or len(host_id) > 255:
        raise SettingsError(f"{loaded.origins['host_id']}: host_id: printable, at most 255 long")
    general = {s.key: loaded[s.key] for s in GENERAL}
    data_dir = Path(loaded["data_dir"])
    keys_dir = Path(loaded["keys_dir"] or data_dir / "keys")
    general |= {"host_id": host_id, "data_dir": data_dir, "keys_dir": keys_dir}
    record = RecordConfig(**{s.key.partition(".")[2]: loaded[s.key] for s in RECORD})
    metrics = tuple(_metric_config(entry, loaded) for entry in catalogue)
    return Config(**general, record=record, metrics=metrics, loaded=loaded)


def _check_endpoints(loaded: Loaded) -> None:
    if collide(loaded["events"], loaded["state"]):
        where = loaded.origins
        at = "events" if where["state"] == "default" else "state"
        raise SettingsError(
            f"{where[at]}: {at}: events = {loaded['events']!r} and state = {loaded['state']!r} "
            f"cannot both be bound; give them two ports, or two paths"
        )


def changes(old: Config, new: Config, running: Collection[str]) -> dict[str, Any]:
    """What a reload applies: the keys that differ, with their new values.

    A metric's interval stands as it comes out, be it its own or the general one.

    Args:
        old: what is in force.
        running: the names of the metrics that are observed; of others there is nothing to apply.
    """
    was, now = old.loaded.values, new.loaded.values
    applied = {}
    for before, after in zip(old.metrics, new.metrics, strict=True):
        name = after.entry.name
        if name not in running:
            continue
        for key in (key for key in now if key.startswith(f"metrics.{name}.")):
            if was[key] != now[key] and not key.endswith((".enabled", ".interval")):
                applied[key] = now[key]
        if before.interval != after.interval:
            applied[f"metrics.{name}.interval"] = after.interval
    return applied


def waiting(started: Config, new: Config) -> list[str]:
    """The keys that differ from those at the start, and that only another start applies."""
    was, now = started.loaded.values, new.loaded.values
    return [
        key
        for key in now
        if was[key] != now[key]
        and (key.endswith(".enabled") or not key.startswith(("metrics.", "interval")))
    ]


def example(catalogue: tuple[Entry, ...]) -> str:
    """The documented example file."""
    return settings.example(
        settings_of(catalogue),
        "Configuration of health-collectord.\n"
        f"It is read from {DEFAULT_FILE}, or from the file that --config names.\n"
        "Every key stands here with its default; take away the # in front of one to change it.\n"
        f"The environment ({PREFIX}_INTERVAL=5) and flags (--interval 5) go before this file.",
    )


def _host_name(procfs: str) -> str:
    """In UTF-8, whatever the locale is."""
    said = Host(procfs).text(Path(procfs, "sys/kernel/hostname"))
    return said or os.fsencode(socket.gethostname()).decode("utf-8", "replace")


def _thresholds(entry: Entry) -> list[tuple[int, str, str, float | None]]:
    """Rule number, key, severity and default of each threshold that can be configured."""
    found = []
    for i, rule in enumerate(entry.metric.rules):
        if not isinstance(rule, Raised):
            for severity in ("warning", "critical"):
                key = f"metrics.{entry.name}.{rule.field}_{severity}"
                found.append((i, key, severity, getattr(rule, severity)))
    return found


def _metric_settings(entry: Entry) -> list[Setting]:
    m, at = entry.metric, f"metrics.{entry.name}"
    follows = m.interval == 1.0
    found = [
        Setting(f"{at}.enabled", BOOL, True, f"{m.title}: observe it"),
        Setting(
            f"{at}.interval",
            number(0.1, 86400, optional=True) if follows else number(0.1, 86400),
            settings.OFF if follows else m.interval,
            "seconds between samples" + ("; false: as the general interval" if follows else ""),
        ),
    ]
    for i, key, severity, default in _thresholds(entry):
        rule = m.rules[i]
        of = f" of each of the {rule.rows}" if rule.rows else ""
        found.append(
            Setting(
                key,
                number(*_range(entry, rule), optional=True),
                settings.OFF if default is None else float(default),
                f"{rule.field}{of} {rule.kind} which it is a {severity}; false: never",
            )
        )
    return found + [s for _, s in _options(entry) if isinstance(s, Setting)]


def _range(entry: Entry, rule: Rule) -> tuple[float, float]:
    """Between what a rule's figure can be."""
    fields_ = entry.fields
    if rule.rows is not None:
        fields_ = next(fields_of(f.row) for f in entry.fields if f.name == rule.rows and f.row)
    kind = next(f.kind for f in fields_ if f.name == rule.field)
    percent = isinstance(kind, Gauge) and kind.unit is Unit.PERCENT
    return (0, 100) if percent else (-1e12, 1e12)


def _options(entry: Entry) -> list[tuple[str, Setting | Shared]]:
    """The metric's options, ``Annotated[type, "help"]`` fields with defaults, and shared ones."""
    cls = entry.metric.options
    hints = get_type_hints(cls, include_extras=True)
    found: list[tuple[str, Setting | Shared]] = []
    for f in fields(cls):
        type_, doc = get_args(hints[f.name])
        assert f.default is not MISSING, f"{cls.__name__}.{f.name} needs a default"
        key = f"metrics.{entry.name}.{f.name}"
        shared = isinstance(doc, Shared)
        found.append((f.name, doc if shared else Setting(key, _kind_of(type_), f.default, doc)))
    return found


def _kind_of(type_: Any) -> Kind:
    if type_ is float:
        return number(-1e12, 1e12)
    return {str: TEXT, bool: BOOL, tuple[str, ...]: TEXTS}[type_]


def _check_order(rule: Rule, at: str, loaded: Loaded) -> None:
    """A warning that comes only after the figure is critical would never be seen."""
    if isinstance(rule, Raised) or rule.warning is None or rule.critical is None:
        return
    above = isinstance(rule, Above)
    if rule.warning <= rule.critical if above else rule.warning >= rule.critical:
        return
    warning, critical = (f"{at}{rule.field}_{severity}" for severity in ("warning", "critical"))
    where = loaded.origins
    key = critical if where[warning] == "default" else warning
    raise SettingsError(
        f"{where[key]}: {key}: the warning at {rule.warning:g} would come after the critical one "
        f"at {rule.critical:g} ({where[warning if key == critical else critical]}); "
        f"let the warning be {'lower' if above else 'higher'}, or false"
    )


def _metric_config(entry: Entry, loaded: Loaded) -> MetricConfig:
    at = f"metrics.{entry.name}"
    rules = list(entry.metric.rules)
    for i, key, severity, _ in _thresholds(entry):
        value = None if loaded[key] is settings.OFF else loaded[key]
        rules[i] = with_threshold(rules[i], severity, value)
    for rule in rules:
        _check_order(rule, f"{at}.", loaded)
    interval = loaded[f"{at}.interval"]
    return MetricConfig(
        entry=entry,
        enabled=loaded[f"{at}.enabled"],
        interval=loaded["interval"] if interval is settings.OFF else interval,
        rules=tuple(rules),
        options=entry.metric.options(**{n: loaded[s.key] for n, s in _options(entry)}),
    )
