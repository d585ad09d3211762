"""Placement groups, which moto does not have."""

from __future__ import annotations

import fnmatch
import secrets
from dataclasses import dataclass, field

from cloudclusters.testing.bed.calls import Answer, Call, element, failure, result
from cloudclusters.testing.bed.instances import Instances

_STRATEGIES = ("cluster", "partition", "spread")


@dataclass(frozen=True, slots=True)
class PlacementGroup:
    """A group of one region."""

    name: str
    id: str
    strategy: str
    tags: tuple[tuple[str, str], ...]

    def xml(self, region: str) -> str:
        """As describes show it."""
        tags = "".join(f"<item>{element('key', key)}{element('value', value)}</item>" for key, value in self.tags)
        arn = f"arn:aws:ec2:{region}:123456789012:placement-group/{self.name}"
        texts = {"groupName": self.name, "groupId": self.id, "groupArn": arn, "strategy": self.strategy}
        inner = "".join(element(name, text) for name, text in {**texts, "state": "available"}.items())
        return f"{inner}<tagSet>{tags}</tagSet>"

    def matches(self, name: str, values: list[str]) -> bool:
        """Whether a filter lets it pass."""
        if name.startswith("tag:"):
            seen = [value for key, value in self.tags if key == name[4:]]
        elif name == "tag-key":
            seen = [key for key, _ in self.tags]
        else:
            seen = [{"group-name": self.name, "strategy": self.strategy, "state": "available"}.get(name, "")]
        return any(fnmatch.fnmatchcase(text, value) for text in seen for value in values)


@dataclass(slots=True)
class PlacementGroups:
    """The groups of all regions, and the three calls about them."""

    instances: Instances
    groups: dict[tuple[str, str], PlacementGroup] = field(default_factory=dict)

    def find(self, region: str, name: str) -> PlacementGroup | None:
        """A group by its name."""
        return self.groups.get((region, name))

    def create(self, call: Call) -> Answer:
        """CreatePlacementGroup."""
        name, strategy = call.parameters.get("GroupName", ""), call.parameters.get("Strategy", "cluster")
        if not name:
            return failure(call, "MissingParameter", "The request must contain the parameter groupName")
        if strategy not in _STRATEGIES:
            return failure(call, "InvalidParameterValue", f"Invalid value '{strategy}' for strategy.")
        if (call.region, name) in self.groups:
            return failure(call, "InvalidPlacementGroup.Duplicate", f"The Placement Group '{name}' already exists.")
        group = PlacementGroup(name, f"pg-{secrets.token_hex(8)}", strategy, tuple(_tags(call)))
        self.groups[call.region, name] = group
        inner = f"<return>true</return><placementGroup>{group.xml(call.region)}</placementGroup>"
        return result(call, inner)

    def describe(self, call: Call) -> Answer:
        """DescribePlacementGroups; a name that is not there is an error, a filter that fits nothing is not."""
        here = [group for (region, _), group in self.groups.items() if region == call.region]
        names, ids = call.values("GroupName"), call.values("GroupId")
        for wanted, known in ((names, {group.name for group in here}), (ids, {group.id for group in here})):
            unknown = [name for name in wanted if name not in known]
            if unknown:
                return failure(call, "InvalidPlacementGroup.Unknown", f"The Placement Group '{unknown[0]}' is unknown.")
        here = [group for group in here if (not names or group.name in names) and (not ids or group.id in ids)]
        for name, values in call.filters():
            here = [group for group in here if group.matches(name, values)]
        items = "".join(f"<item>{group.xml(call.region)}</item>" for group in here)
        return result(call, f"<placementGroupSet>{items}</placementGroupSet>")

    def delete(self, call: Call) -> Answer:
        """DeletePlacementGroup; refused while an instance is in it."""
        name = call.parameters.get("GroupName", "")
        if (call.region, name) not in self.groups:
            return failure(call, "InvalidPlacementGroup.Unknown", f"The Placement Group '{name}' is unknown.")
        for life in self.instances.living():
            if life.instance.placement.group_name == name and life.instance.region_name == call.region:
                text = f"The placement group '{name}' is in use and may not be deleted."
                return failure(call, "InvalidPlacementGroup.InUse", text)
        del self.groups[call.region, name]
        return result(call, "<return>true</return>")


def _tags(call: Call) -> list[tuple[str, str]]:
    found = []
    for number in range(1, len(call.parameters) + 1):
        prefix = f"TagSpecification.1.Tag.{number}"
        if f"{prefix}.Key" not in call.parameters:
            break
        found.append((call.parameters[f"{prefix}.Key"], call.parameters.get(f"{prefix}.Value", "")))
    return found
