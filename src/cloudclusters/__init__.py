"""cloudclusters: from a contract over platform features to a running cluster, and nothing left behind.

>>> import cloudclusters as cc
>>> contract = cc.cluster(node_count=2, node_provider="local")
>>> contract.node_count
2

Importing this package imports nothing else: every public name is looked up when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cloudclusters import aio as aio
    from cloudclusters import errors as errors
    from cloudclusters.api.cluster import Cluster as Cluster
    from cloudclusters.api.computing import (
        everywhere as everywhere,
    )
    from cloudclusters.api.computing import (
        fetchfrom as fetchfrom,
    )
    from cloudclusters.api.computing import (
        pmap as pmap,
    )
    from cloudclusters.api.contracts import (
        cluster as cluster,
    )
    from cloudclusters.api.contracts import (
        deploy as deploy,
    )
    from cloudclusters.api.contracts import (
        difference as difference,
    )
    from cloudclusters.api.contracts import (
        explain as explain,
    )
    from cloudclusters.api.contracts import (
        load_contract as load_contract,
    )
    from cloudclusters.api.contracts import (
        plan as plan,
    )
    from cloudclusters.api.contracts import (
        resolve as resolve,
    )
    from cloudclusters.api.contracts import (
        select as select,
    )
    from cloudclusters.api.costing import cost as cost
    from cloudclusters.api.dying import (
        replace as replace,
    )
    from cloudclusters.api.dying import (
        simulate_interruption as simulate_interruption,
    )
    from cloudclusters.api.knowing import (
        config as config,
    )
    from cloudclusters.api.knowing import (
        features as features,
    )
    from cloudclusters.api.knowing import (
        providers as providers,
    )
    from cloudclusters.api.members import Node as Node
    from cloudclusters.api.verbs import (
        clusters as clusters,
    )
    from cloudclusters.api.verbs import (
        entry as entry,
    )
    from cloudclusters.api.verbs import (
        interrupt as interrupt,
    )
    from cloudclusters.api.verbs import (
        limits as limits,
    )
    from cloudclusters.api.verbs import (
        nodes as nodes,
    )
    from cloudclusters.api.verbs import (
        ranks as ranks,
    )
    from cloudclusters.api.verbs import (
        reconnect as reconnect,
    )
    from cloudclusters.api.verbs import (
        restart as restart,
    )
    from cloudclusters.api.verbs import (
        resume as resume,
    )
    from cloudclusters.api.verbs import (
        scale as scale,
    )
    from cloudclusters.api.verbs import (
        status as status,
    )
    from cloudclusters.api.verbs import (
        sweep as sweep,
    )
    from cloudclusters.api.verbs import (
        terminate as terminate,
    )
    from cloudclusters.base.notice import Notice as Notice
    from cloudclusters.contract.difference import Difference as Difference
    from cloudclusters.contract.document import (
        ClusterType as ClusterType,
    )
    from cloudclusters.contract.document import (
        Contract as Contract,
    )
    from cloudclusters.contract.document import (
        Plan as Plan,
    )
    from cloudclusters.contract.parameters import Parameters as Parameters
    from cloudclusters.contract.resolution import Resolution as Resolution
    from cloudclusters.contract.schema import contract_schema as contract_schema
    from cloudclusters.errors import CloudClustersError as CloudClustersError
    from cloudclusters.vocabulary import (
        atleast as atleast,
    )
    from cloudclusters.vocabulary import (
        atmost as atmost,
    )
    from cloudclusters.vocabulary import (
        between as between,
    )
    from cloudclusters.vocabulary import (
        just as just,
    )
    from cloudclusters.vocabulary import (
        noneof as noneof,
    )
    from cloudclusters.vocabulary import (
        oneof as oneof,
    )

    PeerWorkers = ClusterType.PEER_WORKERS
    PeerWorkersMPI = ClusterType.PEER_WORKERS_MPI
    ManagerWorkers = ClusterType.MANAGER_WORKERS

__version__ = "0.1.0"

_WHERE = {
    "api.cluster": ("Cluster",),
    "api.members": ("Node",),
    "api.computing": ("everywhere", "fetchfrom", "pmap"),
    "api.contracts": ("cluster", "deploy", "difference", "explain", "load_contract", "plan", "resolve", "select"),
    "api.costing": ("cost",),
    "api.dying": ("replace", "simulate_interruption"),
    "api.knowing": ("config", "features", "providers"),
    "api.verbs": (
        "clusters",
        "entry",
        "interrupt",
        "limits",
        "nodes",
        "ranks",
        "reconnect",
        "restart",
        "resume",
        "scale",
        "status",
        "sweep",
        "terminate",
    ),
    "base.notice": ("Notice",),
    "contract.difference": ("Difference",),
    "contract.document": ("ClusterType", "Contract", "Plan"),
    "contract.parameters": ("Parameters",),
    "contract.resolution": ("Resolution",),
    "contract.schema": ("contract_schema",),
    "errors": ("CloudClustersError",),
    "vocabulary": ("atleast", "atmost", "between", "just", "noneof", "oneof"),
}
_HOME = {name: module for module, names in _WHERE.items() for name in names}
_MODULES = ("aio", "errors")
_TYPES = {
    "PeerWorkers": "PEER_WORKERS",
    "PeerWorkersMPI": "PEER_WORKERS_MPI",
    "ManagerWorkers": "MANAGER_WORKERS",
}

__all__ = [  # noqa: PLE0604  # the names are those of the table above
    "__version__",
    *sorted(_HOME),
    *_MODULES,
    *sorted(_TYPES),
]


def __getattr__(name: str) -> object:
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name in _TYPES:
        kinds = importlib.import_module(f"{__name__}.contract.document").ClusterType
        return getattr(kinds, _TYPES[name])
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
