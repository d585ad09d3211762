"""The table of features and how constraints on them are written."""

from __future__ import annotations

import math

import pytest

from cloudclusters.base.size import GiB
from cloudclusters.errors import CloudClustersError, InvalidContract, UnknownName
from cloudclusters.vocabulary import (
    FEATURES,
    Kind,
    Range,
    Terms,
    Use,
    Verdict,
    atleast,
    atmost,
    between,
    constrain,
    feature,
    format_constraint,
    format_value,
    intersect,
    is_anything,
    judge,
    just,
    noneof,
    oneof,
    parse_constraint,
    split_role,
    taxonomy_of,
)

CLOUDCLUSTERS = [
    *("node_provider", "node_machinetype", "node_memory_size", "node_vcpus_count"),
    *("accelerator_count", "accelerator_type", "accelerator_architecture", "accelerator_manufacturer"),
    *("accelerator_memory_size", "accelerator", "processor", "processor_manufacturer", "processor_microarchitecture"),
    *("storage_type", "storage_size", "network_performance", "cluster_locale", "node_ecu_count"),
    *("cluster_type", "node_count", "node_process_count"),
]


@pytest.mark.parametrize("name", CLOUDCLUSTERS)
def test_every_parameter_of_cloudclusters_is_there(name: str) -> None:
    """A contract of CloudClusters can be written with the same names."""
    assert feature(name).name == name


PLATFORM_AWARE = """
    node_count node_threads_count node_provider node_virtual node_dedicated node_machinefamily node_machinetype
    node_vcpus_count node_memory_size node_memory_latency node_memory_bandwidth node_memory_type node_memory_frequency
    node_coworker_count processor_count processor_manufacturer processor_microarchitecture processor_simd processor_isa
    processor_tdp processor_core_clock processor_core_count processor_core_threads_count processor_core_L1_size
    processor_core_L2_size processor_L3_size processor accelerator_count accelerator_type accelerator_manufacturer
    accelerator_interconnect accelerator_api accelerator_architecture accelerator_memory_size accelerator_tdp
    accelerator_processor accelerator_processor_count accelerator_memory_type accelerator interconnection_startuptime
    interconnection_latency interconnection_bandwidth interconnection_topology interconnection_RDMA interconnection
    storage_size storage_latency storage_bandwidth storage_networkbandwidth storage_type storage_interface
"""


def test_every_feature_of_platform_aware_is_there() -> None:
    """All 51, of which some no catalog tells: those choose nothing."""
    names = PLATFORM_AWARE.split()
    assert len(names) == 51
    assert [name for name in names if name not in FEATURES] == []
    measured = {name for name, each in FEATURES.items() if each.measured}
    assert measured < set(names)
    assert all(not FEATURES[name].column for name in measured)


@pytest.mark.parametrize(
    ("wanted", "verdict"),
    [
        ("CUDA", Verdict.MET),
        ("CUDA 8.0", Verdict.MET),
        ("CUDA_8.9", Verdict.MET),
        ("CUDA 9.0", Verdict.MISSED),
        ("CUDA 8.0+OpenCL", Verdict.MET),
        ("CUDA 9.0+OpenCL", Verdict.MISSED),
        ("CUDA 9.0|OpenCL 2.0", Verdict.MET),
        ("!=CUDA", Verdict.MISSED),
        ("Vulkan", Verdict.MISSED),
    ],
)
def test_an_interface_is_all_its_earlier_versions_too(wanted: str, verdict: Verdict) -> None:
    """And a device has several at once."""
    api = FEATURES["accelerator_api"]
    assert judge(api, constrain(api, wanted), "CUDA 8.9;OpenCL 3.0") is verdict


