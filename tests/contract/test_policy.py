"""What comes first: by price, by fit, by speed, exactly what is named, or what the user's own function says."""

from __future__ import annotations

import math

import pytest

from cloudclusters.catalog import Catalog, MachineType, Price
from cloudclusters.contract.plan import plan
from cloudclusters.contract.policy import MEASURES, PER_DOLLAR, figure, figure_text
from cloudclusters.contract.resolution import Choice, ProviderFacts, Resolution
from cloudclusters.contract.resolve import resolve
from cloudclusters.contract.text import from_texts
from cloudclusters.errors import InvalidContract
from cloudclusters.settings import Settings
from cloudclusters.settings.keys import POLICIES

GiB, GHz, Gbit = 2**30, 10**9, 10**9
FACTS = {"ec2": ProviderFacts(name="ec2", regions=("r",))}
GPU = {"accelerator_count": 1, "accelerator_memory_bytes": 24 * GiB}
CATALOG = Catalog.build(
    [
        MachineType("ec2", "cheap.x", vcpus=4, cores=2, memory_bytes=8 * GiB, clock_hz=2 * GHz, network_bps=Gbit),
        MachineType("ec2", "tight.x", vcpus=2, cores=2, memory_bytes=4 * GiB, clock_hz=3 * GHz, network_bps=Gbit),
        MachineType("ec2", "quick.x", vcpus=8, cores=4, memory_bytes=16 * GiB, clock_hz=4 * GHz, network_bps=9 * Gbit),
        MachineType("ec2", "gpu.x", vcpus=4, cores=2, memory_bytes=64 * GiB, **GPU),  # type: ignore[arg-type]
        MachineType("ec2", "dear.x", vcpus=16, cores=8, memory_bytes=32 * GiB, clock_hz=4 * GHz, network_bps=9 * Gbit),
    ],
    [
        Price("ec2", "cheap.x", "r", 1.0),
        Price("ec2", "tight.x", "r", 1.5),
        Price("ec2", "quick.x", "r", 2.0),
        Price("ec2", "gpu.x", "r", 4.0),
        Price("ec2", "dear.x", "r", None),
    ],
)


def solved(*texts: str, **more: object) -> Resolution:
    """The resolution of a contract that nearly everything satisfies."""
    contract = from_texts(("node_vcpus_count>=2", *texts), handle="FXqElAnSeTEpQAm", created=1.0)
    return resolve(contract, CATALOG, Settings(), providers=FACTS, **more)  # type: ignore[arg-type]


def names(found: Resolution) -> list[str]:
    """The types in order."""
    return [c.offer.instance_type.removesuffix(".x") for c in found.roles[0].choices]


@pytest.mark.parametrize(
    ("policy", "order"),
    [
        ("cheapest", ["cheap", "tight", "quick", "gpu"]),
        ("tightest", ["tight", "cheap", "gpu", "quick"]),
        ("fastest", ["quick", "cheap", "tight", "gpu"]),
        ("fastest-per-dollar", ["quick", "cheap", "tight", "gpu"]),
        ("fastest-cores", ["quick", "cheap", "tight", "gpu"]),
        ("fastest-cores-per-dollar", ["cheap", "quick", "tight", "gpu"]),
        ("fastest-memory", ["gpu", "quick", "cheap", "tight"]),
        ("fastest-memory-per-dollar", ["gpu", "cheap", "quick", "tight"]),
        ("fastest-network", ["quick", "cheap", "tight", "gpu"]),
        ("fastest-accelerator-memory", ["gpu", "cheap", "tight", "quick"]),
    ],
)
def test_policies_put_first_what_they_say(policy: str, order: list[str]) -> None:
    """Unknown figures and unknown prices come last, whatever the policy."""
    assert names(solved(f"policy={policy}")) == [*order, "dear"]


def test_every_policy_of_the_settings_is_understood() -> None:
    """The settings name them, the contract knows them."""
    measured = {name for name in POLICIES if name.removesuffix(PER_DOLLAR) in MEASURES}
    assert set(POLICIES) - measured == {"cheapest", "tightest", "pinned"}
    assert {name.removesuffix(PER_DOLLAR) for name in measured} == set(MEASURES)


def test_figures_are_of_the_whole_cluster_and_shown() -> None:
    """With their unit in the title."""
    found = solved("policy=fastest", "node_count=2")
    assert (found.policy, found.best.figure) == ("fastest", 64.0)
    assert "vCPU-GHz" in str(found)
    machine = MachineType("ec2", "x", vcpus=4, clock_hz=2 * GHz)
    assert figure("fastest-per-dollar", machine, 2, 4.0) == 4.0
    assert figure("fastest-per-dollar", machine, 2, None) is None
    assert figure("cheapest", machine, 2, 4.0) is None
    assert figure_text("fastest-per-dollar", 4.0) == "4 vCPU-GHz per USD/h"
    assert figure_text("fastest", None) == "unknown"
    assert figure_text("fastest-memory-per-dollar", math.inf) == "free"
    assert figure("fastest-per-dollar", machine, 2, 0.0) == math.inf


def test_own_function_ranks() -> None:
    """The smallest of what it gives comes first; equals in the usual order, and unknown prices last as ever."""

    def most_memory(choice: Choice) -> float:
        return -(choice.memory_bytes or 0)

    found = solved(policy=most_memory)
    assert names(found) == ["gpu", "quick", "cheap", "tight", "dear"]
    assert "most_memory" in found.policy
    assert names(solved(policy=lambda choice: 0)) == ["cheap", "tight", "quick", "gpu", "dear"]
    with pytest.raises(InvalidContract, match="cannot be compared"):
        solved(policy=lambda choice: choice.cluster_usd if (choice.cluster_usd or 0) > 1 else "cheap")


def test_own_function_that_is_called_like_a_policy_is_none_of_them() -> None:
    """Its plan has fallbacks, and its table no figures."""

    def pinned(choice: Choice) -> float:
        return choice.cluster_usd or 0.0

    pinned.__qualname__ = "pinned"
    assert solved(policy=pinned).policy == "pinned()"


def test_pinned_takes_what_is_named_and_has_no_fallbacks() -> None:
    """Whoever leaves it open is told what to write."""
    contract = from_texts(["policy=pinned", "node_machinetype=quick.x"], handle="FXqElAnSeTEpQAm", created=1.0)
    found = resolve(contract, CATALOG, Settings(), providers=FACTS)
    assert plan(found, contract, Settings(), FACTS).roles[0].fallbacks == ()
    with pytest.raises(InvalidContract, match=r"node_machinetype leaves it open: cheap\.x, tight\.x") as caught:
        solved("policy=pinned")
    assert caught.value.hint == "write for instance node_machinetype=cheap.x"


def test_an_unknown_policy_is_told_with_near_names() -> None:
    """As every setting is."""
    with pytest.raises(InvalidContract, match="did you mean 'cheapest'"):
        solved("policy=cheapst")
