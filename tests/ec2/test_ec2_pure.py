"""Settings, tags, errors, quotas, requests and the policy, without any call."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, IncompleteReadError, NoCredentialsError
from botocore.parsers import ResponseParserError
from hypothesis import given
from hypothesis import strategies as st

from cloudclusters.base.cloud import Holding, Launch, Market, Offer, Place, Slot
from cloudclusters.base.limits import AtLimit
from cloudclusters.base.ranges import numbers, ranges
from cloudclusters.errors import (
    CredentialsRefused,
    InvalidSetting,
    NoCapacity,
    ProviderError,
    ProviderUnavailable,
    QuotaExceeded,
    RequestRefused,
    Throttled,
)
from cloudclusters.provider.ec2 import PLUGIN, least_policy
from cloudclusters.provider.ec2.caller import caller_block
from cloudclusters.provider.ec2.errors import HINTS, KINDS, code_of, translated
from cloudclusters.provider.ec2.images import OWNERS, Image, login_user
from cloudclusters.provider.ec2.launching import Request, check_launch, client_token, request
from cloudclusters.provider.ec2.provider import told_end
from cloudclusters.provider.ec2.quota import Need
from cloudclusters.provider.ec2.settings import Ec2Settings, read
from cloudclusters.provider.ec2.shapes import Picture
from cloudclusters.provider.ec2.tags import (
    disk_of,
    disk_tag,
    holding_of,
    holding_tags,
    machine_tags,
    slot_of,
    words_of,
)

HOLDING = Holding(
    provider="ec2", cluster="Abc", owner="me", store="s", place=Place("us-east-1"), name="mine", expires=1.5
)
OFFER = Offer(provider="ec2", instance_type="t3.micro", place=Place("us-east-1"))


def launch(*indices: int, **more: object) -> Launch:
    """A launch of workers."""
    slots = tuple(Slot("worker", index) for index in indices)
    return Launch(**{"token": "t", "offer": OFFER, "slots": slots, **more})


# Errors


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("InsufficientInstanceCapacity", NoCapacity),
        ("Unsupported", NoCapacity),
        ("VcpuLimitExceeded", QuotaExceeded),
        ("MaxSpotInstanceCountExceeded", QuotaExceeded),
        ("RequestLimitExceeded", Throttled),
        ("DependencyViolation", Throttled),
        ("ExpiredToken", CredentialsRefused),
        ("UnauthorizedOperation", CredentialsRefused),
        ("InternalError", ProviderUnavailable),
        ("InvalidAMIID.NotFound", RequestRefused),
        ("SomethingNew", ProviderError),
    ],
)
def test_codes_become_errors_of_ours(code: str, kind: type[ProviderError]) -> None:
    """They name action, place, AWS' sentence, code and request, and survive pickle."""
    said = {"Error": {"Code": code, "Message": "So it is."}, "ResponseMetadata": {"RequestId": "r-1"}}
    with pytest.raises(kind) as caught, translated("RunInstances", "us-east-1"):
        raise ClientError(said, "RunInstances")
    assert type(caught.value) is kind
    assert caught.value.message == f"ec2 refuses RunInstances in us-east-1: So it is. [{code}] (request r-1)"
    assert code_of(caught.value) == code
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_every_hint_belongs_to_a_known_code() -> None:
    """A misspelt code would never be told."""
    assert set(HINTS) <= set(KINDS)


def test_an_unknown_error_of_the_server_is_unavailable() -> None:
    """HTTP 503 says nothing about the machines."""
    said = {"Error": {"Code": "Odd", "Message": "?"}, "ResponseMetadata": {"HTTPStatusCode": 503}}
    with pytest.raises(ProviderUnavailable), translated("DescribeInstances", "us-east-1"):
        raise ClientError(said, "DescribeInstances")


def test_what_the_sdk_finds_by_itself() -> None:
    """No network and no credentials are told apart."""
    with pytest.raises(ProviderUnavailable), translated("DescribeInstances", "us-east-1"):
        raise EndpointConnectionError(endpoint_url="https://ec2")
    with pytest.raises(ProviderUnavailable), translated("RunInstances", "us-east-1"):
        raise ResponseParserError("<html>")  # it may have been done: this is no refusal
    with pytest.raises(ProviderUnavailable), translated("RunInstances", "us-east-1"):
        raise IncompleteReadError(actual_bytes=1, expected_bytes=2)
    with pytest.raises(CredentialsRefused, match="AWS_ACCESS_KEY_ID"), translated("DescribeInstances", "us-east-1"):
        raise NoCredentialsError