def test_interfaces_that_nothing_has_are_told() -> None:
    """Who has the later version has the earlier one."""
    api = FEATURES["accelerator_api"]
    with pytest.raises(InvalidContract, match="nothing satisfies"):
        constrain(api, "CUDA 9.0,!=CUDA 8.0")
    both = intersect(constrain(api, "CUDA 8.0"), constrain(api, "CUDA 9.0"), taxonomy_of(api))
    assert both == Terms(("CUDA 9.0",))


@pytest.mark.parametrize("name", FEATURES)
def test_a_feature_says_what_it_is(name: str) -> None:
    """The reference and the help are made from the table, so nothing in it may be empty."""
    found = FEATURES[name]
    assert found.meaning.endswith(".")
    assert found.examples
    assert (found.kind is Kind.QUANTIFIER) == (found.unit is not None) == (found.taxonomy == "")


@pytest.mark.parametrize("name", FEATURES)
def test_examples_and_defaults_can_be_read(name: str) -> None:
    """What the help shows is what the parser accepts."""
    found = FEATURES[name]
    assert [parse_constraint(text)[0] for text in found.examples] == [found] * len(found.examples)
    constrain(found, found.default)


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("accelerator_memory", "accelerator_memory_size"),
        ("accelerator_arch", "accelerator_architecture"),
        ("node_vcpus_unit", "node_vcpus_count"),
    ],
)
def test_spellings_of_the_documents_are_accepted(alias: str, name: str) -> None:
    """CloudClusters' own documents use these names, and its source ignored them."""
    assert feature(alias).name == name


def test_an_unknown_feature_is_told_with_near_names() -> None:
    """A typo must not be ignored."""
    with pytest.raises(UnknownName, match="did you mean 'node_memory_size'"):
        feature("node_memroy_size")


