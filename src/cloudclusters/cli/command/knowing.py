"""providers, features, config: what there is to know without making anything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from cloudclusters.cli.console import Branch, Command, Row, json_option, show, show_facts, show_rows

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

    rows = [_all_about(feature(name)) for name in names] if names else [_feature(each) for each in FEATURES.values()]
    if as_json or not names:
        titles = {"feature": "feature", "kind": "kind", "unit": "unit", "default": "default", "meaning": "meaning"}
        show_rows(rows, titles, as_json=as_json, empty="no features")
        return
    for row in rows:
        show_facts(row, {key: key.replace("_", " ") for key in row if row[key]}, as_json=False)
        show("")


def _all_about(each: Feature) -> Row:
    """The feature with what the catalog tells of it."""
    from cloudclusters.api.session import session
    from cloudclusters.catalog.values import is_told, told

    if is_told(each):
        return {**_feature(each), "in_catalog": told(session().catalog, each)}
    about = (
        "nothing: it is about the cluster" if each.use == "cluster" else "nothing: only a running machine can say it"
    )
    return {**_feature(each), "in_catalog": [about]}


def _feature(each: Feature) -> Row:
    return {
        "feature": each.name,
        "kind": each.kind.value,
        "use": each.use.value,
        "unit": each.unit.value if each.unit else each.taxonomy,
        "measured": each.measured,
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
