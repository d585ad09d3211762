"""What EC2 checks before it launches or starts instances, and moto does not: names, places, prices, capacity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from moto.ec2.models import ec2_backends
from moto.ec2.models.amis import Ami
from moto.ec2.models.instance_types import INSTANCE_TYPE_OFFERINGS, INSTANCE_TYPES

from cloudclusters.testing.bed.calls import Answer, Call, failure
from cloudclusters.testing.bed.faults import Faults
from cloudclusters.testing.bed.images import smallest_disk
from cloudclusters.testing.bed.instances import ACCOUNT, Instances
from cloudclusters.testing.bed.placement import PlacementGroups
from cloudclusters.testing.bed.prices import SpotPrices
from cloudclusters.testing.bed.quotas import Quotas


class Launching:
    """Checks a launch; answers with an error, or with the call as moto has to see it."""

    def __init__(
        self, instances: Instances, faults: Faults, groups: PlacementGroups, prices: SpotPrices, quotas: Quotas
    ) -> None:
        self._instances, self._faults, self._groups = instances, faults, groups
        self._prices, self._quotas = prices, quotas

    def check(self, call: Call) -> Call | Answer:
        """RunInstances: the same call with a subnet, and as many instances as there is room for."""
        if (
            "LaunchTemplate.LaunchTemplateId" in call.parameters
            or "LaunchTemplate.LaunchTemplateName" in call.parameters
        ):
            return failure(call, "UnsupportedOperation", "the test bed launches without launch templates")
        wrong = self._wrong_name(call)
        if wrong is not None:
            return wrong
        kind = call.parameters.get("InstanceType", "m1.small")
        subnets = self._subnets(call)
        offered = {row["Location"] for row in _offerings(call.region) if row["InstanceType"] == kind}
        possible = {zone: subnet for zone, subnet in subnets.items() if zone in offered}
        if not possible:
            text = f"Your requested instance type ({kind}) is not supported in your requested Availability Zone"
            return failure(call, "Unsupported", f"{text} ({', '.join(subnets) or 'none'}).")
        return self._wrong_market(call, kind, list(possible)) or self._with_room(call, kind, possible)

    def check_start(self, call: Call) -> Answer | None:
        """StartInstances and StopInstances: the states that allow it, and room for what starts."""
        starting = call.action == "StartInstances"
        allowed = ("stopped", "running", "pending") if starting else ("running", "stopped", "stopping")
        lives = [self._instances.lives[name] for name in call.values("InstanceId") if name in self._instances.lives]
        for life in lives:
            name = life.instance.id
            if life.state not in allowed:
                verb = "started" if starting else "stopped"
                text = f"The instance '{name}' is not in a state from which it can be {verb}."
                return failure(call, "IncorrectInstanceState", text)
            if not starting and life.instance.lifecycle == "spot" and not life.persistent:
                text = f"You can't stop the Spot Instance '{name}' because it is associated with a one-time Spot"
                return failure(call, "UnsupportedOperation", f"{text} Instance request.")
            kind, zone = str(life.instance.instance_type), str(life.instance.placement.zone)
            room = self._room(kind, zone)
            if starting and life.state == "stopped" and room is not None and room < 1:
                return _no_capacity(call, kind, zone)
        return None

    def finish(self, call: Call, instance_ids: Sequence[str]) -> None:
        """Tell moto's instances what it dropped."""
        group = call.parameters.get("Placement.GroupName")
        spot = call.parameters.get("InstanceMarketOptions.MarketType") == "spot"
        for name in instance_ids:
            life = self._instances.lives[name]
            if group:
                life.instance.placement.group_name = group
            if spot:
                life.instance.spot_instance_request_id = f"sir-{name[-8:]}"
                life.persistent = (
                    call.parameters.get("InstanceMarketOptions.SpotOptions.SpotInstanceType") == "persistent"
                )

    def _wrong_name(self, call: Call) -> Answer | None:
        backend = ec2_backends[ACCOUNT][call.region]
        kind, key = call.parameters.get("InstanceType", "m1.small"), call.parameters.get("KeyName")
        if kind not in INSTANCE_TYPES:
            return failure(call, "InvalidInstanceType", f"The instance type '{kind}' does not exist")
        if key is not None and key not in backend.key_pairs:
            return failure(call, "InvalidKeyPair.NotFound", f"The key pair '{key}' does not exist")
        name = call.parameters.get("ImageId", "")
        if name not in backend.amis:
            return failure(call, "InvalidAMIID.NotFound", f"The image id '[{name}]' does not exist")
        return _wrong_image(call, backend.amis[name], kind) or self._wrong_group(call, kind)

    def _wrong_group(self, call: Call, kind: str) -> Answer | None:
        name = call.parameters.get("Placement.GroupName")
        if name is None:
            return None
        group = self._groups.find(call.region, name)
        if group is None:
            return failure(call, "InvalidPlacementGroup.Unknown", f"The Placement Group '{name}' is unknown.")
        strategies = INSTANCE_TYPES[kind].get("PlacementGroupInfo", {}).get("SupportedStrategies", ())
        if group.strategy not in strategies:
            text = f"{group.strategy.title()} placement groups are not supported by the '{kind}' instance type."
            return failure(call, "InvalidParameterCombination", text)
        return None

    def _wrong_market(self, call: Call, kind: str, zones: Sequence[str]) -> Answer | None:
        limit = call.parameters.get("InstanceMarketOptions.SpotOptions.MaxPrice")
        if limit is None or call.parameters.get("DryRun") == "true":
            return None
        lowest = min(self._prices.price(kind, zone) for zone in zones)
        if float(limit) >= lowest:
            return None
        text = (
            f"Your Spot request price of {limit} is lower than the minimum required Spot request fulfillment price of"
        )
        return failure(call, "SpotMaxPriceTooLow", f"{text} {lowest}.")

    def _with_room(self, call: Call, kind: str, subnets: Mapping[str, str]) -> Call | Answer:
        low, high = int(call.parameters.get("MinCount", "1")), int(call.parameters.get("MaxCount", "1"))
        if low > high or low < 1:
            return failure(call, "InvalidParameterValue", f"MinCount {low} and MaxCount {high} make no number")
        if call.parameters.get("DryRun") == "true":
            return call
        rooms = {zone: self._room(kind, zone) for zone in subnets}
        zone = max(subnets, key=lambda name: high if rooms[name] is None else min(high, rooms[name] or 0))
        room = rooms[zone]
        count = high if room is None else min(high, room)
        if count < low:
            return _no_capacity(call, kind, zone)
        too_many = self._quotas.exceeded(call, kind, count)
        if too_many is not None:
            return too_many
        changed = {**call.parameters, "MinCount": str(count), "MaxCount": str(count)}
        if _given_subnet(call) is None:
            first = "NetworkInterface.1.SubnetId" if "NetworkInterface.1.DeviceIndex" in changed else "SubnetId"
            changed[first] = subnets[zone]
        return replace(call, parameters=changed)

    def _room(self, kind: str, zone: str) -> int | None:
        """How many more of a type may live in a zone; None for no limit."""
        places = self._faults.places(kind, zone)
        if places is None:
            return None
        here = [life.instance for life in self._instances.living() if life.state not in ("stopped", "shutting-down")]
        taken: int = sum(i.instance_type == kind and i.placement.zone == zone for i in here)
        return places - taken

    def _subnets(self, call: Call) -> dict[str, str]:
        """Zones that the call allows, each with the subnet to use."""
        backend = ec2_backends[ACCOUNT][call.region]
        given = _given_subnet(call)
        if given is not None:
            known = {subnet.id: subnet for zone in backend.subnets.values() for subnet in zone.values()}
            return {known[given].availability_zone: given} if given in known else dict.fromkeys(_zones(backend), given)
        defaults = {zone: subnet.id for zone, subnet in backend.get_default_subnets().items()}
        wanted = call.parameters.get("Placement.AvailabilityZone")
        # A zone that does not exist is left to moto, which refuses it as EC2 does.
        if wanted is None or wanted not in defaults:
            return defaults
        return {wanted: defaults[wanted]}