def test_cluster_features_take_no_part_in_resolution() -> None:
    """They describe the cluster, not a machine."""
    cluster = {name for name, each in FEATURES.items() if each.use is Use.CLUSTER}
    totals = {"total_vcpus", "total_cores", "total_memory", "total_accelerators", "total_accelerator_memory"}
    assert cluster == {"cluster_type", "node_count", "node_process_count", "cluster_hourly_price"} | totals


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("node_memory_size", atleast("512G"), Range(512 * GiB)),
        ("node_memory_size", atleast("512GiB"), Range(512 * GiB)),
        ("node_memory_size", atleast("512GB"), Range(512 * 10**9)),
        ("node_memory_size", atleast("500G"), Range(500 * GiB)),
        ("node_memory_size", "0.5 gib", Range(GiB // 2, GiB // 2)),
        ("node_memory_size", 64 * GiB, Range(64 * GiB, 64 * GiB)),
        ("node_memory_size", between("64G", "256G"), Range(64 * GiB, 256 * GiB)),
        ("network_performance", atleast("100G"), Range(10**11)),
        ("network_performance", atleast("100Gbit/s"), Range(10**11)),
        ("network_performance", atleast("12.5Gbps"), Range(12_500_000_000)),
        ("processor_core_clock", ">=2.5GHz", Range(2_500_000_000)),
        ("node_hourly_price", "<=$1.25", Range(None, 1.25)),
        ("accelerator_count", just(0), Range(0, 0)),
        ("accelerator_count", just(8.0), Range(8, 8)),
        ("accelerator_count", 6, Range(6, 6)),
        ("accelerator_count", "0.125", Range(0.125, 0.125)),
        ("node_vcpus_count", "8..16", Range(8, 16)),
        ("node_vcpus_count", "8..", Range(8)),
        ("node_vcpus_count", "..16", Range(0, 16)),
        ("node_vcpus_count", atmost("inf"), Range()),
        ("node_vcpus_count", "any", Range()),
        ("accelerator_architecture", "Ada", Terms(("Ada",))),
        ("accelerator_architecture", "ada | hopper", Terms(("Ada", "Hopper"))),
        ("accelerator_architecture", ["Ada", "Hopper"], Terms(("Ada", "Hopper"))),
        ("accelerator_architecture", oneof("Ada", "Hopper"), Terms(("Ada", "Hopper"))),
        ("accelerator_architecture", atleast("Ada"), Terms(newer_than="Ada")),
        ("accelerator_architecture", "NVIDIA,!=Volta,>=Turing", Terms(("NVIDIA",), ("Volta",), "Turing")),
        ("accelerator_architecture", "AcceleratorArchitecture", Terms()),
        ("accelerator", "V100", Terms(("NVIDIATesla_V100",))),
        ("node_machinetype", noneof("t2", "t3"), Terms((), ("t2", "t3"))),
        ("node_machinetype", "T3", Terms(("t3",))),
        ("node_machinetype", "EC2Type_T3_xLarge", Terms(("t3.xlarge",))),
        ("node_machinetype", "GCPType_E2_Standard4", Terms(("e2-standard-4",))),
        ("node_machinetype", "MachineType", Terms()),
        ("node_provider", "AmazonEC2", Terms(("ec2",))),
        ("node_provider", "CloudProvider", Terms(("CloudProvider",))),
        ("node_provider", "Localhost", Terms(("local",))),
        ("cluster_type", "ManageWorkers", Terms(("ManagerWorkers",))),
        ("cluster_locale", "any", Terms()),
        ("cluster_locale", "Europe (Frankfurt)", Terms(("eu-central-1",))),
        ("interconnection_RDMA", True, Terms(("Yes",))),
        ("node_memory_latency", atmost("0.1us"), Range(None, 100)),
        ("node_memory_bandwidth", atleast("200GB/s"), Range(2 * 10**11)),
        ("storage_bandwidth", atleast("2G"), Range(2 * 10**9)),
        ("processor_tdp", "<=0.25kW", Range(None, 250)),
        ("node_virtual", False, Terms(("No",))),
        ("node_memory_type", "ddr5", Terms(("DDR5",))),
        ("accelerator_memory_type", "HBM", Terms(("HBM",))),
        ("accelerator_interconnect", "NVLink_SLI", Terms(("SLI",))),
        ("processor_simd", "AVX512+avx2", Terms(("avx2+avx512f",))),
    ],
)
def test_what_is_written_is_what_is_meant(name: str, value: object, expected: object) -> None:
    """Every way to write a constraint, with its meaning in base units."""
    assert constrain(FEATURES[name], value) == expected


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("node_memory_size", "lots", "not a number with a unit such as G, GiB, Gi, GB"),
        ("node_memory_size", "-1G", "is less than 0"),
        ("node_memory_size", -1, "less than 0"),
        ("node_memory_size", True, "not a number"),
        ("node_memory_size", None, "not a number"),
        ("node_memory_size", math.nan, "not a number"),
        ("node_memory_size", "<10G", "write node_memory_size<=10G"),
        ("node_memory_size", "", "has no value"),
        ("node_memory_size", oneof(), "names no value"),
        ("network_performance", "1GBps", "not a number"),
        ("accelerator_count", atleast("inf"), "has no end"),
        ("accelerator_count", "!=8", "not a range"),
        ("accelerator_count", between(16, 8), "smaller number first"),
        ("accelerator_count", ">=8..16", "LOW..HIGH"),
        ("node_count", 0, "less than 1"),
        ("node_count", 2.5, "not a whole number"),
        ("total_vcpus", ">=1e309", "309 digits is more than anything has"),
        ("node_count", Range(10**400), "400 digits is more than anything has"),
        ("accelerator_architecture", 8, "not a name"),
        ("accelerator_architecture", "Adda", "did you mean 'Ada'"),
        ("accelerator_architecture", atmost("Ada"), "needs numbers"),
        ("accelerator_architecture", "<=Ada", "needs numbers"),
        ("accelerator_architecture", "Ada,Hopper", r"Ada\|Hopper"),
        ("accelerator_architecture", "Ada,!=Ada", "nothing satisfies"),
        ("accelerator_architecture", "!=any", "excludes everything"),
        ("accelerator_architecture", ">=TPUv3", "no order of generations"),
        ("accelerator_architecture", Range(1), "another kind"),
        ("accelerator", "Ada", "write accelerator_architecture=Ada"),
        ("node_provider", "ec3", "did you mean 'ec2'"),
        ("node_machinetype", "EC2Type", "write node_provider=ec2"),
    ],
)
def test_what_cannot_be_meant_is_told(name: str, value: object, said: str) -> None:
    """Wrong use names the feature and says what to write instead."""
    with pytest.raises(InvalidContract, match=said) as caught:
        constrain(FEATURES[name], value)
    assert str(caught.value).startswith(name)


