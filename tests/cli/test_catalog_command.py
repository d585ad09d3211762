"""catalog refresh, show and reset, with a provider that says what it sells; and what resolutions make of it."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Collection
from pathlib import Path

import pytest

from cloudclusters.api.knowledge import refresh_catalog
from cloudclusters.api.session import Session, session
from cloudclusters.catalog import Content, MachineType, Price, Region, stored
from cloudclusters.catalog.refreshing import Step, Survey, Tell
from cloudclusters.errors import CredentialsRefused, UnknownName
from cloudclusters.provider import registry
from cloudclusters.provider.protocol import Plugin, Provider, Site, Traits

Call = Callable[..., object]
DAY = "2026-11-21"


class Cirrus:
    """Sells two types of EC2's in one region, and can say so."""

    traits = Traits()
    usd = 0.5
    fails: BaseException | None = None

    def survey(self, regions: Collection[str], known: Content, tell: Tell) -> Survey:
        """What it sells, or what it fails with half-way."""
        assert any(t.instance_type == "t3.xlarge" for t in known.types)
        for region in regions:
            if region != "us-east-1":
                raise UnknownName(f"no region {region!r}")
        tell(Step(region="us-east-1", what="types", done=1, total=2))
        if self.fails is not None:
            raise self.fails
        tell(Step(region="us-east-1", what="types", done=2, total=2, last=True))
        return Survey(
            provider="ec2",
            regions=("us-east-1",),
            content=Content(
                types=(MachineType("ec2", "t3.xlarge"), MachineType("ec2", "x99.large", vcpus=4)),
                prices=(
                    Price("ec2", "t3.xlarge", "us-east-1", usd=self.usd, date=DAY, source="said"),
                    Price("ec2", "x99.large", "us-east-1", usd=0.7, date=DAY, source="said"),
                ),
                regions=(Region("ec2", "us-east-1"),),
                date=DAY,
            ),
            priced=frozenset({"us-east-1"}),
            gaps=("spot prices in us-east-1 stay as they were: nobody may read them",),
        )


@pytest.fixture
def cirrus(monkeypatch: pytest.MonkeyPatch) -> Cirrus:
    """The provider `ec2` is this one; every command line is a program of its own."""
    made = Cirrus()

    def opened(site: Site) -> Provider:
        return made  # type: ignore[return-value]  # it has no machines

    module = types.ModuleType("cirrus_plugin")
    module.PLUGIN = Plugin(name="ec2", title="a cloud", traits=Traits(), open=opened)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "cirrus_plugin", module)
    monkeypatch.setitem(registry.BUILT_IN, "ec2", "cirrus_plugin")
    return made


def test_a_refresh_is_told_and_then_used(cirrus: Cirrus, anew: Call) -> None:
    """Progress and gaps on stderr, the summary on stdout; the next command has the new prices and types."""
    answer = anew("catalog", "refresh", "--provider", "ec2", "--region", "us-east-1")

    assert answer.code == 0, answer.err
    assert "ec2/us-east-1 types 2/2" in answer.err
    assert "types 1/2" not in answer.err
    assert "warning: spot prices in us-east-1 stay as they were" in answer.err
    assert "1: x99.large" in answer.out
    shown = anew("catalog", "show", "x99.large", "--json").data
    assert shown[0]["prices"][0]["usd"] == 0.7
    (machine,) = anew("catalog", "show", "t3.xlarge", "--json").data
    assert machine["processor_microarchitecture"] == "Skylake"
    assert {p["region"]: p["usd"] for p in machine["prices"]}["us-east-1"] == 0.5
    assert "x99.large" in anew("select", "node_machinetype=x99").out


def test_the_summary_as_json(cirrus: Cirrus, anew: Call) -> None:
    """By the same words, alone on stdout."""
    data = anew("catalog", "refresh", "--provider", "ec2", "--json").data

    assert (data["types"], data["prices"], data["new"], data["date"]) == (2, 2, ["x99.large"], DAY)
    assert "t3.xlarge" in data["changed"]
    assert len(data["gaps"]) == 1


