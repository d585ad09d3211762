"""EC2 with a point before and after every single call that changes something there, and every command on a machine."""

from __future__ import annotations

import dataclasses
from typing import TypeVar

from cloudclusters.provider.ec2.account import Account
from cloudclusters.provider.ec2.provider import Ec2Provider
from cloudclusters.provider.protocol import Site
from cloudclusters.remote.ssh.host import Host
from cloudclusters.testing.reliability.imported import SESSION
from cloudclusters.testing.reliability.points import Points

T = TypeVar("T")


class PointedAccount(Account):
    """The account, whose calls have points; those that only look have none."""

    def __init__(self, points: Points) -> None:
        super().__init__("")
        self._session = SESSION
        self._points = points

    def ask(self, region: str, action: str, shape: type[T], **said: object) -> T:
        """Make one call, between two points."""
        looks = action.rpartition(":")[2].startswith(("describe_", "get_"))
        if looks:
            return super().ask(region, action, shape, **said)
        self._points.reach(f"before {action}")
        answer = super().ask(region, action, shape, **said)
        self._points.reach(f"after {action}")
        return answer


class PointedEc2(Ec2Provider):
    """The provider on such an account; the bed shows what it made sooner than AWS does."""

    def __init__(self, site: Site, account: Account, settles_after: float | None) -> None:
        super().__init__(site, account)
        if settles_after is not None:
            self.traits = dataclasses.replace(self.traits, settles_after=settles_after)


def pointed_ec2(site: Site, points: Points, settles_after: float | None) -> PointedEc2:
    """The provider; commands on machines get points for the rest of this process."""
    plain = Host.run
    if not hasattr(plain, "__wrapped__"):
        setattr(Host, "run", points.around("a command on a machine", plain))  # noqa: B010
    return PointedEc2(site, PointedAccount(points), settles_after)
