"""What a machine of a cloud reads at its first boot: who may enter, and the host key of its first minute.

Others may read this text: the provider's users, and every process on the machine. The one-time host key is the only
secret in it, and is worth nothing once the machine has shown its own (`remote.ssh.replace`).
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

from cloudclusters.contract.document import Plan
from cloudclusters.errors import InvalidSetting
from cloudclusters.remote.ssh.keys import KeyPair

SCRIPT = "/var/lib/cloudclusters/first-boot"
"""Where the user's own script for the first boot lies on a machine."""
GUARD = "/var/lib/cloud/scripts/per-boot/cloudclusters-guard"
"""The guard; cloud-init runs what lies there at the end of every boot, before the scripts of the first one."""


@dataclass(frozen=True, slots=True)
class Letting:
    """By what a machine lets go of itself before anybody has entered it."""

    folder: str
    """Where the agents of its cluster lie, below the login directory."""
    idle_timeout: float | None = None
    deadline: float | None = None
    """Seconds since the epoch."""


def guard_text(letting: Letting) -> str:
    """The guard of a machine, as a script of root's."""
    text = (Path(__file__).parent / "guard.sh").read_text("utf-8")
    words = {"FOLDER": letting.folder, "IDLE": _whole(letting.idle_timeout), "DEADLINE": _whole(letting.deadline)}
    for name, word in words.items():
        text = text.replace(f"@{name}@", word)
    return text


def _whole(seconds: float | None) -> str:
    return "-" if seconds is None else str(math.ceil(seconds))


def first_boot_text(client_public: str, one_time: KeyPair, letting: Letting, script: str = "") -> str:
    """User-data for cloud-init, which takes JSON as the YAML that it is.

    `script` is the text of the user's own script, run by root; its output is in cloud-init's log.
    """
    files = [{"path": GUARD, "permissions": "0755", "content": guard_text(letting)}]
    config: dict[str, object] = {
        "ssh_deletekeys": True,
        "ssh_genkeytypes": ["ed25519"],
        "ssh_keys": {"ed25519_private": one_time.private, "ed25519_public": one_time.public},
        "ssh_authorized_keys": [client_public],
        "ssh_pwauth": False,
    }
    if script:
        files.append({"path": SCRIPT, "permissions": "0700", "content": script})
        config["runcmd"] = [[SCRIPT]]
    config["write_files"] = files
    return "#cloud-config\n" + json.dumps(config, indent=1) + "\n"


def read_script(plan: Plan, key: str = "first_boot") -> str:
    """The user's own script that this setting names; empty without one. Raises `InvalidSetting`."""
    name = str(plan.settings.get(key, ""))
    if not name:
        return ""
    what = f"the {key.replace('_', '-')} script {name}"
    hint = f"{key} is the path of a script on this machine, with `#!` in its first line"
    try:
        text = Path(name).expanduser().read_text("utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise InvalidSetting(f"{what} cannot be read: {exc}", hint=hint) from exc
    if not text.startswith("#!"):
        raise InvalidSetting(f"{what} does not begin with `#!`", hint=hint)
    return text
