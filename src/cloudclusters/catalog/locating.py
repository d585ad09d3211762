"""Where regions lie that no file of ours lists: where they say, else where all neighbours by name lie."""

from __future__ import annotations

from collections.abc import Iterable

from cloudclusters.catalog.rows import Region
from cloudclusters.errors import UnknownName
from cloudclusters.vocabulary import taxonomy


def learn(regions: Iterable[Region]) -> None:
    """Make the regions names of places, so that contracts can state them; may be repeated."""
    words = taxonomy("locale")
    for region in regions:
        if not words.has(region.region):
            words.learn(region.region, enclosing(region) or beside(region.region))


def enclosing(region: Region) -> str:
    """The smallest name of the locale taxonomy that a region says it lies in; empty where we know none of them."""
    words = taxonomy("locale")
    for said in filter(None, (region.place, region.continent)):
        try:
            return words.canonical(said)
        except UnknownName:
            continue
    return ""


def beside(name: str) -> str:
    """The smallest place that holds every known region whose name begins with the same word; empty without one.

    >>> beside("eu-north-9"), beside("ap-nowhere-1"), beside("elsewhere")
    ('Europe', 'Asia Pacific', '')
    """
    words, (head, dash, _) = taxonomy("locale"), name.partition("-")
    around = [words.ancestors(each) - {each} for each in words.values() if dash and each.startswith(head + dash)]
    common = frozenset.intersection(*around) if around else frozenset()
    return max(sorted(common), key=lambda each: len(words.ancestors(each)), default="")
