"""What two agents said to each other over the network is worth nothing to who heard it."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator

import pytest
from tests.agent.conftest import RealAgent, make_agent
from tests.agent.test_agent_limits import ask, give, limits, until

__all__ = ["make_agent"]

HEAD = "127.0.0.3"


class Relay:
    """Stands between a member and its head, and keeps what they say."""

    def __init__(self, port: int) -> None:
        self.heard: dict[str, list[bytes]] = {"member": [], "head": []}
        self._head, self.member = (HEAD, port), ("", 0)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((HEAD, 0))
        self.socket.settimeout(10)

    def carry(self, count: int) -> None:
        """So many datagrams, each to the other side."""
        for _ in range(count):
            data, address = self.socket.recvfrom(2000)
            who = "head" if address == self._head else "member"
            self.heard[who].append(data)
            if who == "member":
                self.member = address
            self.socket.sendto(data, self.member if who == "head" else self._head)


@pytest.fixture
def pair(make_agent: Callable[[], RealAgent]) -> Iterator[tuple[RealAgent, RealAgent, Relay, int]]:
    """A head, a member that reaches it through a relay, and the head's port; the head has proven the member once."""
    head, member = make_agent(), make_agent()
    port = int(give(head, limits(head=HEAD, idle_timeout=60.0))["port"])
    relay = Relay(port)
    with relay.socket:
        give(member, limits("node1", head=HEAD, port=relay.socket.getsockname()[1], idle_timeout=60.0))
        relay.carry(4)
        until(lambda: ask(head)["members"].get("node1"))
        yield head, member, relay, port


def test_real_datagram_is_worth_nothing_later(pair: tuple[RealAgent, RealAgent, Relay, int]) -> None:
    """Real ones, said again from their own and from another address, cut off, changed, too long or garbage."""
    head, member, relay, port = pair
    before = ask(head)["members"]["node1"]["heard"]
    time.sleep(0.2)
    said = relay.heard["member"][-1]
    changed = said.replace(b'"busy":false', b'"busy":true ')
    assert changed != said
    junk = [
        said[:-1],
        said[:64],
        said[1:],
        changed,
        b"",
        b" ",
        b"{}",
        os.urandom(1400),
        said + b" " * 60000,
        b"\xff" * 9,
    ]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind(("127.0.0.4", 0))
        for sender in (stranger, relay.socket):
            for data in (*relay.heard["member"], *relay.heard["head"], *junk):
                sender.sendto(data, (HEAD, port))
                sender.sendto(data, relay.member)
    standing = ask(head)["members"]
    assert set(standing) == {"node1"}
    assert standing["node1"]["heard"] >= before + 0.2, "a repetition is no sign of life"
    assert standing["node1"]["busy"] is False
    assert ask(member)["idle_for"] >= 0
