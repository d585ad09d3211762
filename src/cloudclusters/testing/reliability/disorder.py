"""How a cloud is told to go wrong during one verb: the fake one by its file, the simulated EC2 by the bed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cloudclusters.testing.reliability.stage import Stage

if TYPE_CHECKING:
    from cloudclusters.testing.bed.bed import Bed

ACTIONS = {
    "deploy": (
        "CreateSecurityGroup",
        "AuthorizeSecurityGroupIngress",
        "RunInstances",
        "DescribeInstances",
        "CreateTags",
    ),
    "terminate": ("DescribeInstances", "TerminateInstances", "DeleteSecurityGroup"),
    "interrupt": ("DescribeInstances", "StopInstances"),
    "resume": ("DescribeInstances", "StartInstances", "CreateTags"),
    "scale up": ("RunInstances", "DescribeInstances", "CreateTags"),
    "scale down": ("DescribeInstances", "TerminateInstances"),
    "replace": ("RunInstances", "DescribeInstances", "TerminateInstances"),
}
"""What the verbs call EC2 for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Error:
    """One error: what it is called in the table, for the fake cloud, and for EC2."""

    name: str
    fake: str
    ec2: str
    times: int = 1
    after: bool = False


BEFORE = Error(name="before the effect", fake="ProviderUnavailable", ec2="connection lost")
AFTER = Error(name="after the effect", fake="ProviderUnavailable", ec2="connection lost", after=True)
THROTTLED = Error(name="throttled", fake="Throttled", ec2="RequestLimitExceeded", times=3)


class Disorder:
    """The orders to one cloud."""

    def __init__(self, stage: Stage, verb: str, bed: Bed | None) -> None:
        self._stage = stage
        self._actions = ACTIONS.get(verb, ())
        self._bed = bed

    def order(self, call: int, error: Error) -> str:
        """Order the error for the call of this number from now on, or of this kind; its name, empty past the last."""
        if self._stage.provider == "fake":
            self._stage.cloud.fail("", error.fake, skip=call - 1, times=error.times, after=error.after)
            return f"call {call}"
        if call > len(self._actions):
            return ""
        assert self._bed is not None
        action = self._actions[call - 1]
        self._bed.faults.error(action, error.ec2, times=error.times, after=error.after)
        return action

    def is_past(self, call: int) -> bool:
        """Whether the verb made fewer calls than this, so that nothing went wrong."""
        if self._stage.provider != "fake":
            return call > len(self._actions)
        with self._stage.cloud.seen() as world:
            return any(fault.skip > 0 for fault in world.faults)

    def mend(self) -> None:
        """Nothing goes wrong any more."""
        if self._stage.provider == "fake":
            self._stage.cloud.mend()
        if self._bed is not None:
            self._bed.faults.clear()
