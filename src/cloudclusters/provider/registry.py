"""Which providers there are: ours in a table, one line each; others by entry point, when a name is not in it."""

from __future__ import annotations

import importlib
import importlib.util

from cloudclusters.base.near import near
from cloudclusters.errors import MissingExtra, UnknownName
from cloudclusters.provider.protocol import Plugin

BUILT_IN = {
    "local": "cloudclusters.provider.local",
    "fake": "cloudclusters.provider.fake",
    "ec2": "cloudclusters.provider.ec2",
}
"""The module of each built-in provider, which has a `PLUGIN` and imports no SDK."""
GROUP = "cloudclusters.providers"
"""The entry points of other packages, each naming a `Plugin`."""


def plugin(name: str) -> Plugin:
    """The plugin of this name, ready to be opened.

    Raises `UnknownName` with near names, and `MissingExtra` with the install line when its SDK is not there.
    """
    others = {} if name in BUILT_IN else _others()
    found = _built_in(name) if name in BUILT_IN else others.get(name)
    if found is None:
        names = [*(each.name for each in built_in() if not each.hidden), *others]
        raise UnknownName(
            f"unknown provider {name!r}{near(name, names)}",
            hint=f"the providers are: {', '.join(names)}",
        )
    missing = missing_modules(found)
    if missing:
        what = f"cloudclusters[{found.extra}]" if found.extra else " ".join(missing)
        raise MissingExtra(
            f"the provider {name!r} needs {', '.join(missing)}, which is not installed",
            hint=f"pip install '{what}'",
        )
    return found


def plugins() -> tuple[Plugin, ...]:
    """Every built-in provider, installed or not, and those of other packages."""
    return (*built_in(), *_others().values())


def built_in() -> tuple[Plugin, ...]:
    """Every built-in provider, installed or not; reads no other distribution."""
    return tuple(_built_in(name) for name in BUILT_IN)


def missing_modules(found: Plugin) -> list[str]:
    """The modules that a plugin needs and that are not installed; nothing is imported."""
    return [module for module in found.modules if importlib.util.find_spec(module) is None]


def _built_in(name: str) -> Plugin:
    return _checked(importlib.import_module(BUILT_IN[name]).PLUGIN, BUILT_IN[name])


def _others() -> dict[str, Plugin]:
    from importlib.metadata import entry_points  # reads every installed distribution: not for known names

    return {e.name: _checked(e.load(), e.value) for e in entry_points(group=GROUP) if e.name not in BUILT_IN}


def _checked(value: object, where: str) -> Plugin:
    if not isinstance(value, Plugin):
        raise UnknownName(f"{where} is no provider", hint="it must be a cloudclusters.provider.protocol.Plugin")
    return value
