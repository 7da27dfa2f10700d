"""Values as text, as `health_wire.units` writes them, in the units that the reader has chosen.

The page's own `units.js` does the same; tests hold both to one table.
"""

from contextvars import ContextVar

from health_wire import units

# Whether the reader of what is being written has chosen bits per second, as `units.js` knows it.
in_bits: ContextVar[bool] = ContextVar("in_bits", default=False)
_BITS_PER_BYTE = 8


def format_number(value: float, unit: str | None) -> str:
    """The number with its unit; a unit not known is left out."""
    if unit == "bytes_per_second" and in_bits.get():
        value, unit = value * _BITS_PER_BYTE, "bits_per_second"
    return units.format_number(value, unit)
