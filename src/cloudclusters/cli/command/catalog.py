"""catalog: what it holds, bring it up to date from a provider, and go back to the packaged one."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from cloudclusters.base.table import shorten
from cloudclusters.cli.console import (
    Branch,
    Row,
    json_option,
    say,
    show,
    show_facts,
    show_json,
    show_rows,
    warn,
)

if TYPE_CHECKING:
    from cloudclusters.catalog import Catalog
    from cloudclusters.catalog.refreshing import Changes


@click.group(cls=Branch)
def catalog() -> None:
    """The catalog of machine types."""


@catalog.command(name="show")
@click.argument("instance_type", required=False, metavar="[TYPE]")
@json_option
def catalog_show(instance_type: str | None, as_json: bool) -> None:
    """What the catalog holds, of which day and from where; with a TYPE, all that is known of it and its prices."""
    if instance_type is None:
        _catalog_counts(as_json=as_json)
    else:
        _machine_type(instance_type, as_json=as_json)


@catalog.command(name="refresh")
@click.option("--provider", required=True, help="Whose machines, such as ec2.")
@click.option("--region", "regions", multiple=True, help="Only this region; may be given again. Default: all of them.")
@json_option
def catalog_refresh(provider: str, regions: Sequence[str], as_json: bool) -> None:
    """Ask a provider what it sells today and at which prices; resolutions use that from then on.

    Costs nothing. Takes some ten seconds per region, several regions at a time; Ctrl-C changes nothing. What other
    regions and providers are known to sell is kept.

    \b
    cloudclusters catalog refresh --provider ec2 --region us-east-1 --region eu-west-1
    """
    from cloudclusters.api.knowledge import refresh_catalog
    from cloudclusters.api.session import session
    from cloudclusters.base.event import Event
    from cloudclusters.catalog.refreshing import Step
    from cloudclusters.cli.progress import shown

    of = session()
    live = sys.stderr.isatty()

    def tell(step: Step) -> None:
        if live or step.last:
            of.hear(Event(cluster=provider, phase=str(step), node=step.region))

    with shown(f"asking {provider} what it sells"):
        found = refresh_catalog(of, provider, regions, tell)
    for gap in found.gaps:
        warn(gap)
    if as_json:
        show_json(found)
    else:
        _say_changes(found)


def _say_changes(found: Changes) -> None:
    """What the refresh found, for people."""
    facts = {
        "regions": shorten(found.regions),
        "instance_types": found.types,
        "prices": f"{found.prices} on demand, {found.spot_prices} spot",
        **{name: _some(getattr(found, name)) for name in ("new", "changed", "gone")},
    }
    show_facts(facts, {key: key for key in facts}, as_json=False)
    say("contracts that were resolved before must be resolved again; `cloudclusters catalog reset` undoes this")


def _some(names: Sequence[str]) -> str:
    return f"{len(names)}: {shorten(names)}" if names else "none"


@catalog.command(name="reset")
def catalog_reset() -> None:
    """Go back to the catalog that came with this release."""
    from cloudclusters.api.session import session
    from cloudclusters.catalog.stored import reset

    there = reset(session().home)
    say("the packaged catalog is used again" if there else "the packaged catalog is in use already")


def _catalog_counts(*, as_json: bool) -> None:
    from cloudclusters.api.session import session
    from cloudclusters.catalog.stored import ORIGIN

    found = session().catalog
    rows = [_counts(found, name) for name in found.providers()]
    origin = found.notes.get(ORIGIN, "the packaged snapshot")
    if as_json:
        show_json({"date": found.date, "digest": found.digest, "source": origin, "providers": rows})
        return
    show_rows(rows, {key: key for key in rows[0]}, as_json=False, empty="it is empty")
    say(f"newest facts of {found.date}, digest {found.digest[:12]}; from: {origin}")


def _counts(found: Catalog, provider: str) -> Row:
    prices = found.priced(provider)
    return {
        "provider": provider,
        "instance_types": len(found.names(provider)),
        "families": len(found.families(provider)),
        "regions": len(found.regions(provider)),
        "prices": prices.on_demand,
        "spot_prices": prices.spot,
        "oldest_price": prices.oldest,
        "newest_price": prices.newest,
    }


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
