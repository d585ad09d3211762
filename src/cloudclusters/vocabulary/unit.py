"""Units of quantifiers: how their numbers are read, written and shown."""

from __future__ import annotations

import enum
from collections.abc import Callable

from cloudclusters.base import size
from cloudclusters.vocabulary.constraint import Number

_NONE: size.Scale = {"": 1}
_ECU: size.Scale = {"": 1, "ECU": 1}
_USD: size.Scale = {"": 1, "USD": 1, "USD/h": 1, "$": 1, "$/h": 1}


class Unit(enum.StrEnum):
    """What the number of a quantifier counts; its base unit is the one without a prefix."""

    COUNT = "count"
    """Things; a share of one is a fraction."""
    BYTES = "bytes"
    """`512G` is 512 GiB, `512GB` is 10^9 bytes."""
    BITS_PER_SECOND = "bit/s"
    """`100G` is 10^11 bit/s."""
    BYTES_PER_SECOND = "B/s"
    """`200G` and `200GB/s` are 2 * 10^11 bytes per second."""
    HERTZ = "Hz"
    """`2.5G` is 2.5 * 10^9 Hz."""
    NANOSECONDS = "ns"
    """`1.5us` is 1500 ns; `ms` and `s` are known, too."""
    WATTS = "W"
    """Watts."""
    USD_PER_HOUR = "USD/h"
    """US dollars per hour."""
    ECU = "ECU"
    """EC2 compute units."""

    def parse(self, text: str) -> Number:
        """The number that `text` says, in the base unit; raises `ValueError`."""
        if self is Unit.USD_PER_HOUR:
            text = text.strip()
            text = text[1:].removesuffix("/h") if text.startswith("$") else text
        return size.parse_quantity(text, _SCALES[self])

    def text(self, number: Number) -> str:
        """The shortest text that reads back as exactly `number`; small ones say their unit."""
        if self.needs_suffix(number):
            return f"{number!r}{'B' if self is Unit.BYTES else self.value}"
        return size.exact_text(number, _SCALES[self]) if self in _PREFIXED else repr(number)

    def needs_suffix(self, number: Number) -> bool:
        """Whether a number without a unit is taken for a mistake: few bytes or hertz, where many are meant."""
        return self in _LARGE and 1 < number < 1000

    def show(self, number: Number) -> str:
        """`number` for people; may be rounded."""
        if self in _PREFIXED:
            return _PREFIXED[self](number)
        plain = f"{number:.10g}"
        return plain if self is Unit.COUNT else f"{plain} {self.value}"


_PREFIXED: dict[Unit, Callable[[Number], str]] = {
    Unit.BYTES: size.format_size,
    Unit.BITS_PER_SECOND: size.format_rate,
    Unit.HERTZ: size.format_clock,
    Unit.BYTES_PER_SECOND: size.format_bandwidth,
    Unit.NANOSECONDS: size.format_latency,
}
"""How units that have prefixes are shown."""
_LARGE = frozenset({Unit.BYTES, Unit.BITS_PER_SECOND, Unit.BYTES_PER_SECOND, Unit.HERTZ})
"""Units of which nothing has just a few hundred."""
_SCALES: dict[Unit, size.Scale] = {
    Unit.COUNT: _NONE,
    Unit.BYTES: size.BYTES,
    Unit.BITS_PER_SECOND: size.BITS_PER_SECOND,
    Unit.HERTZ: size.HERTZ,
    Unit.BYTES_PER_SECOND: size.BYTES_PER_SECOND,
    Unit.NANOSECONDS: size.NANOSECONDS,
    Unit.WATTS: size.WATTS,
    Unit.USD_PER_HOUR: _USD,
    Unit.ECU: _ECU,
}
