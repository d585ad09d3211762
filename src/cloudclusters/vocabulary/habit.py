"""Habits from elsewhere: what was probably meant by a text that is no constraint, and words that others use for ours.

Nothing here makes a wrong text right. It finds what to write instead, and proposes only what really reads.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from cloudclusters.errors import CloudClustersError

Reads = Callable[[str], object]
"""Reads the text form of a value; raises one of our errors where it cannot."""

_QUOTES = "\"'`\u201c\u201d\u2018\u2019"
_HABITS: tuple[tuple[str, str], ...] = (
    (rf"[{_QUOTES}]+(.*?)[{_QUOTES}]+", r"\1"),
    (r"\u2265\s*(.*)", r">=\1"),
    (r"\u2264\s*(.*)", r"<=\1"),
    (r"(?:\u2260|<>|!(?!=)|not\s+)\s*(.*)", r"!=\1"),
    (r">+=*\s*(.*)", r">=\1"),
    (r"<+=*\s*(.*)", r"<=\1"),
    (r"(?:at_?least|min)\s*[(:]?\s*(.*?)\)?", r">=\1"),
    (r"(?:at_?most|max)\s*[(:]?\s*(.*?)\)?", r"<=\1"),
    (r"just\s*\((.*)\)", r"\1"),
    (r"between\s*\((.*),(.*)\)", r"\1..\2"),
    (r"oneof\s*\((.*)\)", r"\1"),
    (r"noneof\s*\((.*)\)", r"!=\1"),
    (r"[\[({](.*)[\])}]", r"\1"),
    (r"(.*?)\s*\+", r">=\1"),
    (r"(\d{1,3}(?:,\d{3})+\D*)", r"\1"),
    (r"([^.]+?)\s*(?:-|\.{3,}|:|\bto\b|,|\u2013)\s*([^.<>=-]+)", r"\1..\2"),
    (r">=\s*([^,]+?)\s*(?:,|\band\b|&)\s*<=\s*(.*)", r"\1..\2"),
    (r"<=\s*([^,]+?)\s*(?:,|\band\b|&)\s*>=\s*(.*)", r"\2..\1"),
)
"""What people write, the whole text of it, and what it means here; the first that reads is told."""
_SEPARATED = re.compile(r"\s*(?:,|;|/|&|\|+|\bor\b|\band\b)\s*")


_SPELT = {"\u2265": ">=", "\u2264": "<=", "\u2260": "!=", ":=": "=", ":": "=", "~": "=", "": "="}
_WHOLE = re.compile(r"\W*(?:(\w+)\.)?([A-Za-z_]\w*)\s*(\u2265|\u2264|\u2260|:=?|~|\b)[\s=]*(.*?)\s*\Z", re.DOTALL)


def respelt(text: str) -> tuple[str, str, str]:
    """The role, the name and the rest, sign and value, that a text without a sign of ours probably means."""
    found = _WHOLE.fullmatch(text)
    if found is None:
        return "", "", ""
    value = found[4]
    return found[1] or "", found[2], value and (value if value[0] in "<>!" else _SPELT[found[3]] + value)


def instead(text: str, reads: Reads) -> str:
    """The text form of a value that `text` probably means, as far as `reads` can read it; else nothing."""
    seen = {text}
    for step in (_once(text), (each for first in _once(text) for each in _once(first))):
        for candidate in step:
            if candidate not in seen and _is_read(candidate, reads):
                return candidate
            seen.add(candidate)
    return ""


def _once(text: str) -> Iterator[str]:
    """What one habit makes of a text."""
    text = text.strip()
    for written, meant in _HABITS:
        if found := re.fullmatch(written, text, re.IGNORECASE):
            made = found.expand(meant).strip()
            yield made.replace(",", "") if made == text else made
    if (joined := _SEPARATED.sub("|", text).strip("|")) != text:
        yield joined


def _is_read(text: str, reads: Reads) -> bool:
    try:
        reads(text)
    except CloudClustersError:
        return False
    return True


FOREIGN: dict[str, tuple[str, str]] = {
    "accelerators": ("SkyPilot", "accelerator=A100 and accelerator_count=8, for accelerators=A100:8"),
    "gpu": ("others", "accelerator_count=1, and accelerator=L4 for the model"),
    "gpus": ("SkyPilot", "accelerator_count=8, and accelerator=A100 for the model"),
    "cpus": ("SkyPilot", "node_vcpus_count=4, or node_vcpus_count>=4 for cpus=4+"),
    "memory": ("SkyPilot", "node_memory_size=32G, or node_memory_size>=32G for memory=32+"),
    "use_spot": ("SkyPilot", "market=spot"),
    "infra": ("SkyPilot", "node_provider=ec2 and cluster_locale=us-east-1, for infra=aws/us-east-1"),
    "cloud": ("SkyPilot", "node_provider=ec2"),
    "num_nodes": ("SkyPilot", "node_count=4"),
    "disk_size": ("SkyPilot", "storage_size>=256G"),
    "ephemeral_storage": ("SkyPilot", "storage_size>=256G"),
    "disk_tier": ("SkyPilot", "storage_type=ssd; tiers of disks on the network cannot be chosen here"),
    "local_disk": ("SkyPilot", "storage_type=ssd and storage_size>=1000G"),
    "network_tier": ("SkyPilot", "network_performance>=100G, or interconnection_RDMA=Yes"),
    "max_hourly_cost": ("SkyPilot", "node_hourly_price<=10 for one node, or cluster_hourly_price<=10 for all"),
    "autostop": ("SkyPilot", "idle_timeout=10m, and at_limit=stop to keep the disks"),
    "any_of": ("SkyPilot", "A|B in one constraint, or a contract for each alternative"),
    "ordered": ("SkyPilot", "A|B in one constraint; the setting policy says which comes first"),
    "job_recovery": ("SkyPilot", "on_lost=replace"),
    "spot_recovery": ("SkyPilot", "on_lost=replace"),
    "accelerator_args": ("SkyPilot", "accelerator_type=TPU; its software comes with environment and imageid"),
    "ports": ("SkyPilot", "leave it out: only SSH is open, and what you need is forwarded through it"),
    "labels": ("SkyPilot", "leave it out: the package sets the tags itself"),
    "volumes": ("SkyPilot", "storage_size>=256G; other volumes cannot be attached here"),
    "priority": ("SkyPilot", "leave it out: there is no queue"),
    "priority_class": ("SkyPilot", "leave it out: there is no queue"),
    "setup": ("SkyPilot", "environment=uv and packages, or script=setup.sh for a script of your own"),
    "run": ("SkyPilot", "leave it out: `cloudclusters exec CLUSTER -- COMMAND` runs a command on a cluster"),
    "file_mounts": ("SkyPilot", "leave it out: `cloudclusters put CLUSTER FILE` brings files to the nodes"),
    "workdir": ("SkyPilot", "leave it out: `cloudclusters sync CLUSTER FOLDER` brings a folder to the nodes"),
    "envs": (
        "SkyPilot",
        "leave it out: a contract holds no variables; the command of `cloudclusters exec` may set them",
    ),
    "secrets": ("SkyPilot", "leave it out: a contract holds no secrets; `cloudclusters put` brings a file with them"),
    "resources": ("SkyPilot", "its fields without the table, by the names of `cloudclusters features`"),
    "min_nodes": ("autoscalers", "node_count=2..16, for min 2 and max 16"),
    "max_nodes": ("autoscalers", "node_count=2..16, for min 2 and max 16"),
    "min_workers": ("Ray", "node_count=2..16, for min 2 and max 16"),
    "max_workers": ("Ray", "node_count=2..16, for min 2 and max 16"),
    "n_workers": ("Dask", "node_count=8, and node_process_count=4 for several workers on each"),
    "nthreads": ("Dask", "node_process_count=4 for several workers on each node"),
    "instance_count": ("Terraform", "node_count=4"),
    "machine_type": ("Terraform", "node_machinetype=n2-standard-4"),
    "vm_size": ("Terraform", "node_machinetype=Standard_D4s_v5"),
    "ami": ("Terraform", "imageid=ami-…"),
    "availability_zone": ("Terraform", "cluster_locale=us-east-1a"),
    "location": ("Terraform", "cluster_locale=westeurope"),
    "spot_price": ("Terraform", "market=spot and max_price=0.50"),
    "preemptible": ("Terraform", "market=spot"),
    "guest_accelerator": ("Terraform", "accelerator=L4 and accelerator_count=1"),
    "root_block_device": ("Terraform", "storage_size>=256G"),
    "gres": ("Slurm", "accelerator_count=8"),
    "nodes": ("Slurm", "node_count=4"),
    "ntasks": ("Slurm", "node_process_count=4, on each node"),
    "ntasks_per_node": ("Slurm", "node_process_count=4"),
    "cpus_per_task": ("Slurm", "node_vcpus_count>=8"),
    "mem": ("Slurm", "node_memory_size>=64G"),
    "partition": ("Slurm", "node_machinefamily=compute"),
    "constraint": ("Slurm", "the feature that is meant, such as processor_microarchitecture=Zen4"),
}
"""Names that others give to what a contract says, who does, and what to write instead."""


def foreign(name: str) -> tuple[str, str]:
    """The end of a message about a name that others use, and the hint; nothing for a name that nobody does."""
    found = FOREIGN.get(name.strip().lower().replace("-", "_"))
    if found is None:
        return "", ""
    who, hint = found
    return f": it is a word of {who}", hint if hint.startswith("leave") else f"write {hint}"
