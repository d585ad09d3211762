"""What AWS says when it refuses, in our classes: one table, and one place where it is looked up."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

from botocore import exceptions as sdk
from botocore.parsers import ResponseParserError

from cloudclusters.errors import (
    CredentialsRefused,
    NoCapacity,
    ProviderError,
    ProviderUnavailable,
    QuotaExceeded,
    RequestRefused,
    Throttled,
)

_CODES: Mapping[type[ProviderError], str] = {
    NoCapacity: """InsufficientInstanceCapacity InsufficientHostCapacity InsufficientReservedInstanceCapacity
        InsufficientCapacity InsufficientVolumeCapacity InsufficientFreeAddressesInSubnet UnfulfillableCapacity
        Unsupported SpotMaxPriceTooLow""",
    QuotaExceeded: """VcpuLimitExceeded MaxSpotInstanceCountExceeded InstanceLimitExceeded
        SecurityGroupLimitExceeded RulesPerSecurityGroupLimitExceeded SecurityGroupsPerInstanceLimitExceeded
        PlacementGroupLimitExceeded VolumeLimitExceeded AddressLimitExceeded NetworkInterfaceLimitExceeded
        TagLimitExceeded MaxIOPSLimitExceeded ResourceLimitExceeded""",
    Throttled: """RequestLimitExceeded Throttling ThrottlingException ThrottledException RequestThrottled
        RequestThrottledException TooManyRequestsException SlowDown BandwidthLimitExceeded
        EC2ThrottledException PriorRequestNotComplete TransactionInProgressException ConcurrentTagAccess
        DependencyViolation InvalidPlacementGroup.InUse ResourceInUse InvalidInstanceID.NotFound""",
    CredentialsRefused: """AuthFailure InvalidClientTokenId UnrecognizedClientException SignatureDoesNotMatch
        ExpiredToken ExpiredTokenException RequestExpired RequestTimeTooSkewed IncompleteSignature
        InvalidSignatureException MissingAuthenticationToken MissingAuthenticationTokenException
        InvalidAccessKeyId InvalidToken NotSignedUp SubscriptionRequiredException OptInRequired Blocked
        AuthFailure.ServiceLinkedRoleCreationNotPermitted UnauthorizedOperation
        AccessDenied AccessDeniedException UnauthorizedException""",
    ProviderUnavailable: """InternalError InternalFailure InternalServerError ServerInternal Unavailable
        ServiceUnavailable ServiceUnavailableException RequestTimeout RequestTimeoutException""",
    RequestRefused: """InvalidAMIID.Malformed InvalidAMIID.NotFound InvalidAMIID.Unavailable InvalidKeyPair.NotFound
        InvalidSubnetID.NotFound InvalidSubnetID.Malformed InvalidGroup.NotFound InvalidGroupId.Malformed
        InvalidGroup.Duplicate InvalidSecurityGroupID.NotFound InvalidPlacementGroup.Unknown
        InvalidPlacementGroup.Duplicate InvalidInstanceType InvalidParameterValue InvalidParameterCombination
        InvalidParameter InvalidBlockDeviceMapping InvalidPermission.Duplicate InvalidUserData.Malformed
        InvalidVpcID.NotFound InvalidInput MissingParameter UnsupportedOperation UnsupportedHibernationConfiguration
        VPCIdNotSpecified DefaultVpcDoesNotExist IdempotentParameterMismatch InvalidAvailabilityZone
        InvalidIamInstanceProfileArn.Malformed ParameterNotFound ParameterVersionNotFound ValidationException
        ValidationError InvalidArgsException EC2InstanceNotFoundException""",
}
KINDS: Mapping[str, type[ProviderError]] = {code: kind for kind, codes in _CODES.items() for code in codes.split()}
"""The class for every code of AWS that we know; all others are `ProviderError`, or unavailable from HTTP 500 on."""

_LOG_IN = "log in again (`aws sso login`, or new keys); `cloudclusters doctor` shows who you are"
_GIVE = (
    "give credentials as every AWS tool takes them: `aws configure`, `aws sso login`, or AWS_ACCESS_KEY_ID and "
    "AWS_SECRET_ACCESS_KEY"
)
_MAY_NOT = "ask your administrator for this action; `cloudclusters iam ec2` prints the least policy"
_CLOCK = "set this machine's clock: AWS refuses calls that are minutes off"
HINTS: Mapping[str, str] = {
    "UnauthorizedOperation": _MAY_NOT,
    "AccessDenied": _MAY_NOT,
    "AccessDeniedException": _MAY_NOT,
    "UnauthorizedException": _MAY_NOT,
    "RequestExpired": f"{_LOG_IN}; or {_CLOCK}",
    "RequestTimeTooSkewed": _CLOCK,
    "SignatureDoesNotMatch": f"look at AWS_SECRET_ACCESS_KEY; or {_CLOCK}",
    "AuthFailure": f"{_LOG_IN}; or the region is not enabled for your account",
    "AuthFailure.ServiceLinkedRoleCreationNotPermitted": "an administrator must make the role of the spot market "
    "once: aws iam create-service-linked-role --aws-service-name spot.amazonaws.com",
    "InvalidInstanceID.NotFound": "AWS does not know this machine everywhere yet, or no longer",
    "OptInRequired": "sign up for EC2, or enable the region, in AWS' console",
    "Unsupported": "allow another zone or instance type, or see `cloudclusters explain`",
    "SpotMaxPriceTooLow": "raise [ec2] max_price or leave it out, or use market = 'on-demand'",
    "InsufficientFreeAddressesInSubnet": "choose a larger subnet by [ec2] subnet_id, or another zone",
    "DependencyViolation": "something still uses it; AWS lets go some seconds after the last machine ended",
    "InvalidPlacementGroup.InUse": "a machine is still in it; AWS lets go some seconds after the last one ended",
    "VPCIdNotSpecified": "the region has no default VPC: name a subnet by [ec2] subnet_id",
    "DefaultVpcDoesNotExist": "the region has no default VPC: name a subnet by [ec2] subnet_id",
    "InvalidAMIID.NotFound": "image ids differ by region: correct [ec2] imageid, or leave it out for Ubuntu 24.04",
    "InvalidAMIID.Malformed": "correct [ec2] imageid",
    "InvalidKeyPair.NotFound": "correct [ec2] key_name, or leave it out: clusters have keys of their own",
    "InvalidSubnetID.NotFound": "correct [ec2] subnet_id, or leave it out for the default subnets",
    "InvalidGroup.NotFound": "correct [ec2] security_group_id, or write 'automatic'",
    "InvalidPlacementGroup.Unknown": "correct [ec2] placement_group, or write 'automatic' or 'none'",
    "InvalidInstanceType": "`cloudclusters explain` shows the instance types of a place",
    "ParameterNotFound": "correct [ec2] image, or name an image by [ec2] imageid",
}
_BY_KIND: Mapping[type[ProviderError], str] = {
    CredentialsRefused: _LOG_IN,
    NoCapacity: "allow another zone, instance type or market, or try later",
    QuotaExceeded: "ask AWS for more (Service Quotas in its console), or for fewer machines",
    ProviderUnavailable: "try again; nothing was deleted",
}
_NO_CREDENTIALS = (
    sdk.NoCredentialsError,
    sdk.PartialCredentialsError,
    sdk.CredentialRetrievalError,
    sdk.ProfileNotFound,
    sdk.TokenRetrievalError,
    sdk.SSOError,
)


@contextlib.contextmanager
def translated(action: str, place: str) -> Iterator[None]:
    """Turn what the SDK raises into our errors; they name action, place, AWS' sentence and the request's id."""
    try:
        yield
    except sdk.ClientError as exc:
        raise _refused(exc, action, place) from exc
    except _NO_CREDENTIALS as exc:
        hint = _GIVE if isinstance(exc, (sdk.NoCredentialsError, sdk.PartialCredentialsError)) else _LOG_IN
        raise CredentialsRefused(f"ec2 cannot {action} in {place}: {exc}", hint=hint) from exc
    except (sdk.HTTPClientError, sdk.ConnectionError, sdk.IncompleteReadError, ResponseParserError) as exc:
        raise ProviderUnavailable(
            f"ec2 does not answer to {action} in {place}: {exc}",
            hint="is there a network, and is the region's name right?",
        ) from exc
    except sdk.BotoCoreError as exc:
        raise RequestRefused(f"ec2 cannot {action} in {place}: {exc}") from exc


def code_of(error: ProviderError) -> str:
    """AWS' own code behind an error of ours; empty where AWS did not answer."""
    cause = error.__cause__
    return str(cause.response["Error"].get("Code", "")) if isinstance(cause, sdk.ClientError) else ""


def _refused(exc: sdk.ClientError, action: str, place: str) -> ProviderError:
    said, about = exc.response.get("Error", {}), exc.response.get("ResponseMetadata", {})
    code = str(said.get("Code", ""))
    status = int(about.get("HTTPStatusCode", 0))
    kind = KINDS.get(code, ProviderUnavailable if status >= 500 else ProviderError)
    request = f" (request {about['RequestId']})" if about.get("RequestId") else ""
    text = str(said.get("Message") or "no reason given").partition(" Encoded authorization failure message")[0]
    return kind(
        f"ec2 refuses {action} in {place}: {text} [{code or status}]{request}",
        hint=HINTS.get(code, _BY_KIND.get(kind, "")),
    )
