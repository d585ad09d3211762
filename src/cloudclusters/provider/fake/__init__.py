"""A cloud that is not there: machines in memory or in a file, with faults on order; for tests and rehearsals."""

from __future__ import annotations

from cloudclusters.base.cloud import NOTHING
from cloudclusters.provider.protocol import Plugin, Provider, Site, Traits

TRAITS = Traits(elastic=True, spot=True, cloud=False, rates={"": NOTHING})


def open_fake(site: Site) -> Provider:
    """Open the cloud in the file of the setting `path`, or below our home when there is none."""
    from cloudclusters.provider.fake.cloud import Cloud
    from cloudclusters.provider.fake.provider import FakeProvider, StoppableFakeProvider
    from cloudclusters.provider.fake.settings import read

    settings = read(site)
    cloud = Cloud(settings.path)
    return StoppableFakeProvider(cloud) if settings.can_stop else FakeProvider(cloud)


PLUGIN = Plugin(
    hidden=True,
    name="fake",
    title="a cloud that is not there, for tests",
    traits=TRAITS,
    open=open_fake,
    settings={
        "path": "the file that holds the cloud, or `:memory:`; below our home when not given",
        "can_stop": "whether machines can be stopped and started again: yes (default) or no",
    },
)
