"""Constraints that no catalog can answer: they choose nothing, and whoever states one is told so."""

from __future__ import annotations

from collections.abc import Mapping

from cloudclusters.vocabulary import FEATURES, Constraint, format_constraint, is_anything


def untold(assumptions: Mapping[str, Constraint]) -> list[str]:
    """A sentence for each of these constraints that only a machine which runs can prove."""
    return [
        f"no catalog tells {format_constraint(FEATURES[name], each)}: it chose nothing, and only a machine that runs "
        "can prove it"
        for name, each in assumptions.items()
        if FEATURES[name].measured and not is_anything(each)
    ]
