"""The file of pinned host keys."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cloudclusters.remote.ssh import KnownHosts, fingerprint, make_key
from cloudclusters.remote.ssh.keys import bare


def test_pin_replaces_the_key_of_its_alias_only(tmp_path: Path) -> None:
    """Others keep theirs, and what people wrote there stays."""
    known, keys = KnownHosts(tmp_path / "known_hosts"), [make_key("c").public for _ in range(3)]
    known.pin("a", keys[0])
    with known.path.open("a") as file:
        file.write("# mine\n")
    known.pin("b", keys[1])

    known.pin("a", keys[2])

    assert (known.of("a"), known.of("b"), known.of("c")) == ((bare(keys[2]),), (bare(keys[1]),), ())
    assert "# mine" in known.path.read_text()
    assert known.path.stat().st_mode & 0o777 == 0o600


def test_a_new_pin_is_one_line_more(tmp_path: Path) -> None:
    """The file is not written again for each of many nodes, and a line that a full disk cut off spoils no other."""
    known, keys = KnownHosts(tmp_path / "known_hosts"), [make_key().public for _ in range(3)]
    known.pin("a", keys[0])
    file = known.path.stat().st_ino
    with known.path.open("a") as more:
        more.write("b ssh-ed2")

    known.pin("c", keys[1])
    KnownHosts(known.path).pin("d", keys[2])

    assert known.path.stat().st_ino == file
    assert [known.of(each) for each in "abcd"] == [(bare(keys[0]),), (), (bare(keys[1]),), (bare(keys[2]),)]


def test_several_are_forgotten_at_once(tmp_path: Path) -> None:
    """And nobody else."""
    known, key = KnownHosts(tmp_path / "known_hosts"), make_key().public
    for alias in "abc":
        known.pin(alias, key)

    known.forget("a", "c")

    assert [bool(known.of(alias)) for alias in "abc"] == [False, True, False]


def test_forgotten_alias_is_trusted_no_more(tmp_path: Path) -> None:
    """As when its machine is gone."""
    known = KnownHosts(tmp_path / "known_hosts")
    known.pin("a", make_key().public)

    known.forget("a")

    assert known.of("a") == ()


def test_pins_made_at_once_are_all_kept(tmp_path: Path) -> None:
    """Several deploys may share a home."""
    key = make_key().public

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: KnownHosts(tmp_path / "known_hosts").pin(f"n{n}", key), range(40)))

    known = KnownHosts(tmp_path / "known_hosts")
    assert all(known.of(f"n{n}") for n in range(40))


def test_private_key_does_not_print() -> None:
    """Its fingerprint does."""
    key = make_key()

    assert key.private not in repr(key)
    assert fingerprint(key.public) in repr(key)
