"""What a cluster's machines carry with them, for who has nothing but the provider's credentials: pure.

Words go into tags, which others may read and which hold little: none is secret, and long ones travel in pieces.
"""

from __future__ import annotations

import base64
import math
import re
import zlib
from collections.abc import Mapping, Sequence

import msgspec

from cloudclusters.base.cloud import Instance, Market, Offer
from cloudclusters.base.ranges import numbers, ranges
from cloudclusters.contract.document import ClusterType, Plan, RolePlan, Setting
from cloudclusters.errors import StoreError
from cloudclusters.remote.ssh.keys import fingerprint
from cloudclusters.settings.keys import KEYS

PIECE = 250
"""Characters of one word; most providers keep 256."""
PLAN, PRICE, HOST_KEYS = "plan", "usd", "host-keys"
_OF_THIS_MACHINE = ("catalog_overlay", "conda_file", "first_boot", "on_notice", "requirements", "script", "sync_folder")
"""Settings that name files here: what another machine said of its own would send ours to the nodes."""
_SHORT = 22
"""Characters of a fingerprint that are kept: 128 bits, too many for anybody to find another key with."""
_END = "@"
_MOST_PIECES = 24
"""Words for host keys: those of about 260 nodes. AWS keeps 50 for each machine."""
_NUMBER = re.compile(r"(0|[1-9][0-9]*)$")


