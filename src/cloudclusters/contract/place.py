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


def places(
    names: Iterable[str],
    locale: Constraint | None,
    catalog: Catalog,
    settings: Settings,
    providers: Mapping[str, ProviderFacts],
) -> dict[str, Places]:
    """For each provider: what the contract's locale allows, else the configured region, else the reference region.

    Raises `InvalidSetting` for a configured region that the catalog does not know.
    """
    known: dict[str, list[str]] = {}
    for region in catalog.regions():
        known.setdefault(region.provider, []).append(region.region)
    return {name: _at(name, locale, known.get(name, []), settings, providers.get(name)) for name in names}


def _at(
    name: str, locale: Constraint | None, known: Sequence[str], settings: Settings, facts: ProviderFacts | None
) -> Places:
    configured = settings.text(name, "region")
    own = facts.regions if facts is not None else ()
    home = configured or (own[0] if own else "")
    if isinstance(locale, Terms):
        inside = None if is_anything(locale) else frozenset(_inside(locale, known))
        return Places(regions=inside, home=home)
    if configured:
        if known and configured not in known:
            raise _unknown(name, configured, known)
        return Places(regions=frozenset((configured,)), home=home)
    if own:
        return Places(regions=frozenset(own), home=home)
    reference = REFERENCE.get(name)
    if reference is None or (known and reference not in known):
        return Places(regions=None)
    return Places(regions=frozenset((reference,)), assumed=True)


def _unknown(provider: str, region: str, known: Sequence[str]) -> InvalidSetting:
    return InvalidSetting(
        f"{provider} has no region {region!r} in the catalog{near(region, known)}",
        hint=f"correct region under [{provider}] (`cloudclusters config show` says where it was set); a region that is "
        "newer than the catalog comes by `cloudclusters catalog refresh`",
    )


def _inside(locale: Terms, known: Sequence[str]) -> list[str]:
    """The provider's regions that the locale holds, wholly or by one of their zones."""
    words = taxonomy("locale")
    by_zone = {region for term in locale.any_of for region in words.ancestors(term)}
    return [each for each in known or words.values() if each in by_zone or contains(locale, each, words)]


def zone_in(locale: Constraint | None, region: str) -> str:
    """The zone of this region that the contract names, if it names one."""
    if not isinstance(locale, Terms):
        return ""
    words = taxonomy("locale")
    return next((term for term in locale.any_of if term != region and region in words.ancestors(term)), "")
