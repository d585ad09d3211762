"""Taxonomies: the names a qualifier may take, which is a member of which, and which is newer.

A name is whole or it is not there: substrings never match. The data lies beside the code, one small text file
per taxonomy, made by `tools/build_taxonomy.py` and read when first asked for.
"""

from __future__ import annotations

import enum
import functools
from collections.abc import Collection
from pathlib import Path

import msgspec

from cloudclusters.base.near import near
from cloudclusters.errors import InternalError, UnknownName
from cloudclusters.vocabulary import growth

ANY = "any"
"""The word that means no restriction, for every feature."""


class Shape(enum.StrEnum):
    """What may stand in a cell of the taxonomy."""

    CLOSED = "closed"
    """One of the names we know."""
    OPEN = "open"
    """Also names that only the provider knows, such as its machine types."""
    PARTS = "parts"
    """Several names at once (`avx;avx2`): what the machine has, not what it is."""


class Entry(msgspec.Struct, frozen=True):
    """A name: what it is a member of, its other spellings, the generations before it, and facts about it.

    An abstract name (a family, a maker) groups others and is never the answer for a machine.
    """

    name: str
    abstract: bool = False
    parents: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    earlier: tuple[str, ...] = ()
    facts: dict[str, str] = {}


class Taxonomy:
    """The names of one qualifier, made by `taxonomy(name)`. Read-only, but for names that `learn` adds."""

    def __init__(self, name: str, *, title: str, shape: Shape, root: Entry, entries: Collection[Entry]) -> None:
        self.name = name
        self.title = title
        self.shape = shape
        self.root = root.name
        self._entries = {entry.name: entry for entry in entries}
        self._spellings = {alias.casefold(): root.name for alias in (ANY, root.name, *root.aliases)}
        for entry in entries:
            self._spellings.update((alias.casefold(), entry.name) for alias in entry.aliases)
        self._spellings.update((entry.name.casefold(), entry.name) for entry in entries)
        self._ordered = {early for entry in entries for early in (*entry.earlier, *(entry.earlier and (entry.name,)))}
        self._ancestors: dict[str, frozenset[str]] = {}

    def __repr__(self) -> str:
        return f"taxonomy({self.name!r})"

    @property
    def is_open(self) -> bool:
        """Whether values may occur that only a provider's catalog knows."""
        return self.shape is Shape.OPEN

    def has(self, term: str) -> bool:
        """Whether `term` is a name or an alias that we know, in any case."""
        spelled = " ".join(term.split())
        return spelled in self._entries or spelled.casefold() in self._spellings

    def learn(self, name: str, parent: str) -> None:
        """Know one more name, below another one if that is given; what is known stays, so it may be repeated."""
        if not self.has(name):
            self._entries[name] = Entry(name, parents=(parent,) if parent else ())
            self._spellings[name.casefold()] = name
            self._ancestors.pop(name, None)

    def terms(self) -> tuple[str, ...]:
        """Every name, families and makers included; not the root, which is `any`."""
        return tuple(self._entries)

    def values(self) -> tuple[str, ...]:
        """The names that may stand for a machine: all but the abstract ones."""
        return tuple(name for name, entry in self._entries.items() if not entry.abstract)

    def spellings(self) -> tuple[str, ...]:
        """Every name and alias that stands for a machine, or for a cluster, as it is usually written."""
        return tuple(each for name in self.values() for each in (name, *self._entries[name].aliases))

    def members(self, term: str) -> tuple[str, ...]:
        """The known values that are a `term`, itself included."""
        return tuple(name for name in self.values() if self.is_a(name, term))

    def knows(self, name: str) -> bool:
        """Whether `name` is a canonical name here, or may be one of an open taxonomy."""
        return self.is_open or name in self._entries

    def canonical(self, term: str) -> str:
        """The one spelling of `term`, which may be an alias in any case; the root's for `any`.

        Raises `UnknownName` with near names. An open taxonomy gives an unknown name back as a provider spells it.
        """
        spelled = " ".join(term.split())
        found = self._entries.get(spelled)
        if found is not None:
            return found.name
        known = self._spellings.get(spelled.casefold())
        if known is not None:
            return known
        grown = growth.spelling(self.name, spelled, self._spellings)
        if grown:
            return grown
        written = [*self._entries, *(alias for entry in self._entries.values() for alias in entry.aliases)]
        raise UnknownName(f"unknown {self.title} {term!r}{near(term, written)}")

    def parents(self, name: str) -> tuple[str, ...]:
        """What `name` is directly a member of; empty below the root."""
        entry = self._entries.get(name)
        if entry is not None and entry.parents:
            return entry.parents
        return growth.parents(self.name, name)

    def ancestors(self, name: str) -> frozenset[str]:
        """`name` and all that it is a member of, without the root."""
        found = self._ancestors.get(name)
        if found is None:
            found = frozenset({name}.union(*(self.ancestors(parent) for parent in self.parents(name))))
            self._ancestors[name] = found
        return found

    def earlier(self, name: str) -> tuple[str, ...]:
        """The generations before `name` in its vendor's order, the newest first."""
        entry = self._entries.get(name)
        return entry.earlier if entry is not None else ()

    def is_ordered(self, term: str) -> bool:
        """Whether the vendor's order of generations says what is newer than `term`."""
        return term in self._ordered

    def is_a(self, value: str, term: str) -> bool:
        """Whether `value` is `term` or a member of it; both in canonical spelling."""
        return term == self.root or term in self.ancestors(value)

    def is_newer(self, value: str, term: str) -> bool:
        """Whether `value` is of the generation `term` or of a newer one; both in canonical spelling."""
        return any(name == term or term in self.earlier(name) for name in self.ancestors(value))

    def facts(self, name: str) -> dict[str, str]:
        """What else is known of a canonical name, such as a processor's `microarchitecture`."""
        entry = self._entries.get(name)
        return dict(entry.facts) if entry is not None else {}


TAXONOMIES = (
    "provider",
    "machine_type",
    "machine_family",
    "manufacturer",
    "accelerator_type",
    "accelerator_architecture",
    "accelerator",
    "processor",
    "microarchitecture",
    "isa",
    "simd",
    "storage_type",
    "rdma",
    "locale",
    "cluster_type",
    "truth",
    "memory_type",
    "worker_count",
    "accelerator_interconnect",
    "accelerator_api",
    "accelerator_processor",
    "interconnection_topology",
    "interconnection",
    "storage_interface",
)


@functools.cache
def taxonomy(name: str) -> Taxonomy:
    """The taxonomy of that name, read from its file at first use."""
    if name not in TAXONOMIES:
        raise InternalError(f"no taxonomy is named {name!r}")
    lines = (Path(__file__).parent / "data" / f"{name}.tsv").read_text(encoding="utf-8").splitlines()
    title, shape = lines[0].removeprefix("# ").split("\t")
    root, *entries = (_entry(line) for line in lines[1:])
    return Taxonomy(name, title=title, shape=Shape(shape), root=root, entries=entries)


def _entry(line: str) -> Entry:
    name, flag, parents, aliases, earlier, facts = line.split("\t")
    return Entry(
        name,
        abstract=flag == "~",
        parents=_names(parents),
        aliases=_names(aliases),
        earlier=_names(earlier),
        facts=dict(fact.split("=", 1) for fact in _names(facts)),
    )


def _names(cell: str) -> tuple[str, ...]:
    return tuple(cell.split(";")) if cell else ()
