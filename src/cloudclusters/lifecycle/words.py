"""What a cluster's machines carry with them, for who has nothing but the provider's credentials: pure.

Words go into tags, which others may read and which hold little: none is secret, and long ones travel in pieces.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping

import msgspec

from cloudclusters.base.cloud import Instance, Offer
from cloudclusters.contract.document import ClusterType, Plan, RolePlan, Setting
from cloudclusters.errors import StoreError
from cloudclusters.remote.ssh.keys import fingerprint
from cloudclusters.settings.keys import KEYS

PIECE = 250
"""Characters of one word; most providers keep 256."""
PLAN, PRICE, HOST_KEYS = "plan", "usd", "host-keys"
_OF_THIS_MACHINE = ("conda_file", "first_boot", "requirements", "script", "sync_folder")
"""Settings that name files here: what another machine said of its own would send ours to the nodes."""
_SHORT = 22
"""Characters of a fingerprint that are kept: 128 bits, too many for anybody to find another key with."""


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


def _travelling(settings: Mapping[str, Setting]) -> list[tuple[str, Setting]]:
    """The settings that may come from a tag, which somebody else may have written."""
    return [(name, value) for name, value in settings.items() if name in KEYS and name not in _OF_THIS_MACHINE]


def plan_words(plan: Plan, offer: Offer) -> dict[str, str]:
    """The words of a launch: what of the plan its machines need to be taken up again, and their price.

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
    )
    text = base64.urlsafe_b64encode(zlib.compress(msgspec.json.encode(carried), 9)).decode()
    price = {} if offer.hourly_usd is None else {PRICE: repr(offer.hourly_usd)}
    return {**pieces(PLAN, text), **price}


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
            offer=_offer(provider, machines[0]),
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


def _offer(provider: str, instance: Instance) -> Offer:
    price = instance.words.get(PRICE)
    return Offer(
        provider=provider,
        instance_type=instance.instance_type,
        place=instance.place,
        market=instance.market,
        hourly_usd=float(price) if price else None,
    )


def host_key_words(keys: Mapping[str, str]) -> dict[str, str]:
    """Words that hold the fingerprint of each node's host key (public lines by node name)."""
    return pieces(HOST_KEYS, " ".join(f"{node}={_short(line)}" for node, line in sorted(keys.items())))


def is_host_key(words: Mapping[str, str], node: str, public: str) -> bool:
    """Whether this host key (a public line) is the one that the machines say their cluster's node has."""
    known = dict(entry.split("=", 1) for entry in joined(HOST_KEYS, words).split() if "=" in entry)
    return known.get(node) == _short(public)


def _short(public: str) -> str:
    return fingerprint(public).removeprefix("SHA256:")[:_SHORT].replace("=", "")


def pieces(name: str, text: str) -> dict[str, str]:
    """A long text as words: NAME-0, NAME-1 …"""
    return {f"{name}-{at // PIECE}": text[at : at + PIECE] for at in range(0, len(text), PIECE)}


def joined(name: str, words: Mapping[str, str]) -> str:
    """A long text from its words; empty when there are none."""
    found: list[str] = []
    while (piece := words.get(f"{name}-{len(found)}")) is not None:
        found.append(piece)
    return "".join(found)
