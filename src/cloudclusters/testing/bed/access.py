"""Who may do what in the simulated cloud: actions that a policy denies, and credentials that are no longer good."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from cloudclusters.testing.bed.calls import Answer, Call, failure

_CALLER = "arn:aws:iam::123456789012:user/test"


class Credentials(enum.Enum):
    """What the cloud thinks of every caller's credentials."""

    GOOD = "good"
    """They are who they say."""
    EXPIRED = "expired"
    """They were good, for a time that is over."""
    UNKNOWN = "unknown"
    """Nobody has them."""


_WRONG = {
    (Credentials.EXPIRED, "ec2"): ("RequestExpired", "Request has expired.", 400),
    (Credentials.EXPIRED, "query"): ("ExpiredToken", "The security token included in the request is expired", 403),
    (Credentials.EXPIRED, "json"): (
        "ExpiredTokenException",
        "The security token included in the request is expired",
        400,
    ),
    (Credentials.UNKNOWN, "ec2"): (
        "AuthFailure",
        "AWS was not able to validate the provided access credentials",
        401,
    ),
    (Credentials.UNKNOWN, "query"): (
        "InvalidClientTokenId",
        "The security token included in the request is invalid.",
        403,
    ),
    (Credentials.UNKNOWN, "json"): (
        "UnrecognizedClientException",
        "The security token included in the request is invalid.",
        400,
    ),
}


@dataclass(slots=True)
class Access:
    """The policy and the credentials of now; all is allowed until something is said."""

    denied: set[str] = field(default_factory=set)
    """Actions; `*` for all but GetCallerIdentity, which needs no permission."""
    credentials: Credentials = Credentials.GOOD

    def clear(self) -> None:
        """Everything is allowed, and credentials are good."""
        self.denied.clear()
        self.credentials = Credentials.GOOD

    def refused(self, call: Call) -> Answer | None:
        """The error for a call that may not be, in the words and with the status of its service."""
        form = "ec2" if call.service == "ec2" else "query" if call.parameters else "json"
        if self.credentials is not Credentials.GOOD:
            code, message, status = _WRONG[self.credentials, form]
            return failure(call, code, message, status)
        if call.action not in self.denied and ("*" not in self.denied or call.action == "GetCallerIdentity"):
            return None
        action = f"{call.service}:{call.action}"
        kind = "instance/*" if call.action == "RunInstances" else "*"
        resource = f"arn:aws:{call.service}:{call.region}:123456789012:{kind}"
        text = f"User: {_CALLER} is not authorized to perform: {action} on resource: {resource}"
        text = f"{text} because no identity-based policy allows the {action} action"
        if form == "ec2":
            text = f"You are not authorized to perform this operation. {text}"
            return failure(call, "UnauthorizedOperation", f"{text}. Encoded authorization failure message: none", 403)
        code, status = ("AccessDenied", 403) if form == "query" else ("AccessDeniedException", 400)
        return failure(call, code, text, status)