def test_show_tells_dates_and_sources(cirrus: Cirrus, anew: Call) -> None:
    """Before and after; `reset` goes back, and may be repeated."""
    before = anew("catalog", "show", "--json").data
    anew("catalog", "refresh", "--provider", "ec2")
    after = anew("catalog", "show", "--json").data
    ec2, gcp = ({row["provider"]: row for row in each["providers"]} for each in (after, before))

    assert before["source"] == "the packaged snapshot"
    assert after["source"].startswith("ec2 asked on 2026-11-21 in 1 region; the rest is the snapshot of ")
    assert ec2["ec2"]["newest_price"] == DAY
    assert ec2["gcp"] == gcp["gcp"]
    assert "packaged catalog is used again" in anew("catalog", "reset").err
    assert "already" in anew("catalog", "reset").err
    assert anew("catalog", "show", "--json").data == before


@pytest.mark.parametrize(
    ("failure", "code"),
    [(CredentialsRefused("no", hint="log in"), 1), (KeyboardInterrupt(), 130)],
    ids=["error", "ctrl-c"],
)
@pytest.mark.parametrize("refreshed", [False, True])
def test_a_refresh_that_ends_half_way_changes_nothing(
    cirrus: Cirrus, anew: Call, failure: BaseException, code: int, refreshed: bool
) -> None:
    """Neither the packaged catalog nor one of an earlier refresh."""
    if refreshed:
        assert anew("catalog", "refresh", "--provider", "ec2").code == 0
    before = anew("catalog", "show", "--json").data
    cirrus.fails, cirrus.usd = failure, 0.9

    assert anew("catalog", "refresh", "--provider", "ec2").code == code
    assert anew("catalog", "show", "--json").data == before


def test_a_resolution_from_before_is_refused_with_the_difference(cirrus: Cirrus, anew: Call) -> None:
    """The price that was looked at, and the one of now."""
    words = ("node_provider=ec2", "node_machinetype=t3.xlarge", "cluster_locale=us-east-1", "--json")
    handle = anew("resolve", *words).data["contract"]
    anew("catalog", "refresh", "--provider", "ec2")
    answer = anew("plan", handle)

    assert answer.code == 1
    assert "t3.xlarge in us-east-1 was 0.1664 USD/h, is 0.5000" in answer.err
    assert "cloudclusters resolve" in answer.err


def test_the_difference_may_be_elsewhere(cirrus: Cirrus, anew: Call) -> None:
    """Then it says that the first choice costs the same."""
    cirrus.usd = 0.1664
    words = ("node_provider=ec2", "node_machinetype=t3.xlarge", "cluster_locale=us-east-1", "--json")
    handle = anew("resolve", *words).data["contract"]
    anew("catalog", "refresh", "--provider", "ec2")

    assert "costs the same" in anew("plan", handle).err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--provider", "local"), "local cannot say what it sells"),
        (("--provider", "gcp"), "gcp cannot say what it sells"),
        (("--provider", "nobody"), "hint: the providers are: local, ec2\n"),
        (("--provider", "ec3"), "did you mean 'ec2'"),
        (("--provider", "ec2", "--region", "moon"), "no region 'moon'"),
        ((), "--provider"),
    ],
)
def test_what_cannot_be_refreshed_is_told(cirrus: Cirrus, anew: Call, words: tuple[str, ...], said: str) -> None:
    """And leaves no file."""
    answer = anew("catalog", "refresh", *words)

    assert answer.code in (1, 2)
    assert said in answer.err
    assert not stored.place(session().home).exists()


def test_a_family_shows_its_types(ccl: Call) -> None:
    """The smallest first, with the lowest price of each; what is neither type nor family is told."""
    rows = ccl("catalog", "show", "t3", "--json").data

    assert [row["instance_type"] for row in rows][:3] == ["t3.nano", "t3.micro", "t3.small"]
    assert {row["instance_type"].split(".")[0] for row in rows} == {"t3"}
    assert "t3.2xlarge" in ccl("catalog", "show", "t3").out
    assert "no instance type or family 't33'; did you mean 't3'" in ccl("catalog", "show", "t33").err
    odd = ccl("catalog", "show", "\udcff")
    assert (odd.code, r"no instance type or family '\udcff'" in odd.err) == (1, True)


