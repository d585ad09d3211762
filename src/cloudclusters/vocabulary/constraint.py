"""Constraints, as the vocabulary's own; they stand in `base`, so that documents are read without the vocabulary."""

from cloudclusters.base.constraint import Constraint, Number, Range, Terms

__all__ = ["Constraint", "Number", "Range", "Terms"]
