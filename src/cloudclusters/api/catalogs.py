"""The catalog that this process asks, from its layers: a pinned, the refreshed or the packaged one, and the overlay."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cloudclusters.errors import InvalidOverlay, StoreError, UnknownName
from cloudclusters.settings.home import expanded
from cloudclusters.settings.keys import DEFAULTS

if TYPE_CHECKING:
    from cloudclusters.api.session import Session
    from cloudclusters.catalog import Catalog
    from cloudclusters.catalog.difference import Difference
    from cloudclusters.settings import Settings

OVERLAY_KEY = "catalog_overlay"


def open_base(home: Path) -> Catalog:
    """The catalog without the user's own rows: the pinned one, else the newest. Raises `StoreError` for a lost pin."""
    from cloudclusters.catalog import kept
    from cloudclusters.catalog.stored import ORIGIN

    name = kept.pinned(home)
    found = kept.open_pinned(home, name) if name else open_newest(home)
    if ORIGIN in found.notes:  # not the packaged one, whose regions are names already
        from cloudclusters.catalog import locating

        locating.learn(found.regions())
    return found


def open_newest(home: Path) -> Catalog:
    """The refreshed catalog where there is a sound one of this release, else the packaged snapshot."""
    from cloudclusters.catalog.stored import open_best

    found, obstacle = open_best(home)
    if obstacle:
        import logging

        logging.getLogger("cloudclusters").warning(
            "%s; the packaged one of %s is used: run `cloudclusters catalog refresh` again, or `cloudclusters "
            "catalog reset`",
            obstacle,
            found.date,
        )
    return found


def with_overlay(base: Catalog, settings: Settings) -> Catalog:
    """The catalog with the user's own rows over it, where the settings name some. Raises `InvalidOverlay`."""
    named = settings.text(DEFAULTS, OVERLAY_KEY)
    if not named:
        return base
    from cloudclusters.catalog import Region, locating, overlay, reading

    path = expanded(named).absolute()
    if not path.exists():
        raise InvalidOverlay(
            f"{OVERLAY_KEY} names {path}, and there is no such file or folder",
            hint="`cloudclusters config show` says where it was set; correct it there, or leave it out",
        )
    found = overlay.over(base, path)
    locating.learn(reading.plain(found.sources[-1], Region))
    return found


def difference_to(of: Session, other: str, *, provider: str = "", instance_type: str = "") -> tuple[str, Difference]:
    """What is different in the catalog in use, and from which one: a file, a kept one by its day, else the packaged.

    Raises `UnknownName` for what is no provider, type, day or file.
    """
    from cloudclusters.base.near import near
    from cloudclusters.catalog import kept
    from cloudclusters.catalog.difference import difference

    name, path = _compared(of.home, other)
    with _opened(path, named=bool(other)) as before:
        known = {*before.providers(), *of.catalog.providers()}
        if provider and provider not in known:
            raise UnknownName(f"no catalog has types of {provider!r}{near(provider, known)}")
        if instance_type:
            names = {*before.names(), *of.catalog.names(), *before.families(), *of.catalog.families()}
            if instance_type not in names:
                raise UnknownName(
                    f"no catalog has an instance type or family {instance_type!r}{near(instance_type, names)}"
                )
        title = f"{kept.PACKAGED} of {before.date}" if not other else f"the catalog {name} of {before.date}"
        return title, difference(before, of.catalog, provider=provider, instance_type=instance_type)


def _opened(path: Path, *, named: bool) -> Catalog:
    """The catalog in a file; that the user `named` one that is no catalog is nothing that an installation mends."""
    from cloudclusters.catalog import Catalog

    try:
        return Catalog.open(path)
    except StoreError as exc:
        if not named:
            raise
        raise UnknownName(
            exc.message,
            hint="name a catalog's file of this release, or a day as `cloudclusters catalog pin` lists them",
        ) from exc


def _compared(home: Path, other: str) -> tuple[str, Path]:
    from cloudclusters.catalog import kept
    from cloudclusters.catalog.catalog import SNAPSHOT

    if not other:
        return other, SNAPSHOT
    path = expanded(other)
    if path.is_file():
        return other, path
    if path.suffix and not kept.is_name(other):
        raise UnknownName(f"there is no file {other}", hint="name a catalog's file, or a day as in `catalog pin`")
    found = kept.chosen(home, other)
    return found.name, found.path
