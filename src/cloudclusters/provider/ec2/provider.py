"""The provider `ec2`: each verb is one decision and a few calls, and reads nothing but tags."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import cast

import msgspec

from cloudclusters.base.cloud import (
    Holding,
    Instance,
    InstanceState,
    Launch,
    Market,
    Offer,
    Place,
    Remain,
    Slot,
    SshEndpoint,
)
from cloudclusters.base.limits import AtLimit
from cloudclusters.catalog import Content
from cloudclusters.catalog.refreshing import Survey, Tell
from cloudclusters.errors import NotSupported, ProviderError, RequestRefused
from cloudclusters.provider.ec2 import TRAITS
from cloudclusters.provider.ec2.account import Account
from cloudclusters.provider.ec2.checks import look_through
from cloudclusters.provider.ec2.errors import code_of
from cloudclusters.provider.ec2.launching import run_machines
from cloudclusters.provider.ec2.network import admit_caller, prepare_network, release_network
from cloudclusters.provider.ec2.offers import THREADS, live_offers, zones_of
from cloudclusters.provider.ec2.remains import delete_orphans, orphans, what_remains
from cloudclusters.provider.ec2.rows import ClientOf, survey
from cloudclusters.provider.ec2.settings import Ec2Settings, read
from cloudclusters.provider.ec2.shapes import Console, Groups, Machine, PlacementGroups, Reservations
from cloudclusters.provider.ec2.tags import (
    CLUSTER,
    PREFIX,
    as_list,
    by_cluster,
    disk_of,
    holding_of,
    slot_of,
    word_tags,
    words_of,
)
from cloudclusters.provider.protocol import Check, Site

STATES: Mapping[str, InstanceState] = {
    "pending": InstanceState.PENDING,
    "running": InstanceState.RUNNING,
    "stopping": InstanceState.STOPPING,
    "stopped": InstanceState.STOPPED,
    "shutting-down": InstanceState.TERMINATING,
    "terminated": InstanceState.GONE,
}
POWERED_OFF = "Client.InstanceInitiatedShutdown"
"""What AWS says of a machine that shut itself down."""
STRAY = "stray"
"""The role of a machine that has our cluster's tag, and none that tells its seat."""
_ENDED = re.compile(r"\((\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) GMT\)")
"""The time in `User initiated (2026-11-28 12:00:00 GMT)`."""
_UP = (InstanceState.PENDING, InstanceState.RUNNING)
_OVER = (InstanceState.TERMINATING, InstanceState.GONE)


