"""Wrong command lines: each ends with the code of who can mend it, and with words that say how."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

Call = Callable[..., object]

FILES = {
    "broken.toml": "node_count = = 4\n",
    "unknown.toml": 'node_count = 4\nnode_memroy_size = ">=512G"\n',
    "unit.toml": 'node_memory_size = ">=512 bananas"\n',
    "latin.toml": b"# \xe9\nnode_count = 1\n",
    "empty.txt": "",
}

USAGE = [
    ("frobnicate", "unknown command 'frobnicate'"),
    ("selct", "did you mean 'select'"),
    ("config shw", "did you mean 'show'"),
    ("config", "Show"),
    ("select --jsn", "No such option '--jsn'"),
    ("resolve", "Missing argument"),
    ("terminate", "Missing argument 'CLUSTER...'"),
    ("scale some", "Missing argument 'N'"),
    ("scale some many", "not a valid integer"),
    ("exec some", "Missing argument"),
    ("logs some --tail x", "not a valid integer"),
    ("logs some --tail -1", "not in the range"),
    ("deploy node_count=1 --wait sometimes", "is not one of"),
    ("deploy node_count=1 --timeout soon", "90s, 10m, 2h or 1d"),
    ("deploy node_count=1 --timeout 0", "above 0"),
    ("deploy node_provider=local", "add -y to say yes"),
    ("completion tcsh", "is not one of"),
    ("clusters extra", "unexpected extra argument"),
    ("resolve broken.toml node_count=2", "not both"),
    ("deploy node_provider=local --idle-timeout soon", "write 90s"),
    ("deploy node_provider=local --max-cost 0", "--max-cost"),
    ("deploy node_provider=local --at-limit explode", "stop"),
]
MENDED_BY_THE_USER = [
    ("status garbage!", "no cluster has the name or handle 'garbage!'"),
    ("nodes FXqElAnSeTEpQAm", "no cluster has the name or handle"),
    ("interrupt nobody", "cloudclusters clusters"),
    ("stop nobody", "no cluster"),
    ("resume nobody", "no cluster"),
    ("start nobody", "no cluster"),
    ("restart nobody", "no cluster"),
    ("terminate nobody -y", "no cluster"),
    ("down nobody", "no cluster"),
    ("reconnect nobody", "no cluster"),
    ("scale nobody 3", "no cluster"),
    ("exec nobody -- hostname", "no cluster"),
    ("logs nobody", "no cluster"),
    ("resolve FXqElAnSeTEpQAm", "no contract"),
    ("select node_memroy_size>=4G", "node_memory_size"),
    ("select node_memory_size>=4X", "4X"),
    ("select node_memory_size", "constraint"),
    ("select accelerator_architecture=Adda", "Ada"),
    ("select manager.node_vcpus_count=4", "manager"),
    ("resolve node_provider=ec3", "ec3"),
    ("resolve node_count=0", "node_count"),
    ("resolve node_count=-3", "node_count"),
    ("resolve node_count=many", "node_count"),
    ("resolve node_vcpus_count>=8 node_vcpus_count<=4", "node_vcpus_count"),
    ("resolve accelerator_architecture=Ada node_memory_size>=900T", "node_memory_size"),
    ("resolve chef.node_count=2", "chef"),
    ("resolve missing.toml", "missing.toml"),
    ("resolve .", "constraint"),
    ("resolve broken.toml", "broken.toml:1"),
    ("resolve unknown.toml", "unknown.toml:2"),
    ("resolve unit.toml", "unit.toml:1"),
    ("resolve latin.toml", "latin.toml"),
    ("deploy node_provider=local max_lifetime=long -y", "max_lifetime"),
    ("deploy cluster_type=ManagerWorkers node_provider=local node_count=2 -y", "ManagerWorkers"),
    ("explain node_provider=local --why-not no.such", "no.such"),
    ("features node_memry_size", "node_memory_size"),
    ("catalog show g6.48xlage", "g6.48xlarge"),
    ("config show ec3", "ec2"),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with contracts that are no contracts; the command line runs in it."""
    for name, content in FILES.items():
        data = content if isinstance(content, bytes) else content.encode()
        (tmp_path / name).write_bytes(data)
    return tmp_path


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("line", "words", "code"),
    [(line, words, 2) for line, words in USAGE] + [(line, words, 1) for line, words in MENDED_BY_THE_USER],
)
def test_a_wrong_command_line_is_told_what_is_wrong(ccl: Call, line: str, words: str, code: int) -> None:
    """The code says whose turn it is, the words what to mend; never a traceback, and stdout stays empty."""
    answer = ccl(*line.split())

    assert words in answer.err
    assert "Traceback" not in answer.err
    assert (answer.code, answer.out) == (code, "")


def test_a_contract_where_a_cluster_is_wanted_is_called_a_contract(ccl: Call) -> None:
    """The message says what the handle is."""
    handle = ccl("resolve", "node_provider=local", "--json").data["contract"]
    answer = ccl("terminate", handle, "-y")

    assert answer.code == 1
    assert "contract" in answer.err
    assert handle in answer.err


def test_a_malformed_settings_file_is_named_with_line_and_key(ccl: Call, tmp_path: Path) -> None:
    """Configuration errors say where."""
    (tmp_path / "cloudclusters.toml").write_text("[defaults]\nenginee = 'dask'\n")
    answer = ccl("config", "show")

    assert answer.code == 1
    assert "cloudclusters.toml:2" in answer.err
    assert "engine" in answer.err


def test_an_unknown_variable_of_ours_is_an_error(ccl: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """A misspelt variable is not ignored."""
    monkeypatch.setenv("CLOUDCLUSTERS_ENGIN", "dask")
    answer = ccl("resolve", "node_provider=local")

    assert answer.code == 1
    assert "CLOUDCLUSTERS_ENGINE" in answer.err


def test_a_damaged_store_is_told_and_kept(ccl: Call, home: Path) -> None:
    """Nothing is deleted to make the error go away."""
    home.mkdir(exist_ok=True)
    (home / "store.sqlite").write_bytes(b"this is no database, and long enough to be seen as one" * 40)
    answer = ccl("clusters")

    assert answer.code == 1
    assert "store" in answer.err
    assert (home / "store.sqlite").read_bytes().startswith(b"this is no database")


def test_select_ignores_cluster_parameters_with_a_warning(ccl: Call) -> None:
    """The answer is that without them, and stderr names them (FX-04)."""
    plain = ccl("select", "node_machinetype=t3.xlarge", "--json")
    answer = ccl("select", "node_machinetype=t3.xlarge", "node_count=4", "--json")

    assert (answer.code, answer.out) == (0, plain.out)
    assert "node_count" in answer.err
