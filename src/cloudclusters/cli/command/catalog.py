"""catalog: what it holds, bring it up to date from a provider, compare it, pin one, and go back."""

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
    from cloudclusters.catalog.difference import Difference, Repriced
    from cloudclusters.catalog.kept import Kept
    from cloudclusters.catalog.refreshing import Changes

_PRICES = {"region": "region", "hourly_usd": "USD/h", "spot_usd": "spot USD/h", "date": "date"}
"""The columns of a type's prices, with their titles."""
_SHOWN = 5
"""How many changed types, and prices that rose and fell most, are shown to people."""


@click.group(cls=Branch)
def catalog() -> None:
    """The catalog of machine types."""


@catalog.command(name="show")
@click.argument("instance_type", required=False, metavar="[TYPE]")
@json_option
def catalog_show(instance_type: str | None, as_json: bool) -> None:
    """What the catalog holds, of which day and from where; with a TYPE, all that is known of it and its prices.

    Of a family (t3), its types.
    """
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
    from cloudclusters.catalog.kept import pinned
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
    pin = pinned(of.home)
    if pin:
        warn(f"the catalog {pin} stays pinned and in use; `cloudclusters catalog unpin` takes the refreshed one")
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
    say(
        "contracts that were resolved before must be resolved again; `cloudclusters catalog reset` undoes this, and "
        "`cloudclusters catalog diff` tells more"
    )


def _some(names: Sequence[str]) -> str:
    return f"{len(names)}: {shorten(names)}" if names else "none"


@catalog.command(name="reset")
def catalog_reset() -> None:
    """Go back to the catalog that came with this release; a refreshed one is kept, to be pinned or compared."""
    from cloudclusters.api.session import session
    from cloudclusters.catalog.kept import pinned, reset

    home = session().home
    there, pin = reset(home), pinned(home)
    if pin:
        warn(f"the catalog {pin} stays pinned and in use; `cloudclusters catalog unpin` ends that")
    elif there:
        say("the packaged catalog is used again")
    else:
        say("the packaged catalog is in use already")


@catalog.command(name="diff")
@click.argument("other", required=False, default="", metavar="[DATE|FILE]")
@click.option("--provider", default="", help="Only this provider's types.")
@click.option("--type", "instance_type", default="", help="Only this instance type or family.")
@json_option
def catalog_diff(other: str, provider: str, instance_type: str, as_json: bool) -> None:
    """What is different in the catalog in use: types, their cells and prices.

    It is compared with the packaged one, with that of a DATE (see `catalog pin`), or with a catalog's FILE.

    \b
    cloudclusters catalog diff --provider ec2
    cloudclusters catalog diff 2026-11-20 --type g6
    """
    from cloudclusters.api.catalogs import difference_to
    from cloudclusters.api.session import session

    title, found = difference_to(session(), other, provider=provider, instance_type=instance_type)
    if as_json:
        show_json({"compared_with": title, **_difference(found)})
    else:
        _say_difference(title, found)


def _difference(found: Difference) -> Row:
    """A difference by its words."""
    import msgspec

    row = msgspec.structs.asdict(found)
    for name in ("new", "gone"):
        row[name] = [{"provider": provider, "instance_type": each} for provider, each in getattr(found, name)]
    return row


def _say_difference(title: str, found: Difference) -> None:
    """A difference for people: counts, the changed cells of some types, and the prices that changed most."""
    if found.is_empty:
        say(f"no difference to {title}")
        return
    facts = {
        "new": _some([name for _, name in found.new]),
        "gone": _some([name for _, name in found.gone]),
        "changed": _some([each.instance_type for each in found.changed]),
        "prices_up": str(len(found.up)),
        "prices_down": str(len(found.down)),
        "new_prices": str(found.new_prices),
        "gone_prices": str(found.gone_prices),
    }
    show_facts(facts, {key: key for key in facts}, as_json=False)
    for machine in found.changed[:_SHOWN]:
        cells = ", ".join(f"{c} {_cell(was)} -> {_cell(now)}" for c, (was, now) in machine.cells.items())
        show(f"{machine.provider} {machine.instance_type}: {cells}")
    rows = [_repriced(each) for each in (*found.up[:_SHOWN], *found.down[:_SHOWN])]
    if rows:
        show("")
        show_rows(rows, {key: key for key in rows[0]}, as_json=False, empty="")
    say(f"compared with {title}; --json tells all")


def _cell(cell: object) -> str:
    return "unknown" if cell is None else str(cell)


