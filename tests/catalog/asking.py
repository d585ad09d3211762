"""What contracts get from small catalogs, and whether a relaxation is true: for whoever tries everything."""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction

from cloudclusters.catalog import Catalog
from cloudclusters.contract.build import make_contract
from cloudclusters.contract.resolution import ProviderFacts, Resolution
from cloudclusters.contract.resolve import resolve
from cloudclusters.errors import NoMatch, Relaxation
from cloudclusters.settings import Settings
from cloudclusters.vocabulary import Range, format_constraint, parse_constraint

FACTS = {
    "ec2": ProviderFacts(name="ec2", installed=True, cloud=True, root_disk_bytes=2**44),
    "gcp": ProviderFacts(name="gcp", installed=True, cloud=True),
}


def solved(catalog: Catalog, wanted: Mapping[str, object]) -> Resolution:
    """What fits."""
    contract = make_contract({"cluster_locale": "any", **wanted}, handle="A" * 15)
    return resolve(contract, catalog, Settings(), providers=FACTS)


def fits(catalog: Catalog, wanted: Mapping[str, object]) -> bool:
    """Whether anything does."""
    try:
        solved(catalog, wanted)
    except NoMatch:
        return False
    return True


def buys_what_it_says(catalog: Catalog, wanted: Mapping[str, str], relaxation: Relaxation) -> None:
    """Fail unless the loosened contract gets what the relaxation says."""
    loosened = {name: text.removeprefix(name).removeprefix("=") for name, text in relaxation.instead.items()}
    found = solved(catalog, {**wanted, **loosened})
    said = relaxation.provider, relaxation.instance_type, relaxation.region, relaxation.hourly_usd, relaxation.count
    offer = found.best.offer
    assert said == (offer.provider, offer.instance_type, offer.place.region, offer.hourly_usd, found.best.count)


def nearer(asked: str, told: str) -> str:
    """The values that are nearer to what was asked for than what is told; where that is anything, all there are."""
    (feature, wish), (_, other) = parse_constraint(asked), parse_constraint(told)
    if not isinstance(wish, Range) or not isinstance(other, Range):
        return ""
    ends = [(_exact(wish.low), _exact(other.low)), (_exact(wish.high), _exact(other.high))]
    (low, less), (high, more) = ends
    given_up = [(low, less)] * (less < low) + [(high, more)] * (more > high)
    far = max((abs(bound - end) / bound for bound, end in given_up if bound and end), default=0) or 10**9
    parts = 10**6 if feature.name.endswith("price") else 1
    least = max(math.floor(ends[0][0] * (1 - far) * parts) + 1, 1)
    most = math.ceil(ends[1][0] * (1 + far) * parts) - 1
    between = Range(*(bound and (n / parts if parts > 1 else n) for bound, n in ((wish.low, least), (wish.high, most))))
    return format_constraint(feature, between)


def _exact(number: float | None) -> Fraction:
    return Fraction(str(number or 0))
