"""Builders for tests of environments."""

from __future__ import annotations

from cloudclusters.environment.protocol import Captured, Facts, Parcel
from cloudclusters.environment.wish import Wish

NODE = Facts(
    hostname="n",
    python="3.12.1",
    executable="/usr/bin/python3",
    vcpus=2,
    memory_bytes=0,
    directory="/home/me/.cloudclusters/HANDLE/node0",
    os_pid=1,
    boot="b",
)
WHEEL = Parcel(path=f"parcels/{'a' * 24}/mine-1-py3-none-any.whl", size=10)
MODULES = Parcel(path=f"parcels/{'b' * 24}/modules.zip", size=20)


def captured(environment: str, **found: object) -> Captured:
    """What a driver with Python 3.11 found."""
    given = {"python": "3.11", "ours": {"python": "3.11.7", "distributed": "2026.8.0"}, **found}
    return Captured(wish=Wish(environment=environment), **given)  # type: ignore[arg-type]
