"""The bed as a test holds it: open it, point the SDK at it, order faults, look at calls and hosts, see what is left."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from moto.ec2.models import ec2_backends
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import BaseWSGIServer, make_server

from cloudclusters.testing.bed import images, world
from cloudclusters.testing.bed.access import Credentials
from cloudclusters.testing.bed.calls import Calls
from cloudclusters.testing.bed.faults import Faults
from cloudclusters.testing.bed.front import Front
from cloudclusters.testing.bed.host import BedError, HostDriver
from cloudclusters.testing.bed.image import root_image
from cloudclusters.testing.bed.instances import ACCOUNT, Instances
from cloudclusters.testing.bed.metadata import MetadataService
from cloudclusters.testing.bed.namespaces import NamespaceHosts
from cloudclusters.testing.bed.network import CLIENT, Network
from cloudclusters.testing.bed.shared import check_shared, python_folders

__all__ = ["Bed", "Left", "python_folders"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """What still exists; false when that is nothing."""

    instances: Sequence[str]
    security_groups: Sequence[str]
    """Without the default ones."""
    key_pairs: Sequence[str]
    placement_groups: Sequence[str]
    volumes: Sequence[str]
    hosts: Sequence[str]
    processes: Sequence[int]

    def __bool__(self) -> bool:
        """Whether anything is left."""
        return any(getattr(self, name) for name in self.__slots__)


class Bed:
    """A simulated EC2 in this process, with hosts in this private world; opened by `with`."""

    def __init__(
        self,
        *,
        region: str = "us-east-1",
        pending_delay: float = 1.0,
        boot_delay: float = 1.0,
        shared: Sequence[Path] = (),
        image: Path | None = None,
    ) -> None:
        """Say how slow the cloud is, and which folders of this machine its hosts see, read-only."""
        self.region = region
        self.faults = Faults()
        self.calls = Calls()
        self._network = Network()
        self._image = image
        self._delays, self._shared = (pending_delay, boot_delay), shared
        self._open = contextlib.ExitStack()
        self._port = 0

    def __enter__(self) -> Bed:
        """Make the network and start to answer."""
        check_shared(self._shared)
        if not world.is_inside():
            raise BedError(
                "a Bed opens only inside a private world: python -m cloudclusters.testing.bed.world COMMAND…"
            )
        image = self._image or root_image()
        with contextlib.ExitStack() as stack:
            self._network.up()
            stack.callback(self._network.down)
            self.hosts: HostDriver = NamespaceHosts(self._network, image, world.STATE)
            self.instances = Instances(self.hosts, self._network, self.faults, delays=self._delays, shared=self._shared)
            self.front = Front(DomainDispatcherApplication(create_backend_app), self.instances, self.faults, self.calls)
            stack.enter_context(images.installed())
            stack.enter_context(self.instances.installed())
            self.clear()
            stack.callback(self.clear)
            metadata = MetadataService(self.instances.facts)
            metadata.start()
            stack.callback(metadata.stop)
            self._serve(stack)
            self._open = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """End every host and take the network down; raises what went wrong in the background."""
        mistakes = list(self.instances.mistakes)
        self._open.close()
        if mistakes:
            raise BaseExceptionGroup("the bed failed in the background", mistakes)

    @property
    def endpoint_url(self) -> str:
        """Where the SDK finds the cloud."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def client_address(self) -> str:
        """The client's own address, as security groups must name it."""
        return CLIENT

    def environment(self) -> Mapping[str, str]:
        """What the SDK reads: endpoint, region and credentials that open nothing."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_REGION": self.region,
            "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "only-for-the-test-bed",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        }

    def left(self) -> Left:
        """What exists now in all regions, and every process of every host."""
        backends = list(ec2_backends[ACCOUNT].values())
        groups = [group for be in backends for vpc in be.groups.values() for group in vpc.values()]
        return Left(
            instances=[life.instance.id for life in self.instances.living()],
            security_groups=[group.name for group in groups if group.name != "default"],
            key_pairs=[name for be in backends for name in be.key_pairs],
            placement_groups=[group.name for group in self.front.groups.groups.values()],
            volumes=[name for be in backends for name in be.volumes],
            hosts=list(self.hosts.names()),
            processes=list(self.hosts.process_ids()),
        )

    def bill(self, *, state: str = "running", least: float = 0.0) -> Mapping[str, float]:
        """Seconds that each instance was billed since the bed was empty, by the cloud's own clock.

        EC2 bills machines that are running, and every start for a `least` of 60 seconds.
        """
        return self.instances.meter.seconds(state, least=least)

    def clear(self) -> None:
        """Make the cloud empty, and let nothing go wrong any more: for between two tests."""
        self.faults.clear()
        self.mend_client()
        self.instances.cancel()
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(self.hosts.remove, self.hosts.names()))
        self.instances.lives.clear()
        self.instances.meter.clear()
        for backend in list(ec2_backends[ACCOUNT].values()):
            backend.reset()
        self.front.clear()
        self.calls.clear()

    def deny(self, *actions: str) -> None:
        """Let a policy deny these actions (`RunInstances`; `*` for all), until `allow` or `clear`.

        EC2 answers `UnauthorizedOperation`, also to a dry run; other services `AccessDenied`.
        """
        self.front.access.denied.update(actions)

    def allow(self, *actions: str) -> None:
        """Take back what `deny` said of these actions, or all of it."""
        self.front.access.denied.difference_update(actions or set(self.front.access.denied))

    def expire_credentials(self, *, unknown: bool = False) -> None:
        """Answer every call `RequestExpired` (EC2) or `ExpiredToken`, until `renew_credentials` or `clear`.

        With `unknown` as if the credentials had never been good: `AuthFailure` (EC2) or `InvalidClientTokenId`.
        """
        self.front.access.credentials = Credentials.UNKNOWN if unknown else Credentials.EXPIRED

    def renew_credentials(self) -> None:
        """Let every caller's credentials be good again."""
        self.front.access.credentials = Credentials.GOOD

    def cut_client(self, *instances: str, api: bool = False) -> None:
        """Lose every packet between the client and its hosts, both ways and in silence, until `mend_client` or `clear`.

        With names, only between the client and these instances. Hosts go on reaching each other and the metadata
        service. The cloud itself goes on answering, but with `api` its calls are lost as well.
        """
        private = [str(self.instances.of(name).instance.private_ip) for name in instances]
        self._network.cut(private, port=self._port if api else None)

    def mend_client(self) -> None:
        """Let the client's packets pass again; connections that have not given up go on."""
        self._network.mend()

    def _serve(self, stack: contextlib.ExitStack) -> None:
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        server: BaseWSGIServer = make_server(
            "127.0.0.1", 0, self.front, threaded=True, request_handler=MotoRequestHandler
        )
        self._port = int(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        stack.callback(thread.join)
        stack.callback(server.server_close)
        stack.callback(server.shutdown)
