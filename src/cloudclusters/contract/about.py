"""What `explain` is asked about: a type, a place, or a type in a place."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from cloudclusters.catalog import Candidate, Catalog, MachineType
from cloudclusters.contract.names import known_types
from cloudclusters.contract.place import names_zones
from cloudclusters.errors import InvalidContract, UnknownName
from cloudclusters.vocabulary import Terms, near, taxonomy

AT, OF = "@", "/"


class About(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was asked about: a machine type, with regions only if a place was named, or regions alone."""

    machine: MachineType | None = None
    place: str = ""
    regions: tuple[tuple[str, str], ...] = ()
    """Providers and regions."""

    @property
    def is_zone(self) -> bool:
        """Whether the place is a part of a region."""
        return bool(self.place) and names_zones(Terms((self.place,)))

    def covers(self, candidate: Candidate, set_zone: str) -> bool:
        """Whether this is an offer of it; one whose place names no zone stands in the zone that is set, if any."""
        offer = candidate.offer
        if self.machine is None or (offer.provider, offer.instance_type) != (
            self.machine.provider,
            self.machine.instance_type,
        ):
            return False
        zone = self.place if self.is_zone and self.place != offer.place.region else ""
        stands = offer.place.zone or set_zone
        named = (offer.provider, offer.place.region) in self.regions
        return not self.place or (named and (not stands or zone in ("", stands)))


def understood(text: str, catalog: Catalog) -> list[About]:
    """What a text means: `g6.12xlarge`, `ec2/g6.12xlarge`, `eu-west-1`, `g6.12xlarge@eu-west-1`.

    A type that several providers have is several things. Raises `InvalidContract`.
    """
    provider, slash, rest = text.rpartition(OF)
    name, at, place = rest.partition(AT)
    if not name or (slash and not provider) or (at and not place):
        raise InvalidContract(
            f"{text!r} is neither a type nor a place", hint="write TYPE, PROVIDER/TYPE, PLACE or TYPE@PLACE"
        )
    if not at:
        place, regions = _place(name, catalog)
        if regions:
            return [About(place=place, regions=_of(regions, [provider] if provider else [], place))]
        return [About(machine=each) for each in _types(name, provider, catalog)]
    types = _types(name, provider, catalog)
    place, regions = _place(place, catalog)
    if not regions:
        raise InvalidContract(f"{text!r}: {_no_place(place, catalog)}")
    there = {region[0] for region in _of(regions, [each.provider for each in types], place)}
    return [
        About(machine=each, place=place, regions=_of(regions, [each.provider], place))
        for each in types
        if each.provider in there
    ]


def _of(regions: Sequence[tuple[str, str]], providers: Sequence[str], place: str) -> tuple[tuple[str, str], ...]:
    """The regions of these providers; of all where none is named. Raises `InvalidContract` where they have none."""
    found = tuple(each for each in regions if not providers or each[0] in providers)
    if not found:
        has = " and ".join(sorted({provider for provider, _ in regions}))
        raise InvalidContract(f"{' and '.join(providers)} has no region in {place}", hint=f"{has} has one there")
    return found


def _types(name: str, provider: str, catalog: Catalog) -> list[MachineType]:
    try:
        types = known_types(catalog, [name])
    except InvalidContract as exc:
        raise InvalidContract(exc.message, hint="a place, such as eu-west-1, can be asked about, too") from exc
    if provider and provider not in catalog.providers():
        known = catalog.providers()
        raise InvalidContract(
            f"the catalog knows no provider {provider!r}{near(provider, known)}", hint=f"known are {', '.join(known)}"
        )
    found = [each for each in types if provider in ("", each.provider)]
    if not found:
        raise InvalidContract(
            f"{provider} has no machine type {name}",
            hint=f"write {' or '.join(f'{each.provider}{OF}{name}' for each in types)}",
        )
    return found


def _place(text: str, catalog: Catalog) -> tuple[str, list[tuple[str, str]]]:
    """A place as the catalog spells it, and the regions of all providers that it means; none where it is no place."""
    known = [(each.provider, each.region) for each in catalog.regions()]
    exact = [each for each in known if each[1] == text]  # those of plugins and of this machine are in no taxonomy
    if exact:
        return text, exact
    try:
        inside = set(catalog.regions_in(text))
    except UnknownName:
        return text, []
    words = taxonomy("locale")
    spelt = words.canonical(text)
    return text if spelt == words.root else spelt, [each for each in known if each[1] in inside]


def _no_place(place: str, catalog: Catalog) -> str:
    known = [region.region for region in catalog.regions()]
    return f"the catalog knows no place {place!r}{near(place, known)}"
