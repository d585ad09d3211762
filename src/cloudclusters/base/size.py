"""Numbers with units, read and written exactly: `"512G"` is 512 * GiB, an `int`, and never a rounded float.

A scale maps the suffixes of one unit to integers. `"512G"` and `"512GiB"` are binary, `"512GB"` is 10^9.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

KiB, MiB, GiB, TiB, PiB, EiB = (1 << 10 * power for power in range(1, 7))
KB, MB, GB, TB, PB, EB = (10 ** (3 * power) for power in range(1, 7))

Scale = Mapping[str, int]

_BINARY = {"E": EiB, "P": PiB, "T": TiB, "G": GiB, "M": MiB, "K": KiB}
_DECIMAL = {"E": EB, "P": PB, "T": TB, "G": GB, "M": MB, "K": KB}

BYTES: Scale = {
    "": 1,
    "B": 1,
    **_BINARY,
    **{f"{prefix}iB": factor for prefix, factor in _BINARY.items()},
    **{f"{prefix}i": factor for prefix, factor in _BINARY.items()},
    **{f"{prefix}B": factor for prefix, factor in _DECIMAL.items()},
}
BITS_PER_SECOND: Scale = {
    f"{prefix}{unit}": factor
    for prefix, factor in {"": 1, **_DECIMAL}.items()
    for unit in ("", "bit/s", "bit", "bps", "b/s")
}
HERTZ: Scale = {f"{prefix}{unit}": factor for prefix, factor in {"": 1, **_DECIMAL}.items() for unit in ("", "Hz")}
BYTES_PER_SECOND: Scale = {
    f"{prefix}{unit}": factor for prefix, factor in {"": 1, **_DECIMAL}.items() for unit in ("", "B/s", "B", "Bps")
}
NANOSECONDS: Scale = {"": 1, "ns": 1, "us": 1000, "ms": 10**6, "s": 10**9}
WATTS: Scale = {"": 1, "W": 1, "kW": 1000}

_DIGITS = 100
"""How long a figure may be: Python itself refuses some thousand, in words of its own."""
_NUMBER = re.compile(r"(\d[\d_]*|\d*(?=\.\d))(?:\.(\d+))?(?:[eE]([+-]?\d{1,3})(?!\d))?\s*([A-Za-z/$]*)\Z", re.ASCII)


def parse_quantity(text: str, scale: Scale) -> int | float:
    """The number that `text` says, in the unit that has the factor 1; an `int` wherever that is exact.

    Case of a suffix is ignored where it cannot change the meaning (`512gb`), not where it would (`GBps` of
    bits). Raises `ValueError` saying what can be written.
    """
    match = _NUMBER.match(text.strip())
    factor = None if match is None else _factor(match[4], scale)
    if match is None or factor is None:
        units = [name for name in scale if name.startswith("G")] or [name for name in scale if name]
        raise ValueError(f"{text!r} is not a number" + (f" with a unit such as {', '.join(units)}" if units else ""))
    whole, decimals = match[1].replace("_", ""), match[2] or ""
    if len(whole) + len(decimals) > _DIGITS:
        raise ValueError(f"{shortened(text.strip())} has more than {_DIGITS} digits")
    exponent = int(match[3] or 0) - len(decimals)
    top: int = int(whole + decimals) * factor * 10 ** max(exponent, 0)
    bottom: int = 10 ** max(-exponent, 0)
    if top % bottom == 0:
        return top // bottom
    return top / bottom


def shortened(text: str) -> str:
    """A figure for messages: of a very long one its beginning and its length."""
    return text if len(text) <= 2 * _DIGITS else f"{text[:10]}… ({len(text)} characters)"


def _factor(suffix: str, scale: Scale) -> int | None:
    if suffix in scale:
        return scale[suffix]
    if "KB" not in scale and "B" in suffix:
        return None  # bytes where bits are meant
    folded = {name.casefold(): factor for name, factor in scale.items()}
    return folded.get(suffix.casefold())


def parse_size(text: str) -> int:
    """The bytes that `text` says: `"512G"` and `"512GiB"` are 512 GiB, `"512GB"` is 512 * 10^9.

    Raises `ValueError` for anything else, and for a size that is not a whole number of bytes.
    """
    size = parse_quantity(text, BYTES)
    if not isinstance(size, int):
        raise ValueError(f"{text!r} is not a whole number of bytes")
    return size


def exact_text(number: int | float, scale: Scale) -> str:
    """The shortest text with a unit of `scale` that `parse_quantity` reads back as exactly `number`."""
    if not isinstance(number, int):
        return repr(number)
    texts = [str(number)]
    for name, factor in scale.items():
        if 1 < factor <= number and number * 1000 % factor == 0:
            texts.append(decimal_text(number * 1000 // factor, 3) + name)
    return min(texts, key=len)


def decimal_text(digits: int, places: int) -> str:
    """`digits` with a decimal point before the last `places`, and no trailing zeros."""
    whole, rest = divmod(digits, 10**places)
    return f"{whole}.{rest:0{places}}".rstrip("0").rstrip(".")


def format_size(size: int | float) -> str:
    """A size for people: `768 GiB`, `474 GB`, `23.5 GiB`; the binary unit where neither is exact."""
    for factors, ending in ((_BINARY, "iB"), (_DECIMAL, "B")):
        prefix, factor = next(((p, f) for p, f in factors.items() if size >= f), ("", 0))
        if factor and size * 1000 % factor == 0:
            return f"{decimal_text(int(size * 1000 // factor), 3)} {prefix}{ending}"
    return format_scaled(size, _BINARY, "iB", "B")


def format_scaled(number: int | float, prefixes: Mapping[str, int], unit: str, plain: str) -> str:
    """A number for people, with the largest prefix that leaves it at least 1, to four digits."""
    for prefix, factor in prefixes.items():
        if number >= factor:
            scaled = f"{number / factor:.4g}" if number < 10000 * factor else f"{number // factor}"
            return f"{scaled} {prefix}{unit}"
    return f"{number:.10g} {plain}"


def format_rate(rate: int | float) -> str:
    """A network's bandwidth for people: `100 Gbit/s`."""
    return format_scaled(rate, _DECIMAL, "bit/s", "bit/s")


def format_bandwidth(rate: int | float) -> str:
    """A memory's or a disk's bandwidth for people: `200 GB/s`."""
    return format_scaled(rate, _DECIMAL, "B/s", "B/s")


def format_latency(time: int | float) -> str:
    """A time in nanoseconds for people: `1.5 us`."""
    return format_scaled(time, {"s": 10**9, "ms": 10**6, "us": 1000}, "", "ns")


def format_clock(clock: int | float) -> str:
    """A clock for people: `2.9 GHz`."""
    return format_scaled(clock, _DECIMAL, "Hz", "Hz")
