"""The caller's own address, as the firewall must name it."""

from __future__ import annotations

import ipaddress
import subprocess
import urllib.error
import urllib.request

from cloudclusters.errors import ProviderError, RequestRefused

_HINT = "write [ec2] caller_address = an address, a block such as 198.51.100.0/24, an https:// URL, or !COMMAND"
_PATIENCE = 15.0
"""Seconds that the answer may take."""


def caller_block(setting: str) -> str:
    """The block that may enter, such as `203.0.113.7/32`.

    Asks the network or runs a command, where the setting says so.
    Raises `RequestRefused` for an answer that is no address, and `ProviderError` where none comes.
    Only the setting itself may name a block; an answer is one address.
    """
    if setting.startswith("!"):
        return _single(_printed(setting[1:].strip()), f"the command {setting[1:].strip()!r}")
    if "://" in setting:
        return _single(_fetched(setting), setting)
    return str(ipaddress.ip_network(setting))


def _single(answer: str, source: str) -> str:
    text = answer.strip()
    try:
        address = ipaddress.ip_address(text)
    except ValueError as exc:
        raise RequestRefused(f"{source} answers {text[:80]!r}, which is no address of ours", hint=_HINT) from exc
    if address.is_unspecified or address.is_loopback or address.is_multicast:
        raise RequestRefused(f"{source} answers {text!r}, where nobody calls AWS from", hint=_HINT)
    return str(ipaddress.ip_network(address))


def _printed(command: str) -> str:
    try:
        done = subprocess.run(
            ["sh", "-c", command],
            capture_output=True,
            text=True,
            check=True,
            timeout=_PATIENCE,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.CalledProcessError as exc:
        said = str(exc.stderr).strip()[-200:]
        raise RequestRefused(f"the command {command!r} ends with {exc.returncode}: {said}", hint=_HINT) from exc
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise ProviderError(f"the command {command!r} does not tell our address: {exc}", hint=_HINT) from exc
    return done.stdout


def _fetched(url: str) -> str:
    try:
        with urllib.request.urlopen(url, timeout=_PATIENCE) as answer:
            return bytes(answer.read(200)).decode(errors="replace")
    except urllib.error.HTTPError as exc:
        exc.close()
        raise ProviderError(f"{url} does not tell our address: {exc}", hint=_HINT) from exc
    except (OSError, ValueError) as exc:
        raise ProviderError(f"{url} does not tell our address: {exc}", hint=_HINT) from exc
