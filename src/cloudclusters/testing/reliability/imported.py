"""What every child needs, imported once, and what the SDK must read about AWS, read once."""

from __future__ import annotations

import importlib
import importlib.util
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import boto3

_MODULES = (
    "asyncssh",
    "cryptography.hazmat.primitives.asymmetric.ed25519",
    "cryptography.x509",
    "cloudclusters.engine.dask.engine",
    "cloudclusters.engine.dask.tls",
    "cloudclusters.lifecycle.capturing",
    "cloudclusters.lifecycle.logs",
    "cloudclusters.provider.local.provider",
    "cloudclusters.remote.ssh.agent",
    "cloudclusters.remote.ssh.dial",
    "cloudclusters.remote.ssh.hosts",
    "cloudclusters.testing.fleet",
    "cloudclusters.testing.reliability.verbs",
)
for _name in _MODULES:
    importlib.import_module(_name)


def _opened() -> boto3.Session | None:
    """A session of the SDK that has read EC2's description; nothing of the environment is in it."""
    if importlib.util.find_spec("boto3") is None:
        return None
    import boto3

    import cloudclusters.provider.ec2.provider  # noqa: F401

    session = boto3.Session()
    loader = session._session.get_component("data_loader")
    for kind in ("service-2", "endpoint-rule-set-1", "paginators-1"):
        loader.load_service_model("ec2", kind)
    return session


SESSION = _opened()
