"""iam and doctor, where a cloud is concerned: its rights are printed, and it is looked at when it is in use."""

from __future__ import annotations

import json
import subprocess
import sys
import types
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import pytest

from cloudclusters.errors import CredentialsRefused
from cloudclusters.provider import registry
from cloudclusters.provider.protocol import Check, Plugin, Provider, Site, Traits

Call = Callable[..., object]
PACKAGE = """
from cloudclusters.provider.protocol import Plugin, Traits
def opened(site):
    raise AssertionError("nothing is opened to print rights")
def policy(section):
    return f"may do all in {section['region'] if 'region' in section else 'no region'}"
PLUGIN = Plugin(name="cumulus", title="a cloud", traits=Traits(), open=opened, policy=policy, modules=("no_such_sdk",))
"""


class Stratus:
    """A cloud that can be looked at."""

    traits = Traits()
    refuses = False
    opened = 0

    def checks(self) -> Iterable[Check]:
        """One good finding, then a bad one, or a refusal between the two."""
        yield Check(name="credentials", ok=True, found="me")
        if self.refuses:
            raise CredentialsRefused("the key is of yesterday", hint="log in")
        yield Check(name="quota", ok=False, found="0 machines", hint="ask for more")


@pytest.fixture
def stratus(monkeypatch: pytest.MonkeyPatch) -> Stratus:
    """The provider `ec2` is this one."""
    made = Stratus()

    def opened(site: Site) -> Provider:
        made.opened += 1
        return made  # type: ignore[return-value]  # it has no machines

    def policy(section: Mapping[str, str]) -> str:
        return json.dumps({"group": section.get("security_group_id", ""), "region": section.get("region", "")})

    module = types.ModuleType("stratus_plugin")
    module.PLUGIN = Plugin(name="ec2", title="a cloud", traits=Traits(), open=opened, policy=policy)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "stratus_plugin", module)
    monkeypatch.setitem(registry.BUILT_IN, "ec2", "stratus_plugin")
    return made


def _rows(answer: object) -> dict[str, dict[str, object]]:
    return {row["check"]: row for row in answer.data}  # type: ignore[attr-defined]


def test_iam_prints_the_rights_for_the_settings(stratus: Stratus, ccl: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that are in force, alone on stdout; nothing is opened."""
    monkeypatch.setenv("CLOUDCLUSTERS_EC2_REGION", "us-east-1")

    assert ccl("iam", "ec2").data == {"group": "", "region": "us-east-1"}
    assert stratus.opened == 0


def test_a_contracts_settings_count(stratus: Stratus, ccl: Call, tmp_path: Path) -> None:
    """Given as constraints, or in its file."""
    (tmp_path / "mine.toml").write_text('node_count = 2\nsecurity_group_id = "sg-2"\n')

    assert ccl("iam", "ec2", "node_count=2", "security_group_id=sg-1").data["group"] == "sg-1"
    assert ccl("iam", "ec2", "mine.toml").data["group"] == "sg-2"


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [("local", 0, "needs no rights"), ("ec3", 1, "did you mean 'ec2'")],
)
def test_iam_of_others_is_a_sentence(ccl: Call, name: str, code: int, said: str) -> None:
    """On stderr: stdout is for policies alone."""
    answer = ccl("iam", name)

    assert (answer.code, answer.out) == (code, "")
    assert said in answer.err


def test_iam_of_a_plugin_needs_no_sdk(program: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another package's provider, found by its entry point, whose SDK is not installed here."""
    (tmp_path / "cumulus.py").write_text(PACKAGE)
    info = tmp_path / "cumulus-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: cumulus\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{registry.GROUP}]\ncumulus = cumulus:PLUGIN\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    answer = program("iam", "cumulus")

    assert answer.code == 0, answer.err
    assert answer.out == "may do all in no region\n"


def test_doctor_looks_at_a_cloud_with_a_region(stratus: Stratus, ccl: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each finding is a row with the cloud's name; a bad one must be mended."""
    monkeypatch.setenv("CLOUDCLUSTERS_EC2_REGION", "us-east-1")
    answer = ccl("doctor", "--json")
    rows = _rows(answer)

    assert answer.code == 1
    assert rows["ec2: credentials"]["ok"]
    assert rows["ec2: quota"] == {"check": "ec2: quota", "ok": False, "found": "0 machines", "hint": "ask for more"}


def test_what_a_check_refuses_is_a_finding(stratus: Stratus, ccl: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """After those that it found."""
    stratus.refuses = True
    monkeypatch.setenv("CLOUDCLUSTERS_EC2_REGION", "us-east-1")
    rows = _rows(ccl("doctor", "--json"))

    assert rows["ec2: credentials"]["ok"]
    assert rows["ec2"]["found"] == "the key is of yesterday"
    assert rows["ec2"]["hint"] == "log in"


def test_doctor_leaves_a_cloud_alone_that_nobody_uses(stratus: Stratus, ccl: Call) -> None:
    """No region and no cluster: it is not even opened."""
    assert not [check for check in _rows(ccl("doctor", "--json")) if check.startswith("ec2")]
    assert stratus.opened == 0


def test_doctor_looks_at_a_cloud_that_holds_a_cluster(stratus: Stratus, ccl: Call, recorded: Call) -> None:
    """Whatever the settings say now."""
    recorded(provider="ec2")

    assert "ec2: credentials" in _rows(ccl("doctor", "--json"))


_PROBE = """
import sys
sys.argv = ["cloudclusters", "doctor"]
from cloudclusters.cli import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
loaded = {name.partition(".")[0] for name in sys.modules} & {"boto3", "botocore", "concurrent", "asyncio"}
print("LOADED", *sorted(loaded), file=sys.stderr)
"""


def test_doctor_without_a_cloud_in_use_imports_no_sdk() -> None:
    """It stays as quick as it was."""
    ended = subprocess.run([sys.executable, "-c", _PROBE], capture_output=True, text=True, check=True, timeout=60)

    assert ended.stderr.splitlines()[-1] == "LOADED"
