"""User-data is read as cloud-init reads it; what cannot be read is a failure of the first boot, not of the bed."""

from __future__ import annotations

import base64
import gzip
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudclusters.testing.bed.user_data import first_boot


def test_nothing_is_nothing_to_do() -> None:
    """No user-data, no steps."""
    boot = first_boot(b"", user="ubuntu")

    assert not boot.early
    assert not boot.late


def test_parts_of_a_message_run_in_order() -> None:
    """Multi-part messages and gzip are what tools send when text gets long."""
    message = (
        b'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="X"\n\n'
        b"--X\nContent-Type: text/cloud-config\n\n#cloud-config\nruncmd: [one]\n"
        b"--X\nContent-Type: text/x-shellscript\n\n#!/bin/sh\ntwo\n--X--\n"
    )
    boot = first_boot(gzip.compress(message), user="ubuntu")

    assert [Path(line).name for line in boot.late] == ["runcmd", "part-002"]


def test_unknown_key_fails_the_first_boot_by_name() -> None:
    """What the bed cannot do does not pass in silence."""
    [line] = first_boot(b"#cloud-config\nswap: {}\n", user="ubuntu").late

    assert "swap" in line
    assert line.endswith("exit 1")


@pytest.mark.slow
@given(
    content=st.binary(max_size=200), name=st.text(st.characters(codec="ascii", exclude_characters="/\0"), min_size=1)
)
def test_any_file_arrives_as_it_is(tmp_path_factory: pytest.TempPathFactory, content: bytes, name: str) -> None:
    """No byte of a file and no letter of its name is read by the shell."""
    import json

    folder = tmp_path_factory.mktemp("files")
    path = folder / f"x{name}"
    file = {"path": str(path), "content": base64.b64encode(content).decode(), "encoding": "b64"}
    early, _ = first_boot(b"#cloud-config\n" + json.dumps({"write_files": [file]}).encode(), user="ubuntu").scripts()

    subprocess.run(["sh"], input=early, check=True)

    assert path.read_bytes() == content
