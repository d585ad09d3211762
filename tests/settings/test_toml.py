"""TOML with line numbers, and back."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudclusters.base import toml
from cloudclusters.errors import InvalidSetting

TEXT = '''# a comment = 1
top = [
  "not = a key",
  2,
]
long = """
[not.a.header]
inner = 1
"""
manager.kind = "x"   # a = b

[table]
plain = "[ { # ="
inline = { a = 1 }

[quoted . "two words"]
'key' = 1
'''


@pytest.mark.parametrize(
    ("key", "line"),
    [
        (("top",), 2),
        (("long",), 6),
        (("manager", "kind"), 10),
        (("table",), 12),
        (("table", "plain"), 13),
        (("table", "inline"), 14),
        (("table", "inline", "a"), 14),
        (("quoted", "two words", "key"), 17),
    ],
)
def test_keys_know_their_lines(key: tuple[str, ...], line: int) -> None:
    """A key's line is found, whatever stands in strings, lists and comments around it."""
    document = toml.parse(TEXT, "f.toml", InvalidSetting)
    assert document.where(*key) == f"f.toml:{line}"


def test_a_table_without_a_header_stands_where_its_first_key_does() -> None:
    """`node.count = 1` is a table, too; one with a header stands there."""
    document = toml.parse("a = 1\n\nnode.count = 1\nnode.memory = 2\n[b.c]\n[b]\nd = 1\n", "f.toml", InvalidSetting)

    assert [document.where(key) for key in ("node", "b", "none")] == ["f.toml:3", "f.toml:6", "f.toml"]


def test_a_byte_order_mark_is_none_of_the_text(tmp_path: Path) -> None:
    """Editors of Windows write one."""
    (tmp_path / "f.toml").write_bytes(b"\xef\xbb\xbfa = 1\n")

    assert toml.read(tmp_path / "f.toml", InvalidSetting).data == {"a": 1}


def test_an_integer_that_python_does_not_read_is_told() -> None:
    """With its line."""
    with pytest.raises(InvalidSetting, match=r"f\.toml:2: a number has too many digits"):
        toml.parse(f"a = 1\nb = {'9' * 5000}\n", "f.toml", InvalidSetting)


def test_text_in_long_strings_and_lists_is_no_key() -> None:
    """Only real keys have lines."""
    assert ("inner",) not in toml.parse(TEXT, "f.toml", InvalidSetting).lines


KEYS = st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=8)
PLAIN = st.one_of(st.booleans(), st.integers(-(2**60), 2**60), st.floats(allow_nan=False, allow_infinity=False), KEYS)
VALUES = st.one_of(PLAIN, st.lists(PLAIN, max_size=3))


@given(st.dictionaries(KEYS, st.one_of(VALUES, st.dictionaries(KEYS, VALUES, max_size=3)), max_size=4))
def test_what_is_written_reads_back(data: dict[str, object]) -> None:
    """write, then tomllib, gives the same data."""
    assert tomllib.loads(toml.write(data)) == data


def test_tables_of_a_list_have_lines_of_their_own() -> None:
    """The second one's keys are not the first one's; a table below belongs to it by its name alone."""
    document = toml.parse("[[row]]\na = 1\n\n[[row]]\n# nothing\na = 2\n[[other]]\na = 3\n", "f.toml", InvalidSetting)

    assert [document.where("row", "0", "a"), document.where("row", "1", "a")] == ["f.toml:2", "f.toml:6"]
    assert [document.where("row", "1"), document.where("row")] == ["f.toml:4", "f.toml:1"]
    assert document.where("other", "0", "a") == "f.toml:8"