# Settings


@pytest.mark.parametrize(
    ("key", "value", "instead"),
    [
        ("imageid", "ubuntu", "ami-"),
        ("image", "ubuntu-30.04", "amazon-linux-2023"),
        ("user", "Not One", "ubuntu"),
        ("subnet_id", "mine", "subnet-"),
        ("security_group_id", "sg-1 default", "automatic"),
        ("max_price", "cheap", "USD"),
        ("max_price", "-1", "USD"),
        ("max_price", "nan", "USD"),
        ("public_address", "maybe", "true or false"),
        ("caller_address", "here", "https://"),
        ("caller_address", "http://example.com", "https://"),
        ("caller_address", "!", "COMMAND"),
        ("caller_address", "10.0.0.1/8", "block"),
        ("sweep_regions", "virginia", "us-east-1"),
    ],
)
def test_bad_values_are_refused(key: str, value: str, instead: str) -> None:
    """With the section, the key, the value and what to write."""
    with pytest.raises(InvalidSetting) as caught:
        read({key: value})
    assert caught.value.message == f"[ec2] {key} is {value!r}"
    assert instead in caught.value.hint


def test_no_settings_are_our_choice() -> None:
    """Absent, empty and automatic are the same."""
    assert read({"subnet_id": "automatic", "security_group_id": "", "market": "spot"}) == Ec2Settings()


def test_the_plugin_is_opened_without_a_call_and_imported_without_the_sdk() -> None:
    """`import cloudclusters` needs no cloud."""
    code = "import sys, cloudclusters.provider.ec2; sys.exit(any(m.startswith('boto') for m in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    assert PLUGIN.traits.ssh
    assert PLUGIN.traits.spot


# The caller


def test_the_caller_by_value_and_by_command() -> None:
    """An address becomes a block of one; the world only where it is written so."""
    assert caller_block("203.0.113.7") == "203.0.113.7/32"
    assert caller_block("2001:db8::1") == "2001:db8::1/128"
    assert caller_block("0.0.0.0/0") == "0.0.0.0/0"
    assert caller_block("!echo 203.0.113.9") == "203.0.113.9/32"


@pytest.mark.parametrize("answer", ["", "<html>", "0.0.0.0/0", "0.0.0.0", "127.0.0.1", "10.0.0.0/8", "1.2.3.4 5.6.7.8"])
def test_a_bad_answer_is_refused(answer: str) -> None:
    """An answer never opens the firewall to more than one address."""
    with pytest.raises(RequestRefused) as caught:
        caller_block(f"!echo '{answer}'")
    assert "caller_address" in caught.value.hint


@pytest.fixture
def website() -> Iterator[str]:
    """Answers with the caller's address at /, and 404 elsewhere."""

    class Site(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/" else 404)
            self.end_headers()
            self.wfile.write(b"203.0.113.8\n")

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Site)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_the_caller_by_a_website(website: str) -> None:
    """Its answer is the address; an error of it is told."""
    assert caller_block(read({"caller_address": f"{website}/"}).caller_address) == "203.0.113.8/32"
    with pytest.raises(ProviderError, match="404") as caught:
        caller_block(f"{website}/nothing")
    assert "caller_address" in caught.value.hint


def test_a_command_that_fails_tells_what_it_said() -> None:
    """Its exit status and its error."""
    with pytest.raises(RequestRefused, match="ends with 3: no network"):
        caller_block("!echo no network >&2; exit 3")


# Tags


@given(st.lists(st.integers(0, 5000), max_size=80))
def test_ranges_are_read_as_written(indices: list[int]) -> None:
    """In their order, whatever it is."""
    assert numbers(ranges(indices)) == indices


