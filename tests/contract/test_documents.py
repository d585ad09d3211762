"""Contracts as documents: equality, the way to a file and back, the schema of that file, for random contracts."""

from __future__ import annotations

import tomllib

import jsonschema
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from random_constraints import constraints, counts

from cloudclusters.contract.build import FLAGS, ROLE_SETTINGS, make_contract
from cloudclusters.contract.document import ClusterType, Contract, Plan
from cloudclusters.contract.plan import sealed
from cloudclusters.contract.schema import contract_schema
from cloudclusters.contract.text import from_toml, to_toml
from cloudclusters.settings.keys import KEYS, Key, Kind
from cloudclusters.vocabulary import (
    FEATURES,
    Use,
    atleast,
    oneof,
)

HANDLE, OTHER = "FXqElAnSeTEpQAm", "GXqElAnSeTEpQAm"
SCHEMA = jsonschema.Draft202012Validator(contract_schema())
TOTALS = [each for each in FEATURES.values() if each.use is Use.CLUSTER and not each.whole and not each.taxonomy]
INSTANCE = [each for each in FEATURES.values() if each.use is Use.INSTANCE]
texts = st.text(alphabet="aB1 \t\n\r\0\x1b\x7f\x85\u2028\\\"'#=.,|[]{}ä€😀", max_size=12)
"""What a file must write with care."""


def settings(key: Key) -> st.SearchStrategy[object]:
    """A value that the configuration key accepts."""
    return {
        Kind.TEXT: texts,
        Kind.FLAG: st.booleans(),
        Kind.CHOICE: st.sampled_from(key.choices or ("",)),
        Kind.NUMBER: st.floats(0.001, 1e9) | counts,
        Kind.COUNT: st.integers(0, 99),
        Kind.PERCENT: st.floats(0, 100),
        Kind.DURATION: st.sampled_from(["90s", "2h", "off", 5]),
        Kind.MONEY: st.sampled_from(["5", "$0.5", "off", 5]),
    }[key.kind]


@st.composite
def rows(draw: st.DrawFn, keys: list[Key]) -> dict[str, object]:
    """Features and settings of the whole cluster, or of a role."""
    features = draw(st.lists(st.sampled_from(INSTANCE), max_size=4, unique_by=lambda f: f.name))
    chosen = draw(st.lists(st.sampled_from(keys), max_size=3, unique_by=lambda k: k.name))
    return {f.name: draw(constraints(f)) for f in features} | {k.name: draw(settings(k)) for k in chosen}


@st.composite
def parameters(draw: st.DrawFn) -> dict[str, object]:
    """What `cluster` may be given."""
    found = draw(rows([key for key in KEYS.values() if key.in_contract]))
    sizing = draw(st.lists(st.sampled_from([FEATURES["node_count"], *TOTALS]), max_size=2, unique_by=lambda f: f.name))
    found |= {f.name: draw(constraints(f)) for f in sizing} | {"node_process_count": draw(st.integers(1, 4))}
    found |= {name: draw(st.booleans()) for name in FLAGS}
    found["cluster_type"] = kind = draw(st.sampled_from(ClusterType))
    if kind is ClusterType.MANAGER_WORKERS:
        own = [KEYS[name] for name in ROLE_SETTINGS]
        found |= {role: draw(rows(own)) for role in draw(st.sets(st.sampled_from(kind.roles)))}
    return found


contracts = parameters().map(lambda each: make_contract(each, handle=HANDLE, created=1.0))


@given(contracts)
def test_every_contract_survives_its_file(contract: Contract) -> None:
    """What `to_toml` writes reads back as an equal contract, of the same digest; and through JSON as well."""
    again = from_toml(to_toml(contract), "c.toml", handle=OTHER, created=2.0)
    stored = msgspec.json.decode(msgspec.json.encode(contract), type=Contract)

    assert again == contract
    assert stored == contract
    assert again.digest == stored.digest == contract.digest
    assert len({contract, again, stored}) == 1


@given(contracts)
def test_every_contract_is_valid_by_the_schema(contract: Contract) -> None:
    """At the top of its own file, and in the table of one that holds configuration too."""
    document = tomllib.loads(to_toml(contract))

    SCHEMA.validate(document)
    SCHEMA.validate({"contract": document, "ec2": {"region": "us-east-1", "vpc": "x"}})


