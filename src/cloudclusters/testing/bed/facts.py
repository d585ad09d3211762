"""What the metadata service knows of an instance, path by path."""

from __future__ import annotations

import json
from datetime import datetime

from moto.ec2.models.instances import Instance


def instance_facts(instance: Instance, interruption: datetime | None) -> dict[str, str]:
    """Every path below `/latest/` with its text."""
    nic = instance.nics[0]
    facts = {
        "ami-id": instance.image_id,
        "ami-launch-index": str(instance.ami_launch_index),
        "hostname": instance.private_dns_name,
        "instance-id": instance.id,
        "instance-life-cycle": instance.lifecycle or "on-demand",
        "instance-type": instance.instance_type,
        "local-hostname": instance.private_dns_name,
        "local-ipv4": instance.private_ip,
        "mac": nic.mac_address,
        "placement/availability-zone": instance.placement.zone,
        "placement/region": instance.region_name,
        "security-groups": "\n".join(sorted(group.name for group in nic.group_set)),
    }
    if instance.public_ip:
        facts |= {"public-ipv4": instance.public_ip, "public-hostname": instance.public_dns_name}
    if instance.placement.group_name:
        facts["placement/group-name"] = instance.placement.group_name
    if instance.key_name:
        key = instance.ec2_backend.key_pairs[instance.key_name].material_public
        facts["public-keys/0/openssh-key"] = key.decode() if isinstance(key, bytes) else str(key)
    if instance.metadata_options.instance_metadata_tags == "enabled":
        facts |= {f"tags/instance/{tag['key']}": tag["value"] for tag in instance.get_tags()}
    if interruption is not None:
        when = interruption.strftime("%Y-%m-%dT%H:%M:%SZ")
        facts["spot/instance-action"] = json.dumps({"action": "terminate", "time": when})
        facts["spot/termination-time"] = when
    found = {f"meta-data/{path}": str(text) for path, text in facts.items()}
    found["dynamic/instance-identity/document"] = _identity(instance)
    if instance.user_data:
        import base64

        found["user-data"] = base64.b64decode(str(instance.user_data)).decode(errors="replace")
    return found


def _identity(instance: Instance) -> str:
    document = {
        "accountId": instance.owner_id,
        "architecture": instance.architecture,
        "availabilityZone": instance.placement.zone,
        "imageId": instance.image_id,
        "instanceId": instance.id,
        "instanceType": instance.instance_type,
        "privateIp": instance.private_ip,
        "region": instance.region_name,
    }
    return json.dumps(document)
