"""The network between client and hosts: one bridge, public addresses translated one to one, private ones out of reach.

The client stands outside the cloud, at an address of its own. What it sends to a public address is translated to the
private one, which alone the host knows; what it sends to a private address is refused. A security group is a
list of admissions in the host's own firewall; everything else is dropped in silence, as EC2 does.
"""

from __future__ import annotations

import ipaddress
import itertools
import socket
import subprocess
import threading
from collections.abc import Sequence

from cloudclusters.testing.bed.host import Admission, BedError

CLIENT = "203.0.113.7"
"""Where the client stands, as hosts and security groups see it."""
GATEWAY = "172.31.255.254"
METADATA = "169.254.169.254"
PRIVATE = ipaddress.ip_network("172.31.0.0/16")
PUBLIC = ipaddress.ip_network("198.18.0.0/15")
"""Public addresses are taken from here; inside the private world nobody else has them."""
BRIDGE = "bed0"

_RULES = f"""*nat
:PREROUTING ACCEPT
:OUTPUT ACCEPT
:POSTROUTING ACCEPT
:PUBLIC -
:OWN -
-A PREROUTING -j PUBLIC
-A OUTPUT -j PUBLIC
-A POSTROUTING -o {BRIDGE} -m conntrack --ctstate DNAT -j OWN
COMMIT
*filter
:INPUT ACCEPT
:FORWARD ACCEPT
:OUTPUT ACCEPT
:CUT -
-A INPUT -j CUT
-A OUTPUT -j CUT
-A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
-A INPUT -i {BRIDGE} -d {METADATA} -p tcp --dport 80 -j ACCEPT
-A INPUT -i {BRIDGE} -j DROP
-A OUTPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
-A OUTPUT -m conntrack --ctstate DNAT -j ACCEPT
-A OUTPUT -d {METADATA} -j REJECT --reject-with icmp-net-unreachable
-A OUTPUT -o {BRIDGE} -j REJECT --reject-with icmp-net-unreachable
COMMIT
"""
_EMPTY = "*nat\nCOMMIT\n*filter\nCOMMIT\n"


class Network:
    """One bridge with its translations; made and taken down inside a private world only."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._links = itertools.count(1)
        self._lock = threading.Lock()

    def up(self) -> None:
        """Make the bridge, the client's address and the rules."""
        # An address of its own: a bridge else takes the lowest of its links', which changes as hosts come and go, and
        # hosts that know the gateway by the old one lose what they send for most of a minute.
        run("ip", "link", "add", BRIDGE, "address", "02:be:d0:00:00:01", "type", "bridge")
        run("ip", "address", "add", f"{GATEWAY}/16", "dev", BRIDGE)
        run("ip", "address", "add", f"{METADATA}/32", "dev", BRIDGE)
        run("ip", "link", "set", BRIDGE, "up")
        run("ip", "address", "add", f"{CLIENT}/32", "dev", "lo")
        run("ip", "route", "add", str(PUBLIC), "dev", BRIDGE, "src", CLIENT)
        run("iptables-restore", text=_RULES)

    def down(self) -> None:
        """Take down what `up` made."""
        run("ip", "link", "delete", BRIDGE)
        run("ip", "address", "delete", f"{CLIENT}/32", "dev", "lo")
        run("iptables-restore", text=_EMPTY)

    def new_public(self) -> str:
        """A public address that nobody ever had."""
        with self._lock:
            return str(PUBLIC.network_address + next(self._numbers))

    def attach(self, process_id: int, address: str) -> str:
        """Give the process's network an `eth0` on the bridge for this address; returns the link's name on this side."""
        with self._lock:
            link = f"bed-{next(self._links)}"
        # Told by the address: a host that gets the address of one that is gone is else not found for most of a minute.
        hardware = ":".join(["02", "ce", *(f"{byte:02x}" for byte in ipaddress.ip_address(address).packed)])
        peer = ("peer", "name", "eth0", "address", hardware, "netns", str(process_id))
        run("ip", "link", "add", link, "type", "veth", *peer)
        run("ip", "link", "set", link, "master", BRIDGE, "up")
        return link

    def detach(self, link: str) -> None:
        """Take a host's link away, unless the kernel has.

        It clears a network up some time after its last process has ended, seconds under load. Until then what comes to
        the address is answered, with resets, and the next host that has the address loses connections.
        """
        try:
            run("ip", "link", "delete", link)
        except BedError:
            # Whether it is still there, and not in what words `ip` missed it: the kernel may take it between its looks.
            if link in [name for _, name in socket.if_nameindex()]:
                raise

    def reach(self, address: str) -> None:
        """Let a host's private address be found, also one outside the usual range."""
        if ipaddress.ip_address(address) not in PRIVATE:
            run("ip", "route", "replace", f"{address}/32", "dev", BRIDGE)

    def set_link(self, link: str, *, up: bool) -> None:
        """Let a host's packets pass, or lose them."""
        run("ip", "link", "set", link, "up" if up else "down")

    def cut(self, hosts: Sequence[str] = (), *, port: int | None = None) -> None:
        """Lose, in silence, what the client and these hosts send each other, or all hosts, from now on.

        With a port also what the client sends to itself there. Hosts are named by their private addresses. What `cut`
        was told before is forgotten; neighbours and the metadata service are not concerned.
        """
        ways = [f"-m conntrack --ctreplsrc {host} " for host in hosts] or [""]
        lines = [f"-A CUT {side} {CLIENT} {way}-j DROP" for way in ways for side in ("-s", "-d")]
        if port is not None:
            lines += [f"-A CUT -i lo -p tcp --{side} {port} -j DROP" for side in ("dport", "sport")]
        run("iptables-restore", "-w", "--noflush", text="\n".join(["*filter", ":CUT -", *lines, "COMMIT", ""]))

    def mend(self) -> None:
        """Let the client's packets pass again."""
        run("iptables", "-w", "-F", "CUT")

    def translate(self, public: str, private: str) -> None:
        """Send what goes to the public address to the private one; neighbours see the public one as the source."""
        run("iptables", "-w", "-t", "nat", "-A", "PUBLIC", "-d", public, "-j", "DNAT", "--to-destination", private)
        run("iptables", "-w", "-t", "nat", "-A", "OWN", "-s", private, "-j", "SNAT", "--to-source", public)

    def forget(self, public: str, private: str) -> None:
        """Take the translation back."""
        run("iptables", "-w", "-t", "nat", "-D", "PUBLIC", "-d", public, "-j", "DNAT", "--to-destination", private)
        run("iptables", "-w", "-t", "nat", "-D", "OWN", "-s", private, "-j", "SNAT", "--to-source", public)


def firewall(admissions: Sequence[Admission]) -> str:
    """The rules of a host's own firewall."""
    lines = ["*filter", ":INPUT DROP", "-A INPUT -i lo -j ACCEPT"]
    lines.append("-A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT")
    for rule in admissions:
        ports = "" if rule.low is None else f" --dport {rule.low}:{rule.high}"
        protocol = "" if rule.protocol == "all" else f" -p {rule.protocol}{ports if rule.protocol != 'icmp' else ''}"
        lines.append(f"-A INPUT -s {rule.source}{protocol} -j ACCEPT")
    return "\n".join([*lines, "COMMIT", ""])


def run(*command: str, text: str | None = None) -> str:
    """Run a program of the system; raises with what it said."""
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BedError(f"{' '.join(command)} failed ({done.returncode}): {done.stderr.strip()}")
    return done.stdout