class Ec2Provider:
    """Machines of the account whose credentials the SDK finds; calls nothing before the first verb."""

    traits = TRAITS

    def __init__(self, site: Site, account: Account | None = None) -> None:
        self._section = dict(site.settings)
        self.settings = read(self._section)
        self._account = account or Account(self.settings.profile)

    # The six verbs

    def offers(self, regions: Collection[str]) -> Iterable[Offer]:
        """What is sold now in these regions, or in all that the account has enabled."""
        return live_offers(self._account, self.settings, regions)

    def prepare(self, holding: Holding) -> Holding:
        """Make the cluster's security group, or look at the user's own things."""
        region, settings = self._at(holding)
        return msgspec.structs.replace(holding, resources=prepare_network(self._account, region, settings, holding))

    def launch(self, holding: Holding, launch: Launch) -> Sequence[Instance]:
        """Start one machine for each slot, all or none, by one call."""
        region, settings = self._at(holding)
        return _instances(run_machines(self._account, region, settings, holding, launch), region)

    def describe(self, holding: Holding) -> Sequence[Instance]:
        """Every machine with the cluster's tag; one that AWS forgot is absent."""
        region, _ = self._at(holding)
        return _instances(self._machines(region, holding), region)

    def terminate(self, holding: Holding, ids: Collection[str]) -> None:
        """Delete these machines, as far as they bear the cluster's tag, with their disks."""
        region, _ = self._at(holding)
        going = [i.id for i in self._of(holding, ids) if i.state not in _OVER]
        if going:
            self._account.do(region, "terminate_instances", InstanceIds=going)

    def release(self, holding: Holding) -> None:
        """Delete what we made for the cluster; raises `Throttled` while AWS still sees it used."""
        region, _ = self._at(holding)
        release_network(self._account, region, holding.cluster)
        delete_orphans(self._account, region, holding.cluster)

    # Abilities

    def stop(self, holding: Holding, ids: Collection[str]) -> None:
        """Stop these machines. Raises `NotSupported` for spot machines, which AWS does not stop."""
        region, _ = self._at(holding)
        seen = self._of(holding, ids)
        spot = [i.slot.name for i in seen if i.market is Market.SPOT and i.state in _UP]
        if spot:
            raise NotSupported(
                f"{', '.join(spot)} are spot machines, which EC2 cannot stop",
                hint="terminate the cluster, or use market = 'on-demand' for clusters that shall be interrupted",
            )
        going = [i.id for i in seen if i.state in _UP]
        if going:
            self._account.do(region, "stop_instances", InstanceIds=going)

    def start(self, holding: Holding, ids: Collection[str]) -> None:
        """Start these stopped machines. Raises `ProviderError` for one that is still stopping."""
        region, _ = self._at(holding)
        seen = self._of(holding, ids)
        stopping = [i.slot.name for i in seen if i.state is InstanceState.STOPPING]
        if stopping:
            raise ProviderError(f"{', '.join(stopping)} are still stopping", hint="try again in a minute")
        coming = [i.id for i in seen if i.state is InstanceState.STOPPED]
        if coming:
            self._account.do(region, "start_instances", InstanceIds=coming)

    def find(self) -> Sequence[Holding]:
        """Every holding that has machines, groups, placement groups or disks by tag, in the regions to look at."""
        regions = self._account.regions(self.settings)
        with ThreadPoolExecutor(THREADS) as pool:
            return [holding for found in pool.map(self._found, regions) for holding in found]

    def console(self, holding: Holding, instance: str) -> str:
        """What the machine printed; on types of before Nitro some minutes late."""
        region, _ = self._at(holding)
        try:
            return self._account.ask(region, "get_console_output", Console, InstanceId=instance, Latest=True).output
        except RequestRefused as exc:
            if code_of(exc) != "UnsupportedOperation":
                raise
            return self._account.ask(region, "get_console_output", Console, InstanceId=instance).output

    def admit(self, holding: Holding, ports: Collection[int] = ()) -> Holding:
        """Let the caller's present address in at SSH and these ports; a group of the user's own is left alone."""
        region, settings = self._at(holding)
        admitted = admit_caller(self._account, region, settings, holding, ports)
        return msgspec.structs.replace(holding, resources={**holding.resources, **admitted})

    def zones(self, offer: Offer) -> Sequence[Place]:
        """The zones of the offer's region that sell its type."""
        region = self._account.region(offer.place.region, self.settings)
        return zones_of(self._account, region, offer.instance_type)

    def checks(self) -> Iterable[Check]:
        """Credentials, region, clock, image, permissions and quotas, in this order."""
        return look_through(self._account, self.settings)

    def enter(self, holding: Holding, instance: str, user: str, public_key: str) -> None:
        """Let a key in for a minute, through EC2 Instance Connect, which the image must have."""
        region, _ = self._at(holding)
        said = {"InstanceId": instance, "InstanceOSUser": user, "SSHPublicKey": public_key}
        self._account.do(region, "ec2-instance-connect:send_ssh_public_key", **said)

    def mark(self, holding: Holding, words: Mapping[str, str]) -> None:
        """Write words into the tags of every living machine of the holding, in one call."""
        region, _ = self._at(holding)
        tags = word_tags(words)
        living = [i.id for i in self.describe(holding) if i.state not in _OVER]
        if tags and living:
            self._account.do(region, "create_tags", Resources=living, Tags=as_list(tags))

    def at_power_off(self, holding: Holding, at_limit: AtLimit) -> None:
        """Change the shutdown behaviour of every living machine on demand, one call each; spot machines are deleted."""
        region, _ = self._at(holding)
        said = {"Attribute": "instanceInitiatedShutdownBehavior", "Value": at_limit.value}
        for machine in self.describe(holding):
            if machine.state not in _OVER and machine.market is not Market.SPOT:
                self._account.do(region, "modify_instance_attribute", InstanceId=machine.id, **said)

    def remains(self, holding: Holding) -> Sequence[Remain]:
        """Disks, snapshots, images, and what the settings name."""
        region, settings = self._at(holding)
        machines = [machine for machine in self._machines(region, holding) if _lives(machine)]
        return what_remains(self._account, region, settings, holding.cluster, machines)

    def survey(self, regions: Collection[str], known: Content, tell: Tell) -> Survey:
        """Types, places and prices in these regions (none: in all that the account has enabled)."""
        # The SDK's clients get their methods from service descriptions, so nothing but this line says which they have.
        client = cast(ClientOf, self._account.client)
        return survey(client, regions, known, tell, home=self.settings.region)

    # How

    def _at(self, holding: Holding) -> tuple[str, Ec2Settings]:
        """The region and the settings of a holding: its own first, then ours."""
        settings = read({**self._section, **holding.settings})
        return self._account.region(holding.place.region, settings), settings

    def _machines(self, region: str, holding: Holding) -> list[Machine]:
        filters = by_cluster(holding.cluster)
        return self._account.every(region, "describe_instances", Reservations, Filters=filters).machines

    def _of(self, holding: Holding, ids: Collection[str]) -> list[Instance]:
        """Those of these machines that the holding has."""
        return [i for i in self.describe(holding) if i.id in ids] if ids else []

    def _found(self, region: str) -> list[Holding]:
        ours: list[dict[str, object]] = [{"Name": "tag-key", "Values": [CLUSTER]}]
        ask, every = self._account.ask, self._account.every
        rows = [m.words for m in every(region, "describe_instances", Reservations, Filters=ours).machines if _lives(m)]
        groups = every(region, "describe_security_groups", Groups, Filters=ours).security_groups
        placed = ask(region, "describe_placement_groups", PlacementGroups, Filters=ours).placement_groups
        rows += [row.words for row in (*groups, *placed, *orphans(self._account, region))]
        return list({words[CLUSTER]: holding_of(words, region) for words in rows}.values())


