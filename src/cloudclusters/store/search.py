"""What to say when a handle or a name is not what was wanted."""

from __future__ import annotations

import sqlite3

from cloudclusters.base.near import near
from cloudclusters.errors import UnknownHandle, WrongHandle
from cloudclusters.store import clusters, documents


def no_cluster(connection: sqlite3.Connection, word: str) -> UnknownHandle | WrongHandle:
    """Why `word` is no cluster."""
    if documents.contract(connection, word) is not None:
        return WrongHandle(
            f"{word} is a contract handle, and a cluster is wanted",
            hint=f"deploy it first: `cloudclusters deploy {word}`, or `cc.deploy({word!r})`",
        )
    return UnknownHandle(
        f"no cluster has the name or handle {word!r}{near(word, clusters.words(connection))}",
        hint="see `cloudclusters clusters`",
    )


def no_contract(connection: sqlite3.Connection, word: str) -> UnknownHandle | WrongHandle:
    """Why `word` is no contract."""
    found = clusters.find(connection, word)
    record = None if found is None else clusters.get(connection, found)
    if record is not None:
        return WrongHandle(
            f"{word} is a cluster, and a contract is wanted",
            hint=f"the contract it was deployed from is {record.plan.contract}",
        )
    known = [row[0] for row in connection.execute("SELECT handle FROM contracts ORDER BY created DESC")]
    return UnknownHandle(
        f"no contract has the handle {word!r}{near(word, known)}",
        hint="make one with `cc.cluster`; its handle is what it prints",
    )
