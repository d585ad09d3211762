"""What contracts are resolved in: the catalog, with this machine where a contract names it, and the providers."""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING

from cloudclusters.base.cloud import Market
from cloudclusters.base.table import counted, usd
from cloudclusters.contract.build import Item, find
from cloudclusters.contract.document import Contract
from cloudclusters.contract.resolution import ProviderFacts
from cloudclusters.errors import CloudClustersError, NotSupported
from cloudclusters.provider.registry import built_in, missing_modules, plugins
from cloudclusters.vocabulary import Constraint, Terms, constrain, taxonomy

if TYPE_CHECKING:
    from pathlib import Path

    from cloudclusters.api.session import Session
    from cloudclusters.catalog import Catalog, MachineType
    from cloudclusters.catalog.refreshing import Changes, Tell
    from cloudclusters.contract.resolution import Resolution
    from cloudclusters.provider.protocol import CanRefresh

_PROVIDER = "node_provider"


@functools.cache
def provider_facts() -> Mapping[str, ProviderFacts]:
    """What resolution must know of each provider of this release; imports no SDK."""
    return {
        plugin.name: ProviderFacts(
            name=plugin.name,
            installed=not missing_modules(plugin),
            cloud=plugin.traits.cloud,
            shared=plugin.traits.shared,
            install=f"pip install 'cloudclusters[{plugin.extra}]'" if plugin.extra else "",
            max_nodes=plugin.traits.max_nodes,
            root_disk_bytes=plugin.traits.root_disk_bytes,
            rates=dict(plugin.traits.rates),
            stops_spot=plugin.traits.stops_spot,
        )
        for plugin in built_in()
        if not plugin.hidden
    }


def catalog_for_items(of: Session, items: Iterable[Item]) -> Catalog:
    """The catalog for a contract that is being written; values that make no sense are complained of later."""
    return _catalog(of, (_provider_terms(item) for item in items))


def catalog_for(of: Session, contract: Contract) -> Catalog:
    """The catalog that a contract is resolved in."""
    groups = (contract.assumptions, *contract.roles.values())
    return _catalog(of, (group.get(_PROVIDER) for group in groups))


def _provider_terms(item: Item) -> Constraint | None:
    feature = find(item[1])
    if feature is None or feature.name != _PROVIDER:
        return None
    try:
        return constrain(feature, item[2])
    except CloudClustersError:
        return None


def _catalog(of: Session, asked: Iterable[Constraint | None]) -> Catalog:
    """Machines that stand in no catalog are looked at only when they are named: that takes some tens of ms."""
    words = taxonomy("provider")
    named = [term for terms in asked if isinstance(terms, Terms) for term in terms.any_of]
    here = [
        name
        for name, facts in provider_facts().items()
        if facts.shared and any(words.is_a(name, term) for term in named)
    ]
    return of.catalog.joined(*(this_machine(of, name) for name in here)) if here else of.catalog


@functools.cache
def this_machine(of: Session, provider: str) -> Catalog:
    """This machine as the one type that a provider sells whose nodes share its hardware."""
    from cloudclusters.catalog import Accelerator, Catalog, Price, Region
    from cloudclusters.catalog.settling import by_model, settled
    from cloudclusters.store.place import make_folder

    make_folder(of.home)
    offers = list(of.provider(provider).offers(()))
    models = by_model(of.catalog.table(Accelerator))
    types = [settled(_type_here(of.home, provider, offer.instance_type), models) for offer in offers]
    prices = [Price(provider, each.instance_type, each.place.region, usd=each.hourly_usd) for each in offers]
    return Catalog.build(types, prices, regions=[Region(provider, each.place.region) for each in offers])


