"""Making contracts: what is understood, and what a mistake says."""

from __future__ import annotations

import pytest

from cloudclusters.contract.build import make_contract
from cloudclusters.contract.document import ClusterType, Contract
from cloudclusters.contract.text import from_texts, from_toml, to_toml
from cloudclusters.errors import InvalidContract
from cloudclusters.vocabulary import Range, Terms, atleast, between, just, oneof

HANDLE = "FXqElAnSeTEpQAm"
GiB = 2**30


def made(**parameters: object) -> Contract:
    """A contract of keyword parameters."""
    return make_contract(parameters, handle=HANDLE, created=1.0)


def test_a_contract_holds_counts_features_and_configuration() -> None:
    """The three classes of parameters go to their places."""
    contract = made(
        node_count=8,
        node_process_count=2,
        node_memory_size=atleast("512G"),
        accelerator_count=just(8),
        accelerator_architecture="Ada",
        engine="none",
    )
    assert (contract.node_count, contract.node_process_count) == (8, 2)
    assert contract.assumptions == {
        "node_memory_size": Range(512 * GiB),
        "accelerator_count": Range(8, 8),
        "accelerator_architecture": Terms(("Ada",)),
    }
    assert contract.settings == {"engine": "none"}


def test_nothing_given_is_one_peer_node() -> None:
    """The defaults of CloudClusters."""
    contract = made()
    assert (contract.cluster_type, contract.node_count, contract.node_process_count) == ("PeerWorkers", 1, 1)


def test_spellings_of_cloudclusters_documents_are_accepted() -> None:
    """CC-013: documented names that did nothing there mean what they say here."""
    contract = made(
        cluster_type="ManageWorkers",
        accelerator_memory=atleast("24G"),
        accelerator_arch="Ada",
        node_vcpus_unit=atleast(4),
        image_id="ami-1",
        tunnel=True,
    )
    assert contract.cluster_type is ClusterType.MANAGER_WORKERS
    assert set(contract.assumptions) == {"accelerator_memory_size", "accelerator_architecture", "node_vcpus_count"}
    assert contract.settings == {"imageid": "ami-1", "tunneled": True}


def test_roles_as_dicts_and_as_prefixes_are_the_same() -> None:
    """`manager=dict(k=v)` is `manager.k`."""
    by_dict = made(
        cluster_type=ClusterType.MANAGER_WORKERS,
        manager={"node_machinetype": "t3.xlarge", "imageid": "a"},
        worker={"accelerator_count": just(8)},
    )
    by_prefix = made(
        **{
            "cluster_type": "ManagerWorkers",
            "manager.node_machinetype": "t3.xlarge",
            "manager.imageid": "a",
            "worker.accelerator_count": 8,
        }
    )
    assert by_dict == by_prefix
    assert by_dict.roles["worker"] == {"accelerator_count": Range(8, 8)}
    assert by_dict.role_settings == {"manager": {"imageid": "a"}}


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"node_memroy_size": 4}, "unknown parameter 'node_memroy_size'; did you mean 'node_memory_size'"),
        ({"node_count": 0}, "node_count: 0 is less than 1"),
        ({"node_count": -3}, "node_count: -3 is less than 1"),
        ({"node_process_count": 0}, "node_process_count: 0 is less than 1"),
        ({"node_count": 1.5}, "node_count: 1.5 is not a whole number"),
        ({"node_process_count": atleast(2)}, "node_process_count must be one number, not >=2"),
        ({"node_count": "9..3"}, "node_count: no number is from 9 to 3"),
        ({"node_count": "many"}, "node_count"),
        ({"node_memory_size": between("64G", "8G")}, "node_memory_size: no number is from"),
        ({"node_memory_size": "12 parsecs"}, "node_memory_size"),
        ({"node_memory_size": True}, "node_memory_size: True is not a number"),
        ({"accelerator_architecture": 7}, "accelerator_architecture: 7 is not a name"),
        ({"accelerator_architecture": "Adda"}, "did you mean 'Ada'"),
        ({"cluster_type": "PeerWorker"}, "did you mean 'PeerWorkers'"),
        ({"manager": {"node_vcpus_count": 4}}, "manager.node_vcpus_count: a PeerWorkers cluster has no manager"),
        ({"boss.node_vcpus_count": 4}, "unknown role 'boss'"),
        ({"manager": 4}, "manager must be a dict of parameters, not 4"),
        (
            {"cluster_type": "ManagerWorkers", "worker": {"node_count": 4}},
            "worker.node_count is about the whole cluster",
        ),
        ({"cluster_type": "ManagerWorkers", "worker": {"region": "x"}}, "worker.region is about the whole cluster"),
        ({"engine": "dusk"}, "engine must be 'dask' or 'none', not 'dusk'; did you mean 'dask'"),
        ({"imageid": "a", "image_id": "b"}, "image_id is given twice"),
        ({"strict": "perhaps"}, "strict must be true or false"),
        ({"node_provider": "Goggle"}, "did you mean"),
        ({"cluster_locale": "us-eats-1"}, "did you mean"),
    ],
)
def test_a_mistake_is_told_at_once(parameters: dict[str, object], said: str) -> None:
    """Unknown names, wrong kinds, counts below one and contradictions say what to write instead."""
    with pytest.raises(InvalidContract) as caught:
        made(**parameters)
    assert said in str(caught.value)


