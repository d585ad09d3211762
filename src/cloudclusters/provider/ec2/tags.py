"""Our tags: what stands on everything we make, and how it is read again."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

from cloudclusters.base.cloud import Holding, Launch, Place, Slot
from cloudclusters.base.ranges import numbers, ranges
from cloudclusters.base.size import GiB
from cloudclusters.errors import InternalError, RequestRefused

PREFIX = "cloudclusters:"
CLUSTER = f"{PREFIX}cluster"
WORD = f"{PREFIX}word:"
_DISK = f"{PREFIX}disk"
_LONGEST = 256
_MOST = 50


def holding_tags(holding: Holding) -> dict[str, str]:
    """The tags of everything that a holding has."""
    said = {"cluster": holding.cluster, "owner": holding.owner, "store": holding.store, "name": holding.name}
    if holding.expires is not None:
        said["expires"] = repr(holding.expires)
    return {**{PREFIX + key: value for key, value in said.items()}, "Name": holding.name or holding.cluster}


def machine_tags(holding: Holding, launch: Launch, user: str) -> dict[str, str]:
    """The tags of a launch's machines. Raises `RequestRefused` for more or longer ones than AWS takes."""
    roles = {slot.role for slot in launch.slots}
    if len(roles) != 1:
        raise InternalError(f"a launch has one role, not {sorted(roles)}")
    said = {"token": launch.token, "role": roles.pop(), "user": user, "market": launch.offer.market.value}
    slots = ranges([slot.index for slot in launch.slots])
    pieces = [slots[at : at + _LONGEST] for at in range(0, len(slots), _LONGEST)]
    said |= {"slots" if not number else f"slots-{number}": piece for number, piece in enumerate(pieces)}
    tags = holding_tags(holding) | {PREFIX + key: value for key, value in said.items()} | word_tags(launch.words)
    return checked(tags)


def disk_tag(gib: int) -> dict[str, str]:
    """The tag that says how large a machine's root disk is: a describe of machines does not."""
    return {_DISK: str(gib)} if gib else {}


def disk_of(words: Mapping[str, str]) -> int:
    """The root disk, in bytes, that `disk_tag` told; 0 where it told none."""
    return int(words[_DISK]) * GiB if words.get(_DISK, "").isdecimal() else 0


def word_tags(words: Mapping[str, str]) -> dict[str, str]:
    """Words as tags. Raises `RequestRefused` for those that AWS does not take."""
    return checked({WORD + key: value for key, value in words.items()})


def checked(tags: dict[str, str]) -> dict[str, str]:
    """These tags, if AWS takes them."""
    long = [key for key, value in tags.items() if len(value) > _LONGEST or len(key) > _LONGEST // 2]
    if long or len(tags) > _MOST:
        what = f"the tag {long[0]} is too long" if long else f"{len(tags)} tags are too many"
        raise RequestRefused(f"ec2: {what}", hint=f"AWS takes {_MOST} tags with values of {_LONGEST} characters")
    return tags


def as_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Tags in AWS' form."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def specification(kind: str, tags: Mapping[str, str]) -> dict[str, object]:
    """Tags for what the very call makes."""
    return {"ResourceType": kind, "Tags": as_list(tags)}


def by_cluster(cluster: str) -> list[dict[str, object]]:
    """The filter for what a cluster has."""
    return [{"Name": f"tag:{CLUSTER}", "Values": [cluster]}]


def holding_of(words: Mapping[str, str], region: str) -> Holding:
    """The holding that these tags tell of."""
    said = {key: words.get(PREFIX + key, "") for key in ("cluster", "owner", "store", "name", "expires")}
    return Holding(
        provider="ec2",
        cluster=said["cluster"],
        owner=said["owner"],
        store=said["store"],
        name=said["name"],
        expires=_number(said["expires"]),
        place=Place(region),
    )


def slot_of(words: Mapping[str, str], launch_index: int) -> Slot | None:
    """The slot of a machine of a launch; None when its tags tell none."""
    more = itertools.takewhile(bool, (words.get(f"{PREFIX}slots-{number}", "") for number in itertools.count(1)))
    found = numbers(words.get(f"{PREFIX}slots", "") + "".join(more))
    role = words.get(f"{PREFIX}role", "")
    return Slot(role, found[launch_index]) if role and launch_index < len(found) else None


def words_of(tags: Mapping[str, str]) -> dict[str, str]:
    """The words that were kept with a machine."""
    return {key.removeprefix(WORD): value for key, value in tags.items() if key.startswith(WORD)}


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