def _type_here(place: Path, provider: str, name: str) -> MachineType:
    """What is seen of this machine; `place` is on the disk that counts."""
    import shutil

    from cloudclusters.catalog import MachineType
    from cloudclusters.detect import machine

    seen = machine(place)
    return MachineType(
        provider=provider,
        instance_type=name,
        vcpus=seen.vcpus,
        cores=seen.cores,
        memory_bytes=seen.memory_bytes,
        processor_model=seen.processor.model,
        processor_manufacturer=seen.processor.manufacturer,
        processor_microarchitecture=seen.processor.microarchitecture,
        isa=seen.processor.isa,
        simd=seen.processor.simd,
        accelerator_count=seen.accelerators.count,
        accelerator_model=seen.accelerators.model,
        accelerator_manufacturer=seen.accelerators.manufacturer,
        accelerator_architecture=seen.accelerators.architecture,
        accelerator_type=seen.accelerators.type,
        accelerator_memory_bytes=seen.accelerators.memory_bytes,
        # The size of the disk, not what is free: a digest of the catalog must not change by the minute.
        storage_bytes=shutil.disk_usage(place).total,
        network_bps=seen.network_bps,
        source="detected",
    )


def refresh_catalog(of: Session, provider: str, regions: Collection[str], tell: Tell) -> Changes:
    """Ask a provider what it sells in these regions (none: in all), and make that the newest catalog of this home.

    The one that it replaces is kept. While another one is pinned, that stays the one in use.

    Takes up to minutes, and costs nothing; `tell` hears of every step, from several threads. Nothing changes when it
    fails or is interrupted. Raises `NotSupported` for a provider that cannot say, `UnknownName`, `ProviderError`s.
    """
    from cloudclusters.api.catalogs import open_newest
    from cloudclusters.catalog import kept, refreshing, stored
    from cloudclusters.catalog.catalog import SNAPSHOT

    opened = _refreshable(of, provider)
    with open_newest(of.home) as newest:
        old, below = stored.content_of(newest), _below(newest, provider)
        replaced = stored.place(of.home) if stored.ORIGIN in newest.notes else SNAPSHOT
    # Read-only, so it needs no door: a call that is left unanswered leaves nothing behind.
    survey = opened.survey(regions, old, tell)
    new = refreshing.merged(old, survey)
    found = refreshing.changes(old, new, survey)
    places = counted(len(found.regions), "region")
    kept.keep(of.home, replaced)
    stored.write(of.home, new, origin=f"{provider} asked on {found.date} in {places}; {below}")
    with of.making:
        vars(of).pop("catalog", None)  # the next question opens the new one; who holds the old one may go on with it
    return found


def _refreshable(of: Session, name: str) -> CanRefresh:
    """The provider, opened, if it can say what it sells; of some we know machines and cannot deploy there."""
    from cloudclusters.provider.protocol import CanRefresh

    deployed = name in {each.name for each in plugins()} or name not in of.catalog.providers()
    opened: object = of.provider(name) if deployed else None
    if isinstance(opened, CanRefresh):
        return opened
    raise NotSupported(
        f"{name} cannot say what it sells", hint="`cloudclusters catalog show` tells what is known of it"
    )


def _below(catalog: Catalog, provider: str) -> str:
    """Where the other rows are from: refreshes of other providers, and the snapshot."""
    from cloudclusters.catalog import Catalog as Kept
    from cloudclusters.catalog.stored import ORIGIN

    parts = catalog.notes.get(ORIGIN, "").split("; ")
    others = [part for part in parts[:-1] if not part.startswith(f"{provider} ")]
    with Kept.packaged() as packaged:
        return "; ".join([*others, f"the rest is the snapshot of {packaged.date}"])


def catalog_difference(resolution: Resolution, catalog: Catalog) -> str:
    """What another catalog means for a resolution: the price of its first choice then and now."""
    offer = resolution.best.offer
    prices = catalog.prices_of(offer.provider, offer.instance_type)
    now = next((p for p in prices if p.region in (offer.place.region, "")), None)
    figure = None if now is None else now.spot_usd if offer.market is Market.SPOT else now.usd
    said = f"the catalog is another one, of {catalog.date}"
    name = f"{offer.instance_type} in {offer.place}"
    if figure == offer.hourly_usd:
        return f"{said}; its first choice, {name}, costs the same"
    return f"{said}: {name} was {usd(offer.hourly_usd)} USD/h, is {'not known' if figure is None else usd(figure)}"
