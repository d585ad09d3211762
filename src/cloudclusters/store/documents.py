"""Contracts, and the resolution of each: documents by the contract's handle."""

from __future__ import annotations

import functools
import sqlite3

import msgspec

from cloudclusters.contract.document import Contract


class StoredResolution(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What `resolve` wrote under a contract's handle, and the digests of what it was computed from."""

    handle: str
    document: bytes
    catalog_digest: str
    settings_digest: str
    at: float


@functools.cache
def _decoder() -> msgspec.json.Decoder[Contract]:
    return msgspec.json.Decoder(Contract)


def save_contract(connection: sqlite3.Connection, contract: Contract) -> None:
    """Keep a contract; the same handle again replaces it."""
    connection.execute(
        "INSERT OR REPLACE INTO contracts (handle, created, document) VALUES (?, ?, ?)",
        (contract.handle, contract.created, msgspec.json.encode(contract)),
    )


def contract(connection: sqlite3.Connection, handle: str) -> Contract | None:
    """The contract of this handle."""
    row: tuple[bytes] | None = connection.execute(
        "SELECT document FROM contracts WHERE handle = ?", (handle,)
    ).fetchone()
    return None if row is None else _decoder().decode(row[0])


def contracts(connection: sqlite3.Connection) -> list[Contract]:
    """All contracts, the oldest first."""
    rows = connection.execute("SELECT document FROM contracts ORDER BY created, handle")
    return [_decoder().decode(row[0]) for row in rows]


def save_resolution(connection: sqlite3.Connection, resolution: StoredResolution) -> None:
    """Keep a resolution; a later one of the same contract replaces it."""
    connection.execute(
        "INSERT OR REPLACE INTO resolutions (handle, catalog_digest, settings_digest, at, document) "
        "VALUES (?, ?, ?, ?, ?)",
        (
            resolution.handle,
            resolution.catalog_digest,
            resolution.settings_digest,
            resolution.at,
            resolution.document,
        ),
    )


def resolution(connection: sqlite3.Connection, handle: str) -> StoredResolution | None:
    """The latest resolution of this contract."""
    row: tuple[bytes, str, str, float] | None = connection.execute(
        "SELECT document, catalog_digest, settings_digest, at FROM resolutions WHERE handle = ?", (handle,)
    ).fetchone()
    if row is None:
        return None
    document, catalog_digest, settings_digest, at = row
    return StoredResolution(
        handle=handle, document=document, catalog_digest=catalog_digest, settings_digest=settings_digest, at=at
    )