def test_ranges_are_short() -> None:
    """A thousand slots fit into a tag."""
    assert ranges([*range(256), 300]) == "0-255,300"
    assert numbers("0-255,300") == [*range(256), 300]
    assert numbers("rubbish") == numbers("") == numbers("0-999999999") == []
    assert numbers("0-99998," * 600 + "0") == numbers("1" * 5000) == []  # others may write tags, too


@given(st.lists(st.integers(0, 5000), min_size=1, max_size=300, unique=True))
def test_every_machine_finds_its_slot(indices: list[int]) -> None:
    """Also where the list of slots is longer than a tag."""
    asked = launch(*indices)
    tags = machine_tags(HOLDING, asked, "ubuntu")
    assert [slot_of(tags, number) for number in range(len(indices))] == list(asked.slots)
    assert slot_of(tags, len(indices)) is None


def test_tags_tell_the_holding_and_the_words() -> None:
    """All but settings and resources, which are nobody else's."""
    tags = machine_tags(HOLDING, launch(0, words={"plan-0": "x"}), "ubuntu")
    assert holding_of(holding_tags(HOLDING), "us-east-1") == HOLDING == holding_of(tags, "us-east-1")
    assert words_of(tags) == {"plan-0": "x"}


def test_tags_that_aws_does_not_take_are_refused() -> None:
    """Before the launch."""
    with pytest.raises(RequestRefused, match="word:a is too long"):
        machine_tags(HOLDING, launch(0, words={"a": "x" * 257}), "ubuntu")
    with pytest.raises(RequestRefused, match="too many"):
        machine_tags(HOLDING, launch(0, words={str(n): "x" for n in range(50)}), "ubuntu")


# Images


def test_login_users() -> None:
    """By publisher, then by name, else the user must say it."""
    assert login_user(Picture(image_id="ami-1", owner_id=next(iter(OWNERS)))) == "ubuntu"
    assert login_user(Picture(image_id="ami-1", name="our-Debian-12-with-things")) == "admin"
    for name in ("golden", "ubuntu-on-fedora"):
        with pytest.raises(RequestRefused, match="cannot be told") as caught:
            login_user(Picture(image_id="ami-1", name=name))
        assert "[ec2] user" in caught.value.hint


# Launches


def asked(settings: Ec2Settings, wanted: Launch) -> dict:
    """What RunInstances would be told."""
    image = Image(id="ami-1", user="ubuntu", root_device="/dev/sda1", disk_bytes=8 << 30)
    parts = {"settings": settings, "holding": HOLDING, "launch": wanted, "image": image}
    return request(Request(**parts, groups=["sg-1"], placement=""), "")


def test_one_request_for_all_machines() -> None:
    """All or nothing, IMDSv2, a gp3 disk that goes with its machine, and the same text each time."""
    found = asked(Ec2Settings(), launch(0, 1, 2, disk_bytes=20 * 10**9))
    assert (found["MinCount"], found["MaxCount"]) == (3, 3)
    assert found["MetadataOptions"]["HttpTokens"] == "required"
    assert found["BlockDeviceMappings"][0]["Ebs"] == {
        "VolumeType": "gp3",
        "DeleteOnTermination": True,
        "VolumeSize": 19,
    }
    assert "IamInstanceProfile" not in found
    assert found["InstanceInitiatedShutdownBehavior"] == "terminate"
    stopping = asked(Ec2Settings(), launch(0, at_limit=AtLimit.STOP))
    assert stopping["InstanceInitiatedShutdownBehavior"] == "stop"
    assert found == asked(Ec2Settings(), launch(0, 1, 2, disk_bytes=20 * 10**9))


def test_the_image_needs_its_own_size() -> None:
    """A smaller wish is not below what the image needs."""
    assert asked(Ec2Settings(), launch(0, disk_bytes=1))["BlockDeviceMappings"][0]["Ebs"]["VolumeSize"] == 8


