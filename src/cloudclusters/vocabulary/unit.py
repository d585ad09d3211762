"""Units of quantifiers: how their numbers are read, written and shown."""

from __future__ import annotations

import enum

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
    HERTZ = "Hz"
    """`2.5G` is 2.5 * 10^9 Hz."""
    USD_PER_HOUR = "USD/h"
    """US dollars per hour."""
    ECU = "ECU"
    """EC2 compute units."""

    def parse(self, text: str) -> Number:
        """The number that `text` says, in the base unit; raises `ValueError`."""
        if self is Unit.USD_PER_HOUR:
            text = text.strip().removeprefix("$")
        return size.parse_quantity(text, _SCALES[self])

    def text(self, number: Number) -> str:
        """The shortest text that `parse` reads back as exactly `number`."""
        if self is Unit.BYTES or self is Unit.BITS_PER_SECOND or self is Unit.HERTZ:
            return size.exact_text(number, _SCALES[self])
        return repr(number)

    def show(self, number: Number) -> str:
        """`number` for people; may be rounded."""
        if self is Unit.BYTES:
            return size.format_size(number)
        if self is Unit.BITS_PER_SECOND:
            return size.format_rate(number)
        if self is Unit.HERTZ:
            return size.format_clock(number)
        plain = f"{number:.10g}"
        return plain if self is Unit.COUNT else f"{plain} {self.value}"


_SCALES: dict[Unit, size.Scale] = {
    Unit.COUNT: _NONE,
    Unit.BYTES: size.BYTES,
    Unit.BITS_PER_SECOND: size.BITS_PER_SECOND,
    Unit.HERTZ: size.HERTZ,
    Unit.USD_PER_HOUR: _USD,
    Unit.ECU: _ECU,
}
