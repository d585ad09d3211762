"""The front of the bed: every call of the SDK comes through here, on its way to moto and back.

It logs and counts, makes what was ordered go wrong, and corrects what moto gets wrong.
"""

from __future__ import annotations

import base64
import contextlib
import io
import re
import socket
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from moto.ec2.models import ec2_backends

from cloudclusters.testing.bed.access import Access
from cloudclusters.testing.bed.calls import Answer, Call, Calls, Done, element, error_code, failure, read_call, result
from cloudclusters.testing.bed.connect import InstanceConnect
from cloudclusters.testing.bed.faults import LOST, Faults
from cloudclusters.testing.bed.instances import ACCOUNT, Instances
from cloudclusters.testing.bed.launching import Launching
from cloudclusters.testing.bed.news import without_newborn
from cloudclusters.testing.bed.placement import PlacementGroups
from cloudclusters.testing.bed.prices import SpotPrices
from cloudclusters.testing.bed.pricing import Pricing
from cloudclusters.testing.bed.quotas import Quotas

Environ = dict[str, object]
StartResponse = Callable[[str, list[tuple[str, str]]], object]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]
_FIREWALL = ("SecurityGroup", "InstanceAttribute", "NetworkInterfaceAttribute")
_TOKEN = "ClientToken"
_STEADY = (_TOKEN, "Version", "Action")


