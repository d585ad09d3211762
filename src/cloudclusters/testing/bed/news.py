"""Late news: answers of describes, without instances that are too new to be known everywhere."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Collection

from cloudclusters.testing.bed.calls import Answer, Call, failure

_SPACE = "http://ec2.amazonaws.com/doc/2016-11-15/"


def without_newborn(call: Call, answer: Answer, newborn: Collection[str]) -> Answer:
    """The same answer as if these instances did not exist; an error if the call names one."""
    named = [name for name in call.values("InstanceId") if name in newborn]
    if named:
        return failure(call, "InvalidInstanceID.NotFound", f"The instance ID '{named[0]}' does not exist")
    if answer.status >= 400 or not newborn:
        return answer
    ET.register_namespace("", _SPACE)
    root = ET.fromstring(answer.body)
    for holder in [*root.findall(".//{*}instancesSet"), *root.findall(".//{*}instanceStatusSet")]:
        for item in list(holder):
            if item.findtext("{*}instanceId") in newborn:
                holder.remove(item)
    for reservations in root.findall(".//{*}reservationSet"):
        for item in list(reservations):
            inside = item.find("{*}instancesSet")
            if inside is not None and not len(inside):
                reservations.remove(item)
    return Answer(answer.status, ET.tostring(root, encoding="utf-8", xml_declaration=True), answer.content_type)