def test_spot_and_settings_in_the_request() -> None:
    """A one-time request with the user's limit, profile, key and no public address."""
    offer = Offer(provider="ec2", instance_type="t3.micro", place=Place("us-east-1"), market=Market.SPOT)
    settings = read({"max_price": "0.1", "instance_profile": "p", "key_name": "k", "public_address": "false"})
    found = asked(settings, launch(0, offer=offer, rdma=True, at_limit=AtLimit.STOP))
    assert found["InstanceMarketOptions"]["SpotOptions"] == {
        "SpotInstanceType": "one-time",
        "InstanceInterruptionBehavior": "terminate",
        "MaxPrice": "0.1",
    }
    assert found["InstanceInitiatedShutdownBehavior"] == "terminate"
    assert (found["IamInstanceProfile"], found["KeyName"]) == ({"Name": "p"}, "k")
    assert found["NetworkInterfaces"][0]["AssociatePublicIpAddress"] is False
    assert found["NetworkInterfaces"][0]["InterfaceType"] == "efa"


def test_a_long_first_boot_text_is_refused() -> None:
    """16 KiB are EC2's limit."""
    check_launch(launch(0, user_data="x" * 16384))
    with pytest.raises(RequestRefused, match="16385 bytes"):
        check_launch(launch(0, user_data="x" * 16385))


def test_tokens_are_of_one_cluster() -> None:
    """AWS remembers tokens for the whole account."""
    other = Holding(provider="ec2", cluster="Abd", owner="me", store="s")
    assert client_token(HOLDING, launch(0)) != client_token(other, launch(0))
    assert len(client_token(HOLDING, launch(0))) <= 64


# Quotas


@pytest.mark.parametrize(
    ("kind", "market", "code"),
    [
        ("t3.micro", Market.ON_DEMAND, "L-1216C47A"),
        ("c7i.large", Market.SPOT, "L-34B43A08"),
        ("im4gn.large", Market.ON_DEMAND, "L-1216C47A"),
        ("g5.xlarge", Market.ON_DEMAND, "L-DB2E81BA"),
        ("gr6.4xlarge", Market.SPOT, "L-3819A6DF"),
        ("p5.48xlarge", Market.ON_DEMAND, "L-417A185B"),
        ("trn1.2xlarge", Market.ON_DEMAND, "L-2C3B7624"),
        ("u-6tb1.metal", Market.ON_DEMAND, "L-43DA4232"),
        ("hpc7g.4xlarge", Market.SPOT, ""),
    ],
)
def test_types_fall_under_quotas(kind: str, market: Market, code: str) -> None:
    """By the letters of their family."""
    assert Need(instance_type=kind, market=market, vcpus=2).code == code


# Policy


def actions(**section: str) -> set[str]:
    """What the policy for these settings allows."""
    return {a for row in json.loads(least_policy(section))["Statement"] for a in row["Action"]}


def test_the_policy_changes_only_what_is_ours() -> None:
    """Each statement that ends or changes something asks for our tag."""
    for row in json.loads(least_policy({}))["Statement"]:
        assert not [action for action in row["Action"] if "*" in action]
        if any(word in action for action in row["Action"] for word in ("Terminate", "Delete", "Stop", "Revoke")):
            assert "aws:ResourceTag/cloudclusters:cluster" in json.dumps(row["Condition"])


def test_the_policy_has_only_what_is_needed() -> None:
    """Own things need no rights to make them."""
    assert {"ec2:CreateSecurityGroup", "ec2:CreatePlacementGroup", "ssm:GetParameter"} <= actions()
    own = actions(security_group_id="sg-1", placement_group="none", imageid="ami-1")
    assert not {"ec2:CreateSecurityGroup", "ec2:CreatePlacementGroup", "ssm:GetParameter"} & own
    assert "iam:PassRole" in actions(instance_profile="p")
    assert "iam:PassRole" not in actions()


# Cost


@pytest.mark.parametrize(
    ("reason", "at"),
    [
        ("User initiated (2026-11-28 12:00:00 GMT)", 1795867200.0),
        ("User initiated", 0.0),  # it shut itself down
        ("Server.SpotInstanceTermination", 0.0),
        ("", 0.0),
    ],
)
def test_an_end_is_told_where_a_call_asked_for_it(reason: str, at: float) -> None:
    """To the second, in UTC wherever we are."""
    assert told_end(reason) == at


def test_the_size_of_the_root_disk_is_read_from_its_tag() -> None:
    """A describe of machines does not tell it; a tag that is none is no size."""
    assert disk_of(disk_tag(8)) == 8 << 30
    assert disk_of(disk_tag(0)) == disk_of({"cloudclusters:disk": "much"}) == 0