class Front:
    """A WSGI application around moto's."""

    def __init__(self, moto: Application, instances: Instances, faults: Faults, calls: Calls) -> None:
        self._moto, self._instances, self._faults, self._calls = moto, instances, faults, calls
        self.access = Access()
        self.connect = InstanceConnect(instances)
        self.groups = PlacementGroups(instances)
        self.prices = SpotPrices()
        self.pricing = Pricing()
        self.quotas = Quotas(instances)
        self._launching = Launching(instances, faults, self.groups, self.prices, self.quotas)
        self._answered: dict[tuple[str, str, str], tuple[dict[str, str], Answer]] = {}
        self._lock, self._one = threading.RLock(), threading.Lock()
        self._own: dict[str, Callable[[Call], Answer]] = {
            "CreatePlacementGroup": self.groups.create,
            "DescribePlacementGroups": self.groups.describe,
            "DeletePlacementGroup": self.groups.delete,
            "DescribeSpotPriceHistory": self.prices.history,
            "GetConsoleOutput": self._console,
        }

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        body = _read(environ)
        form = str(environ.get("CONTENT_TYPE", "")).startswith("application/x-www-form-urlencoded")
        pairs = urllib.parse.parse_qsl(body.decode(), keep_blank_values=True) if form else []
        target = str(environ.get("HTTP_X_AMZ_TARGET", ""))
        call = read_call(str(environ.get("HTTP_AUTHORIZATION", "")), target, dict(pairs))
        self._faults.wait(call)
        fault = self._faults.due(call)
        answer = self._answer(call, environ, body) if fault is None or fault.after else None
        if fault is not None or answer is None:
            assert fault is not None
            answer = failure(call, fault.code, fault.message, fault.status)
        lost = fault is not None and fault.code == LOST
        error = LOST if lost else error_code(answer)
        self._calls.add(Done(call, answer.status, error, fault is not None))
        if lost:
            _break_connection(environ)
        start_response(f"{answer.status} ", [("Content-Type", answer.content_type)])
        return [answer.body]

    def clear(self) -> None:
        """Forget tokens, placement groups, prices, quotas and what is denied."""
        self.access.clear()
        self.connect.clear()
        self._answered.clear()
        self.groups.groups.clear()
        self.prices.fixed.clear()
        self.pricing.fixed.clear()
        self.quotas.clear()

    def _answer(self, call: Call, environ: Environ, body: bytes) -> Answer:
        refused = self.access.refused(call)
        if refused is not None:
            return refused
        if call.service == "ec2-instance-connect":
            return self.connect.answer(call, body)
        if call.service == "servicequotas":
            return self.quotas.answer(call, body) or self._ask_moto(call, environ, body)
        if call.service == "pricing":
            return self.pricing.answer(call, body)
        if call.service != "ec2":
            return self._ask_moto(call, environ, body)
        token = call.parameters.get(_TOKEN)
        if token is None:
            return self._answer_once(call, environ)
        key = (call.region, call.action, token)
        said = {name: value for name, value in call.parameters.items() if name not in _STEADY}
        with self._lock:
            if key in self._answered:
                before, answer = self._answered[key]
                if before == said:
                    return answer
                text = f"Arguments on this idempotent request are inconsistent with those of '{token}'."
                return failure(call, "IdempotentParameterMismatch", text)
            answer = self._answer_once(call, environ)
            if answer.status < 400:
                self._answered[key] = (said, answer)
            return answer

    def _answer_once(self, call: Call, environ: Environ) -> Answer:
        if call.action in self._own and call.parameters.get("DryRun") != "true":
            return self._own[call.action](call)
        if call.action == "RunInstances":
            return self._launch(call, environ)
        refused = self._refused(call)
        if refused is not None:
            return refused
        if call.parameters.get("DryRun") == "true":
            return _would_succeed(call)
        answer = self._ask_moto(call, environ, _encode(call))
        if call.action.endswith(_FIREWALL) or call.action.endswith(("GroupIngress", "GroupEgress")):
            self._instances.refresh_firewalls()
        if call.action in ("DescribeInstances", "DescribeInstanceStatus") and self._faults.invisible:
            return without_newborn(call, answer, self._newborn())
        return answer

    def _launch(self, call: Call, environ: Environ) -> Answer:
        with self._lock:
            checked = self._launching.check(call)
            if isinstance(checked, Answer):
                return checked
            if call.parameters.get("DryRun") == "true":
                return _would_succeed(call)
            answer = self._ask_moto(checked, environ, _encode(checked))
            if answer.status < 400:
                ids = [found.decode() for found in re.findall(rb"<instanceId>([^<]+)</instanceId>", answer.body)]
                self._launching.finish(call, list(dict.fromkeys(ids)))
            return answer

    def _refused(self, call: Call) -> Answer | None:
        if call.action in ("StartInstances", "StopInstances"):
            return self._launching.check_start(call)
        if call.action == "DeleteSecurityGroup":
            return self._group_in_use(call)
        return None

    def _group_in_use(self, call: Call) -> Answer | None:
        name = call.parameters.get("GroupId") or call.parameters.get("GroupName")
        backend = ec2_backends[ACCOUNT][call.region]
        members = [group for life in self._instances.living() for group in life.groups()]
        referring = [
            known
            for vpc in backend.groups.values()
            for known in vpc.values()
            for rule in known.ingress_rules
            if rule.source_group.get("GroupId") == name and known.id != name
        ]
        if any(name in (group.id, group.name) for group in members) or referring:
            return failure(call, "DependencyViolation", f"resource {name} has a dependent object")
        return None

    def _console(self, call: Call) -> Answer:
        name = call.parameters.get("InstanceId", "")
        if name not in self._instances.lives:
            return failure(call, "InvalidInstanceID.NotFound", f"The instance ID '{name}' does not exist")
        output = base64.b64encode(self._instances.console(name)).decode()
        stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        return result(call, element("instanceId", name) + element("timestamp", stamp) + element("output", output))

    def _newborn(self) -> set[str]:
        since = time.monotonic() - self._faults.invisible
        return {name for name, life in list(self._instances.lives.items()) if life.born > since}

    def _ask_moto(self, call: Call, environ: Environ, body: bytes) -> Answer:
        given: list[tuple[str, list[tuple[str, str]]]] = []

        def start_response(status: str, headers: list[tuple[str, str]], _error: object = None) -> None:
            given.append((status, headers))

        inner = {**environ, "wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        inner.pop("HTTP_TRANSFER_ENCODING", None)
        steady = self._instances.turning if call.action.startswith("Describe") else contextlib.nullcontext()
        try:
            with self._one, steady:  # moto reads tags while another thread writes some
                data = b"".join(self._moto(inner, start_response))
        except NotImplementedError:
            return failure(call, "InvalidAction", f"The action {call.action} is not valid for this web service.")
        status = int(given[0][0].split()[0])
        kind = next((value for name, value in given[0][1] if name.lower() == "content-type"), "text/xml")
        if status in (404, 500, 501) and (b"<html" in data[:200].lower() or not data):
            return failure(call, "InvalidAction", f"The action {call.action} is not valid for this web service.")
        return Answer(status, data, kind)


def _read(environ: Environ) -> bytes:
    stream = environ["wsgi.input"]
    length = int(str(environ.get("CONTENT_LENGTH") or 0))
    return bytes(stream.read(length)) if length else b""  # type: ignore[attr-defined]  # WSGI's own stream


def _would_succeed(call: Call) -> Answer:
    return failure(call, "DryRunOperation", "Request would have succeeded, but DryRun flag is set.", 412)


def _encode(call: Call) -> bytes:
    return urllib.parse.urlencode(list(call.parameters.items())).encode()


def _break_connection(environ: Environ) -> None:
    """Let the client see its connection end without an answer."""
    connection = environ.get("werkzeug.socket")
    if isinstance(connection, socket.socket):
        connection.shutdown(socket.SHUT_RDWR)