@given(parameters(), st.randoms(use_true_random=False))
def test_order_does_not_count(given: dict[str, object], random: object) -> None:
    """Nor does the order of roles and of what stands in them."""
    names = list(given)
    random.shuffle(names)  # type: ignore[attr-defined]  # hypothesis gives a random.Random
    shuffled = {name: given[name] for name in names}

    assert make_contract(shuffled, handle=OTHER) == make_contract(given, handle=HANDLE)


def made(**given: object) -> Contract:
    """A contract of keyword parameters."""
    return make_contract(given, handle=HANDLE, created=1.0)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"node_memory_size": atleast("8G")}, {"node_memory_size": ">=8GiB"}),
        ({"node_vcpus_count": atleast(8.0)}, {"node_vcpus_count": atleast(8)}),
        ({"accelerator_architecture": oneof("Ada", "Hopper")}, {"accelerator_architecture": "Hopper|Ada"}),
        ({"accelerator_count": "<=2"}, {"accelerator_count": "0..2"}),
        ({"cluster_type": "ManageWorkers", "manager": {}}, {"cluster_type": ClusterType.MANAGER_WORKERS}),
        ({"node_vcpus_unit": 4, "image_id": "a"}, {"imageid": "a", "node_vcpus_count": 4}),
        ({"strict": False}, {}),
        ({"total_vcpus": ">=512"}, {"total_vcpus": atleast(512), "node_count": ">=1"}),
    ],
)
def test_a_way_of_writing_does_not_count(one: dict[str, object], other: dict[str, object]) -> None:
    """What asks for the same is the same, as a key of a dict too."""
    assert made(**one) == made(**other)
    assert (made(**one) != made(**other)) is False
    assert {made(**one): 1}[made(**other)] == 1


@pytest.mark.parametrize(
    "other",
    [
        {"node_count": 2},
        {"node_count": "1..2"},
        {"total_vcpus": ">=8"},
        {"node_count": 1, "total_vcpus": ">=8"},
        {"cluster_hourly_price": "<=20"},
        {"policy": "tightest"},
        {"node_process_count": 2},
        {"cluster_type": "PeerWorkersMPI"},
        {"node_memory_size": ">=8G"},
        {"possible": True},
        {"strict": True},
        {"engine": "none"},
        {"cluster_type": "ManagerWorkers", "manager": {"imageid": "a"}},
        {"cluster_type": "ManagerWorkers", "worker": {"node_memory_size": ">=8G"}},
    ],
)
def test_what_is_asked_for_counts(other: dict[str, object]) -> None:
    """Each of these asks for something else than a plain contract."""
    assert made(**other) != made()
    assert made(**other).digest != made().digest


def test_handle_date_and_version_do_not_count() -> None:
    """They say which document it is, not what it asks for."""
    contract = made(node_count=2)

    assert msgspec.structs.replace(contract, handle=OTHER, created=9.0, version=7) == contract
    assert contract != "a contract"
    assert contract != Plan(contract=HANDLE, cluster_type=ClusterType.PEER_WORKERS, provider="ec2", roles=())


def test_a_parameter_that_a_contract_does_not_use_is_not_in_its_digest() -> None:
    """A digest that somebody wrote down holds in a release that knows more parameters."""
    assert made(node_count=4, node_memory_size=">=512G").digest == (
        "5e1f481914be99dd4f0896eb2c42aa3bae8b638e96c340c831a720951d4fa5ff"
    )


def test_plans_are_equal_by_their_digest() -> None:
    """The date does not count; a plan that was never sealed is compared by what it holds."""
    plan = Plan(contract=HANDLE, cluster_type=ClusterType.PEER_WORKERS, provider="ec2", roles=())
    other = msgspec.structs.replace(plan, engine="none")

    assert sealed(plan) == msgspec.structs.replace(sealed(plan), created=5.0)
    assert len({sealed(plan), msgspec.structs.replace(sealed(plan), created=5.0), sealed(other)}) == 2
    assert plan != other
    assert sealed(plan).digest != sealed(other).digest
    assert plan != HANDLE
