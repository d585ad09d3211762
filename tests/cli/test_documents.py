"""contract show, diff and schema: contracts as files, on the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import jsonschema

import cloudclusters as cc

Call = Callable[..., object]

SMALL = 'node_count = 2\nnode_provider = "local"\n'
LARGE = 'node_provider = "local"\nnode_count = 4\nengine = "none"\n'


def write(**files: str) -> None:
    """Contracts' files in the working folder."""
    for name, text in files.items():
        Path(f"{name}.toml").write_text(text, encoding="utf-8")


def test_a_contract_is_shown_as_a_table(ccl: Call) -> None:
    """Of constraints, with the digest."""
    answer = ccl("contract", "show", "node_count=4", "node_memory_size>=512G")

    assert answer.code == 0
    assert "node_memory_size  >=512G" in answer.out
    assert "digest" in answer.out


def test_a_contract_goes_into_a_file_and_comes_back(ccl: Call) -> None:
    """What `--toml` prints is a contract's file, equal to what it came from; by handle, too."""
    text = ccl("contract", "show", "node_count=4", "node_memory_size>=512G", "--toml").out
    write(c=text)

    shown = ccl("contract", "show", "c.toml", "--json").data
    again = ccl("contract", "show", shown["handle"], "--json").data

    assert text == 'node_count = 4\nnode_memory_size = ">=512G"\n'
    assert shown == again
    assert shown["parameters"] == {"node_count": 4, "node_memory_size": ">=512G"}
    assert shown["digest"] == cc.load_contract("c.toml").digest


def test_json_says_on_stderr_why_nothing_fits(ccl: Call) -> None:
    """And stdout is JSON alone: none at all where it is an error; `explain` gives the reasons as data."""
    words = ("node_memory_size>=512G", "node_vcpus_count<=2", "node_provider=ec2", "--json")

    chosen, resolved, explained = (ccl(verb, *words) for verb in ("select", "resolve", "explain"))

    assert (chosen.code, chosen.data) == (0, [])
    assert (resolved.code, resolved.out) == (1, "")
    for each in (chosen, resolved):
        assert "no instance type satisfies node_memory_size>=512G and node_vcpus_count<=2 together" in each.err
    assert explained.data["conflict_sets"][0] == ["node_memory_size>=512G", "node_vcpus_count<=2"]
    assert explained.data["relaxations"][0]["instead"].keys() == {"node_memory_size"}


def test_two_contracts_are_compared(ccl: Call) -> None:
    """By the names that the user gives them."""
    write(small=SMALL, large=LARGE)

    answer = ccl("contract", "diff", "small.toml", "large.toml")

    assert answer.code == 0
    assert answer.out.startswith("From contract small.toml to large.toml:\n")
    assert ccl("contract", "diff", "small.toml", "large.toml", "--json").data == [
        {"what": "node_count", "before": "2", "after": "4"},
        {"what": "engine", "before": None, "after": "none"},
    ]


def test_equal_contracts_are_told_in_a_sentence(ccl: Call) -> None:
    """On stderr; the JSON is an empty list."""
    write(small=SMALL)
    handle = ccl("contract", "show", "node_provider=local", "node_count=2", "--json").data["handle"]

    answer = ccl("contract", "diff", "small.toml", handle)

    assert (answer.code, answer.out) == (0, "")
    assert f"The contracts small.toml and {handle} ask for the same" in answer.err
    assert ccl("contract", "diff", "small.toml", handle, "--json").data == []


def test_what_two_contracts_come_to_is_compared(ccl: Call) -> None:
    """`--plans` resolves them, and compares the plans."""
    write(small=SMALL, large=LARGE)

    rows = {row["what"]: row for row in ccl("contract", "diff", "small.toml", "large.toml", "--plans", "--json").data}

    assert rows["nodes"] == {"what": "nodes", "before": "2 on-demand", "after": "4 on-demand"}
    assert rows["engine"] == {"what": "engine", "before": "dask", "after": "none"}
    assert "node_provider" not in rows


def test_the_schema_is_json_that_checks_contracts(ccl: Call) -> None:
    """The same as that of the package."""
    answer = ccl("contract", "schema")

    assert json.loads(answer.out) == cc.contract_schema()
    jsonschema.validate({"node_count": 4}, answer.data, jsonschema.Draft202012Validator)


def test_wrong_uses_say_what_to_write(ccl: Call) -> None:
    """Two forms at once, a file that is not there, a contract that is not known."""
    assert "give one of them" in ccl("contract", "show", "node_count=4", "--toml", "--json").err
    assert ccl("contract", "show", "node_count=4", "--toml", "--json").code == 2
    assert "the file no.toml is not there" in ccl("contract", "diff", "no.toml", "no.toml").err
    assert "no contract" in ccl("contract", "show", "FXqElAnSeTEpQAm").err
    assert "did you mean 'diff'" in ccl("contract", "dif", "a", "b").err
