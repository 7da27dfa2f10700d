"""Names taken out of lines, the same name always by the same replacement: FORMAT.md, "Redaction".

In two passes over the same lines: `Redaction.learn` finds the names where they are told by
themselves, `Redaction.line` takes them out of whatever text they are in.
"""

import json
import re
from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from itertools import count
from json.encoder import encode_basestring, encode_basestring_ascii
from typing import Any, NoReturn

# What stands under these keys is a name of its kind, and so is what stands under `key` in a list
# of this name.
FIELDS = {
    "host": {"host", "hostname", "hosts", "domain"},
    "address": {"address", "addresses", "ip", "mac", "gateway"},
    "serial": {"serial", "serial_number", "wwn", "machine_id"},
    "mount": {"mount", "mounts", "mount_point", "device"},
    "process": {"process", "processes", "unit_name", "units", "comm", "command", "program"},
    "user": {"user", "users", "owner"},
}
_KINDS = {key: kind for kind, keys in FIELDS.items() for key in keys}
# Every system has these: they say nothing of this one.
COMMON = frozenset({
    *("/", "/boot", "/boot/efi", "/boot/firmware", "/dev/shm", "/home", "/media", "/mnt", "/opt"),
    *("/run", "/run/lock", "/srv", "/tmp", "/usr", "/var", "/var/log", "/var/tmp"),
    *("none", "overlay", "tmpfs", "udev", "devtmpfs", "root", "localhost"),
})  # fmt: skip
_PLAIN_DEVICE = re.compile(r"/dev/(?:dm-|hd|loop|md|mmcblk|nvme|root|sd|vd|zram)[0-9a-z]*")
# Texts of these events are anybody's words: they go as a whole.
_ANYBODYS = frozenset({"kernel.message"})
# It has this program's own declarations, in which a process may be called like a metric.
_CATALOGUE = "catalogue"
# Values under these keys are words of this program, even where a process is called like one.
_WORDS = frozenset({
    "status", "severity", "metric", "field", "rows", "kind", "scope", "cause", "source", "fstype",
    "operstate", "level", "facility",
})  # fmt: skip
_WORD = re.compile(r"[a-z][a-z0-9_-]*")
_MOST = 20_000  # names; who has more is refused
_REMEMBERED = 20_000  # texts
_IPV4 = re.compile(r"(?<![0-9.])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![0-9])")
_COLONS = re.compile(r"(?<![0-9A-Za-z:.])[0-9A-Fa-f:]{2,40}(?![0-9A-Za-z])")
_MAC = re.compile(r"[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5,7}")
_IN_A_NAME = re.compile(r"\b(?:en|wl|ww)x[0-9a-f]{12}\b")  # man 7 systemd.net-naming-scheme
_HOME = re.compile(r"/home/[^/\s:;,\"'()<>\[\]{}]{1,64}")


class TooManyNames(Exception):
    """There are more names than can be taken out; the text says how many."""


class _Number(str):
    """A number as it was written."""


class _Object(list[tuple[str, Any]]):
    """An object as it was written, whatever keys are in it twice."""


