"""Every wrong way to write a contract gets its sentence: what was wrong, where, and what to write instead."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

import cloudclusters as cc
from cloudclusters.api.contracts import contract_from_texts, load_contract, select_texts
from cloudclusters.contract.build import parameter_names
from cloudclusters.errors import InvalidContract, UnknownName
from cloudclusters.settings.keys import KEYS
from cloudclusters.vocabulary import FEATURES
from cloudclusters.vocabulary.habit import FOREIGN, foreign

TABLE = Path(__file__).parents[2] / "tools" / "wrong_constraints.toml"


@dataclass(frozen=True)
class Wrong:
    """What somebody wrote in Python, in words of the command line (one each line) or in a file, and the answer."""

    form: str
    written: str
    message: str = ""
    hint: str = ""


def table() -> list[Wrong]:
    """Every case."""
    groups = tomllib.loads(TABLE.read_text(encoding="utf-8"))["group"]
    return [Wrong(**case) for group in groups for case in group["case"]]


def attempt(case: Wrong, folder: Path) -> object:
    """Do what the case does."""
    match case.form:
        case "python":
            names = {name: getattr(cc, name) for name in ("atleast", "atmost", "between", "just", "oneof", "noneof")}
            return eval(case.written, {"cc": cc, **names})  # the table is ours
        case "text":
            return contract_from_texts(case.written.splitlines())
        case "select":
            return select_texts(case.written.splitlines())
        case "toml":
            (folder / "contract.toml").write_text(case.written, encoding="utf-8")
            return load_contract(folder / "contract.toml")
    raise ValueError(f"no form {case.form!r}")


CASES = table()


def test_the_table_is_large_and_says_nothing_twice() -> None:
    """Sixty cases were asked for; a case that is there twice tells nothing."""
    written = [(each.form, each.written) for each in CASES]

    assert len(written) >= 60
    assert len(set(written)) == len(written)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.form}: {case.written}"[:60].replace("\n", " "))
def test_a_wrong_contract_gets_its_sentence(case: Wrong, tmp_path: Path) -> None:
    """The sentence is the one in the reference; nothing is stored, and there is always something to write instead."""
    with pytest.raises(InvalidContract) as caught:
        attempt(case, tmp_path)

    assert caught.value.message.replace(f"{tmp_path}/", "") == case.message
    assert caught.value.hint == case.hint
    assert case.hint


def test_no_word_of_others_is_one_of_ours() -> None:
    """A name that we understand is never called a word of somebody else; its hint names features or settings."""
    ours = set(FEATURES) | {alias for each in FEATURES.values() for alias in each.aliases}

    assert not ours & set(FOREIGN)
    assert foreign("use-spot") == foreign("use_spot")
    assert foreign("node_count") == ("", "")


GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "from-skypilot.md"


def test_every_name_of_skypilot_in_the_guide_is_told_ours() -> None:
    """Those of its table, and those that its last sentences name; what is a name of ours as well is understood."""
    text = GUIDE.read_text(encoding="utf-8")
    cells = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    names = {name for cell in cells for name in re.findall(r"`(\w+)", cell)}
    names |= set(re.findall(r"`(\w+)`", text.partition("Beside `resources:`")[2].partition("## ")[0])) - {
        "put",
        "sync",
        "exec",
    }

    known = {*parameter_names(), *(alias for key in KEYS.values() for alias in key.aliases)}
    assert {"ephemeral_storage", "priority_class", "setup", "run", "file_mounts", "workdir", "secrets"} <= names
    assert {name for name in names - known if not foreign(name)[1]} == set()


@pytest.mark.parametrize("name", sorted(FOREIGN))
def test_what_is_proposed_for_a_word_of_others_can_be_written(name: str) -> None:
    """Each `a=b` of a hint is understood."""
    _, hint = foreign(name)
    texts = [word.strip(",;") for word in hint.partition(", for ")[0].split() if "=" in word and not word.endswith("+")]

    for text in texts:
        assert isinstance(contract_from_texts([text]), cc.Contract)


@pytest.mark.parametrize("path", [None, 3, b"c.toml"])
def test_what_is_no_path_is_told(path: object) -> None:
    """Before any file is looked for."""
    with pytest.raises(InvalidContract, match="a contract's file is wanted, not"):
        load_contract(path)  # type: ignore[arg-type]  # that is the question


def test_files_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    """In the words of the command line."""
    (tmp_path / "latin.toml").write_bytes(b"user = '\xe9'")
    for name, said in (
        ("no.toml", "is not there"),
        (".", "is a folder"),
        ("latin.toml", "it is not UTF-8"),
        ("a\0b", "not there"),
    ):
        with pytest.raises(UnknownName, match=rf"the file .* {said}"):
            load_contract(tmp_path / name)


def test_a_byte_order_mark_is_no_part_of_a_contract(tmp_path: Path) -> None:
    """Editors of Windows write one."""
    (tmp_path / "c.toml").write_text("node_count = 2", encoding="utf-8-sig")

    assert load_contract(tmp_path / "c.toml") == cc.cluster(node_count=2)


def test_a_price_is_written_as_people_write_it() -> None:
    """With the sign before the figure and the hour behind it."""
    texts = ["$2.5/h", "$2.5", "2.5", "2.5 USD/h", "2.5$/h", "$ 2.5 /h"]

    assert {cc.cluster(node_hourly_price=f"<={text}") for text in texts} == {
        cc.cluster(node_hourly_price=cc.atmost(2.5))
    }
