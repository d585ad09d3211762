"""The taxonomies: whole names, families, generations, and names that only providers know."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloudclusters.base.near import near
from cloudclusters.base.size import format_size, parse_size
from cloudclusters.errors import UnknownName
from cloudclusters.vocabulary import TAXONOMIES, family, taxonomy


@pytest.mark.parametrize("name", TAXONOMIES)
def test_names_and_aliases_lead_to_a_name(name: str) -> None:
    """Every name is its own canonical spelling, in any case and with blanks around."""
    names = taxonomy(name)
    assert {term: names.canonical(f"  {term} ") for term in names.terms()} == {term: term for term in names.terms()}


@pytest.mark.parametrize("name", TAXONOMIES)
def test_generations_are_ordered(name: str) -> None:
    """What is newer than a newer one is newer, and nothing is newer than what follows it."""
    names = taxonomy(name)
    for value in names.values():
        for before in names.earlier(value):
            assert set(names.earlier(before)) <= set(names.earlier(value))
            assert value not in names.earlier(before)


@pytest.mark.parametrize("name", TAXONOMIES)
def test_every_group_has_a_member(name: str) -> None:
    """A family that nothing belongs to could only mislead."""
    names = taxonomy(name)
    if name != "machine_type":
        lonely = [term for term in names.terms() if not names.members(term)]
        assert lonely == []


@pytest.mark.parametrize("term", ["A1", "100", "NVIDIA A", "VIDIA", "A100 80G", ""])
def test_substrings_never_match(term: str) -> None:
    """A part of a name is another name, or none."""
    with pytest.raises(UnknownName):
        taxonomy("accelerator").canonical(term)


@pytest.mark.parametrize(
    ("machine_type", "expected"),
    [
        ("t3.xlarge", "t3"),
        ("u-6tb1.112xlarge", "u-6tb1"),
        ("c7i-flex.large", "c7i-flex"),
        ("mac2-m1ultra.metal", "mac2-m1ultra"),
        ("e2-standard-4", "e2"),
        ("g2-standard-96", "g2"),
        ("n1-ultramem-80", "m1"),
        ("f1-micro", "n1"),
        ("z3-highmem-14-standardlssd", "z3"),
        ("Standard_A1_v2", "Av2"),
        ("Standard_D2s_v3", "Dsv3"),
        ("Standard_E16-4ads_v5", "Eadsv5"),
        ("Standard_DC16as_cc_v5", "DCas_ccv5"),
        ("Standard_NC24ads_A100_v4", "NCads_A100v4"),
        ("Standard_M128-64bds_3_v3", "Mbds_3v3"),
        ("Standard_D5_v2_Promo", "Dv2"),
        ("Standard_ND128isr_NDR_GB200_v6", "NDisr_NDR_GB200v6"),
        ("local", ""),
    ],
)
def test_the_name_of_a_type_says_its_family(machine_type: str, expected: str) -> None:
    """By each provider's rule, as in the catalog's own column."""
    assert family(machine_type) == expected


@pytest.mark.parametrize(
    ("value", "term"),
    [
        ("e2-standard-4", "e2-standard"),
        ("e2-standard-4", "e2"),
        ("n1-ultramem-80", "m1"),
        ("Standard_D2s_v3", "Dsv3"),
        ("t3.xlarge", "t3.xlarge"),
    ],
)
def test_a_type_is_its_family(value: str, term: str) -> None:
    """A type is itself, its series and its family."""
    assert taxonomy("machine_type").is_a(value, term)


@pytest.mark.parametrize(
    ("written", "spelled"),
    [("T3.XLARGE", "t3.xlarge"), ("E2-Standard-4", "e2-standard-4"), ("DSV3", "Dsv3"), ("my.own", "my.own")],
)
def test_types_are_spelled_as_providers_do(written: str, spelled: str) -> None:
    """Types that we have not heard of are accepted; the catalog knows whether they exist."""
    assert taxonomy("machine_type").canonical(written) == spelled


def test_a_zone_is_in_its_region_place_country_and_continent() -> None:
    """Zones are not listed; their names say the region."""
    expected = {"eu-central-1a", "eu-central-1", "Frankfurt", "Germany", "Europe"}
    assert taxonomy("locale").ancestors("eu-central-1a") == expected


def test_a_zone_of_no_region_is_unknown() -> None:
    """Only zones of regions that exist are places."""
    with pytest.raises(UnknownName):
        taxonomy("locale").canonical("eu-central-9a")


def test_a_provider_may_come_from_a_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package names its providers; nothing of ours has to know them."""
    described = tmp_path / "ourcloud-1.dist-info"
    described.mkdir()
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: ourcloud\nVersion: 1\n")
    (described / "entry_points.txt").write_text("[cloudclusters.providers]\nourcloud = ourcloud:PLUGIN\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert taxonomy("provider").canonical("ourcloud") == "ourcloud"


def test_a_line_holds_its_models() -> None:
    """Providers name a line of processors or one model of it; the model is of the line, not the reverse."""
    names = taxonomy("processor")
    assert names.is_a("AMD EPYC 7763v", "AMD EPYC Milan")
    assert not names.is_a("AMD EPYC Milan", "AMD EPYC 7763v")


def test_facts_lead_from_a_model_to_its_parts() -> None:
    """Detection and catalogs use one list."""
    assert taxonomy("processor").facts("AMD EPYC 7763v")["microarchitecture"] == "Zen3"


@pytest.mark.parametrize(
    ("name", "names", "said"), [("ec3", ["ec2", "gcp"], "; did you mean 'ec2'?"), ("x", ["y"], "")]
)
def test_near_names(name: str, names: list[str], said: str) -> None:
    """A near name is offered, a far one is not."""
    assert near(name, names) == said


def test_sizes_read_and_show() -> None:
    """The same texts for settings and for constraints."""
    assert format_size(parse_size("512G")) == "512 GiB"


def test_a_size_is_a_whole_number_of_bytes() -> None:
    """Settings take bytes, and there is no half byte."""
    with pytest.raises(ValueError, match="whole number of bytes"):
        parse_size("0.3")