class Redaction:
    """Takes names out of lines.

    Numbers come back as they were written, in the same order; so does everything else that is no
    name. Keys of objects stay. Times, epochs and boots stay, so that order is still provable.
    """

    def __init__(self) -> None:
        self._names: dict[str, str] = {}  # name -> kind
        self._instead: dict[str, str] = {}
        self._pattern: re.Pattern[str] | None = None
        self._places = re.compile("(?!)")  # the same of what is no process and no user
        self._known: dict[str, str] = {}

    @property
    def replaced(self) -> dict[str, str]:
        """Each name, and what stands in its place."""
        self._prepare()
        return dict(self._instead)

    def add(self, kind: str, name: str) -> None:
        """Takes in a name that is known from elsewhere, of one of the kinds in FIELDS."""
        self._pattern = None
        first, dot, rest = name.partition(".")
        for each in (name, first, rest) if kind == "host" and dot else (name,):
            self._learn(kind, each)

    def learn(self, line: bytes) -> None:
        """Takes in the names that a line tells.

        Raises:
            TooManyNames: that many are not kept apart.
        """
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            return
        for kind, name in _told(record, ""):
            if name not in self._names:
                self.add(kind, name)

    def _learn(self, kind: str, name: str) -> None:
        if not name or name in COMMON or name in self._names:
            return
        if kind == "mount" and _PLAIN_DEVICE.fullmatch(name):
            return
        if len(self._names) >= _MOST:
            raise TooManyNames(f"there are more than {_MOST} names in it")
        self._names[name] = kind

    def line(self, line: bytes) -> bytes | None:
        """A line without the names; None for one that is no record, and so cannot be told clean."""
        self._prepare()
        try:
            found = json.loads(
                line, object_pairs_hook=_Object, parse_float=_Number, parse_int=_Number,
                parse_constant=_refuse,
            )  # fmt: skip
            if not isinstance(found, _Object):
                return None
            named = dict(found)
            whole = named.get("name") in _ANYBODYS
            parts: list[str] = []
            for number, (key, value) in enumerate(found):
                parts += ("," if number else "{", encode_basestring(key), ":")
                if key in ("time", "name") and isinstance(value, str):
                    parts.append(_encode(value))
                else:
                    self._write(value, key, parts, whole)
            text = f"{''.join(parts) or '{'}}}\n"
            return text.encode()
        except (ValueError, RecursionError):
            return None

    def _write(self, value: Any, key: str, parts: list[str], whole: bool) -> None:
        if key == _CATALOGUE and not isinstance(value, str):
            self._write_catalogue(value, parts)
        elif isinstance(value, _Object):
            for number, (inner, each) in enumerate(value):
                parts += ("," if number else "{", _encode(inner), ":")
                self._write(each, inner, parts, whole)
            parts.append("}" if value else "{}")
        elif isinstance(value, list):
            for number, each in enumerate(value):
                parts.append("," if number else "[")
                self._write(each, key, parts, whole)
            parts.append("]" if value else "[]")
        elif isinstance(value, _Number):
            parts.append(value)
        elif isinstance(value, str):
            parts.append(_encode(self._text(value, key, whole)))
        else:
            parts.append({None: "null", True: "true", False: "false"}[value])

    def _write_catalogue(self, value: Any, parts: list[str]) -> None:
        known, pattern = self._known, self._pattern
        self._known, self._pattern = {}, self._places
        self._write(value, "", parts, False)
        self._known, self._pattern = known, pattern

    def _text(self, text: str, key: str, whole: bool) -> str:
        if key in _WORDS and _WORD.fullmatch(text):
            return text
        if whole:
            return "redacted"
        found = self._known.get(text)
        if found is None:
            found = self._without_names(text)
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[text] = found
        return found

    def _without_names(self, text: str) -> str:
        assert self._pattern is not None
        return self._pattern.sub(lambda match: self._instead[match[0]], text)

    def _prepare(self) -> None:
        if self._pattern is not None:
            return
        numbers = {kind: count(1) for kind in (*FIELDS, "home")}
        self._instead, self._known = {}, {}
        for name, kind in self._names.items():
            new = _numbered(kind, numbers[kind])
            while new in self._names:
                new = _numbered(kind, numbers[kind])
            self._instead[name] = new
        own = ("process", "user")
        self._places = _any_of(name for name, kind in self._names.items() if kind not in own)
        self._pattern = _any_of(self._names)


def _any_of(names: Iterable[str]) -> re.Pattern[str]:
    """Each of them where it is a word, or words; the longest that there is."""
    longest_first = sorted(names, key=len, reverse=True)
    return re.compile(
        rf"(?<![^\W_])(?:{'|'.join(map(re.escape, longest_first)) or '(?!)'})(?![^\W_])"
    )


def _numbered(kind: str, numbers: Iterator[int]) -> str:
    begin = {"mount": "/mount", "home": "/home/user"}.get(kind, kind)
    return f"{begin}-{next(numbers)}"


def _told(value: Any, key: str) -> Iterator[tuple[str, str]]:
    """Kinds and names below a key."""
    if isinstance(value, dict):
        for inner, each in value.items():
            yield from _told(each, key if inner == "key" else inner)
    elif isinstance(value, list):
        for each in value:
            yield from _told(each, key)
    elif isinstance(value, str):
        kind = _KINDS.get(key)
        if kind == "address":
            yield from ((kind, each) for each in re.split(r"[,;\s]+", value))
        elif kind is not None:
            yield kind, value
        yield from (("address", each) for each in _addresses(value))
        yield from (("home", match[0]) for match in _HOME.finditer(value))


def _addresses(text: str) -> Iterator[str]:
    for match in (*_IPV4.finditer(text), *_COLONS.finditer(text)):
        found = match[0]
        if _MAC.fullmatch(found) or _is_some_hosts(found):
            yield found
    for match in _IN_A_NAME.finditer(text):
        yield match[0]


def _is_some_hosts(text: str) -> bool:
    """Whether it is an address, and not one that every host has."""
    try:
        address = ip_address(text)
    except ValueError:
        return False
    return not (address.is_loopback or address.is_unspecified)


def _encode(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a pair, which has no UTF-8
        return encode_basestring_ascii(text)
    return encode_basestring(text)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON number")
