"""The accelerators of this machine, found by asking their drivers' own tools."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from cloudclusters.base.size import GiB, MiB
from cloudclusters.vocabulary import Taxonomy, taxonomy

NVIDIA_QUERY = ("--query-gpu=name,memory.total,compute_cap", "--format=csv,noheader,nounits")
_PATIENCE = 10.0

_ARCHITECTURES = (
    ((3, 0), "Kepler"),
    ((5, 0), "Maxwell"),
    ((6, 0), "Pascal"),
    ((7, 0), "Volta"),
    ((7, 5), "Turing"),
    ((8, 0), "Ampere"),
    ((8, 9), "Ada"),
    ((9, 0), "Hopper"),
    ((10, 0), "Blackwell"),
)
"""From which compute capability on; past the last we do not know."""
_NEXT_MAJOR = 13

_FORM_FACTOR = re.compile(r"\b(SXM\d?|PCIe|HBM\d\w?)\b", re.IGNORECASE)
_MAKER = re.compile(r"(NVIDIA|Tesla|GRID)\s+", re.IGNORECASE)


class Accelerators(msgspec.Struct, frozen=True, kw_only=True):
    """All accelerators of a machine together; of different models, `model` and `architecture` list them (`a|b`).

    `count` is None where a driver's tool did not answer. `memory_bytes` is the nominal memory of one, the
    smallest where they differ. Names are those of the taxonomies, `none` where there is no accelerator; a model
    that they do not know keeps its driver's name.
    """

    count: int | None = 0
    model: str | None = "none"
    manufacturer: str | None = "none"
    architecture: str | None = "none"
    type: str | None = "none"
    memory_bytes: int | None = 0


UNKNOWN = Accelerators(count=None, model=None, manufacturer=None, architecture=None, type=None, memory_bytes=None)
"""A driver is installed, and what it drives could not be learnt."""


def accelerators() -> Accelerators:
    """Ask `nvidia-smi`, if it is installed, what this machine has; waits at most ten seconds."""
    import shutil
    import subprocess

    tool = shutil.which("nvidia-smi")
    if tool is None:
        return Accelerators()
    try:
        done = subprocess.run([tool, *NVIDIA_QUERY], capture_output=True, text=True, timeout=_PATIENCE, check=False)
    except (subprocess.TimeoutExpired, OSError):
        return UNKNOWN
    if done.returncode:
        return UNKNOWN
    return parse_nvidia_smi(done.stdout)


def parse_nvidia_smi(text: str) -> Accelerators:
    """What `nvidia-smi` says when asked `NVIDIA_QUERY`: a line `name, MiB, compute capability` per GPU."""
    found = []
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.split(",")]
        if len(cells) == 3:
            found.append(_gpu(*cells))
    if not found:
        return Accelerators()
    memory = [size for _, _, size in found if size is not None]
    return Accelerators(
        count=len(found),
        model=_either([model for model, _, _ in found]),
        manufacturer="NVIDIA",
        architecture=_either([each for _, each, _ in found]),
        type="GPU",
        memory_bytes=min(memory) if len(memory) == len(found) else None,
    )


def _gpu(name: str, mebibytes: str, capability: str) -> tuple[str, str | None, int | None]:
    """Model, architecture and nominal memory of one GPU."""
    memory = int(mebibytes) * MiB if mebibytes.isdigit() else None
    names = taxonomy("accelerator")
    model = _model(name, memory, names)
    facts = names.facts(model)
    nominal = int(facts["memory_gib"]) * GiB if "memory_gib" in facts else memory
    return model, facts.get("architecture") or _architecture(capability), nominal


def _model(name: str, memory: int | None, names: Taxonomy) -> str:
    """The taxonomy's name of a GPU, by its driver's name (`NVIDIA A100-SXM4-80GB`) and its memory."""
    plain = _MAKER.sub("", _FORM_FACTOR.sub(" ", name.replace("-", " ")))
    words = plain.split()
    for length in range(len(words), 0, -1):
        term = " ".join(words[:length])
        if not names.has(term):
            continue
        fitting = [each for each in names.members(names.canonical(term)) if _fits(names, each, memory)]
        if len(fitting) == 1:
            return fitting[0]
    return name


def _fits(names: Taxonomy, model: str, memory: int | None) -> bool:
    """Whether a driver that reports this much memory may mean the model; some is kept for itself."""
    nominal = int(names.facts(model)["memory_gib"]) * GiB
    return memory is None or 0.9 * nominal <= memory <= 1.02 * nominal


def _architecture(capability: str) -> str | None:
    major, dot, minor = capability.partition(".")
    if not (dot and major.isdigit() and minor.isdigit()) or int(major) >= _NEXT_MAJOR:
        return None
    reached = [name for since, name in _ARCHITECTURES if since <= (int(major), int(minor))]
    return reached[-1] if reached else None


def _either(names: Sequence[str | None]) -> str | None:
    """The alternatives as one cell; unknown when one is."""
    known = [name for name in names if name]
    return "|".join(dict.fromkeys(known)) if len(known) == len(names) else None
