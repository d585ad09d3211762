"""The JSON Schema of a contract's file: what is right by the docs is right by it, and wrong files are told."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import jsonschema
import pytest

from cloudclusters.catalog import Catalog
from cloudclusters.contract.build import FLAGS, make_contract, parameter_names
from cloudclusters.contract.schema import contract_schema
from cloudclusters.contract.text import from_texts, from_toml, table_of
from cloudclusters.errors import InvalidContract
from cloudclusters.settings.keys import KEYS, Kind
from cloudclusters.vocabulary import FEATURES, Use

ROOT = Path(__file__).parents[2]
SCHEMA = jsonschema.Draft202012Validator(contract_schema())
_BLOCK = re.compile(r"```toml file=(\S+)\n(.*?)```", re.DOTALL)
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
BLOCKS = [
    pytest.param(text, id=f"{page.name}:{name}")
    for page in PAGES
    for name, text in _BLOCK.findall(page.read_text("utf-8"))
    if ("node_" in text or "accelerator" in text) and "[[type]]" not in text  # rows for the catalog are no contract
]
EXAMPLES = [example for each in FEATURES.values() if each.use is Use.INSTANCE for example in each.examples]


def mistakes(text: str) -> list[str]:
    """What the schema says of a file."""
    return [error.message for error in SCHEMA.iter_errors(tomllib.loads(text))]


def test_it_is_a_schema() -> None:
    """Of the draft that it names, and every reference leads somewhere."""
    schema = contract_schema()
    jsonschema.Draft202012Validator.check_schema(schema)

    for place in set(re.findall(r"'\$ref': '#/([^']+)'", str(schema))):
        inner: object = schema
        for step in place.split("/"):
            assert isinstance(inner, dict)
            inner = inner[step]


def test_it_knows_every_parameter() -> None:
    """With a meaning for each: an editor shows it."""
    properties = contract_schema()["properties"]
    assert isinstance(properties, dict)

    assert set(parameter_names()) <= set(properties)
    assert [name for name, each in properties.items() if not each["description"]] == []


@pytest.mark.parametrize("text", BLOCKS)
def test_contracts_of_the_docs_are_valid(text: str) -> None:
    """What the guides show as files."""
    assert mistakes(text) == []


def test_contracts_are_found_in_the_docs() -> None:
    """An empty search would pass unseen."""
    assert len(BLOCKS) >= 3


@pytest.mark.parametrize("example", EXAMPLES)
def test_examples_of_features_are_valid(example: str) -> None:
    """As text, and as the value that the schema itself gives for an example."""
    name = re.split(r"[<>=!]", example)[0]
    properties = contract_schema()["properties"]
    assert isinstance(properties, dict)

    assert list(SCHEMA.iter_errors(table_of(from_texts([example], handle="x")))) == []
    for value in properties[name]["examples"]:
        assert list(SCHEMA.iter_errors({name: value})) == []


GOOD = [
    "node_count = 8\nnode_memory_size = '>=512G'\naccelerator_architecture = ['Ada', 'Hopper']",
    "accelerator_count = 0.5\nnode_memory_size = 549755813888\ninterconnection_RDMA = true",
    "cluster_type = 'ManagerWorkers'\nstrict = true\n[manager]\nimage_id = 'ami-1'\n[worker]\naccelerator_arch = 'Ada'",
    "cluster_type = 'manageworkers'\nmanager.node_machinetype = 't3.xlarge'",
    "node_vcpus_count = 'any'\nnode_machinetype = '!=t2|t3'\nmax_cost = 5\nidle_timeout = 'off'\npossible = 'True'",
    "node_vcpus_count = '8..'\nnode_memory_size = ' >= 1_024 MiB'\nnode_hourly_price = '<=$2.5'",
    "idle_timeout = '1.5h'\nmax_cost = '$ 5'\nmax_lifetime = 90\nboot_timeout = '1e3'\ntunneled = 'OFF'",
    "node_count = '2..16'\ntotal_vcpus = '>=512'\ncluster_hourly_price = 20\non_demand_percent = '50'",
    "[contract]\nnode_count = 2\n[ec2]\nregion = 'eu-west-1'\nsubnet_id = 'x'",
    "[contract]\ncluster_type = 'ManagerWorkers'\n[contract.manager]\n[contract.worker]",
    "cluster_type = ' managerworkers '\n[manager]",
    "node_memory_size = '64B'\nnode_hourly_price = 64\nnetwork_performance = 1000\nstorage_size = 0",
    "node_virtual = [true, 'No']\naccelerator = ['NVIDIA A100 40GB', 'any']\nnode_memory_size = '1'",
]


@pytest.mark.parametrize("text", GOOD)
def test_right_files_are_valid(text: str) -> None:
    """What `from_toml` reads, the schema lets pass."""
    from_toml(text, "cloudclusters.toml", handle="x")
    assert mistakes(text) == []


WRONG = [
    ("node_memroy_size = 4", "node_memroy_size"),
    ("node_count = 0", "0 is not valid"),
    ("node_count = 1.5", "1.5 is not valid"),
    ("node_count = true", "True is not valid"),
    ("node_count = 'many'", "'many' is not valid"),
    ("node_memory_size = '!=8G'", "'!=8G' is not valid"),
    ("cluster_type = 'PeerWorker'", "'PeerWorker' is not valid"),
    ("tunneled = 'perhaps'", "'perhaps' is not valid"),
    ("idle_timeout = 'soon'", "'soon' is not valid"),
    ("max_cost = '5 parsecs'", "'5 parsecs' is not valid"),
    ("on_demand_base = 0.5", "0.5 is not valid"),
    ("node_memory_size = ['8G', '16G']", "is not valid"),
    ("node_memory_size = -1", "-1 is not valid"),
    ("accelerator_architecture = 7", "7 is not valid"),
    ("accelerator_architecture = ['Ada', 7]", "is not valid"),
    ("accelerator_architecture = []", "[] is not valid"),
    ("node_machinetype = 7", "7 is not valid"),
    ("engine = 'dusk'", "'dusk' is not one of"),
    ("strict = 'perhaps'", "'perhaps' is not valid"),
    ("boot_timeout = 0", "0 is not valid"),
    ("user = 7", "7 is not of type"),
    ("[manager]\nnode_vcpus_count = 4", "'cluster_type' is a required property"),
    ("[manager]", "'cluster_type' is a required property"),
    ("cluster_type = 'PeerWorkers'\n[worker]", "'PeerWorkers' does not match"),
    ("cluster_type = ['PeerWorkers']", "is not valid"),
    ("node_memory_size = 64", "64 is not valid"),
    ("node_memory_size = 1.5", "1.5 is not valid"),
    ("node_memory_size = '64'", "'64' is not valid"),
    ("network_performance = '>=25'", "'>=25' is not valid"),
    ("node_memory_size = ['512G']", "is not valid"),
    ("node_count = [1]", "is not valid"),
    ("node_count = {}", "is not valid"),
    ("strict = {}", "is not valid"),
    ("engine = {}", "is not one of"),
    ("foo = {}", "foo"),
    ("[resources]", "resources"),
    ("[ec2]", "'contract' is a dependency of 'ec2'"),
    ("accelerator_architecture = ['>=Ada']", "is not valid"),
    ("accelerator_architecture = ['Ada|Hopper']", "is not valid"),
    ("accelerator_architecture = ['']", "is not valid"),
    ("accelerator_architecture = ''", "is not valid"),
    ("node_machinetype = ' '", "is not valid"),
    ("node_machinetype = ['!=t2']", "is not valid"),
    ("node_machinetype = true", "True is not valid"),
    ("node_virtual = [1]", "is not valid"),
    ("cluster_type = 'ManagerWorkers'\nmanager = 4", "4 is not of type"),
    ("cluster_type = 'ManagerWorkers'\n[worker]\nnode_count = 4", "node_count"),
    ("cluster_type = 'ManagerWorkers'\n[worker]\nmarket = 'spot'", "market"),
    ("[boss]\nnode_vcpus_count = 4", "boss"),
    ("[ec2]\nregion = 'eu-west-1'", "'contract' is a dependency of 'ec2'"),
    ("node_count = 2\n[contract]\nnode_count = 2", "'node_count' is not one of"),
    ("[contract]\nnode_cuont = 2", "node_cuont"),
    ("[contract.manager]\nnode_vcpus_count = 2", "'cluster_type' is a required property"),
    ("[contract]\ncluster_type = 'PeerWorkersMPI'\n[contract.manager]", "does not match"),
]


@pytest.mark.parametrize(("text", "said"), WRONG)
def test_wrong_files_are_told(text: str, said: str) -> None:
    """Unknown keys, wrong types, roles without a cluster that has them; `from_toml` refuses them, too."""
    assert any(said in each for each in mistakes(text)), mistakes(text)
    with pytest.raises(InvalidContract):
        from_toml(text, "c.toml", handle="x")


VALUES = [
    *(0, 1, -1, 2.0, 0.5, 100, 101, 1e9, True, False, "", "any", "8", "8..16", "8..", ">=8", "<=8", "=8", " 8 ", ".5"),
    *(
        "8_000",
        "1e3",
        "true",
        "True",
        "yes",
        "off",
        "OFF",
        "$5",
        "<=$5",
        "512G",
        ">= 512 G",
        "8 GiB..1 TiB",
        "10m",
        "2d",
    ),
    *("spot", "Ada", "ada", "Ada|Hopper", "!=Ada", ">=Ada", "NVIDIA,!=NVIDIA A100", "t3|t2", "avx2+fma", "peerworkers"),
    *(["Ada"], ["Ada", "Hopper"], ["us-east-1", "eu-west-1"], [], {"a": 1}, {}, [1], [True], ["8G"], ["PeerWorkers"]),
    *(64, 1.5, 999, 1000, "64", ">=64", "1.5", "1.0", "64B", [">=Ada"], ["Ada|Hopper"], [""], ["!=Ada"], ["any"]),
]
NUMBERS_FOR_FLAGS = [key.name for key in KEYS.values() if key.kind is Kind.FLAG]
"""Where 0 and 1 are read as well, and the schema says that true and false are meant."""


@pytest.mark.parametrize("name", [*FEATURES, *KEYS, *FLAGS])
def test_it_refuses_nothing_that_is_read(name: str, full: Catalog) -> None:
    """Whatever a contract takes for a parameter is valid."""
    for value in VALUES:
        try:
            make_contract({name: value}, handle="x", catalog=full)
        except InvalidContract:
            continue
        if name not in NUMBERS_FOR_FLAGS or isinstance(value, bool | str):
            assert list(SCHEMA.iter_errors({name: value})) == []
