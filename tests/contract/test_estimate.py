"""What a plan will cost: expected, at worst, and left alone."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudclusters.base.cloud import NOTHING, Offer, Place, Rates
from cloudclusters.base.size import GiB
from cloudclusters.cli.plans import plan_row
from cloudclusters.contract.document import ClusterType, Plan, RolePlan
from cloudclusters.contract.estimate import check_first_hour, estimate
from cloudclusters.errors import InvalidSetting

RATES = Rates(disk_usd=0.0001, address_usd=0.005)


def plan_of(
    price: float | None = 1.0, *, count: int = 2, rates: Rates = RATES, disk: int | None = 100, **settings: str
) -> Plan:
    """So many nodes at a price, with these limits."""
    offer = Offer(provider="p", instance_type="a.large", place=Place("r"), hourly_usd=price)
    role = RolePlan(role="peer", count=count, offer=offer, disk_bytes=disk and disk * GiB)
    made = Plan(contract="C", cluster_type=ClusterType.PEER_WORKERS, provider="p", roles=(role,))
    return msgspec.structs.replace(made, rates=rates, settings=dict(settings))


def test_expected_cost_has_disks_and_addresses() -> None:
    """Machines alone are not what is paid."""
    seen = estimate(plan_of())

    assert (seen.disk_usd, seen.address_usd) == (pytest.approx(0.02), pytest.approx(0.01))
    assert seen.hourly_usd == pytest.approx(2.03)


@given(
    st.floats(0.01, 100), st.none() | st.integers(60, 10**6), st.none() | st.floats(0.01, 1e5), st.integers(60, 10**5)
)
def test_the_worst_is_what_strikes_first(price: float, lifetime: int | None, most: float | None, idle: int) -> None:
    """Neither more than the cost allowed, nor than the whole lifetime costs; idle cost is that of the idle time."""
    named = {"max_lifetime": f"{lifetime}s" if lifetime else "off", "max_cost": f"{most:.10f}" if most else "off"}
    seen = estimate(plan_of(price, idle_timeout=f"{idle}s", **named))

    assert seen.hourly_usd is not None
    ends = [seen.hourly_usd * lifetime / 3600] if lifetime else []
    ends += [most] if most else []
    assert seen.worst_usd == (pytest.approx(min(ends)) if ends else None)
    assert seen.idle_usd == pytest.approx(seen.hourly_usd * idle / 3600)


def test_the_plan_tells_it_before_the_yes() -> None:
    """As text and by the words of the package."""
    limited = plan_of(idle_timeout="30m", max_lifetime="10h", at_limit="stop")
    text, row = str(limited), plan_row(limited)

    assert "expected     2.03 USD/h, 48.72 USD a day" in text
    assert "at most      20.30 USD, until a limit strikes; its disks go on costing, 0.0200 USD/h" in text
    assert "idle         1.01 USD in the 30m until it lets go" in text
    assert row["expected_hourly_usd"] == pytest.approx(2.03)
    assert (row["worst_case_usd"], row["idle_usd"]) == (pytest.approx(20.3), pytest.approx(1.015))


def test_without_a_limit_it_says_so() -> None:
    """And what a day costs."""
    assert "no limit: 48.72 USD a day until you terminate it" in str(plan_of(idle_timeout="off"))
    assert "no limit: 48.72 USD a day while it is used" in str(plan_of(idle_timeout="1h"))


def test_what_is_not_known_is_told() -> None:
    """A disk of the image's own size, a region whose disks have no known price, a machine without a price."""
    assert "disks 0.000100 USD/h per GiB of the image's own" in str(plan_of(disk=None))
    assert "disks not known, public addresses not known" in str(plan_of(rates=Rates()))
    assert "expected     not known" in str(plan_of(None))
    row = plan_row(plan_of(None))
    assert (row["expected_hourly_usd"], row["worst_case_usd"], row["idle_usd"]) == (None, None, None)


def test_what_costs_nothing_has_no_such_lines() -> None:
    """Nodes on this machine."""
    assert "expected" not in str(plan_of(0.0, rates=NOTHING))


def test_a_first_hour_beyond_the_cap_is_refused() -> None:
    """With both amounts, and what to write instead."""
    with pytest.raises(InvalidSetting, match=r"\$2.03 in its first hour, and max_cost is \$2") as caught:
        check_first_hour(plan_of(max_cost="2"))

    assert "max_cost=3" in caught.value.hint
    check_first_hour(plan_of(max_cost="3"))


def test_a_cap_of_what_nobody_knows_is_refused() -> None:
    """As `deploy` does, whose plan this is: no price, no moment at which it would strike."""
    with pytest.raises(InvalidSetting, match=r"max_cost is \$1, and the price of .* is not known") as caught:
        check_first_hour(plan_of(None, max_cost="1"))

    assert "max_lifetime=8h" in caught.value.hint
    check_first_hour(plan_of(None))
