"""Names that only a catalog knows: machine types and providers are checked while a contract is written."""

from __future__ import annotations

from collections.abc import Sequence

from cloudclusters.catalog import Catalog, MachineType
from cloudclusters.errors import InvalidContract
from cloudclusters.settings.keys import SECTIONS
from cloudclusters.vocabulary import Constraint, Feature, Terms, near, taxonomy


def check_names(catalog: Catalog, feature: Feature, constraint: Constraint) -> None:
    """Raise `InvalidContract`, with near names, for a machine type or a provider that the catalog does not hold."""
    if not isinstance(constraint, Terms):
        return
    if feature.column == "instance_type":
        _check(feature, constraint, catalog.names(), "the catalog knows no machine type or family")
    elif feature.column == "provider":
        _check(feature, constraint, catalog.providers(), "the catalog knows no machines of the provider")


def _check(feature: Feature, terms: Terms, known: list[str], said: str) -> None:
    words = [*terms.any_of, *terms.none_of]
    if set(words) <= set(known):
        return
    names = taxonomy(feature.taxonomy)
    groups = {group for name in known for group in names.ancestors(name)}
    for word in words:
        if word not in groups:
            like = near(word, [*known, *sorted(groups - set(known))])
            hint = "`cloudclusters select` shows what there is"
            if feature.column == "provider":  # this machine stands in the catalog only where it is named
                hint = f"known are {', '.join(sorted({*known, *SECTIONS[1:]}))}"
            raise InvalidContract(f"{feature.name}: {said} {word!r}{like}", hint=hint)


def known_types(catalog: Catalog, names: Sequence[str]) -> list[MachineType]:
    """The machine types of these names, at every provider that has one; raises `InvalidContract` with near names."""
    found: list[MachineType] = []
    for name in names:
        word = taxonomy("machine_type").canonical(name)
        types = [m for p in catalog.providers() if (m := catalog.machine_type(p, word)) is not None]
        if not types:
            raise InvalidContract(f"the catalog knows no machine type {name!r}{near(name, catalog.names())}")
        found += types
    return found
