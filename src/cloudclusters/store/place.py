"""Where the store lies: its folder, and whether that is on a network file system."""

from __future__ import annotations

import re
from pathlib import Path

from cloudclusters.errors import StoreError

_NETWORK = re.compile(
    r"(nfs\d?|cifs|smb\w*|ncpfs|afs|9p|lustre|gpfs|beegfs\w*|ceph|glusterfs|pvfs2|orangefs|panfs|"
    r"fuse\.(sshfs|ceph|glusterfs|s3fs|rclone|juicefs|lustre)\w*)\Z"
)
_ESCAPE = re.compile(r"\\([0-7]{3})")


def make_folder(folder: Path) -> None:
    """Make the folder, for this user alone; raises `StoreError`."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as exc:
        raise StoreError(
            f"the folder {folder} cannot be made: {exc.strerror}",
            hint="set CLOUDCLUSTERS_HOME to a folder that you may write to",
        ) from exc


def is_network(folder: Path, mounts: Path = Path("/proc/mounts")) -> bool:
    """Whether the folder is on a network file system; False where the system does not tell."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return False
    place = folder.resolve()
    found, kind = Path(), ""
    for line in lines:
        _, point, this_kind, *_ = line.split(" ")
        mounted = Path(_ESCAPE.sub(lambda m: chr(int(m[1], 8)), point))
        # of two mounts at one place the later one is seen
        if place.is_relative_to(mounted) and len(mounted.parts) >= len(found.parts):
            found, kind = mounted, this_kind
    return _NETWORK.match(kind) is not None