def _wrong_image(call: Call, image: Ami, kind: str) -> Answer | None:
    """An image that the type cannot boot, or that the launch's root volume cannot hold."""
    able = INSTANCE_TYPES[kind].get("ProcessorInfo", {}).get("SupportedArchitectures", ("x86_64",))
    if image.architecture not in able:
        text = f"The architecture '{','.join(able)}' of the specified instance type does not match the architecture"
        advice = "Specify an instance type and an AMI that have matching architectures, and try again."
        return failure(call, "InvalidParameterValue", f"{text} '{image.architecture}' of the specified AMI. {advice}")
    if image.platform == "windows":
        return failure(call, "UnsupportedOperation", "the test bed has no hosts with Windows")
    device, least = smallest_disk(image)
    for number in range(1, len(call.parameters) + 1):
        prefix = f"BlockDeviceMapping.{number}"
        size = call.parameters.get(f"{prefix}.Ebs.VolumeSize")
        if size and call.parameters.get(f"{prefix}.DeviceName") == device and int(size) < least:
            text = (
                f"Volume of size {size}GB is smaller than snapshot '{image.ebs_snapshot.id}', expect size >= {least}GB"
            )
            return failure(call, "InvalidBlockDeviceMapping", text)
    return None


def _zones(backend: object) -> list[str]:
    return [zone.name for zone in backend.describe_availability_zones()]  # type: ignore[attr-defined]  # moto, untyped


def _offerings(region: str) -> Sequence[Mapping[str, str]]:
    rows: Sequence[Mapping[str, str]] = INSTANCE_TYPE_OFFERINGS["availability-zone"].get(region, ())
    return rows


def _given_subnet(call: Call) -> str | None:
    return call.parameters.get("SubnetId") or call.parameters.get("NetworkInterface.1.SubnetId")


def _no_capacity(call: Call, kind: str, zone: str) -> Answer:
    text = f"We currently do not have sufficient {kind} capacity in the Availability Zone you requested ({zone})."
    return failure(call, "InsufficientInstanceCapacity", text, 500)
