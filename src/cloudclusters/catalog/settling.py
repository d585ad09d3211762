"""What follows from other cells of a machine type: filled here for every catalog, wherever its rows are from.

A type without accelerators has none of any make. Chip, kind of memory and interfaces of accelerators are those that
the side table says of their model. A type is virtual unless it is bare metal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from cloudclusters.catalog.rows import NONE, Accelerator, Cell, MachineType

_WHEN_NO_ACCELERATOR: dict[str, str | int] = {
    "accelerator_model": NONE,
    "accelerator_manufacturer": NONE,
    "accelerator_architecture": NONE,
    "accelerator_type": NONE,
    "accelerator_memory_bytes": 0,
    "accelerator_processor": NONE,
    "accelerator_memory_type": NONE,
    "accelerator_api": NONE,
}
_OF_THE_MODEL = ("accelerator_processor", "accelerator_memory_type", "accelerator_api")
_SEVERAL = "+"
"""Joins kinds of memory that one device has both of: it is of no one kind, so nobody can say which."""

Models = Mapping[str, Accelerator]


def by_model(accelerators: Iterable[Accelerator]) -> Models:
    """The side table of accelerators by the names that `accelerator_model` holds."""
    return {each.model: each for each in accelerators}


def settled(machine: MachineType, models: Models) -> MachineType:
    """The same type with what follows from its cells; a model that the table does not hold keeps what the row says."""
    cells: dict[str, Cell] = {}
    if machine.bare_metal is not None:
        cells["virtual"] = "No" if machine.bare_metal else "Yes"
    if machine.accelerator_count == 0:
        cells.update((c, value) for c, value in _WHEN_NO_ACCELERATOR.items() if getattr(machine, c) is None)
    named = (machine.accelerator_model or "").split("|")
    known = [models[name] for name in named if name in models]
    if known and len(known) == len(named):
        facts = [_facts(each) for each in known]
        cells.update((column, _alternatives([each[column] for each in facts])) for column in _OF_THE_MODEL)
    return msgspec.structs.replace(machine, **cells) if cells else machine


def over(before: MachineType, told: Mapping[str, object]) -> MachineType:
    """The type with these cells changed; what followed from a changed one goes, to be settled anew."""
    cells: dict[str, object] = {}
    if told.get("accelerator_model", before.accelerator_model) != before.accelerator_model:
        cells.update(dict.fromkeys(_OF_THE_MODEL))
    if told.get("bare_metal", before.bare_metal) != before.bare_metal:
        cells["virtual"] = None
    if told.get("accelerator_count", before.accelerator_count) != before.accelerator_count:
        if before.accelerator_count == 0:
            cells.update((c, None) for c, value in _WHEN_NO_ACCELERATOR.items() if getattr(before, c) == value)
        elif told["accelerator_count"] == 0:
            cells.update(dict.fromkeys(_WHEN_NO_ACCELERATOR))
    return msgspec.structs.replace(before, **(cells | dict(told)))


def _facts(model: Accelerator) -> dict[str, str | None]:
    kind = model.memory_type
    return {
        "accelerator_processor": model.chip,
        "accelerator_memory_type": None if kind is None or _SEVERAL in kind else kind,
        "accelerator_api": ";".join(_version(each, model) for each in model.api) or None,
    }


def _version(interface: str, model: Accelerator) -> str:
    """An interface with its version where that is told: the names of CUDA's are compute capabilities."""
    return f"CUDA {model.compute_capability}" if interface == "CUDA" and model.compute_capability else interface


def _alternatives(cells: Iterable[str | None]) -> str | None:
    """One cell for all alternatives; unknown where one of them is."""
    each = list(dict.fromkeys(cells))
    return None if None in each else "|".join(str(cell) for cell in each)
