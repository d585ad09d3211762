"""Catalogs of before, each a file of its own below our home, and which of them is pinned.

A kept catalog is named by the day of its facts, the later ones of a day by a number besides: `2026-11-20`,
`2026-11-20.2`. Files appear whole, by a rename, and never change. The pin is a file with the name of one.
"""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from cloudclusters.base.near import near
from cloudclusters.catalog import stored
from cloudclusters.catalog.catalog import SNAPSHOT, Catalog
from cloudclusters.catalog.stored import ORIGIN, is_sound, place, replaced, seal
from cloudclusters.errors import StoreError, UnknownName

FOLDER, PIN, ENDING = "kept", "pinned", ".sqlite"
_NAME = re.compile(r"(\d{4}-\d{2}-\d{2})(?:\.(\d+))?")
PACKAGED = "the packaged snapshot"


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A catalog that can be pinned or compared with: its name, its file, and where its rows are from, in words."""

    name: str
    path: Path
    digest: str
    origin: str


def kept(home: Path) -> list[Kept]:
    """The kept catalogs of this home that this release can read, the oldest first."""
    folder = home / "catalog" / FOLDER
    paths = folder.glob(f"*{ENDING}") if folder.is_dir() else ()
    sound = [path for path in paths if is_name(path.stem) and is_sound(path.read_bytes())]
    found = [each for path in sound if (each := _looked_at(path, path.stem))]
    return sorted(found, key=lambda each: _order(each.name))


def choices(home: Path) -> list[Kept]:
    """Every catalog that there is: the kept ones, the refreshed one and the packaged one, each digest once."""
    found = kept(home)
    for path in (place(home), SNAPSHOT):
        each = _looked_at(path, "") if path.exists() and (path == SNAPSHOT or is_sound(path.read_bytes())) else None
        if each is not None and each.digest not in {other.digest for other in found}:
            found.append(msgspec.structs.replace(each, name=_free(found, _day(path))))
    return sorted(found, key=lambda each: _order(each.name))


def chosen(home: Path, name: str) -> Kept:
    """The catalog of this name; of a day alone, the last one of that day. Raises `UnknownName` with those there are."""
    found = choices(home)
    names = [each.name for each in found]
    same = [each for each in found if each.name.partition(".")[0] == name]
    exact = [each for each in found if _order(each.name) == _order(name)]
    if is_name(name) and (same or exact):
        return (same or exact)[-1]
    raise UnknownName(f"there is no catalog of {name!r}{near(name, names)}", hint=f"there are {', '.join(names)}")


def is_name(text: str) -> bool:
    """Whether this may be the name of a kept catalog."""
    return _NAME.fullmatch(text) is not None


def keep(home: Path, path: Path) -> Kept:
    """Copy a catalog's file to the kept ones, unless one with the same facts is there. Raises `StoreError`."""
    found, new = kept(home), _looked_at(path, "")
    if new is None:
        raise StoreError(f"the catalog {path} is of another release", hint="see `cloudclusters catalog show`")
    for each in found:
        if each.digest == new.digest:
            return each
    name = _free(found, _day(path))
    target = home / "catalog" / FOLDER / f"{name}{ENDING}"

    def copy(file: Path) -> None:
        file.write_bytes(path.read_bytes())
        seal(file)

    replaced(target, copy)
    return msgspec.structs.replace(new, name=name, path=target)


def pin(home: Path, name: str) -> Kept:
    """Have the catalog of this name used until `unpin`; it is kept first. May be repeated; raises `UnknownName`."""
    found = keep(home, chosen(home, name).path)
    replaced(home / "catalog" / PIN, lambda file: file.write_text(found.name, encoding="utf-8"))
    return found


def unpin(home: Path) -> str:
    """Use the newest catalog again; the name of the one that was pinned, empty where none was."""
    path = home / "catalog" / PIN
    name = pinned(home)
    try:
        path.unlink(missing_ok=True)
    except OSError as exc:
        raise StoreError(f"{path} cannot be deleted ({exc.strerror})", hint="mend its folder") from exc
    return name


def pinned(home: Path) -> str:
    """The name of the pinned catalog; empty where none is."""
    path = home / "catalog" / PIN
    try:
        return path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as exc:
        raise StoreError(f"{path} cannot be read ({exc})", hint="run `cloudclusters catalog unpin`") from exc


def open_pinned(home: Path, name: str) -> Catalog:
    """The catalog that is pinned. Raises `StoreError` when it is gone or damaged: another one would be no pin."""
    path = home / "catalog" / FOLDER / f"{name}{ENDING}"
    hint = "run `cloudclusters catalog unpin`, or pin another one with `cloudclusters catalog pin`"
    try:
        if not is_name(name) or not is_sound(path.read_bytes()):
            raise StoreError(f"the pinned catalog {path} is damaged", hint=hint)
        return Catalog.open(path)
    except OSError as exc:
        raise StoreError(f"the pinned catalog {path} cannot be read ({exc.strerror})", hint=hint) from exc
    except StoreError as exc:
        raise StoreError(exc.message.replace("the catalog", "the pinned catalog", 1), hint=hint) from exc


def reset(home: Path) -> bool:
    """Go back to the packaged snapshot; whether there was a refreshed one, which is kept. May be repeated."""
    path = place(home)
    if path.exists() and is_sound(path.read_bytes()) and _looked_at(path, ""):
        keep(home, path)
    return stored.reset(home)


def _looked_at(path: Path, name: str) -> Kept | None:
    """A catalog's file; None where this release cannot read it."""
    try:
        with Catalog.open(path) as catalog:
            origin = catalog.notes.get(ORIGIN, PACKAGED)
            return Kept(name=name, path=path, digest=catalog.digest, origin=origin)
    except StoreError:
        return None


def _day(path: Path) -> str:
    with Catalog.open(path) as catalog:
        return catalog.date


def _free(found: list[Kept], day: str) -> str:
    """The next name of a day."""
    numbers = [_order(each.name)[1] for each in found if each.name.partition(".")[0] == day]
    return f"{day}.{max(numbers) + 1}" if numbers else day


def _order(name: str) -> tuple[str, int]:
    day, _, number = name.partition(".")
    return day, int(number) if number.isdecimal() else 1
