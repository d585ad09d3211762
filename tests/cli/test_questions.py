"""Questions: asked on a terminal, answered by -y, and refused where nobody can answer."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cloudclusters.api import verbs
from cloudclusters.api.cluster import Cluster
from cloudclusters.api.session import session
from cloudclusters.cli import console
from cloudclusters.store.record import ClusterRecord

Call = Callable[..., object]
Record = Callable[..., ClusterRecord]


@pytest.fixture
def terminated(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The clusters that `terminate` was called for; nothing is done."""
    called: list[str] = []

    def terminate(*clusters: str, force: bool) -> list[Cluster]:
        called.extend(clusters)
        return [Cluster(session().store.find(cluster)) for cluster in clusters]

    monkeypatch.setattr(verbs, "terminate", terminate)
    return called


@pytest.fixture
def answer_no(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Somebody at a terminal who says no to every question; the questions asked."""
    asked: list[str] = []

    def confirm(question: str, **_: object) -> bool:
        asked.append(question)
        return False

    monkeypatch.setattr(console, "at_terminal", lambda: True)
    monkeypatch.setattr("click.confirm", confirm)
    return asked


def test_terminate_asks_on_a_terminal(ccl: Call, recorded: Record, terminated: list[str], answer_no: list[str]) -> None:
    """A no deletes nothing, and ends well."""
    recorded("training")
    answer = ccl("terminate", "training")

    assert (answer.code, terminated) == (0, [])
    assert "training" in answer_no[0]
    assert "nothing was deleted" in answer.err


def test_terminate_with_yes_does_not_ask(
    ccl: Call, recorded: Record, terminated: list[str], answer_no: list[str]
) -> None:
    """-y is the answer."""
    recorded("training")
    ccl("terminate", "training", "-y")

    assert (terminated, answer_no) == (["training"], [])


def test_terminate_without_a_terminal_acts(ccl: Call, recorded: Record, terminated: list[str]) -> None:
    """A script that deletes what it made needs no -y."""
    recorded("training")
    ccl("down", "training")

    assert terminated == ["training"]


def test_deploy_shows_the_plan_before_it_asks(ccl: Call, answer_no: list[str]) -> None:
    """Price and machines come before the yes; a no makes nothing."""
    answer = ccl("deploy", "node_provider=local", "node_count=3")

    assert answer.code == 0
    assert "this-machine" in answer.err
    assert answer_no == ["Deploy 3 x this-machine at local in local for nothing per hour?"]
    assert "nothing was made" in answer.err


def test_deploy_without_terminal_and_without_yes_makes_nothing(ccl: Call) -> None:
    """It costs money, so silence is not a yes."""
    answer = ccl("deploy", "node_provider=local")

    assert answer.code == 2
    assert session().store.summaries(terminated=True) == []


def test_a_dry_run_only_shows_the_plan(ccl: Call) -> None:
    """As JSON, by the words of the package."""
    plan = ccl("deploy", "node_provider=local", "node_count=2", "--dry-run", "--json").data

    assert (plan["provider"], plan["nodes"]) == ("local", 2)
    assert plan["roles"][0]["instance_type"] == "this-machine"


def test_what_cannot_be_deployed_is_told_before_the_question(ccl: Call) -> None:
    """Nobody says yes to something that is then refused."""
    answer = ccl("deploy", "node_provider=local", "environment=conda")

    assert answer.code == 1
    assert "needs packages or conda_file" in answer.err
    assert "Deploy" not in answer.err
