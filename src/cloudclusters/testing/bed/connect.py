"""EC2 Instance Connect: a public key that may log in for a minute, really."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from cloudclusters.testing.bed.calls import Answer, Call, failure
from cloudclusters.testing.bed.instances import Instances

_USER = re.compile(r"[A-Za-z_][A-Za-z0-9@._-]{0,30}[A-Za-z0-9$_-]?")
_KEY = re.compile(r"(ssh-rsa|ssh-ed25519) [A-Za-z0-9+/]+={0,2}( .*)?\s*")


@dataclass(slots=True)
class InstanceConnect:
    """Answers SendSSHPublicKey; the sshd of the host then takes the key, and no longer once its time is over."""

    instances: Instances
    seconds: float = 60.0
    """How long a key is good."""

    def clear(self) -> None:
        """A key is good for a minute again."""
        self.seconds = 60.0

    def answer(self, call: Call, body: bytes) -> Answer:
        """SendSSHPublicKey. A user whom the host does not have is no error, as on AWS: nobody can log in as him."""
        if call.action != "SendSSHPublicKey":
            return failure(call, "InvalidAction", f"The action {call.action} is not valid for this web service.")
        asked = json.loads(body or b"{}")
        name, user, key = (str(asked.get(word, "")) for word in ("InstanceId", "InstanceOSUser", "SSHPublicKey"))
        if not _USER.fullmatch(user):
            return failure(call, "InvalidArgsException", f"{user!r} is no name of an OS user")
        if not _KEY.fullmatch(key):
            return failure(call, "InvalidArgsException", "The SSH public key is not of type RSA or ED25519")
        life, zone = self.instances.lives.get(name), asked.get("AvailabilityZone")
        if life is None or life.instance.region_name != call.region or zone not in (None, life.instance.placement.zone):
            return failure(call, "EC2InstanceNotFoundException", "Instance not found")
        if life.state == "pending":
            return failure(call, "EC2InstanceUnavailableException", "The instance is currently unavailable")
        if life.state != "running":
            return failure(call, "EC2InstanceStateInvalidException", "Instance is not running")
        self.instances.let_in(name, user=user, key=key.strip(), seconds=self.seconds)
        done = {"RequestId": "00000000-0000-4000-8000-000000000000", "Success": True}
        return Answer(200, json.dumps(done).encode(), "application/x-amz-json-1.1")
