"""The user's own types, prices, offerings and regions, over those of a catalog: only the cells that they give change.

An overlay is a small catalog of the types that it touches, joined to the big one, whose rows of these types it hides.
So asking costs no more than without it, and the digest of both is another one.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from cloudclusters.base.near import near
from cloudclusters.base.table import counted
from cloudclusters.catalog import settling
from cloudclusters.catalog.catalog import Catalog
from cloudclusters.catalog.locating import enclosing
from cloudclusters.catalog.overlay_cells import told
from cloudclusters.catalog.overlay_files import Entry, read
from cloudclusters.catalog.rows import Accelerator, Content, MachineType, Offering, Price, Region
from cloudclusters.errors import InvalidOverlay
from cloudclusters.vocabulary import taxonomy
from cloudclusters.vocabulary.growth import family

S = TypeVar("S", bound=msgspec.Struct)
Key = tuple[str, ...]
Rows = Mapping[str, Mapping[Key, tuple[Entry, dict[str, object]]]]
"""The cells that are given, by kind of row and what the row is of."""

NEEDED = ("vcpus", "memory_bytes")
"""What a new type must say besides its provider and name: without these no contract could be met by it."""
_OF_TYPES = ("type", "price", "offering")
_OF_REGIONS = ("price", "offering", "region")
OVERLAY = "overlay"
"""The key of a catalog's notes that names the overlay, and the source of its rows."""
_OF_A_MODEL = {"accelerator_architecture": "architecture", "accelerator_manufacturer": "manufacturer"}
"""What the side table of accelerators knows of a model, by the column that says it of a type."""


def over(base: Catalog, path: Path) -> Catalog:
    """The catalog with the rows of a `.toml` or `.csv` file, or of a folder of them, over its own.

    Raises `InvalidOverlay` with file, line and key for whatever cannot be.
    """
    content = overlaid(base, read(path))
    counts = ", ".join(
        counted(len(rows), one) for rows, one in ((content.types, "type"), (content.regions, "region")) if rows
    )
    return base.joined(Catalog.build_from(content, notes={OVERLAY: f"{path} ({counts or 'nothing'})"}))


def overlaid(base: Catalog, entries: Sequence[Entry]) -> Content:
    """All rows of the types that the entries touch, with their cells; and their regions."""
    rows = _keyed(entries)
    _check_providers(rows)
    _check_days(base, rows)
    regions = _regions(base, rows)
    before = base.rows_of({(key[0], key[1]) for kind in _OF_TYPES for key in rows[kind]})
    machines = _machines(base, before.types, rows)
    _check_regions(base, regions, rows)
    prices: dict[Key, Price] = {(p.provider, p.instance_type, p.region): p for p in before.prices}
    prices.update({key: _price(prices.get(key), *row) for key, row in rows["price"].items()})
    offerings: dict[Key, Offering] = {(o.provider, o.instance_type, o.region): o for o in before.offerings}
    offerings.update({key: _row(offerings.get(key), Offering, row[1]) for key, row in rows["offering"].items()})
    return Content(
        types=tuple(machines.values()),
        prices=tuple(prices.values()),
        offerings=tuple(offerings.values()),
        regions=tuple(regions.values()),
        date=max((p.date or "" for key, p in prices.items() if key in rows["price"]), default=""),
    )


def _machines(base: Catalog, before: Iterable[MachineType], rows: Rows) -> dict[Key, MachineType]:
    """The types that are touched, with the cells that are given; each price and offering is of one of them."""
    found: dict[Key, MachineType] = {(each.provider, each.instance_type): each for each in before}
    models = settling.by_model(base.table(Accelerator)) if rows["type"] else {}
    for key, (entry, cells) in rows["type"].items():
        filled = _of_the_model(cells, models) | cells
        found[key] = settling.settled(_machine(base, found.get(key), entry, filled), models)
        _check_machine(found[key], entry, cells, models)
    for kind in ("price", "offering"):
        for (provider, name, _), (entry, _) in rows[kind].items():
            if (provider, name) not in found:
                raise InvalidOverlay(
                    f"{entry.where}: the {kind} of a type that nobody knows: {provider} has no "
                    f"{name!r}{near(name, base.names(provider))}",
                    hint="a new type needs a [[type]] of its own",
                )
    return found


