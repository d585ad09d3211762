"""The user's own rows, pinned catalogs and what is different, on the command line."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

import cloudclusters as cc
from cloudclusters.api.session import session
from cloudclusters.catalog import Catalog, Content, MachineType, Price, stored

Call = Callable[..., object]
MINE = """
[[type]]
provider = "ec2"
instance_type = "g99.large"
vcpus = 2
memory_bytes = "8G"

[[region]]
provider = "ec2"
region = "eu-far-9"
continent = "Europe"

[[price]]
provider = "ec2"
instance_type = "g99.large"
region = "eu-far-9"
usd = 0.001
date = 2026-11-01
"""


@pytest.fixture
def mine(anew: Call, tmp_path: Path) -> Path:
    """A folder whose project file names an overlay beside it."""
    path = tmp_path / "mine.toml"
    path.write_text(MINE)
    (tmp_path / "cloudclusters.toml").write_text('[defaults]\ncatalog_overlay = "mine.toml"\n')
    return path


def _refreshed(date: str, usd: float = 0.5) -> None:
    """Make a small catalog the refreshed one."""
    types, prices = (MachineType("ec2", "t3.xlarge", vcpus=4),), (Price("ec2", "t3.xlarge", "us-east-1", usd),)
    stored.write(session().home, Content(types=types, prices=prices, date=date), origin=f"asked on {date}")


def test_own_rows_are_selected_resolved_and_shown(mine: Path, anew: Call) -> None:
    """Also by the continent that the new region lies in; and `show` names them."""
    assert "g99.large" in anew("select", "node_machinetype=g99").out
    for place in ("eu-far-9", "Europe"):
        words = "node_provider=ec2", "node_vcpus_count=2", f"cluster_locale={place}"
        assert re.search(r"^ *1 +ec2 +g99.large", anew("resolve", *words).out, re.MULTILINE)
    shown = anew("catalog", "show", "--json").data
    assert shown["overlay"] == f"{mine} (1 type, 1 region)"
    assert f"your own rows of {mine}" in anew("catalog", "show").err
    assert "g99.large" in anew("catalog", "diff").out


def test_a_contracts_file_may_name_an_own_region(mine: Path, anew: Call, tmp_path: Path) -> None:
    """The file is read once the region is known."""
    (tmp_path / "c.toml").write_text('cluster_locale = "eu-far-9"\nnode_machinetype = "g99.large"\n')
    assert "g99.large" in anew("resolve", "c.toml").out


def test_a_changed_overlay_refuses_a_resolution_from_before(mine: Path, anew: Call) -> None:
    """With the price of then and of now."""
    handle = anew("resolve", "node_machinetype=g99.large", "cluster_locale=eu-far-9", "--json").data["contract"]
    mine.write_text(MINE.replace("0.001", "0.002"))
    answer = anew("plan", handle)

    assert answer.code == 1
    assert "g99.large in eu-far-9 was 0.0010 USD/h, is 0.0020" in answer.err


def test_an_overlay_that_cannot_be_is_told(mine: Path, anew: Call) -> None:
    """By whatever asks the catalog."""
    mine.write_text(MINE.replace("usd = 0.001", "usd = -1"))
    answer = anew("select", "node_vcpus_count=2")

    assert answer.code == 1
    assert f"{mine}:17: usd: -1 is no number 0 or more" in answer.err


def test_an_overlay_is_no_part_of_a_contract(anew: Call) -> None:
    """It holds for all of them."""
    answer = anew("resolve", "catalog_overlay=x.toml")
    assert answer.code == 1
    assert "catalog_overlay" in answer.err


def test_an_overlay_from_a_variable_is_relative_to_the_working_directory(
    anew: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no file that it could be beside."""
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "rows.toml").write_text(MINE)
    monkeypatch.setenv("CLOUDCLUSTERS_CATALOG_OVERLAY", "own")
    assert "g99.large" in anew("select", "node_machinetype=g99").out


