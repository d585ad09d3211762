"""Every configuration key, in one table: files, variables, contracts, docs, help and errors come from it."""

from __future__ import annotations

import enum
from collections.abc import Mapping

import msgspec

DEFAULTS = "defaults"
CLOUDS = ("ec2", "gcp", "azure")
SECTIONS = (DEFAULTS, "local", *CLOUDS)
ANY = SECTIONS
_VM = (DEFAULTS, *CLOUDS)


class Kind(enum.StrEnum):
    """What a value must be."""

    TEXT = "text"
    """Any text."""
    FLAG = "flag"
    """true or false."""
    CHOICE = "choice"
    """One of a few words."""
    NUMBER = "number"
    """A number above 0."""
    DURATION = "duration"
    """A length of time above 0, such as 90s, 10m, 2h or 1d; or off."""
    MONEY = "money"
    """An amount in USD above 0; or off."""
    COUNT = "count"
    """A whole number, 0 or more."""
    PATH = "path"
    """A file or a folder; in a configuration file, relative to the folder of that file."""
    PERCENT = "percent"
    """A number from 0 to 100."""


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """A configuration key. `sections` are those that may hold it; `idle` says why it has no effect yet.

    What holds for all contracts alike is not `in_contract`.
    """

    name: str
    meaning: str
    kind: Kind = Kind.TEXT
    sections: tuple[str, ...] = ANY
    default: str | bool | float | None = None
    choices: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    idle: str = ""
    in_contract: bool = True


_FASTEST = ("fastest", "fastest-cores", "fastest-memory", "fastest-network", "fastest-accelerator-memory")
POLICIES = ("cheapest", "tightest", *_FASTEST, *(f"{name}-per-dollar" for name in _FASTEST), "pinned")
"""What may come first among the offers that fit."""

_GCP = "read for later: the provider gcp is not in this release"
_MPI = "read for later: no MPI cluster is deployed in this release"
_JULIA = "read as CloudClusters' Julia setting; our workers are Python processes, so it is not executed"

