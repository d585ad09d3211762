"""Which package index the driver uses, without credentials, from the configuration of pip and uv."""

from __future__ import annotations

import configparser
import tomllib
import urllib.parse
from collections.abc import Mapping, Sequence

from cloudclusters.environment.protocol import Index

_PYPI = Index().url


def index_of(env: Mapping[str, str], *, pip: Sequence[str] = (), uv: Sequence[str] = ()) -> Index:
    """The index of variables and of the texts of pip's and uv's configuration files, the most particular first.

    Only what a node may use is told: addresses on this machine, and those with a name or password in them, are not.
    """
    urls = [env.get("UV_DEFAULT_INDEX"), env.get("UV_INDEX_URL"), *map(_uv_url, uv), env.get("PIP_INDEX_URL")]
    urls += [_pip_value(text, "index-url") for text in pip]
    first = next((url for url in urls if url), _PYPI)
    extra = [env.get(name, "") for name in ("UV_INDEX", "UV_EXTRA_INDEX_URL", "PIP_EXTRA_INDEX_URL")]
    extra += [_pip_value(text, "extra-index-url") for text in pip]
    more = [url.rpartition("=")[2] if "://" in url.partition("=")[2] else url for text in extra for url in text.split()]
    return Index(url=_public(first), extra=tuple(dict.fromkeys(url for url in map(_public, more) if url)))


def _public(url: str) -> str:
    parts = urllib.parse.urlsplit(url.strip())
    usable = parts.scheme in ("http", "https") and parts.username is None and parts.password is None
    return url.strip() if usable and parts.hostname not in ("localhost", "127.0.0.1", "::1") else ""


def _pip_value(text: str, key: str) -> str:
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(text)
    except configparser.Error:  # pip itself says what is wrong with it
        return ""
    return next((parser[s][key] for s in ("install", "global") if parser.has_option(s, key)), "")


def _uv_url(text: str) -> str:
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError:  # uv itself says what is wrong with it
        return ""
    named = [i.get("url", "") for i in table.get("index", []) if isinstance(i, dict) and i.get("default")]
    return str(next(iter([*named, table.get("index-url", "")]), ""))
