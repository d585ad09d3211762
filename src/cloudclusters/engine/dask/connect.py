"""Connecting the driver to a cluster's scheduler; the only file of the engines that touches Dask on this side."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING

from cloudclusters.engine.dask.tls import CA, CERT, KEY
from cloudclusters.errors import NodeUnreachable, NotSupported

if TYPE_CHECKING:
    from distributed import Client, Security

_log = logging.getLogger(__name__)

TIMEOUT = 15.0
"""Seconds in which the scheduler must answer."""
PATIENCE = 120.0
"""Seconds that a later request may take to reach the scheduler: a minute without network is no error."""
_ALIKE = ("dask", "distributed", "cloudpickle")
"""Packages whose versions should be the same on both sides."""


def security(keys: Mapping[str, str]) -> Security:
    """The TLS settings of a client whose secrets lie at these paths."""
    from distributed import Security

    return Security(
        require_encryption=True,
        tls_ca_file=keys[CA],
        tls_client_cert=keys[CERT],
        tls_client_key=keys[KEY],
    )


def connect(
    forwards: Mapping[str, str], keys: Mapping[str, str], *, timeout: float = TIMEOUT, default: bool = False
) -> Client:
    """Connect to the scheduler. Blocks.

    `default` makes it the client that `dask.compute` uses. Data pass through the scheduler: the workers' own
    addresses are inner ones. Raises `NodeUnreachable` when nothing answers within `timeout` seconds, and
    `NotSupported` when functions cannot travel between the two Pythons; warns when Dask differs.
    """
    from distributed import Client
    from distributed.versions import VersionMismatchWarning

    address = forwards["scheduler"]
    with warnings.catch_warnings():
        # Dask's own sentence about versions is a table of all workers; ours follows below.
        warnings.simplefilter("ignore", VersionMismatchWarning)
        try:
            client = Client(
                f"tls://{address}",
                name="cloudclusters",
                timeout=timeout,
                security=security(keys),
                set_as_default=default,
                direct_to_workers=False,
            )
        except (OSError, TimeoutError) as exc:
            raise NodeUnreachable(
                f"the Dask scheduler does not answer at {address} within {timeout:g} s",
                hint="`cloudclusters status --refresh` shows what runs; `restart` starts the scheduler anew",
            ) from exc
    client.rpc.timeout = PATIENCE
    try:
        check_versions(client.sync(client.scheduler.versions)["packages"])
    except BaseException:
        disconnect(client)
        raise
    return client


def disconnect(client: Client) -> None:
    """Let go of a client, also of one that failed: its `close` raises once more what ended its connection. Blocks."""
    try:
        client.close(timeout=2)
    except Exception as exc:  # noqa: BLE001  (whatever it was, the client is of no more use)
        _log.debug("the Dask client had failed before it was closed: %s", exc)


def check_versions(theirs: Mapping[str, str | None]) -> None:
    """Raise `NotSupported` when the scheduler's Python is another one; warn when its Dask is."""
    from distributed.versions import get_versions

    python = ".".join(str(theirs.get("python") or "").split(".")[:2])
    ours = ".".join(map(str, sys.version_info[:2]))
    if python != ours:
        raise NotSupported(
            f"functions cannot travel from Python {ours} here to Python {python or 'unknown'} of the cluster",
            hint=f"use Python {python} here, or an environment with Python {ours} there",
        )
    here = get_versions()["packages"]
    other = [f"{p} {theirs.get(p)} there, {here.get(p)} here" for p in _ALIKE if theirs.get(p) != here.get(p)]
    if other:
        warnings.warn(f"the cluster's packages differ from yours: {'; '.join(other)}", stacklevel=3)
