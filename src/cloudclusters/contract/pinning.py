"""The policy `pinned`: exactly the machine and the place that the contract names, and nothing in their stead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cloudclusters.base.table import shorten
from cloudclusters.contract.place import LOCALE, Places
from cloudclusters.contract.rank import Ranked
from cloudclusters.contract.world import PROVIDER, Role
from cloudclusters.errors import InvalidContract

_MACHINE = "node_machinetype"


def check_pinned(role: Role, order: Sequence[Ranked], where: Mapping[str, Places]) -> None:
    """Raise `InvalidContract` when the role leaves open which machine is meant, or where, saying what to write."""
    offers = [each.candidate.offer for each in order]
    first = offers[0]
    types = list(dict.fromkeys(offer.instance_type for offer in offers))
    providers = list(dict.fromkeys(offer.provider for offer in offers))
    regions = list(dict.fromkeys(offer.place.region for offer in offers))
    for feature, found, example in (
        (_MACHINE, types, first.instance_type),
        (PROVIDER, providers, first.provider),
        (LOCALE, regions, first.place.region),
    ):
        if len(found) > 1 or (feature == LOCALE and where[first.provider].assumed):
            who = "" if role.name == "peer" else f"{role.name}: "
            raise InvalidContract(
                f"{who}policy=pinned takes exactly what the contract names, and {feature} leaves it open: "
                f"{shorten(found)}",
                hint=f"write for instance {feature}={example}",
            )