_TABLE = (
    Key(
        name="region",
        meaning="The region where clusters are made when the contract names no place.",
        sections=CLOUDS,
    ),
    Key(
        name="market",
        meaning="How machines are bought: on-demand; spot, which the provider may take back; any: what is cheaper.",
        kind=Kind.CHOICE,
        choices=("on-demand", "spot", "any"),
        sections=_VM,
        default="on-demand",
    ),
    Key(
        name="policy",
        meaning="What makes one offer better than another: the price, the fit, or how much the machines do: fastest is "
        "by vCPUs times clock; pinned takes exactly what the contract names.",
        kind=Kind.CHOICE,
        choices=POLICIES,
        sections=(DEFAULTS,),
        default="cheapest",
    ),
    Key(
        name="on_demand_base",
        meaning="Where the market is spot: how many compute nodes, the first ones, are bought on demand all the same; "
        "by default 1 where the first node holds the scheduler.",
        kind=Kind.COUNT,
        sections=_VM,
    ),
    Key(
        name="on_demand_percent",
        meaning="Where the market is spot: how many percent of the other compute nodes are bought on demand, rounded "
        "up; by default 0.",
        kind=Kind.PERCENT,
        sections=_VM,
    ),
    Key(
        name="max_price",
        meaning="The most to pay for a spot machine, in USD per hour; by default, or with off, the price on demand.",
        kind=Kind.MONEY,
        sections=_VM,
    ),
    Key(
        name="engine", meaning="What must run on the nodes.", kind=Kind.CHOICE, choices=("dask", "none"), default="dask"
    ),
    Key(
        name="environment",
        meaning="What must be installed on nodes; by default image (nothing) where they are this machine, else sync "
        "(what is installed here).",
        kind=Kind.CHOICE,
        choices=("image", "sync", "uv", "pip", "conda", "apt", "script"),
    ),
    Key(name="python", meaning="The Python of the nodes' image that runs workers; by default python3."),
    Key(
        name="python_version", meaning="The version of Python for uv and conda, such as 3.12; by default the driver's."
    ),
    Key(name="packages", meaning="Requirements for uv, or packages for conda, separated by blanks."),
    Key(
        name="requirements",
        meaning="A file of requirements for uv: requirements.txt, pyproject.toml, uv.lock or pylock.toml.",
    ),
    Key(name="conda_file", meaning="The environment.yml for conda."),
    Key(name="micromamba_sha256", meaning="The sha256 that a micromamba fetched for conda must have."),
    Key(
        name="wheels",
        meaning="Where nodes get packages for uv and sync: an index, the driver's installed ones, or what is reached.",
        kind=Kind.CHOICE,
        choices=("auto", "index", "driver"),
        default="auto",
    ),
    Key(name="sync_exclude", meaning="Distributions that sync leaves out, separated by blanks; * stands for anything."),
    Key(
        name="sync_folder",
        meaning="The folder whose modules sync sends; by default that of the script. off sends none.",
    ),
    Key(name="apt", meaning="Debian packages that nodes install before anything else, separated by blanks."),
    Key(
        name="script",
        meaning="A script on this machine that every node runs once per content, before its environment is made.",
    ),
    Key(name="imageid", meaning="The machine image of the nodes.", sections=_VM, aliases=("image_id",)),
    Key(name="user", meaning="The login name on the nodes; by default the image's own."),
    Key(name="sshflags", meaning="Options for SSH, as `ssh` has them; a documented subset."),
    Key(
        name="first_boot",
        meaning="A script on this machine that every node runs once as root when it first boots.",
        sections=_VM,
    ),
    Key(
        name="boot_timeout",
        meaning="Seconds that a machine may take from running to answering.",
        kind=Kind.NUMBER,
        sections=_VM,
        default=600,
    ),
    Key(
        name="tunneled",
        meaning="Whether the scheduler is reached through SSH; else directly by TLS, at a port opened to you alone.",
        kind=Kind.FLAG,
        aliases=("tunnel",),
        default=True,
    ),
    Key(
        name="idle_timeout",
        meaning="How long a cluster may be without use before it lets go of its machines by itself; by default 1h, and "
        "off where machines are free.",
        kind=Kind.DURATION,
    ),
    Key(
        name="max_lifetime",
        meaning="How long a cluster may live before it lets go of its machines by itself; by default off.",
        kind=Kind.DURATION,
    ),
    Key(
        name="max_cost",
        meaning="How many USD a cluster may cost before it lets go of its machines by itself; by default off.",
        kind=Kind.MONEY,
    ),
    Key(
        name="at_limit",
        meaning="What becomes of the machines when a limit strikes: terminate, or stop (disks are kept, and paid).",
        kind=Kind.CHOICE,
        choices=("terminate", "stop"),
        default="terminate",
    ),
    Key(
        name="on_lost",
        meaning="What becomes of a node that is lost while a program computes: replace (buys another at once), drop "
        "(the rest goes on), or keep (it is only reported).",
        kind=Kind.CHOICE,
        choices=("replace", "drop", "keep"),
        default="drop",
    ),
    Key(
        name="on_rebalance",
        meaning="What a spot machine does when the provider only recommends to leave it: report, or retire its "
        "workers as at an interruption.",
        kind=Kind.CHOICE,
        choices=("report", "retire"),
        default="report",
        sections=_VM,
    ),
    Key(
        name="on_notice",
        meaning="A script on this machine that a node runs when the provider says that it takes the machine back.",
    ),
    Key(
        name="catalog_overlay",
        meaning="A file (.toml, .csv) of your own machine types and prices over those of the catalog, or a folder of "
        "them.",
        kind=Kind.PATH,
        sections=(DEFAULTS,),
        in_contract=False,
    ),
    Key(name="exename", meaning="The interpreter that starts workers.", idle=_JULIA),
    Key(name="exeflags", meaning="Options of that interpreter.", idle=_JULIA),
    Key(
        name="directory",
        meaning="The working directory of workers and commands, made when absent; by default the node's own. "
        "One that is not absolute lies in the login directory, or on local in the node's directory.",
    ),
    Key(
        name="threadlevel",
        meaning="The thread support that MPI is asked for.",
        kind=Kind.CHOICE,
        choices=("single", "serialized", "funneled", "multiple"),
        idle=_MPI,
    ),
    Key(name="mpiflags", meaning="Options for mpirun.", idle=_MPI),
    Key(name="subnet_id", meaning="The subnet of the nodes.", sections=(DEFAULTS, "ec2")),
    Key(
        name="placement_group",
        meaning="The placement group of the nodes; automatic makes one where it helps and deletes it, none makes none.",
        sections=(DEFAULTS, "ec2"),
    ),
    Key(
        name="security_group_id",
        meaning="The security groups of the nodes, separated by blanks; automatic makes one and deletes it.",
        sections=(DEFAULTS, "ec2"),
    ),
    Key(name="zone", meaning="The zone of the nodes, which lies in the region; by default any.", sections=_VM),
    Key(name="project", meaning="The project that pays.", sections=(DEFAULTS, "gcp"), idle=_GCP),
    Key(name="network_interface", meaning="The network of the nodes.", sections=(DEFAULTS, "gcp"), idle=_GCP),
)

KEYS: Mapping[str, Key] = {key.name: key for key in _TABLE}
_ALIASES = {alias: key.name for key in _TABLE for alias in key.aliases}


def true_name(name: str) -> str:
    """The name of a key, for one of its aliases."""
    return _ALIASES.get(name, name)


def is_key(name: str) -> bool:
    """Whether this is the name, or an alias, of a configuration key that a contract may hold."""
    key = KEYS.get(true_name(name))
    return key is not None and key.in_contract
