"""Names that no file of ours lists, and the rules that place them.

Machine types come from the catalogs (3,467 and growing), zones from the clouds, providers from plugins. The
name of a machine type says its family by each provider's rule; the catalog's own column agrees for every type
that we ship.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from cloudclusters.errors import UnknownName

PROVIDER_PLUGINS = "cloudclusters.providers"
"""The group of entry points where installed packages name their providers."""

_NAME = r"[A-Za-z0-9][\w.+-]*\Z"
_JULIA = r"(EC2|GCP)(?:Type|MachineType)_(\w+)\Z"
_JULIA_ROOTS = {"ec2type": "ec2", "gcptype": "gcp", "ec2machinetype": "ec2", "gcpmachinetype": "gcp"}
_JULIA_GCP = r"([a-z][a-z0-9]*?)_([a-z]+?)(\d*)\Z"
_ZONE = r"(?P<ec2>[a-z]{2,}(?:-[a-z]+)+-\d+)[a-z]\Z|(?P<gcp>[a-z]+-[a-z]+\d+)-[a-z]\Z"
_GCP_ODD = {"n1-ultramem": "m1", "n1-megamem": "m1", "f1-micro": "n1", "g1-small": "n1"}


def spelling(taxonomy: str, name: str, known: Mapping[str, str]) -> str:
    """How the provider itself spells `name`, or nothing where the taxonomy does not grow."""
    if taxonomy == "machine_type":
        return _machine_type(name, known)
    if taxonomy == "locale" and (found := re.match(_ZONE, name.lower())):
        region = found["ec2"] or found["gcp"]
        return name.lower() if region in known else ""
    if taxonomy == "provider" and name in _plugins():
        return name
    return ""


def parents(taxonomy: str, name: str) -> tuple[str, ...]:
    """What `name` is a member of, by its form alone."""
    if taxonomy == "machine_type":
        return _enclosing(name)
    if taxonomy == "locale" and (found := re.match(_ZONE, name)):
        return (found["ec2"] or found["gcp"],)
    return ()


def family(machine_type: str) -> str:
    """The family that the type's name says, by its provider's rule; empty when it says none.

    EC2: what stands before the dot. Azure: the name without `Standard_`, the number of vCPUs and `_Promo`, the
    version joined on. GCP: what stands before the first dash, but the `n1-ultramem`s are `m1`.
    """
    if machine_type.startswith(("Standard_", "Basic_")):
        rest = machine_type.split("_", 1)[1].removesuffix("_Promo")
        rest = re.sub(r"\d+(-\d+)?", "", rest, count=1)
        return re.sub(r"_(v\d+)\Z", r"\1", rest)
    if "." in machine_type:
        return machine_type.split(".", 1)[0]
    head, dash, _ = machine_type.partition("-")
    if not dash:
        return ""
    series = "-".join(machine_type.split("-", 2)[:2])
    return _GCP_ODD.get(series, head)


def _enclosing(name: str) -> tuple[str, ...]:
    """The next larger group: of a GCP type its series (`e2-standard`), else the family."""
    if name.startswith(("Standard_", "Basic_")) or "." in name:
        return (family(name),)
    head, _, last = name.rpartition("-")
    if "-" in head and last[:1].isdigit():
        return (head,)
    found = family(name)
    return (found,) if found and found != name else ()


def _machine_type(name: str, known: Mapping[str, str]) -> str:
    if name.casefold() in _JULIA_ROOTS:
        provider = _JULIA_ROOTS[name.casefold()]
        raise UnknownName(f"{name!r} is no machine type or family", hint=f"write node_provider={provider}")
    julia = re.match(_JULIA, name)
    if julia is not None:
        rest = julia[2].lower()
        typed = rest.replace("_", ".") if julia[1] == "EC2" else re.sub(_JULIA_GCP, _gcp_name, rest)
        return known.get(typed, typed)
    if not re.match(_NAME, name):
        return ""
    if name.casefold().startswith(("standard_", "basic_")):
        return name[0].upper() + name[1:]
    if "." in name or name.partition("-")[0].casefold() in known:
        return name.lower()
    return name


def _gcp_name(match: re.Match[str]) -> str:
    return "-".join(filter(None, match.groups()))


def _plugins() -> frozenset[str]:
    """The names of installed provider plugins; looked up for names that nothing else knows."""
    from importlib.metadata import entry_points

    return frozenset(point.name for point in entry_points(group=PROVIDER_PLUGINS))
