"""The life of instances: moto keeps the books, hosts do the work, and states follow what the hosts do.

moto's instances are born running and never leave a state by themselves. Its methods are wrapped while the bed is open,
so that no moment is left in which a caller sees a state that the host is not in.
"""

from __future__ import annotations

import base64
import contextlib
import copy
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from unittest import mock

from moto.ec2.models.instances import Instance, InstanceBackend, InstanceState, Reservation
from moto.ec2.models.security_groups import SecurityGroup, SecurityGroupRule

from cloudclusters.testing.bed.facts import instance_facts
from cloudclusters.testing.bed.faults import Faults
from cloudclusters.testing.bed.host import Admission, BedError, HostDriver, HostSpec
from cloudclusters.testing.bed.images import has_instance_connect, login_user
from cloudclusters.testing.bed.meter import Meter
from cloudclusters.testing.bed.network import Network

ACCOUNT = "123456789012"
CODES = {"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80}


@dataclass(slots=True)
class Life:
    """One instance and its host."""

    instance: Instance
    born: float
    wants_public: bool
    meter: Meter
    turning: threading.Lock
    """Held while a state and its reason change, and while moto describes: both are seen, or neither."""
    lock: threading.RLock = field(default_factory=threading.RLock)
    reachable_at: float = 0.0
    public: str | None = None
    interruption: datetime | None = None
    """When the cloud takes a spot instance back, once it has said so."""
    broken: bool = False
    """It never boots, or its host has crashed; its state does not tell."""
    persistent: bool = False
    """Its spot request outlives it, so that it may be stopped."""
    message: str = ""
    """What the console says in place of a host that never booted."""

    @property
    def state(self) -> str:
        """The state's name."""
        return str(self.instance._state.name)

    def turn(self, state: str, *, code: str = "", reason: str = "") -> None:
        """Enter a state, with the reason that describes show."""
        with self.turning:
            self.instance.state_reason.code, self.instance.state_reason.message = code, reason
            self.instance._reason = _transition(code, state, self.state, self.instance._reason)
            self.instance._state.name, self.instance._state.code = state, CODES[state]
        self.meter.turned(self.instance.id, state)

    def groups(self) -> list[SecurityGroup]:
        """Its security groups, over all its interfaces."""
        found = {group.id: group for nic in self.instance.nics.values() for group in nic.group_set}
        return [found[name] for name in sorted(found)]

    def show_public(self, address: str | None) -> None:
        """Let describes show this public address."""
        self.public = address
        nic = self.instance.nics[0]
        nic.public_ip, nic.public_ip_auto_assign = address, False


class Instances:
    """All instances of all regions; wraps moto while `installed` is entered."""

    def __init__(
        self,
        driver: HostDriver,
        network: Network,
        faults: Faults,
        *,
        delays: tuple[float, float],
        shared: Sequence[Path],
    ) -> None:
        self.driver, self._network, self._faults, self._shared = driver, network, faults, shared
        self.pending_delay, self.boot_delay = delays
        self.lives: dict[str, Life] = {}
        self._refreshing, self.turning = threading.Lock(), threading.Lock()
        self.meter = Meter()
        self.mistakes: list[BaseException] = []
        """What went wrong in the bed itself, in the background."""
        self._timers: set[threading.Timer] = set()
        self._run_instances = InstanceBackend.run_instances

    @contextlib.contextmanager
    def installed(self) -> Iterator[None]:
        """Wrap moto's methods as long as the block lasts."""
        me = self
        with contextlib.ExitStack() as stack:

            def wrap(owner: type, name: str, new: object) -> None:
                stack.enter_context(mock.patch.object(owner, name, new))

            wrap(InstanceBackend, "run_instances", lambda be, *a, **k: me._born(me._run_instances(be, *a, **k)))
            wrap(Instance, "start", lambda i: me._start(me.lives[i.id]))
            wrap(Instance, "stop", lambda i: me._stop(me.lives[i.id]))
            wrap(Instance, "terminate", lambda i: me._terminate(me.lives[i.id]))
            wrap(Instance, "reboot", lambda i: me._later(0.0, me._reboot, me.lives[i.id]))
            wrap(Instance, "instance_status", property(me._status))
            try:
                yield
            finally:
                self.cancel()

    def cancel(self) -> None:
        """Let nothing more happen by itself; what is under way ends first."""
        for timer in list(self._timers):
            timer.cancel()
        for timer in list(self._timers):
            timer.join()

    def living(self) -> list[Life]:
        """Instances that are not terminated."""
        return [life for life in list(self.lives.values()) if life.state != "terminated"]

    def of(self, instance_id: str) -> Life:
        """The life of an instance."""
        return self.lives[instance_id]

    def console(self, instance_id: str) -> bytes:
        """What its console shows; empty before it boots and after it is gone."""
        life = self.lives[instance_id]
        return life.message.encode() or (self.driver.console(instance_id) if self._has_host(life) else b"")

    def facts(self, address: str) -> tuple[dict[str, str], bool] | None:
        """What the metadata service tells the host at an address, and whether it wants a token."""
        for life in self.living():
            if life.instance.private_ip == address:
                return instance_facts(life.instance, life.interruption), self._wants_token(life)
        return None

    def reclaim(self, instance_id: str, *, notice: float = 120.0) -> None:
        """Interrupt a spot instance: the metadata service says so now, the host ends after the notice."""
        life = self.lives[instance_id]
        life.interruption = datetime.fromtimestamp(time.time() + notice, UTC)
        self._later(notice, self._taken_back, life)

    def let_in(self, instance_id: str, *, user: str, key: str, seconds: float) -> None:
        """Let a key log in for so long, if the instance's image has what EC2 Instance Connect needs on a host."""
        life = self.lives[instance_id]
        if self._has_host(life) and has_instance_connect(life.instance.ec2_backend.amis.get(life.instance.image_id)):
            self.driver.let_in(instance_id, user=user, key=key, seconds=seconds)

    def settle(self) -> None:
        """Wait until no instance is on its way to its end, at most ten seconds."""
        waiting, deadline = threading.Event(), time.monotonic() + 10
        while any(life.state == "shutting-down" for life in self.living()) and time.monotonic() < deadline:
            waiting.wait(0.01)

    def crash(self, instance_id: str) -> None:
        """End the host as if its power failed; the cloud goes on calling it running, and bills it."""
        life = self.lives[instance_id]
        with life.lock:
            life.broken = True
            self.driver.kill(instance_id)

    def refresh_firewalls(self) -> None:
        """Bring every host's firewall in line with the security groups and their members."""
        with self._refreshing:  # two launches at once: what was worked out first must not be set last
            for life in self.living():
                if self._has_host(life):
                    self.driver.admit(life.instance.id, self._admissions(life))

    def _has_host(self, life: Life) -> bool:
        return life.instance.id in self.driver.names()

    def _wants_token(self, life: Life) -> bool:
        return bool(life.instance.metadata_options.http_tokens == "required")

    def _born(self, reservation: Reservation) -> Reservation:
        """New instances are pending, at addresses of their own, with hosts that do not run yet."""
        user = _login_user(reservation.instances[0])
        for instance in reservation.instances:
            nic = instance.nics[0]
            life = Life(instance, time.monotonic(), bool(nic.public_ip_auto_assign), self.meter, self.turning)
            nic.delete_on_termination = True
            self._settle_address(instance)
            self.lives[instance.id] = life
            life.turn("pending")
            life.show_public(None)
            self.driver.create(self._spec(instance, user))
        self.refresh_firewalls()
        for instance in reservation.instances:
            self._later(self.pending_delay, self._boot, self.lives[instance.id])
        return reservation

    def _boot(self, life: Life) -> None:
        with life.lock:
            if life.state != "pending":
                return
            if self._faults.take("fail_launch"):
                reason = "Server.InternalError: Internal error on launch"
                self._over(life, "Server.InternalError", reason)
                return
            life.show_public(self._network.new_public() if life.wants_public else None)
            life.reachable_at = time.monotonic() + self.boot_delay
            if self._faults.take("never_boot"):
                life.broken, life.message = True, "Kernel panic - not syncing: VFS: Unable to mount root fs\n"
            else:
                self._start_host(life)
            life.turn("running")

    def _start_host(self, life: Life) -> None:
        name = life.instance.id

        def ended() -> None:
            self._later(0.0, self._shut_down_inside, life)

        self.driver.start(name, public=life.public, delay=self.boot_delay, ended=ended)

    def _start(self, life: Life) -> InstanceState:
        with life.lock:
            before = copy.copy(life.instance._state)
            if life.state == "stopped":
                life.broken, life.message = False, ""
                life.instance.launch_time = datetime.now(UTC)
                life.turn("pending")
                self._later(self.pending_delay, self._boot, life)
            return before

    def _stop(self, life: Life) -> InstanceState:
        with life.lock:
            before = copy.copy(life.instance._state)
            if life.state == "running":
                self._turn_by_user(life, "stopping")
                self._later(0.0, self._halt, life)
            return before

    def _halt(self, life: Life) -> None:
        with life.lock:
            self.driver.stop(life.instance.id)
            if life.state == "stopping":
                life.show_public(None)
                self._turn_by_user(life, "stopped")

    def _terminate(self, life: Life) -> InstanceState:
        with life.lock:
            before = copy.copy(life.instance._state)
            if life.state not in ("terminated", "shutting-down"):
                _let_go(life.instance)
                self._turn_by_user(life, "shutting-down")
                self._later(0.0, self._remove, life)
            return before

    def _remove(self, life: Life) -> None:
        with life.lock:
            self.driver.stop(life.instance.id)
            self.driver.remove(life.instance.id)
            life.show_public(None)
            self._turn_by_user(life, "terminated")

    def _reboot(self, life: Life) -> None:
        with life.lock:
            if life.state == "running":
                self.driver.stop(life.instance.id)
                life.reachable_at = time.monotonic() + self.boot_delay
                self._start_host(life)

    def _shut_down_inside(self, life: Life) -> None:
        """The host has ended by itself: the instance stops, or terminates, as it was told at its launch."""
        code = "Client.InstanceInitiatedShutdown"
        with life.lock:
            if life.state != "running" or life.broken:
                return
            if life.instance.instance_initiated_shutdown_behavior == "terminate":
                self._over(life, code, f"{code}: Instance initiated shutdown")
            else:
                life.show_public(None)
                life.turn("stopped", code=code, reason=f"{code}: Instance initiated shutdown")

    def _taken_back(self, life: Life) -> None:
        code = "Server.SpotInstanceTermination"
        with life.lock:
            if life.state in ("pending", "running", "stopping", "stopped"):
                self._over(life, code, f"{code}: Spot instance termination")

    def _over(self, life: Life, code: str, reason: str) -> None:
        """Terminated without anybody having asked."""
        _let_go(life.instance)
        self.driver.remove(life.instance.id)
        life.show_public(None)
        life.turn("terminated", code=code, reason=reason)

    def _turn_by_user(self, life: Life, state: str) -> None:
        code = "Client.UserInitiatedShutdown"
        life.turn(state, code=code, reason=f"{code}: User initiated shutdown")

    def _status(self, instance: Instance) -> dict[str, object]:
        life = self.lives[instance.id]
        if life.state != "running":
            return {"Status": "not-applicable"}
        if life.broken:
            status = ("impaired", "failed")
        elif time.monotonic() < life.reachable_at:
            status = ("initializing", "initializing")
        else:
            status = ("ok", "passed")
        return {"Status": status[0], "Details": [{"Name": "reachability", "Status": status[1]}]}

    def _settle_address(self, instance: Instance) -> None:
        """No two living instances at one address: every region of moto uses the same network."""
        nic, taken = instance.nics[0], {life.instance.private_ip for life in self.living()}
        while nic.private_ip_address in taken:
            nic.private_ip_address = nic.subnet.get_available_subnet_ip(instance=instance)
        nic.private_ip_addresses[0]["PrivateIpAddress"] = nic.private_ip_address

    def _spec(self, instance: Instance, user: str) -> HostSpec:
        keys = [] if not instance.key_name else [instance.ec2_backend.key_pairs[instance.key_name].material_public]
        return HostSpec(
            name=instance.id,
            hostname="ip-" + str(instance.private_ip).replace(".", "-"),
            address=str(instance.private_ip),
            user=user,
            authorized_keys=[key.decode() if isinstance(key, bytes) else str(key) for key in keys],
            user_data=base64.b64decode(str(instance.user_data or "")),
            shared=self._shared,
        )

    def _admissions(self, life: Life) -> list[Admission]:
        return [
            Admission(protocol=protocol, low=rule.from_port, high=rule.to_port, source=source)
            for group in life.groups()
            for rule in group.ingress_rules
            for protocol in ["all" if rule.ip_protocol == "-1" else str(rule.ip_protocol)]
            for source in self._sources(rule)
        ]

    def _sources(self, rule: SecurityGroupRule) -> list[str]:
        """The networks that a rule names: its own, or those of another group's members."""
        if rule.ip_range.get("CidrIp"):
            return [str(rule.ip_range["CidrIp"])]
        wanted = rule.source_group.get("GroupId")
        members = [life for life in self.living() if wanted in {group.id for group in life.groups()}]
        return [f"{life.instance.private_ip}/32" for life in members]

    def _later(self, delay: float, action: Callable[[Life], None], life: Life) -> None:
        def act() -> None:
            try:
                action(life)
            except (BedError, OSError, RuntimeError, LookupError, TypeError, ValueError, AttributeError) as error:
                self.mistakes.append(error)
            finally:
                self._timers.discard(timer)

        timer = threading.Timer(delay, act)
        timer.daemon = True
        self._timers.add(timer)
        timer.start()


def _transition(code: str, state: str, before: str, said: str) -> str:
    """What EC2 says of a change of state: when, only where a call asked for it, and of a shutdown from inside not."""
    if code == "Client.UserInitiatedShutdown":
        going_on = (before, state) in (("stopping", "stopped"), ("shutting-down", "terminated"))
        return said if going_on else f"User initiated ({datetime.now(UTC):%Y-%m-%d %H:%M:%S} GMT)"
    return "User initiated" if code == "Client.InstanceInitiatedShutdown" else code


def _let_go(instance: Instance) -> None:
    """What moto does at a termination, but for the state, which follows the host."""
    for nic in instance.nics.values():
        nic.stop()
        if nic.delete_on_termination:
            nic.delete()
    instance.teardown_defaults()
    profile = instance.ec2_backend.iam_instance_profile_associations.get(instance.id)
    if profile is not None:
        instance.ec2_backend.disassociate_iam_instance_profile(association_id=profile.association_id)


def _login_user(instance: Instance) -> str:
    return login_user(instance.ec2_backend.amis.get(instance.image_id))