@pytest.mark.parametrize("text", ["", "node_count", "=8", "8 nodes", "node-count=8"])
def test_what_is_no_constraint_is_told(text: str) -> None:
    """The hint shows the form."""
    with pytest.raises(CloudClustersError, match="write FEATURE=VALUE"):
        parse_constraint(text)


@pytest.mark.parametrize(
    "text",
    [
        "node_memory_size>=512G",
        "node_memory_size>=1.5T",
        "storage_size>=900GB",
        "accelerator_count=8",
        "node_vcpus_count=8..16",
        "network_performance>=12.5G",
        "accelerator_architecture=Ada|Hopper",
        "accelerator_architecture>=Ada",
        "node_machinetype!=t2|t3",
        "accelerator=NVIDIA,!=NVIDIA_A100",
        "accelerator_architecture!=Volta,>=Turing",
        "node_ecu_count=any",
        "processor=AMD EPYC",
    ],
)
def test_text_is_written_as_people_write_it(text: str) -> None:
    """Messages, files and the command line use one spelling."""
    assert format_constraint(*parse_constraint(text)) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("manager.node_machinetype=t3.xlarge", ("manager", "node_machinetype=t3.xlarge")),
        ("worker.accelerator_count=8", ("worker", "accelerator_count=8")),
        ("node_machinetype=t3.xlarge", ("", "node_machinetype=t3.xlarge")),
    ],
)
def test_a_role_is_split_off(text: str, expected: tuple[str, str]) -> None:
    """A dot in a value is no role."""
    assert split_role(text) == expected


def test_an_unknown_role_is_told() -> None:
    """Only managers and workers are roles."""
    with pytest.raises(UnknownName, match="did you mean 'manager'"):
        split_role("manger.node_count=1")


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("node_memory_size", 768 * GiB, "768 GiB"),
        ("node_memory_size", int(3.75 * GiB), "3.75 GiB"),
        ("node_memory_size", 25276514304, "23.54 GiB"),
        ("storage_size", 474 * 10**9, "474 GB"),
        ("network_performance", 10**11, "100 Gbit/s"),
        ("processor_core_clock", 2_900_000_000, "2.9 GHz"),
        ("accelerator_count", 0.125, "0.125"),
        ("node_hourly_price", 13.35, "13.35 USD/h"),
        ("processor_microarchitecture", "Zen2|Zen3", "Zen2 or Zen3"),
        ("node_ecu_count", None, "unknown"),
    ],
)
def test_values_are_shown_for_people(name: str, value: int | float | str | None, shown: str) -> None:
    """Tables show units that people read."""
    assert format_value(FEATURES[name], value) == shown


def test_wishes_print_as_they_are_written() -> None:
    """A wish in a notebook looks like the code that made it."""
    assert [str(each) for each in (atleast("512G"), between(8, 16), noneof("t2"))] == [
        "atleast('512G')",
        "between(8, 16)",
        "noneof('t2')",
    ]