def test_a_file_that_is_no_catalog_is_told(ccl: Call, tmp_path: Path) -> None:
    """It is the file that is wrong, and not the installation."""
    (tmp_path / "notes.txt").write_text("no catalog", encoding="utf-8")
    answer = ccl("catalog", "diff", "notes.txt")

    assert (answer.code, "reinstall" in answer.err) == (1, False)
    assert "hint: name a catalog's file of this release" in answer.err


def test_a_damaged_catalog_is_told_and_not_used(cirrus: Cirrus, anew: Call, program: Call) -> None:
    """With what to type; the command goes on with the packaged one."""
    anew("catalog", "refresh", "--provider", "ec2")
    path = stored.place(session().home)
    path.write_bytes(path.read_bytes()[:-100])
    answer = program("catalog", "show", "--json")

    assert answer.code == 0
    assert answer.data["source"] == "the packaged snapshot"
    assert "is damaged" in answer.err
    assert "cloudclusters catalog reset" in answer.err


def test_two_providers_refreshes_go_together(cirrus: Cirrus, anew: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second keeps the first one's rows, and both are named."""
    anew("catalog", "refresh", "--provider", "ec2")
    monkeypatch.setitem(registry.BUILT_IN, "cirrus", "cirrus_plugin")
    monkeypatch.setattr(Session, "provider", lambda _, name: cirrus)
    anew("catalog", "refresh", "--provider", "cirrus")
    data = anew("catalog", "show", "--json").data

    assert data["source"].startswith("cirrus asked on 2026-11-21 in 1 region; ec2 asked on 2026-11-21 in 1 region; the")


def test_the_program_that_refreshed_uses_the_new_catalog(cirrus: Cirrus) -> None:
    """Without being started again."""
    of = session()
    before = of.catalog.digest
    refresh_catalog(of, "ec2", (), lambda _: None)

    assert of.catalog.digest != before
    assert of.catalog.machine_type("ec2", "x99.large") is not None


def test_a_refresh_keeps_what_it_replaces(cirrus: Cirrus, anew: Call) -> None:
    """The packaged one first, then its own; `reset` keeps the last one, too."""
    for usd in (0.5, 0.6):
        cirrus.usd = usd
        anew("catalog", "refresh", "--provider", "ec2")
    anew("catalog", "reset")
    rows = anew("catalog", "pin", "--json").data

    assert [row["name"] for row in rows] == ["2026-11-20", DAY, f"{DAY}.2"]
    assert [row["source"].partition(" on ")[0] for row in rows] == ["the packaged snapshot", "ec2 asked", "ec2 asked"]
    (moved,) = anew("catalog", "diff", f"{DAY}.1", "--type", "t3.xlarge", "--json").data["down"]
    assert (moved["before_usd"], moved["after_usd"]) == (0.5, 0.1664)


def test_a_refresh_while_one_is_pinned_says_so(cirrus: Cirrus, anew: Call) -> None:
    """It is made over the newest one, and used from `unpin` on."""
    anew("catalog", "pin", "2026-11-20")
    answer = anew("catalog", "refresh", "--provider", "ec2")

    assert answer.code == 0
    assert "the catalog 2026-11-20 stays pinned and in use" in answer.err
    assert anew("catalog", "show", "--json").data["source"] == "the packaged snapshot"
    anew("catalog", "unpin")
    assert anew("catalog", "show", "--json").data["source"].startswith("ec2 asked on")


def test_a_refresh_knows_nothing_of_an_overlay(cirrus: Cirrus, anew: Call, tmp_path: Path) -> None:
    """The user's own rows lie over the new catalog, and do not become part of it."""
    path = tmp_path / "mine.csv"
    path.write_text("provider,instance_type,vcpus\nec2,t3.xlarge,5\n")
    (tmp_path / "cloudclusters.toml").write_text('[defaults]\ncatalog_overlay = "mine.csv"\n')
    anew("catalog", "refresh", "--provider", "ec2")
    assert [m["vcpus"] for m in anew("catalog", "show", "t3.xlarge", "--json").data] == [5]
    (tmp_path / "cloudclusters.toml").unlink()
    assert [m["vcpus"] for m in anew("catalog", "show", "t3.xlarge", "--json").data] == [4]