def _lives(machine: Machine) -> bool:
    return STATES.get(machine.state.name) is not InstanceState.GONE


def told_end(reason: str) -> float:
    """When a machine was stopped or deleted by a call; 0 where AWS does not say, as when it shut down by itself."""
    told = _ENDED.search(reason)
    return datetime.strptime(f"{told[1]} +0000", "%Y-%m-%d %H:%M:%S %z").timestamp() if told else 0.0


def _instances(machines: Iterable[Machine], region: str) -> list[Instance]:
    found = (_instance(machine, region) for machine in machines)
    return sorted(found, key=lambda i: (i.slot.role, i.slot.index, i.id))


def _instance(machine: Machine, region: str) -> Instance:
    """A machine as we say it; one that lost the tags of its launch fills no seat, but is not forgotten."""
    words = machine.words
    slot = slot_of(words, machine.ami_launch_index)
    state = STATES.get(machine.state.name, InstanceState.PENDING)
    host = machine.public_ip_address or machine.private_ip_address
    return Instance(
        id=machine.instance_id,
        slot=slot or Slot(STRAY, machine.ami_launch_index),
        token=words.get(f"{PREFIX}token", "") if slot else "",
        state=state,
        instance_type=machine.instance_type,
        place=Place(region, machine.placement.availability_zone),
        market=Market.SPOT if machine.instance_lifecycle == "spot" else Market.ON_DEMAND,
        endpoint=SshEndpoint(host=host, user=words.get(f"{PREFIX}user", "")) if host and state in _UP else None,
        inner_address=machine.private_ip_address,
        public_address=machine.public_ip_address,
        launched_at=machine.launch_time.timestamp() if machine.launch_time else 0.0,
        ended_at=0.0 if state in _UP else told_end(machine.state_transition_reason),
        disk_bytes=disk_of(words),
        reason="" if state in _UP else machine.state_reason.message,
        powered_off=state not in _UP and machine.state_reason.code == POWERED_OFF,
        words=words_of(words),
    )