def test_a_pinned_catalog_is_used_until_unpin(anew: Call) -> None:
    """`show` says so, `pin` alone lists them, a day that is not there is told."""
    _refreshed("2026-12-01")
    assert [row["name"] for row in anew("catalog", "pin", "--json").data] == ["2026-11-20", "2026-12-01"]
    assert anew("catalog", "pin", "2026-11-20").code == 0
    shown = anew("catalog", "show", "--json").data
    assert (shown["pinned"], shown["date"]) == ("2026-11-20", "2026-11-20")
    assert "2026-11-20 is pinned" in anew("catalog", "show").err
    assert [row["pinned"] for row in anew("catalog", "pin", "--json").data] == [True, False]
    assert "stays pinned" in anew("catalog", "reset").err
    wrong = anew("catalog", "pin", "2026-11-31")
    assert wrong.code == 1
    assert "there are 2026-11-20, 2026-12-01" in wrong.err
    assert "no longer pinned" in anew("catalog", "unpin").err
    assert "no catalog is pinned" in anew("catalog", "unpin").err


def test_a_lost_pin_is_an_error_with_the_way_out(anew: Call) -> None:
    """And the way out works."""
    anew("catalog", "pin", "2026-11-20")
    (session().home / "catalog" / "kept" / "2026-11-20.sqlite").unlink()
    answer = anew("select", "node_vcpus_count=2")

    assert answer.code != 0
    assert "the pinned catalog" in answer.err
    assert "cloudclusters catalog unpin" in answer.err
    assert anew("catalog", "unpin").code == 0
    assert anew("select", "node_vcpus_count=2").code == 0


def test_what_is_different_is_told(anew: Call, tmp_path: Path) -> None:
    """From the packaged one, from one of a day, from a file; with the change of each price."""
    _refreshed("2026-12-01")
    anew("catalog", "pin", "2026-12-01")
    _refreshed("2026-12-02", usd=0.6)
    anew("catalog", "unpin")
    since = anew("catalog", "diff", "2026-12-01")
    file = session().home / "catalog" / "kept" / "2026-12-01.sqlite"
    data = anew("catalog", "diff", str(file), "--json").data

    assert "+20.0%" in since.out
    assert [(row["before_usd"], row["after_usd"]) for row in data["up"]] == [(0.5, 0.6)]
    assert anew("catalog", "diff", "--provider", "gcp", "--json").data["gone_prices"] > 10_000
    assert "no difference to" in anew("catalog", "diff", "2026-12-02").err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("2026-01-01",), "there is no catalog of '2026-01-01'"),
        (("gone.sqlite",), "there is no file gone.sqlite"),
        (("--provider", "ec3"), "no catalog has types of 'ec3'; did you mean 'ec2'"),
        (("--type", "t3.xlarg"), "no catalog has an instance type or family 't3.xlarg'; did you mean 't3.xlarge'"),
    ],
)
def test_what_cannot_be_compared_is_told(anew: Call, words: tuple[str, ...], said: str) -> None:
    """With near names."""
    answer = anew("catalog", "diff", *words)
    assert answer.code == 1
    assert said in answer.err


def test_the_library_uses_the_overlay_too(mine: Path, anew: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python and the command line share the settings."""
    monkeypatch.setattr("cloudclusters.api.session._current", None)
    contract = cc.cluster(node_machinetype="g99.large", cluster_locale="eu-far-9")
    assert cc.resolve(contract).best.offer.hourly_usd == 0.001


def test_this_release_can_be_compared_with_itself(anew: Call) -> None:
    """Nothing is different."""
    with Catalog.packaged() as packaged:
        assert f"no difference to the packaged snapshot of {packaged.date}" in anew("catalog", "diff").err


def test_an_overlay_that_is_not_there_is_told_with_the_setting(anew: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name of a file alone does not say who named it."""
    monkeypatch.setenv("CLOUDCLUSTERS_CATALOG_OVERLAY", "gone.toml")
    answer = anew("select", "node_machinetype=t3")
    assert answer.code == 1
    assert "catalog_overlay names" in answer.err
    assert "config show" in answer.err
