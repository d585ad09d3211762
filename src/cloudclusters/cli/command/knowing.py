"""providers, features, config, catalog: what there is to know without making anything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from cloudclusters.cli.console import Branch, Command, Row, json_option, say, show, show_facts, show_json, show_rows

if TYPE_CHECKING:
    from cloudclusters.vocabulary import Feature


@click.command(cls=Command)
@json_option
def providers(as_json: bool) -> None:
    """Where machines can come from, and what is missing for it here."""
    from cloudclusters.api.knowing import providers as known

    rows = [
        {
            "provider": each.name,
            "title": each.title,
            "installed": each.installed,
            "chosen_unnamed": each.cloud,
            "hint": "" if each.installed else each.hint,
        }
        for each in known()
    ]
    titles = {"provider": "provider", "title": "what", "installed": "installed", "hint": "to install"}
    show_rows(rows, titles, as_json=as_json, empty="no providers")


@click.command(cls=Command)
@click.argument("names", nargs=-1, metavar="[FEATURE]...")
@json_option
def features(names: Sequence[str], as_json: bool) -> None:
    """The words that a contract may hold; with names, all about those."""
    from cloudclusters.vocabulary import FEATURES, feature

    rows = [_feature(feature(name)) for name in names] if names else [_feature(each) for each in FEATURES.values()]
    if as_json or not names:
        titles = {"feature": "feature", "kind": "kind", "unit": "unit", "default": "default", "meaning": "meaning"}
        show_rows(rows, titles, as_json=as_json, empty="no features")
        return
    for row in rows:
        show_facts(row, {key: key for key in row if row[key]}, as_json=False)
        show("")


def _feature(each: Feature) -> Row:
    return {
        "feature": each.name,
        "kind": each.kind.value,
        "use": each.use.value,
        "unit": each.unit.value if each.unit else each.taxonomy,
        "default": each.default,
        "meaning": each.meaning,
        "aliases": each.aliases,
        "examples": each.examples,
    }


@click.group(cls=Branch)
def config() -> None:
    """Configuration, and where each value is from."""


@config.command(name="show")
@click.argument("section", required=False)
@json_option
def config_show(section: str | None, as_json: bool) -> None:
    """Every value with its origin: default, file and line, or variable; of one SECTION, or of all."""
    from cloudclusters.api.session import session
    from cloudclusters.base.near import near
    from cloudclusters.errors import UnknownName

    settings = session().settings
    if section is not None and section not in settings.sections:
        raise UnknownName(
            f"there is no section {section!r}{near(section, settings.sections)}",
            hint=f"sections: {', '.join(settings.sections)}",
        )
    keys = ("section", "key", "value", "origin", "note")
    rows = [dict(zip(keys, row, strict=True)) for row in settings.explain() if section in (None, row[0])]
    titles = {key: key for key in keys}
    if not any(row["note"] for row in rows):
        del titles["note"]
    show_rows(rows, titles, as_json=as_json, empty="no value is set here; those of [defaults] hold")


@click.group(cls=Branch)
def catalog() -> None:
    """The catalog of machine types."""


@catalog.command(name="show")
@click.argument("instance_type", required=False, metavar="[TYPE]")
@json_option
def catalog_show(instance_type: str | None, as_json: bool) -> None:
    """What the catalog holds; with a TYPE, all that is known of it and its price in each region."""
    if instance_type is None:
        _catalog_counts(as_json=as_json)
    else:
        _machine_type(instance_type, as_json=as_json)


def _catalog_counts(*, as_json: bool) -> None:
    from cloudclusters.api.session import session

    found = session().catalog
    rows = [
        {
            "provider": name,
            "instance_types": len(found.names(name)),
            "families": len(found.families(name)),
            "regions": len(found.regions(name)),
        }
        for name in found.providers()
    ]
    if as_json:
        show_json({"date": found.date, "digest": found.digest, "providers": rows})
        return
    show_rows(rows, {key: key for key in rows[0]}, as_json=False, empty="it is empty")
    say(f"newest facts of {found.date}, digest {found.digest[:12]}")


def _machine_type(name: str, *, as_json: bool) -> None:
    import msgspec

    from cloudclusters.api.session import session
    from cloudclusters.base.near import near
    from cloudclusters.errors import UnknownName

    found = session().catalog
    types = [machine for each in found.providers() if (machine := found.machine_type(each, name)) is not None]
    if not types:
        raise UnknownName(
            f"the catalog has no instance type {name!r}{near(name, found.names())}",
            hint="see `cloudclusters select`",
        )
    if as_json:
        show_json(
            [
                {**msgspec.structs.asdict(machine), "prices": found.prices_of(machine.provider, name)}
                for machine in types
            ]
        )
        return
    for machine in types:
        row = msgspec.structs.asdict(machine)
        show_facts(row, {key: key for key, value in row.items() if value is not None}, as_json=False)
        prices = [
            {"region": price.region, "hourly_usd": price.usd, "spot_usd": price.spot_usd, "date": price.date}
            for price in found.prices_of(machine.provider, name)
        ]
        titles = {"region": "region", "hourly_usd": "USD/h", "spot_usd": "spot USD/h", "date": "date"}
        show("")
        show_rows(prices, titles, as_json=False, empty="no price is known")