def test_texts_of_the_command_line() -> None:
    """The text forms make the same contract as the parameters."""
    texts = [
        "cluster_type=ManagerWorkers",
        "node_count=4",
        "node_memory_size>=512G",
        "manager.node_machinetype=t3.xlarge",
        "worker.node_vcpus_count=8..16",
        "engine=none",
        "strict=true",
    ]
    contract = from_texts(texts, handle=HANDLE, created=1.0)
    assert contract == made(
        cluster_type="ManagerWorkers",
        node_count=4,
        node_memory_size=atleast("512G"),
        manager={"node_machinetype": "t3.xlarge"},
        worker={"node_vcpus_count": between(8, 16)},
        engine="none",
        strict=True,
    )


def test_a_feature_given_twice_must_satisfy_both() -> None:
    """Two bounds make a range."""
    contract = from_texts(["node_memory_size>=8G", "node_memory_size<=16G"], handle=HANDLE)
    assert contract.assumptions["node_memory_size"] == Range(8 * GiB, 16 * GiB)


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["node_memory_size>=16G", "node_memory_size<=8G"], "nothing can satisfy both"),
        (["node_memory_size"], "'node_memory_size' is not a constraint"),
        (["boss.node_count=1"], "unknown role 'boss'"),
        (["engine>=dask"], "engine takes one value"),
        (["node_cuont=1"], "did you mean 'node_count'"),
        (["node_memory_size>512G"], "leaves open whether the end is included"),
    ],
)
def test_a_mistake_on_the_command_line(texts: list[str], said: str) -> None:
    """The same care as for parameters."""
    with pytest.raises(InvalidContract) as caught:
        from_texts(texts, handle=HANDLE)
    assert said in str(caught.value)


TOML = """
cluster_type = "ManagerWorkers"
node_count = 4
node_memory_size = ">=512G"
accelerator_architecture = ["Ada", "Hopper"]

[manager]
node_machinetype = "t3.xlarge"
imageid = "ami-1"

[worker]
accelerator_count = 8
"""


def test_a_contract_reads_from_a_file_and_writes_back_the_same() -> None:
    """from_toml and to_toml are each other's inverse."""
    contract = from_toml(TOML, "job.toml", handle=HANDLE, created=1.0)
    assert contract.assumptions["accelerator_architecture"] == Terms(("Ada", "Hopper"))
    assert contract.roles["manager"] == {"node_machinetype": Terms(("t3.xlarge",))}
    assert from_toml(to_toml(contract), "again.toml", handle=HANDLE, created=1.0) == contract


def test_a_contract_table_stands_beside_configuration() -> None:
    """One cloudclusters.toml may hold both."""
    text = '[ec2]\nregion = "eu-west-1"\n[contract]\nnode_count = 2\n[contract.manager]\nnode_vcpus_count = 4\n'
    text += '[contract.worker]\n"node_vcpus_count" = "8.."\n'
    with pytest.raises(
        InvalidContract, match=r"^cloudclusters\.toml:6: manager\.node_vcpus_count: a PeerWorkers cluster"
    ):
        from_toml(text, "cloudclusters.toml", handle=HANDLE)
    text = text.replace("node_count", 'cluster_type = "ManagerWorkers"\nnode_count')
    contract = from_toml(text, "cloudclusters.toml", handle=HANDLE)
    assert contract.roles["worker"] == {"node_vcpus_count": Range(8, None)}


def test_configuration_in_another_file_is_refused() -> None:
    """Read from nowhere else, it would be ignored in silence."""
    with pytest.raises(InvalidContract, match=r"c\.toml:3: a contract's file holds \[contract\] alone"):
        from_toml('[contract]\nnode_count = 2\n[ec2]\nregion = "eu-west-1"\n', "c.toml", handle="x")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("node_count = ", "f.toml:1, key 'node_count': malformed TOML"),
        ("\nnode_memroy_size = 3", "f.toml:2: unknown parameter 'node_memroy_size'"),
        ("\n\n[manger]\nnode_vcpus_count = 3", "f.toml:3: unknown role 'manger'; did you mean 'manager'"),
        ("[worker]\n\nnode_memory_size = 'x'", "f.toml:3: worker.node_memory_size"),
    ],
)
def test_a_mistake_in_a_file_names_file_line_and_key(text: str, said: str) -> None:
    """Where it is, and what is wrong with it."""
    with pytest.raises(InvalidContract) as caught:
        from_toml(text, "f.toml", handle=HANDLE)
    assert str(caught.value).startswith(said)


HUGE = 10**5000


@pytest.mark.parametrize("name", ["max_cost", "strict", "engine", "accelerator", "manager", "cluster_type", "nothing"])
@pytest.mark.parametrize("value", [HUGE, -HUGE, [HUGE], oneof(1, HUGE)], ids=["one", "below 0", "list", "wish"])
def test_a_number_that_python_does_not_print_is_told(name: str, value: object) -> None:
    """Wherever it stands."""
    with pytest.raises(InvalidContract) as caught:
        make_contract({name: value}, handle="x")
    assert len(caught.value.message) < 200
