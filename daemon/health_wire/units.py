"""Figures as text, on terminals and on the page, whose `units.js` does the same.

At most three significant digits. A value that is not known has no text here: the caller says why.
"""

from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal

_BINARY = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_DECIMAL = ("", "k", "M", "G", "T")
# A figure is rounded to three digits before its prefix is chosen: 1023.7 KiB is 1.00 MiB.
_NEXT_PREFIX = 999.5
_EXPONENTIAL = 1e21  # from there on, as in JavaScript


def _fixed(value: float, digits: int) -> str:
    """As JavaScript's toFixed: halves away from zero; without a minus before nothing."""
    if not abs(value) < _EXPONENTIAL:
        return f"{value:.3g}"
    text = str(Decimal(value).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP))
    return text.removeprefix("-") if not text.strip("-0.") else text


def significant(value: float) -> str:
    """Three significant digits, at most two of them after the point."""
    size = abs(value)
    return _fixed(value, 2 if size < 9.995 else 1 if size < 99.95 else 0)


def _percent(value: float) -> str:
    return f"{_fixed(value, 1 if abs(value) < 99.95 else 0)} %"


def _count(value: float) -> str:
    whole = float(value).is_integer() and abs(value) < _EXPONENTIAL
    return f"{value:.0f}" if whole else significant(value)


def _scaled(value: float, step: float, prefixes: tuple[str, ...], unit: str) -> str:
    index = 0
    while abs(value) >= _NEXT_PREFIX and index < len(prefixes) - 1:
        value /= step
        index += 1
    number = _count(value) if index == 0 else significant(value)
    return f"{number} {prefixes[index]}{unit}"


def _seconds(value: float) -> str:
    if not abs(value) < _EXPONENTIAL:
        return f"{value:.3g} s"
    if value < 1:
        return f"{_fixed(value * 1000, 0)} ms"
    if value < 60:
        return f"{significant(value)} s"
    whole = int(value)
    for size, name, smaller_size, smaller in (
        (86400, "d", 3600, "h"),
        (3600, "h", 60, "min"),
        (60, "min", 1, "s"),
    ):
        if whole >= size:
            return f"{whole // size} {name} {whole % size // smaller_size} {smaller}"
    return f"{whole} s"


_FORMATS: dict[str, Callable[[float], str]] = {
    "percent": _percent,
    "count": _count,
    "bytes": lambda v: _scaled(v, 1024, _BINARY, ""),
    "bytes_per_second": lambda v: _scaled(v, 1024, _BINARY, "/s"),
    "bits_per_second": lambda v: _scaled(v, 1000, _DECIMAL, "bit/s"),
    "per_second": lambda v: f"{_count(v)} /s",
    "seconds": _seconds,
    "celsius": lambda v: f"{_fixed(v, 1 if abs(v) < 99.95 else 0)} °C",
    "hertz": lambda v: _scaled(v, 1000, _DECIMAL, "Hz"),
    "volts": lambda v: f"{significant(v)} V",
    "rpm": lambda v: f"{_fixed(v, 0)} rpm",
}


def format_number(value: float, unit: str | None) -> str:
    """The number with its unit; a unit not known here is left out.

    >>> format_number(24589934592, "bytes")
    '22.9 GiB'
    """
    return _FORMATS.get(unit or "", _count)(value)
