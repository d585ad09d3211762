"""Where machines may stand: which regions a contract allows at each provider, and who said so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from cloudclusters.base.near import near
from cloudclusters.catalog import Catalog
from cloudclusters.contract.resolution import ProviderFacts
from cloudclusters.errors import InvalidSetting
from cloudclusters.settings import Settings
from cloudclusters.vocabulary import Constraint, Terms, contains, is_anything, taxonomy

LOCALE = "cluster_locale"

REFERENCE: Mapping[str, str] = {"ec2": "us-east-1", "gcp": "us-central1", "azure": "eastus"}
"""The region by which each cloud of the packaged catalog is compared when nobody names a place: where it sells most."""


class Places(msgspec.Struct, frozen=True, kw_only=True):
    """The regions allowed at one provider; None is all of them.

    `home` is the configured region, which wins ties. `assumed`: nobody chose a region, so the reference was taken.
    """

    regions: frozenset[str] | None
    home: str = ""
    assumed: bool = False

    @property
    def only(self) -> str:
        """The region, where there is just one; else empty."""
        return next(iter(self.regions)) if self.regions is not None and len(self.regions) == 1 else ""


Zones = dict[str, tuple[str, ...]]
"""The regions of one provider, with the zones of each that are known."""


def places(
    names: Iterable[str],
    locale: Constraint | None,
    catalog: Catalog,
    settings: Settings,
    providers: Mapping[str, ProviderFacts],
) -> dict[str, Places]:
    """For each provider: what the contract's locale allows, else the configured region, else the reference region.

    A configured zone leaves its own region alone. Raises `InvalidSetting` for a configured region that the catalog does
    not know, and for a zone that is in no region, or in none of those allowed.
    """
    known: dict[str, Zones] = {}
    for region in catalog.regions():
        known.setdefault(region.provider, {})[region.region] = region.zones
    found = {name: _at(name, locale, known, settings, providers.get(name)) for name in names}
    zones = {name: zone for name in found if known.get(name) and (zone := settings.text(name, "zone").strip())}
    return found | with_zones(found, zones, known)


def _at(
    name: str, locale: Constraint | None, every: Mapping[str, Zones], settings: Settings, facts: ProviderFacts | None
) -> Places:
    known, configured = [*every.get(name, {})], settings.text(name, "region")
    own = facts.regions if facts is not None else ()
    home = configured or (own[0] if own else "")
    if isinstance(locale, Terms):
        inside = None if is_anything(locale) else frozenset(_inside(locale, known))
        return Places(regions=inside, home=home)
    if configured:
        if known and configured not in known:
            raise _unknown(name, configured, known, [other for other, held in every.items() if configured in held])
        return Places(regions=frozenset((configured,)), home=home)
    if own:
        return Places(regions=frozenset(own), home=home)
    reference = REFERENCE.get(name)
    if reference is None or (known and reference not in known):
        return Places(regions=None)
    return Places(regions=frozenset((reference,)), assumed=True)


def _unknown(provider: str, region: str, known: Sequence[str], others: Sequence[str]) -> InvalidSetting:
    """The error for a region that the provider does not have, and these others may."""
    hint = f"correct region under [{provider}] (`cloudclusters config show` says where it was set)"
    if others:
        hint = f"write cluster_locale={region} or node_provider={others[0]}, which has it; or {hint}"
    else:
        hint += "; a region that is newer than the catalog comes by `cloudclusters catalog refresh`"
    return InvalidSetting(f"{provider} has no region {region!r} in the catalog{near(region, known)}", hint=hint)


def _inside(locale: Terms, known: Sequence[str]) -> list[str]:
    """The provider's regions that the locale holds, wholly or by one of their zones."""
    words = taxonomy("locale")
    allowed = [words.ancestors(term) for term in locale.any_of if _is_zone(term)]
    by_zone = {region for around in allowed if around.isdisjoint(locale.none_of) for region in around}
    return [each for each in known or words.values() if each in by_zone or contains(locale, each, words)]


def names_zones(locale: Constraint | None) -> bool:
    """Whether the locale tells zones of one region apart."""
    return isinstance(locale, Terms) and any(_is_zone(term) for term in (*locale.any_of, *locale.none_of))


def zones_in(locale: Constraint | None, region: str, known: Sequence[str]) -> tuple[str, ...] | None:
    """The zones of this region that the locale allows, of those that are `known`; None where any will do."""
    if not isinstance(locale, Terms):
        return None
    words = taxonomy("locale")
    inside = [term for term in locale.any_of if _is_zone(term) and region in words.ancestors(term)]
    whole = not locale.any_of or any(term in words.ancestors(region) for term in locale.any_of)
    excluded = {term for term in locale.none_of if _is_zone(term) and region in words.ancestors(term)}
    if whole and not excluded:
        return None
    return tuple(sorted(set(known if whole else inside) - excluded))


def _is_zone(term: str) -> bool:
    """Whether this names a part of a region: zones are in no list of places, their form tells them."""
    words = taxonomy("locale")
    return not words.has(term) and len(words.ancestors(term)) > 1


def with_zones(found: Mapping[str, Places], zones: Mapping[str, str], known: Mapping[str, Zones]) -> dict[str, Places]:
    """The places of the providers for which a zone is configured: the regions that hold it.

    Where the zone is another provider's, there is none. Raises `InvalidSetting` where it is nobody's.
    """
    holders = {name: _holders(zone, known[name]) for name, zone in zones.items()}
    made = dict[str, Places]()
    for name, zone in zones.items():
        if not holders[name] and not any(holders.values()):
            raise _no_zone(name, zone, found[name], known[name])
        made[name] = _held(name, zone, found[name], holders[name])
    return made


def _holders(zone: str, known: Zones) -> frozenset[str]:
    """The regions that hold a zone; where not all zones of a region are known, by the form of the zone's name."""
    around = taxonomy("locale").ancestors(zone) - {zone}
    listed = {region for region, zones in known.items() if zone in zones}
    if listed and not around:  # numbers, which each region has
        return frozenset(listed | {region for region, zones in known.items() if not zones})
    unlisted = {region for region in around & known.keys() if not known[region]}
    local = {region for region in known.keys() - around if zone.startswith(f"{region}-")}  # such as us-west-2-lax-1a
    named = listed | unlisted | local
    return frozenset(named if named or any(known.values()) else known)  # of a provider without zones nothing is known


def _held(name: str, zone: str, where: Places, holders: frozenset[str]) -> Places:
    """Those of the places that hold the zone."""
    if where.assumed and len(holders) == 1:
        return Places(regions=holders, home=where.home)
    inside = holders if where.regions is None else holders & where.regions
    if holders and where.regions and not inside:
        asked = where.only or "the regions that the contract allows"
        raise InvalidSetting(
            f"the zone {zone} of {name} lies in {' and '.join(sorted(holders))}, and not in {asked}",
            hint=f"correct zone or region, in the contract or under [{name}] (`cloudclusters config show` says where "
            'they were set); zone="" in the contract lets go of the zone',
        )
    return Places(regions=inside, home=where.home, assumed=where.assumed)


def _no_zone(name: str, zone: str, where: Places, known: Zones) -> InvalidSetting:
    here = [each for region in sorted(where.regions or known) for each in known.get(region, ())]
    every = [each for zones in known.values() for each in zones]
    return InvalidSetting(
        f"{name} has no zone {zone!r} in the catalog{near(zone, here or every)}",
        hint=f"zones of {where.only} are {', '.join(here)}"
        if where.only and here
        else f"a zone is a part of a region, such as {(here or every or ['us-east-1a'])[0]}",
    )
