"""Which providers there are, and how one is found by its name."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys

import pytest

from cloudclusters.errors import MissingExtra, UnknownName
from cloudclusters.provider import registry
from cloudclusters.provider.local import PLUGIN
from cloudclusters.provider.protocol import CanFind, CanStop, Plugin, Site, Traits


def foreign(modules: tuple[str, ...] = (), extra: str = "") -> Plugin:
    """Somebody else's provider."""
    return Plugin(name="foreign", title="theirs", traits=Traits(), open=PLUGIN.open, modules=modules, extra=extra)


class Entry:
    """An entry point that names it."""

    name, value = "foreign", "somewhere:PLUGIN"

    def __init__(self, loaded: object) -> None:
        self._loaded = loaded

    def load(self) -> object:
        """What it names."""
        return self._loaded


def install(monkeypatch: pytest.MonkeyPatch, loaded: object) -> None:
    """Let another package bring a provider."""
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: [Entry(loaded)])


def test_built_in_providers_are_found_by_name() -> None:
    """And carry the name that they are found by."""
    assert [registry.plugin(name).name for name in registry.BUILT_IN] == list(registry.BUILT_IN)


def test_local_can_stop_and_find(home: object, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Its abilities are seen from outside."""
    opened = registry.plugin("local").open(Site(home=tmp_path_factory.mktemp("home"), owner="me"))
    assert isinstance(opened, CanStop)
    assert isinstance(opened, CanFind)
    assert opened.traits == PLUGIN.traits


def test_unknown_provider_names_near_ones() -> None:
    """And lists all of them."""
    with pytest.raises(UnknownName, match="did you mean 'local'") as caught:
        registry.plugin("locl")
    assert caught.value.hint == "the providers are: local, ec2"


def test_missing_sdk_is_told_with_its_install_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra that brings it."""
    install(monkeypatch, foreign(modules=("no_such_sdk",), extra="foreign"))
    with pytest.raises(MissingExtra, match="no_such_sdk") as caught:
        registry.plugin("foreign")
    assert caught.value.hint == "pip install 'cloudclusters[foreign]'"


def test_other_packages_bring_providers(monkeypatch: pytest.MonkeyPatch) -> None:
    """By entry point."""
    install(monkeypatch, foreign())
    assert registry.plugin("foreign").title == "theirs"
    assert [plugin.name for plugin in registry.plugins()] == [*registry.BUILT_IN, "foreign"]


def test_entry_point_that_is_no_provider_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """With its own name."""
    install(monkeypatch, "something")
    with pytest.raises(UnknownName, match="somewhere:PLUGIN is no provider"):
        registry.plugin("foreign")


def test_finding_a_built_in_provider_reads_no_entry_points(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading them takes longer than a whole command may."""
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: pytest.fail("entry points were read"))
    registry.plugin("local")


def test_finding_a_provider_imports_nothing_heavy() -> None:
    """No event loop, no SDK, and nothing that would only be needed to make nodes."""
    script = (
        "import sys; from cloudclusters.provider.registry import plugin; plugin('local');"
        "print(*{'asyncio', 'asyncssh', 'distributed', 'subprocess', 'socket'} & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.split() == []
