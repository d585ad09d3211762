"""Features and constraints: the words of a contract, what they mean, and when a machine satisfies them."""

from cloudclusters.base.near import near
from cloudclusters.vocabulary.algebra import contains, intersect, is_anything, is_empty, is_subset, taxonomy_of
from cloudclusters.vocabulary.constraint import Constraint, Number, Range, Terms
from cloudclusters.vocabulary.feature import Feature, Kind, Use
from cloudclusters.vocabulary.growth import family
from cloudclusters.vocabulary.judge import Verdict, judge, judge_all
from cloudclusters.vocabulary.meaning import constrain
from cloudclusters.vocabulary.table import FEATURES, feature
from cloudclusters.vocabulary.taxonomy import ANY, TAXONOMIES, Taxonomy, taxonomy
from cloudclusters.vocabulary.text import format_constraint, format_value, parse_constraint, split_role
from cloudclusters.vocabulary.unit import Unit
from cloudclusters.vocabulary.wish import Wish, atleast, atmost, between, just, noneof, oneof

__all__ = [
    "ANY",
    "FEATURES",
    "TAXONOMIES",
    "Constraint",
    "Feature",
    "Kind",
    "Number",
    "Range",
    "Taxonomy",
    "Terms",
    "Unit",
    "Use",
    "Verdict",
    "Wish",
    "atleast",
    "atmost",
    "between",
    "constrain",
    "contains",
    "family",
    "feature",
    "format_constraint",
    "format_value",
    "intersect",
    "is_anything",
    "is_empty",
    "is_subset",
    "judge",
    "judge_all",
    "just",
    "near",
    "noneof",
    "oneof",
    "parse_constraint",
    "split_role",
    "taxonomy",
    "taxonomy_of",
]
