"""User-data as cloud-init reads it, translated into two shell scripts: before sshd answers, and after.

Scripts (`#!`), `#cloud-config` with the keys below, multi-part messages and gzip. A key that is not known here fails
the first boot and says so: what the bed cannot do must not pass in silence.
"""

from __future__ import annotations

import base64
import email
import gzip
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

_KNOWN = {
    "bootcmd", "chpasswd", "disable_root", "package_update", "package_upgrade", "preserve_hostname", "runcmd",
    "ssh_authorized_keys", "ssh_deletekeys", "ssh_genkeytypes", "ssh_keys", "ssh_pwauth", "write_files",
}  # fmt: skip
_STATE = "/var/lib/cloud/instance"


@dataclass(slots=True)
class FirstBoot:
    """What runs once, as shell scripts run by root."""

    early: list[str] = field(default_factory=list)
    """Before sshd answers: files and keys."""
    late: list[str] = field(default_factory=list)
    """Afterwards: commands and scripts; the first failure is remembered, the rest still runs."""

    def scripts(self) -> tuple[bytes, bytes]:
        """Both, ready to be run by `sh`."""
        early = "\n".join(["failed=0", *(f"{{ {line}\n}} || failed=1" for line in self.early), "exit $failed"])
        late = "\n".join(["failed=0", *(f"( {line}\n) || failed=1" for line in self.late), "exit $failed"])
        return f"{early}\n".encode(), f"{late}\n".encode()


def first_boot(data: bytes, *, user: str) -> FirstBoot:
    """Translate user-data for a host whose login user is `user`."""
    boot = FirstBoot()
    _part(boot, data, user)
    return boot


def _part(boot: FirstBoot, data: bytes, user: str) -> None:
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    if data.startswith(b"#!"):
        _script(boot, data, f"{_STATE}/scripts/part-{len(boot.late) + 1:03}")
    elif data.startswith(b"#cloud-config"):
        _config(boot, data, user)
    elif data[:13].lower() in (b"content-type:", b"mime-version:"):
        for part in email.message_from_bytes(data).walk():
            payload = part.get_payload(decode=True)
            if not part.is_multipart() and isinstance(payload, bytes):
                _part(boot, payload, user)
    elif data.strip():
        boot.late.append("echo 'user-data of unknown form is ignored'")


def _config(boot: FirstBoot, data: bytes, user: str) -> None:
    import yaml

    try:
        config = yaml.safe_load(data)
    except yaml.YAMLError as error:
        boot.late.append(_fail(f"cloud-config is no YAML: {error}"))
        return
    if not isinstance(config, dict):
        boot.late.append(_fail("cloud-config is no mapping"))
        return
    unknown = sorted(set(config) - _KNOWN)
    if unknown:
        boot.late.append(_fail(f"the bed does not know these keys of cloud-config: {', '.join(unknown)}"))
    boot.early += [_command(command) for command in config.get("bootcmd", ())]
    for file in config.get("write_files", ()):
        boot.early.append(_write_file(file))
    _keys(boot, config, user)
    commands = config.get("runcmd", ())
    if commands:
        text = "#!/bin/sh\n" + "".join(f"{_command(command)}\n" for command in commands)
        _script(boot, text.encode(), f"{_STATE}/scripts/runcmd")


def _keys(boot: FirstBoot, config: Mapping[str, object], user: str) -> None:
    allowed, own = config.get("ssh_authorized_keys"), config.get("ssh_keys")
    if isinstance(allowed, list):
        home = f"$(getent passwd {shlex.quote(user)} | cut -d: -f6)"
        boot.early += [f'printf "%s\\n" {shlex.quote(str(key))} >>"{home}/.ssh/authorized_keys"' for key in allowed]
    if isinstance(own, dict):
        for name, text in own.items():
            kind, _, half = str(name).partition("_")
            path = f"/etc/ssh/ssh_host_{kind}_key" + (".pub" if half == "public" else "")
            boot.early.append(_put(path, str(text).encode(), mode="644" if half == "public" else "600"))
        boot.early.append(f"touch {_STATE}/own-host-keys")


def _write_file(file: Mapping[str, object]) -> str:
    content, encoding = file.get("content", ""), str(file.get("encoding", "text/plain"))
    data = content if isinstance(content, bytes) else str(content).encode()
    if encoding in ("b64", "base64", "gz+b64", "gz+base64", "gzip+base64"):
        data = base64.b64decode(data)
    if encoding.startswith("gz"):
        data = gzip.decompress(data)
    permissions = file.get("permissions", "0644")
    mode = f"{permissions:o}" if isinstance(permissions, int) else str(permissions)
    path = str(file["path"])
    text = _put(path, data, mode=mode, append=bool(file.get("append")))
    owner = file.get("owner")
    return f"{text} && chown {shlex.quote(str(owner))} {shlex.quote(path)}" if owner else text


def _put(path: str, data: bytes, *, mode: str, append: bool = False) -> str:
    """Shell that writes a file; its bytes travel as base64, so nothing in them is read by the shell."""
    quoted = shlex.quote(path)
    arrow = ">>" if append else ">"
    text = base64.b64encode(data).decode()
    return (
        f'mkdir -p "$(dirname {quoted})" && ( umask 077; base64 -d {arrow}{quoted} <<\\X\n{text}\nX\n)'
        f" && chmod {shlex.quote(mode)} {quoted}"
    )


def _script(boot: FirstBoot, data: bytes, path: str) -> None:
    boot.early.append(_put(path, data, mode="700"))
    boot.late.append(path)


def _command(command: object) -> str:
    if isinstance(command, Sequence) and not isinstance(command, str):
        return shlex.join(str(word) for word in command)
    return str(command)


def _fail(text: str) -> str:
    return f"echo {shlex.quote(text)}; exit 1"