def _of_the_model(told: Mapping[str, object], models: settling.Models) -> dict[str, object]:
    """Architecture and maker of the accelerators of a row that names their model, where the side table knows it."""
    names = str(told.get("accelerator_model", "")).split("|")
    if not all(name in models for name in names):
        return {}
    facts = {column: [getattr(models[n], field) for n in names] for column, field in _OF_A_MODEL.items()}
    return {column: "|".join(dict.fromkeys(cells)) for column, cells in facts.items() if None not in cells}


def _check_machine(machine: MachineType, entry: Entry, told: Mapping[str, object], models: settling.Models) -> None:
    """That no cell of the row contradicts another one of the type."""
    if told.keys() & {"cores", "vcpus"} and (machine.cores or 0) > (machine.vcpus or math.inf):
        raise InvalidOverlay(
            f"{entry.where}: {machine.instance_type} has {machine.cores} cores and {machine.vcpus} vcpus",
            hint="vcpus counts the threads of all cores: write as many of them as there are cores, or more",
        )
    if not told.keys() & {"accelerator_model", *_OF_A_MODEL}:
        return
    for column, field in _OF_A_MODEL.items():
        said = getattr(machine, column)
        known = {
            getattr(models[name], field) for name in (machine.accelerator_model or "").split("|") if name in models
        }
        if said and known and None not in known and not known & set(said.split("|")):
            right = " or ".join(sorted(known))
            raise InvalidOverlay(
                f"{entry.where}: {column} is {said}, and that of {machine.accelerator_model} is {right}",
                hint=f'write {column} = "{right}", or correct accelerator_model',
            )


def _check_days(base: Catalog, rows: Rows) -> None:
    """A price is of a day that has been; where this machine's clock is behind, the catalog's day tells what has."""
    day = datetime.date.today() + datetime.timedelta(days=1)  # somewhere it is tomorrow already
    last = max(str(day), base.date)
    for entry, cells in rows["price"].values():
        for column in ("date", "spot_date"):
            if str(cells.get(column) or "") > last:
                raise InvalidOverlay(
                    f"{entry.cells[column].where if column in entry.cells else entry.where}: {cells[column]} is still "
                    "to come",
                    hint="a price has the day on which it was seen",
                )


def _keyed(entries: Sequence[Entry]) -> Rows:
    """The rows by what they are of, each there once."""
    found: dict[str, dict[Key, tuple[Entry, dict[str, object]]]] = {}
    for kind, key in _KEYS.items():
        found[kind] = {}
        for entry in (each for each in entries if each.kind == kind):
            cells = told(entry)
            before, _ = found[kind].setdefault(key(cells), (entry, cells))
            if before is not entry:
                raise InvalidOverlay(f"{entry.where}: the {kind} {' '.join(key(cells))} is at {before.where} already")
    return found


def _check_providers(rows: Rows) -> None:
    """An overlay speaks of clouds: what others have is looked at, and of a cloud that we do not know nothing is."""
    words = taxonomy("provider")
    for each in rows.values():
        for (provider, *_), (entry, _) in each.items():
            if words.has(provider) and not words.is_a(provider, "CloudProvider"):  # plugins' are in no list of ours
                raise InvalidOverlay(
                    f"{entry.where}: {provider} is no cloud: its machines stand in no catalog",
                    hint=f"name one of {', '.join(words.members('CloudProvider'))}",
                )


def _machine(base: Catalog, before: MachineType | None, entry: Entry, cells: Mapping[str, object]) -> MachineType:
    provider, name = str(cells["provider"]), str(cells["instance_type"])
    if before is not None:
        source = f"{before.source};{OVERLAY}" if before.source else OVERLAY
        return settling.over(before, {"source": source, **cells})
    missing = [column for column in NEEDED if not cells.get(column)]
    if missing:
        raise InvalidOverlay(
            f"{entry.where}: {provider} has no type {name!r} in the catalog{near(name, base.names(provider))}",
            hint=f"a new type needs {' and '.join(missing)}",
        )
    return msgspec.convert({"family": family(name) or None, "source": OVERLAY, **cells}, MachineType)


