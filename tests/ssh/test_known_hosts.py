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