def _repriced(each: Repriced) -> Row:
    return {
        "provider": each.provider,
        "instance_type": each.instance_type,
        "region": each.region,
        "market": each.market,
        "before_usd": each.before_usd,
        "after_usd": each.after_usd,
        "change": f"{each.change:+.1%}",
    }


@catalog.command(name="pin")
@click.argument("date", required=False, metavar="[DATE]")
@json_option
def catalog_pin(date: str | None, as_json: bool) -> None:
    """Have resolutions use the catalog of a day until `catalog unpin`; without a DATE, list those that there are.

    A refresh keeps the catalog that it replaces. A pinned one is copied, so a new release of the package does not
    change it. Several of one day have numbers: 2026-11-20.1 and 2026-11-20.2; the day alone is the last one.
    """
    from cloudclusters.api.session import session
    from cloudclusters.catalog import kept

    home = session().home
    if date is None:
        rows = _choices(kept.choices(home), kept.pinned(home))
        show_rows(rows, {key: key for key in rows[0]}, as_json=as_json, empty="there is none")
        return
    found = kept.pin(home, date)
    if as_json:
        show_json({"name": found.name, "digest": found.digest, "source": found.origin})
    say(f"the catalog {found.name} is pinned; contracts that were resolved in another one must be resolved again")


def _choices(found: Sequence[Kept], pin: str) -> list[Row]:
    return [
        {"name": each.name, "pinned": each.name == pin, "digest": each.digest[:12], "source": each.origin}
        for each in found
    ]


@catalog.command(name="unpin")
def catalog_unpin() -> None:
    """Use the newest catalog again: the refreshed one, else that of this release."""
    from cloudclusters.api.session import session
    from cloudclusters.catalog.kept import unpin

    name = unpin(session().home)
    say(f"the catalog {name} is no longer pinned" if name else "no catalog is pinned")


def _catalog_counts(*, as_json: bool) -> None:
    from cloudclusters.api.session import session
    from cloudclusters.catalog.kept import PACKAGED, pinned
    from cloudclusters.catalog.overlay import OVERLAY
    from cloudclusters.catalog.stored import ORIGIN

    found, pin = session().catalog, pinned(session().home)
    rows = [_counts(found, name) for name in found.providers()]
    origin, over = found.notes.get(ORIGIN, PACKAGED), found.notes.get(OVERLAY, "")
    if as_json:
        facts = {"date": found.date, "digest": found.digest, "source": origin, "pinned": pin, "overlay": over}
        show_json({**facts, "providers": rows})
        return
    show_rows(rows, {key: key for key in rows[0]}, as_json=False, empty="it is empty")
    say(f"newest facts of {found.date}, digest {found.digest[:12]}; from: {origin}")
    if pin:
        say(f"the catalog {pin} is pinned; `cloudclusters catalog unpin` ends that")
    if over:
        say(f"over it your own rows of {over}")


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
    names, families = found.names(), found.families()
    if name not in names and name in families:
        _family(name, as_json=as_json)
        return
    if name not in names:
        raise UnknownName(
            f"the catalog has no instance type or family {name!r}{near(name, [*names, *families])}",
            hint="see `cloudclusters select`",
        )
    types = [machine for each in found.providers() if (machine := found.machine_type(each, name)) is not None]
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
        show("")
        show_rows(prices, _PRICES, as_json=False, empty="no price is known")


def _family(name: str, *, as_json: bool) -> None:
    """The types of a family, the smallest first, with the lowest price that is known of each."""
    from cloudclusters.api.session import session

    found = session().catalog
    types = [machine for machine in found.machine_types() if machine.family == name]
    lowest = found.sold()
    rows = [
        {
            "provider": each.provider,
            "instance_type": each.instance_type,
            "vcpus": each.vcpus,
            "memory_bytes": each.memory_bytes,
            "accelerator_count": each.accelerator_count,
            "accelerator_model": each.accelerator_model,
            "hourly_usd": lowest.get((each.provider, each.instance_type)),
        }
        for each in sorted(types, key=lambda each: (each.vcpus or 0, each.memory_bytes or 0, each.instance_type))
    ]
    titles = {"provider": "provider", "instance_type": "instance_type", "vcpus": "vcpus", "memory_bytes": "memory"}
    titles |= {"accelerator_count": "accelerators", "accelerator_model": "model", "hourly_usd": "from USD/h"}
    show_rows(rows, titles, as_json=as_json, empty="it has no type")
    say(f"the family {name}; `cloudclusters catalog show TYPE` tells all that is known of one type")
