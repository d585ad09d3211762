"""What there is to know without making anything: features, providers and configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cloudclusters.api.session import session
from cloudclusters.base.near import near
from cloudclusters.errors import UnknownName
from cloudclusters.vocabulary import FEATURES, Feature, format_constraint

if TYPE_CHECKING:
    from cloudclusters.api.targets import Target
    from cloudclusters.settings import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderState:
    """A provider as this installation sees it."""

    name: str
    title: str
    installed: bool
    """Its SDK can be found."""
    cloud: bool
    """Considered when a contract names no provider."""
    hint: str = ""
    """What to type to install it."""


def features(cluster: Target | None = None) -> dict[str, Feature] | dict[str, dict[str, str]]:
    """The vocabulary: every feature by name; or, of a deployed cluster, its assumptions as text by role.

    Raises `UnknownHandle`.

    >>> import cloudclusters as cc
    >>> cc.features()["node_memory_size"].unit
    <Unit.BYTES: 'bytes'>
    """
    if cluster is None:
        return dict(FEATURES)
    from cloudclusters.api.targets import handle_of

    of = session()
    plan = of.store.record(handle_of(cluster, of)).plan
    contract = of.store.contract(plan.contract)
    return {
        role.role: {
            name: format_constraint(FEATURES[name], constraint).removeprefix(name).removeprefix("=")
            for name, constraint in {**contract.assumptions, **contract.roles.get(role.role, {})}.items()
        }
        for role in plan.roles
    }


def providers() -> list[ProviderState]:
    """Every provider of this release, and whether it is installed here; imports no SDK and makes no call."""
    from cloudclusters.provider.registry import missing_modules, plugins

    return [
        ProviderState(
            name=plugin.name,
            title=plugin.title,
            installed=not missing_modules(plugin),
            cloud=plugin.traits.cloud,
            hint=f"pip install 'cloudclusters[{plugin.extra}]'" if plugin.extra else "",
        )
        for plugin in plugins()
        if not plugin.hidden
    ]


def config(section: str = "") -> Mapping[str, str] | list[Row]:
    """The configuration of a provider as text by key; without a section, every value with its origin.

    Files are read once per program. Raises `InvalidSetting` with file, line and key, `UnknownName`.
    """
    settings = session().settings
    if section == "":
        return settings.explain()
    if section not in settings.sections:
        raise UnknownName(
            f"the configuration has no section {section!r}{near(str(section), settings.sections)}",
            hint=f"its sections: {', '.join(settings.sections)}",
        )
    return settings.section(section)
