"""Nodes on this machine: each is a directory, a loopback address and an agent in a session of its own."""

from __future__ import annotations

from cloudclusters.base.cloud import NOTHING
from cloudclusters.provider.protocol import Plugin, Provider, Site, Traits

TRAITS = Traits(elastic=True, cloud=False, free=True, shared=True, rates={"": NOTHING})


def open_local(site: Site) -> Provider:
    """Open the provider below our home; raises `NotSupported` where there is no Linux, and `InvalidSetting`."""
    from cloudclusters.provider.local.provider import LocalProvider
    from cloudclusters.provider.local.settings import read

    return LocalProvider(site.home / "local", read(site.settings))


PLUGIN = Plugin(
    name="local",
    title="this machine",
    traits=TRAITS,
    open=open_local,
    settings={
        "network": "the loopback network that nodes get their addresses from, such as `127.93.0.0/16`; "
        "by default one that belongs to this user and home",
    },
)