def _price(before: Price | None, entry: Entry, cells: Mapping[str, object]) -> Price:
    """A figure without a day has none: the old day was that of another figure."""
    if before is None and not {"usd", "spot_usd"} & cells.keys():
        raise InvalidOverlay(f"{entry.where}: no price is given", hint="write usd = or spot_usd =")
    days = {day: None for figure, day in (("usd", "date"), ("spot_usd", "spot_date")) if figure in cells}
    return _row(before, Price, {"source": OVERLAY, **days, **cells})


def _row(before: S | None, kind: type[S], cells: Mapping[str, object]) -> S:
    return msgspec.convert(cells, kind) if before is None else msgspec.structs.replace(before, **cells)


def _regions(base: Catalog, rows: Rows) -> dict[Key, Region]:
    """The regions that are given; a new one must lie somewhere that we know."""
    known = {(r.provider, r.region): r for r in base.regions()} if rows["region"] else {}
    found: dict[Key, Region] = {}
    for key, (entry, cells) in rows["region"].items():
        before = known.get((key[0], key[1]))
        found[key] = _row(before, Region, {"source": OVERLAY, **cells})
        _check_region(before, found[key], entry)
        if before is None and not enclosing(found[key]):
            said = found[key].continent or found[key].place or ""
            raise InvalidOverlay(
                f"{entry.where}: where {key[1]} lies is not known{near(said, taxonomy('locale').terms())}",
                hint='give it a place or a continent of the reference\'s locale names, such as continent = "Europe"',
            )
    return found


def _check_region(before: Region | None, region: Region, entry: Entry) -> None:
    """That it lies where it is said to lie, and that a new one is not called as a place."""
    words = taxonomy("locale")
    if before is None and region.region in {*words.terms()} - {*words.values()}:
        raise InvalidOverlay(
            f"{entry.where}: {region.region} is a place, and no region", hint="name the region as the provider does"
        )
    place = enclosing(before or region)
    if place and region.continent and not words.is_a(place, region.continent):
        (there,) = (each for each in words.ancestors(place) if not words.parents(each))
        raise InvalidOverlay(
            f"{entry.where}: {region.region} lies in {there}, and not in {region.continent}",
            hint=f'write continent = "{there}", or leave it out',
        )


def _check_regions(base: Catalog, regions: Mapping[Key, Region], rows: Rows) -> None:
    """Prices and offerings are of regions that are known, and zones of the region of their row."""
    if not any(rows[kind] for kind in _OF_REGIONS):
        return
    known: dict[str, dict[str, Region]] = {}
    for each in (*base.regions(), *regions.values()):
        known.setdefault(each.provider, {})[each.region] = each
    for kind in _OF_REGIONS:
        for (provider, *_, region), (entry, cells) in rows[kind].items():
            there = known.get(provider, {})
            if region not in there:
                raise InvalidOverlay(
                    f"{entry.where}: {provider} has no region {region!r} in the catalog{near(region, there)}",
                    hint="a new region needs a [[region]] of its own, with its place or continent",
                )
            _check_zones(there[region], there, entry, cells)


def _check_zones(region: Region, regions: Collection[str], entry: Entry, cells: Mapping[str, object]) -> None:
    """That the row's zones are of its region: by their names, or as zones of it whose names tell no other region."""
    for zone in msgspec.convert(cells.get("zones", ()), tuple[str, ...]):
        told = taxonomy("locale").ancestors(zone) | {each for each in regions if zone.startswith(f"{each}-")}
        listed = (zone in region.zones or not region.zones) and told.isdisjoint(regions)
        if region.region not in told - {zone} and not listed:
            raise InvalidOverlay(
                f"{entry.cells['zones'].where}: {zone!r} is no zone of {region.region}{near(zone, region.zones)}",
                hint=f"write the full names of zones of {region.region}",
            )


def _of(*columns: str) -> Callable[[Mapping[str, object]], Key]:
    return lambda cells: tuple(str(cells[column]) for column in columns)


_KEYS: Mapping[str, Callable[[Mapping[str, object]], Key]] = {
    "type": _of("provider", "instance_type"),
    "price": _of("provider", "instance_type", "region"),
    "offering": _of("provider", "instance_type", "region"),
    "region": _of("provider", "region"),
}