@pytest.mark.parametrize(
    ("text", "cell", "verdict"),
    [
        ("accelerator_count=0", 0, Verdict.MET),
        ("accelerator_count=1", 0.125, Verdict.MISSED),
        ("accelerator_count>=0", 0.125, Verdict.MET),
        ("accelerator_count>=1", None, Verdict.UNKNOWN),
        ("accelerator_count>=0", None, Verdict.MET),
        ("node_memory_size>=769G", 768 * GiB, Verdict.MISSED),
        ("node_memory_size=768G", 768 * GiB, Verdict.MET),
        ("node_vcpus_count=192", 192, Verdict.MET),
        ("accelerator_memory_size=24G", 24 * GiB, Verdict.MET),
        ("network_performance=100G", 100 * 10**9, Verdict.MET),
        ("network_performance>=8G", 1_250_000_000, Verdict.MISSED),
        ("accelerator_architecture=Ada", "Hopper", Verdict.MISSED),
        ("accelerator_architecture>=Ada", "Hopper", Verdict.MET),
        ("accelerator_architecture>=Ada", "Ampere", Verdict.MISSED),
        ("accelerator_architecture=Ada", "none", Verdict.MISSED),
        ("accelerator_architecture!=Ada", "none", Verdict.MET),
        ("accelerator_architecture=Ada", "", Verdict.UNKNOWN),
        ("accelerator_architecture=NVIDIA", "Ada", Verdict.MET),
        ("accelerator=NVIDIA", "NVIDIA L4", Verdict.MET),
        ("accelerator=A100", "NVIDIA A100 80GB", Verdict.MET),
        ("accelerator=A10", "NVIDIA A100 80GB", Verdict.MISSED),
        ("accelerator=A10", "NVIDIA A10G", Verdict.MISSED),
        ("node_machinetype=t3", "t3.xlarge", Verdict.MET),
        ("node_machinetype=t3", "t3a.xlarge", Verdict.MISSED),
        ("node_provider=CloudProvider", "ec2", Verdict.MET),
        ("node_provider=CloudProvider", "local", Verdict.MISSED),
        ("processor=AMD EPYC", "AMD EPYC 7763v", Verdict.MET),
        ("processor_microarchitecture>=Zen3", "Zen2|Zen3", Verdict.MISSED),
        ("processor_microarchitecture>=Zen2", "Zen2|Zen3", Verdict.MET),
        ("processor_microarchitecture>=Zen3", "SapphireRapids", Verdict.MISSED),
        ("processor_microarchitecture=Zen3", "Zen9", Verdict.UNKNOWN),
        ("processor_simd=avx", "avx2", Verdict.MISSED),
        ("processor_simd=avx+avx2", "avx;avx2;fma", Verdict.MET),
        ("storage_type=ssd", "nvme-ssd", Verdict.MET),
        ("storage_type=ssd", "optional-ssd", Verdict.MISSED),
        ("interconnection_RDMA=Yes", "efa", Verdict.MET),
        ("interconnection_RDMA=No", "none", Verdict.MET),
        ("cluster_locale=Germany", "eu-central-1a", Verdict.MET),
        ("cluster_locale=Europe", "europe-west3", Verdict.MET),
        ("cluster_locale=Europe", "us-east-1", Verdict.MISSED),
    ],
)
def test_satisfaction(text: str, cell: int | float | str | None, verdict: Verdict) -> None:
    """What satisfies what, by example."""
    assert judge(*parse_constraint(text), cell) is verdict


def test_possible_needs_one_alternative() -> None:
    """A type that may land on Zen2 or Zen3 is possibly Zen3."""
    assert judge(*parse_constraint("processor_microarchitecture>=Zen3"), "Zen2|Zen3", possible=True) is Verdict.MET


@pytest.mark.parametrize("name", ["accelerator", "processor", "storage_type", "node_machinetype", "cluster_locale"])
def test_base_types_restrict_nothing(name: str) -> None:
    """The base types of CloudClusters' documents are accepted, and hold for machines of which nothing is known."""
    assert is_anything(constrain(FEATURES[name], "any"))
    assert judge(FEATURES[name], constrain(FEATURES[name], "any"), None) is Verdict.MET