class _Carried(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    contract: str
    cluster_type: str
    engine: str
    environment: str
    image: str
    processes: int
    settings: dict[str, Setting] = {}
    disks: dict[str, int] = {}
    """Root disks that roles asked for."""
    rdma: tuple[str, ...] = ()
    """Roles that asked for it."""
    mixed: dict[str, tuple[float | None, float | None]] = {}
    """What a machine of a role costs on the spot market and on demand, where some may be of either."""


def _travelling(settings: Mapping[str, Setting]) -> list[tuple[str, Setting]]:
    """The settings that may come from a tag, which somebody else may have written."""
    return [(name, value) for name, value in settings.items() if name in KEYS and name not in _OF_THIS_MACHINE]


def plan_words(plan: Plan, offer: Offer) -> dict[str, str]:
    """The words of a launch at this offer: what of the plan its machines need to be taken up again, and their price.

    Of the settings only those of the package's own table, and none that names a file of this machine.
    """
    kept = {name: value for name, value in _travelling(plan.settings) if value != KEYS[name].default}
    carried = _Carried(
        contract=plan.contract,
        cluster_type=plan.cluster_type.value,
        engine=plan.engine,
        environment=plan.environment,
        image=plan.image,
        processes=plan.node_process_count,
        settings=kept,
        disks={role.role: role.disk_bytes for role in plan.roles if role.disk_bytes is not None},
        rdma=tuple(role.role for role in plan.roles if role.rdma),
        mixed=_mixed(plan, offer),
    )
    text = base64.urlsafe_b64encode(zlib.compress(msgspec.json.encode(carried), 9)).decode()
    price = {} if offer.hourly_usd is None else {PRICE: repr(offer.hourly_usd)}
    return {**pieces(PLAN, text), **price}


def _mixed(plan: Plan, offer: Offer) -> dict[str, tuple[float | None, float | None]]:
    """By role, the prices on the spot market and on demand of this machine, where the role buys it there."""
    here = {
        role.role: each
        for role in plan.roles
        for each in (role.offer, *role.fallbacks)
        if each.market is not Market.ON_DEMAND and each.is_like(offer)
    }
    return {role: (each.hourly_usd, each.on_demand_usd) for role, each in here.items()}


def plan_of(provider: str, instances: Mapping[str, list[Instance]]) -> Plan:
    """The plan that the machines of each role carry; raises `StoreError` when they carry none that we can read.

    Whoever may write tags could have written it, so a provider's own settings in it, some of which run a command here,
    are not taken.
    """
    carried = _carried(next(iter(instances.values()))[0])
    roles = tuple(
        RolePlan(
            role=role,
            count=len(machines),
            offer=_planned(provider, role, machines[0], carried),
            steady_count=_steady(role, machines, carried),
            disk_bytes=carried.disks.get(role),
            rdma=role in carried.rdma,
        )
        for role, machines in instances.items()
    )
    return Plan(
        contract=carried.contract,
        cluster_type=ClusterType(carried.cluster_type),
        provider=provider,
        roles=roles,
        node_process_count=carried.processes,
        engine=carried.engine,
        environment=carried.environment,
        image=carried.image,
        settings=dict(_travelling(carried.settings)),
    )


def _carried(machine: Instance) -> _Carried:
    try:
        text = zlib.decompress(base64.urlsafe_b64decode(joined(PLAN, machine.words)))
        return msgspec.json.decode(text, type=_Carried)
    except (ValueError, zlib.error, msgspec.MsgspecError) as exc:
        raise StoreError(
            f"{machine.id} does not carry the plan of its cluster in a form that this release reads",
            hint="use the release of cloudclusters that made it, or delete it with `cloudclusters sweep --all`",
        ) from exc


def _planned(provider: str, role: str, machine: Instance, carried: _Carried) -> Offer:
    """What a role buys: on the spot market, where its machines say that it may."""
    bare = Offer(provider=provider, instance_type=machine.instance_type)
    offer = offer_of(machine, bare)
    if role not in carried.mixed:
        return offer
    spot, on_demand = carried.mixed[role]
    return msgspec.structs.replace(offer, market=Market.SPOT, hourly_usd=spot, on_demand_usd=on_demand)


def _steady(role: str, machines: Sequence[Instance], carried: _Carried) -> int:
    return sum(each.market is Market.ON_DEMAND for each in machines) if role in carried.mixed else 0


def offer_of(instance: Instance, planned: Offer) -> Offer:
    """What a machine was bought at, by its own words; what else the offers have in common is the planned one's."""
    return msgspec.structs.replace(
        planned if planned.market is instance.market else planned.on_demand,
        instance_type=instance.instance_type,
        place=instance.place,
        market=instance.market,
        hourly_usd=price_of(instance.words),
    )


def price_of(words: Mapping[str, str]) -> float | None:
    """The price per hour that a machine carries; None when it carries none that can be read."""
    try:
        found = float(words.get(PRICE, ""))
    except ValueError:
        return None
    return found if 0 <= found < math.inf else None


def host_key_words(keys: Mapping[str, str]) -> dict[str, str]:
    """Words that hold the fingerprint of each node's host key (public lines by node name), as `node=0-2,5:…@`.

    None when there are more than fit: providers keep few words, and others have to find room beside these.
    """
    groups: dict[str, dict[str, str]] = {}
    for node, line in sorted(keys.items(), key=lambda entry: (len(entry[0]), entry[0])):
        name, number = _parted(node)
        groups.setdefault(name, {})[number] = _short(line)
    parts = (f"{name}={ranges([int(n) for n in of if n])}:{''.join(of.values())}" for name, of in groups.items())
    found = pieces(HOST_KEYS, " ".join(parts) + _END)
    return found if len(found) <= _MOST_PIECES else {}


def _parted(node: str) -> tuple[str, str]:
    """A node's name without its number, and the number, which a manager has not."""
    number = _NUMBER.search(node)
    return (node[: number.start()], number.group()) if number else (node, "")


def is_host_key(words: Mapping[str, str], node: str, public: str) -> bool:
    """Whether this host key (a public line) is the one that the machines say their cluster's node has."""
    return _host_keys(words).get(node) == _short(public)


def tell_host_keys(instances: Sequence[Instance]) -> bool:
    """Whether these machines carry the host key of any of their nodes."""
    return any(_host_keys(instance.words) for instance in instances)


def unsettled_in(instances: Sequence[Instance]) -> set[str]:
    """The nodes that a launch was still bringing up: of others the words hold the host key, of these they do not.

    Empty when they hold none at all.
    """
    known = {node for instance in instances for node in _host_keys(instance.words)}
    return {instance.slot.name for instance in instances} - known if known else set()


def _host_keys(words: Mapping[str, str]) -> dict[str, str]:
    """The fingerprints by node; what follows the end is left from when there were more nodes."""
    found: dict[str, str] = {}
    for part in joined(HOST_KEYS, words).partition(_END)[0].split():
        head, _, prints = part.partition(":")
        name, _, numbered = head.partition("=")
        nodes = [f"{name}{number}" for number in numbers(numbered)] if numbered else [name]
        if len(prints) == _SHORT * len(nodes):
            found |= {node: prints[at * _SHORT : (at + 1) * _SHORT] for at, node in enumerate(nodes)}
    return found


def _short(public: str) -> str:
    return fingerprint(public).removeprefix("SHA256:")[:_SHORT]


def pieces(name: str, text: str) -> dict[str, str]:
    """A long text as words: NAME-0, NAME-1 …"""
    return {f"{name}-{at // PIECE}": text[at : at + PIECE] for at in range(0, len(text), PIECE)}


def joined(name: str, words: Mapping[str, str]) -> str:
    """A long text from its words; empty when there are none."""
    found: list[str] = []
    while (piece := words.get(f"{name}-{len(found)}")) is not None:
        found.append(piece)
    return "".join(found)
