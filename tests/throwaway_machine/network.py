"""The way between this host and a machine."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv4Network, ip_network
from pathlib import Path
from zlib import crc32

from throwaway_machine.this_host import MachineError, run_on_host

_LOOPBACK = re.compile(r"(?<=[/@])(localhost|127\.0\.0\.1)(?=[:/\s\"]|$)")

# Reserved for tests between two networks (RFC 2544), so that neither a real network nor an engine's own choice is there.
_ADDRESSES = IPv4Network("198.18.0.0/15")


@dataclass(frozen=True)
class Network:
    """A cable between this host and the machine, and rules of the host's firewall that let it out; each carries our name."""

    name: str
    host: IPv4Interface
    machine: IPv4Interface

    @classmethod
    def free(cls, name: str) -> Network:
        """Addresses that no route of this host covers. Each name has a beginning of its own, since two machines may be made at once."""
        routes = json.loads(run_on_host("ip", "-json", "-4", "route", "show", "table", "all"))
        taken = [ip_network(route["dst"]) for route in routes if route["dst"] != "default"]
        networks = list(_ADDRESSES.subnets(new_prefix=30))
        first = crc32(name.encode()) % len(networks)
        for network in (*networks[first:], *networks[:first]):
            if not any(network.overlaps(other) for other in taken):
                host, machine = (IPv4Interface(f"{address}/30") for address in network.hosts())
                return cls(name, host, machine)
        raise MachineError(f"every network in {_ADDRESSES} has a route on this host already")

    def connect(self, process: int) -> None:
        mtu = _mtu()
        run_on_host("ip", "link", "add", self.name, "mtu", mtu, "type", "veth", "peer", "name", "eth0", "mtu", mtu, "netns", str(process))
        run_on_host("ip", "address", "add", str(self.host), "dev", self.name)
        run_on_host("ip", "link", "set", self.name, "up")
        for command in (
            ("link", "set", "lo", "up"),
            ("address", "add", str(self.machine), "dev", "eth0"),
            ("link", "set", "eth0", "up"),
            ("route", "add", "default", "via", str(self.host.ip)),
        ):
            run_on_host("nsenter", f"--target={process}", "--net", "ip", *command)
        Path(f"/proc/sys/net/ipv4/conf/{self.name}/route_localnet").write_text("1")
        for table, chain, rule in (
            ("filter", "FORWARD", f"-i {self.name} -j ACCEPT"),
            ("filter", "FORWARD", f"-o {self.name} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"),
            ("nat", "POSTROUTING", f"-s {self.machine.network} ! -o {self.name} -j MASQUERADE"),
            # A proxy that listens on this host's loopback alone is reached at the host's end of the cable.
            ("nat", "PREROUTING", f"-i {self.name} -d {self.host.ip} -p tcp -j DNAT --to-destination 127.0.0.1"),
        ):
            _iptables(table, "-I", chain, *rule.split(), "-m", "comment", "--comment", self.name)

    def seen_from_inside(self, text: str) -> str:
        """A configuration of this host, in which its loopback is named as the machine reaches it."""
        return _LOOPBACK.sub(str(self.host.ip), text)

    @staticmethod
    def remove(name: str) -> None:
        if shutil.which("iptables"):
            for table in ("filter", "nat"):
                for rule in _iptables(table, "-S").splitlines():
                    words = shlex.split(rule)
                    if words[0] == "-A" and name in words and "--comment" in words:
                        _iptables(table, "-D", *words[1:])
        if Path(f"/sys/class/net/{name}").exists():
            with suppress(MachineError):
                # The kernel removes it by itself when the machine's network is gone, perhaps at this very moment.
                run_on_host("ip", "link", "delete", name)


def _iptables(table: str, *arguments: str) -> str:
    return run_on_host("iptables", "--wait", "-t", table, *arguments)


def _mtu() -> str:
    """As large as packets to the outside may be: nobody on the way tells the machine that its own are too large."""
    for route in json.loads(run_on_host("ip", "-json", "-4", "route", "show", "default")):
        return Path(f"/sys/class/net/{route['dev']}/mtu").read_text().strip()
    raise MachineError("this host has no default route: the machine could not reach a package source")


class Forwarding:
    """Between this host's networks; an engine switches it on, too, and needs it from then on."""

    _SWITCH = Path("/proc/sys/net/ipv4/ip_forward")
    _WAS_OFF = Path("/run/echobase-forwarding-was-off")

    @classmethod
    def switch_on(cls) -> None:
        if cls._SWITCH.read_text().strip() == "0":
            cls._WAS_OFF.touch()
            cls._SWITCH.write_text("1")

    @classmethod
    def restore(cls) -> None:
        """Once no machine is left."""
        links = [link.name for link in Path("/sys/class/net").iterdir()]
        if cls._WAS_OFF.exists() and not any(name == "docker0" or name.startswith("echobase-") for name in links):
            cls._SWITCH.write_text("0")
            cls._WAS_OFF.unlink()
