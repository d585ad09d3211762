"""TOML with line numbers, and back."""

from __future__ import annotations

import tomllib

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
