"""What a machine of a cloud reads at its first boot: who may enter, and the host key of its first minute.

Others may read this text: the provider's users, and every process on the machine. The one-time host key is the only
secret in it, and is worth nothing once the machine has shown its own (`remote.ssh.replace`).
"""

from __future__ import annotations

import json
from pathlib import Path

from cloudclusters.contract.document import Plan
from cloudclusters.errors import InvalidSetting
from cloudclusters.remote.ssh.keys import KeyPair

SCRIPT = "/var/lib/cloudclusters/first-boot"
"""Where the user's own script for the first boot lies on a machine."""


def first_boot_text(client_public: str, one_time: KeyPair, script: str = "") -> str:
    """User-data for cloud-init, which takes JSON as the YAML that it is.

    `script` is the text of the user's own script, run by root; its output is in cloud-init's log.
    """
    config: dict[str, object] = {
        "ssh_deletekeys": True,
        "ssh_genkeytypes": ["ed25519"],
        "ssh_keys": {"ed25519_private": one_time.private, "ed25519_public": one_time.public},
        "ssh_authorized_keys": [client_public],
        "ssh_pwauth": False,
    }
    if script:
        config["write_files"] = [{"path": SCRIPT, "permissions": "0700", "content": script}]
        config["runcmd"] = [[SCRIPT]]
    return "#cloud-config\n" + json.dumps(config, indent=1) + "\n"


def read_script(plan: Plan) -> str:
    """The user's own script that `first_boot` names; empty without one. Raises `InvalidSetting`."""
    name = str(plan.settings.get("first_boot", ""))
    if not name:
        return ""
    hint = "first_boot is the path of a script on this machine, with `#!` in its first line"
    try:
        text = Path(name).expanduser().read_text("utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise InvalidSetting(f"the first-boot script {name} cannot be read: {exc}", hint=hint) from exc
    if not text.startswith("#!"):
        raise InvalidSetting(f"the first-boot script {name} does not begin with `#!`", hint=hint)
    return text
