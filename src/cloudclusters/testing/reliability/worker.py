"""Tries entries one by one: each is asked for by a line of JSON, and answered by one."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from cloudclusters.testing.bed import world
from cloudclusters.testing.reliability.crashes import Stride
from cloudclusters.testing.reliability.table import Entry, outcome, use

if TYPE_CHECKING:
    from cloudclusters.testing.bed.bed import Bed


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """An entry to try: from which point on, every how many-th, and with each next command or by turns."""

    entry: Entry
    first: int = 1
    step: int = 1
    each: bool = False


@contextlib.contextmanager
def open_bed() -> Iterator[Bed | None]:
    """A bed, in a world; None outside."""
    if not world.is_inside():
        yield None
        return
    from cloudclusters.testing.bed.bed import Bed, python_folders

    with Bed(pending_delay=0.05, boot_delay=0.05, shared=python_folders()) as bed:
        use(bed)
        yield bed


def main() -> None:
    """Answer until nothing more is asked."""
    with open_bed() as bed:
        for line in sys.stdin:
            wish = msgspec.json.decode(line, type=Wish)
            began = time.monotonic()
            found = outcome(wish.entry, Stride(wish.first, wish.step), bed, each=wish.each)
            took = msgspec.structs.replace(found, seconds=round(time.monotonic() - began, 1))
            sys.stdout.write(msgspec.json.encode(took).decode() + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
