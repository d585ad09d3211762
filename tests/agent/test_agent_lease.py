"""The lease that an agent keeps for drivers that share nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from tests.agent.conftest import Message, RealAgent, Talk


def take(talk: Talk, holder: str, *, verb: str = "scale", seconds: float = 60, **more: object) -> Message:
    """Ask for the lease."""
    return talk.ask("lease", holder=holder, who=f"{holder}@host", verb=verb, seconds=seconds, **more)[0]


def test_one_holder_at_a_time(agent: RealAgent) -> None:
    """The second one is told who holds it, for what and for how long; afterwards it is free, under a higher number."""
    talk = agent.talk()
    number = take(talk, "a")["ok"]["number"]
    refused = take(talk, "b")["error"]
    assert refused["kind"] == "held"
    assert "`scale` is being run by a@host, for 0 s" in refused["text"]
    talk.call("unlease", number=number)
    assert take(talk, "b")["ok"]["number"] == number + 1


def test_who_wakes_up_late_is_refused(agent: RealAgent) -> None:
    """A lease that was not renewed ends, whether or not somebody took it over; to let go of it is no mistake."""
    talk = agent.talk()
    old = take(talk, "a", seconds=0)["ok"]["number"]
    assert "not renewed in time" in take(talk, "a", number=old)["error"]["text"]
    new = take(talk, "b", verb="restart")["ok"]["number"]
    said = take(talk, "a", number=old)["error"]
    assert (said["kind"], said["text"]) == ("lost", f"the lease number {old} was taken over by b@host (`restart`)")
    talk.call("unlease", number=old)
    assert take(talk, "b", number=new)["ok"]["number"] == new


def test_a_holder_that_died_takes_it_anew(agent: RealAgent) -> None:
    """The store already told its next process that the earlier one is dead."""
    talk = agent.talk()
    first = take(talk, "a")["ok"]["number"]
    assert take(talk, "a")["ok"]["number"] == first + 1
    assert take(talk, "a", number=first)["error"]["kind"] == "lost"


def test_it_outlives_the_agent_but_not_the_boot(agent: RealAgent) -> None:
    """An agent that was killed goes on refusing; after a reboot nobody holds it, and the number rises all the same."""
    number = take(agent.talk(), "a")["ok"]["number"]
    agent.process.kill()
    agent.wait()
    agent.start()
    assert take(agent.talk(), "b")["error"]["kind"] == "held"

    agent.process.kill()
    agent.wait()
    file = agent.folder / "agent.lease"
    file.write_text(json.dumps({**json.loads(file.read_text()), "boot": "an earlier one"}))
    agent.start()
    assert take(agent.talk(), "b")["ok"]["number"] == number + 1


@pytest.mark.parametrize("content", ["", "{", "[]", '{"number": "x"}', '{"number": 3}'])
def test_a_file_that_nobody_can_read_holds_up_nobody(make_agent: Callable[[], RealAgent], content: str) -> None:
    """The agent starts, and gives the lease."""
    agent = make_agent()
    agent.process.kill()
    agent.wait()
    (agent.folder / "agent.lease").write_text(content)
    agent.start()
    assert take(agent.talk(), "a")["ok"]["number"] > 3


def test_nobody_writes_it_but_the_agent(any_agent: RealAgent) -> None:
    """A client cannot give itself the lease by a file."""
    assert any_agent.talk().error("write", files=[{"path": "agent.lease", "text": "{}"}])["kind"] == "bad-request"
