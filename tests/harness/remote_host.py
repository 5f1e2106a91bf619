"""A host that shares nothing with this one: files, network, processes and engine of its own, and sshd for the way in.

It is a machine made from packages (tests/throwaway_machine) with what a fresh Debian server has: python3, sudo and sshd. Its users are root
and `deployer`, who may become root; both log in with a key. Nothing of it outlives the test.
"""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.waiting import eventually
from throwaway_machine import ThrowawayMachine, clear, install_tools, one_at_a_time

PACKAGES = ("python3", "openssh-server", "sudo", "ca-certificates")
USERS = ("root", "deployer")
_LOGIN_SECONDS = 20


@dataclass(frozen=True)
class RemoteHost:
    machine: ThrowawayMachine
    # Of this host: the key, what is known of the machine, its log, sockets of connections.
    folder: Path

    @property
    def address(self) -> str:
        return self.machine.address

    def run(self, command: str) -> str:
        """As root, past the network."""
        return self.machine.run(command)

    def ssh(self, user: str, command: str) -> subprocess.CompletedProcess[str]:
        line = ["ssh", *self._options, "-o", "ControlPath=none", f"{user}@{self.address}", command]
        return subprocess.run(line, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)

    def connection(self, user: str) -> dict[str, Any]:
        """What an inventory says of it."""
        return {
            "ansible_host": self.address,
            "ansible_user": user,
            "ansible_ssh_private_key_file": str(self.folder / "key"),
            "ansible_ssh_common_args": shlex.join(["-o", f"UserKnownHostsFile={self.folder / 'known_hosts'}"]),
            "ansible_control_path_dir": str(self.folder / "cp"),
        }

    def load_images(self, names: Sequence[str]) -> None:
        """Hands over images of this host's engine, so that none is compiled again."""
        with subprocess.Popen(["docker", "save", *names], stdout=subprocess.PIPE) as saved:
            line = [*self.machine.inside, "docker", "load", "--quiet"]
            loaded = subprocess.run(line, stdin=saved.stdout, capture_output=True, text=True, check=False)
        assert loaded.returncode == 0, loaded.stderr

    def sessions(self) -> list[int]:
        """The processes of sshd that answer somebody, as this host numbers them."""
        found = []
        for folder in self.machine.processes():
            words = Path(f"/proc/{folder}/cmdline").read_bytes() if Path(f"/proc/{folder}/cmdline").exists() else b""
            if words.startswith((b"sshd: ", b"sshd-session: ")) and b"[listener]" not in words:
                found.append(folder)
        return found

    @contextmanager
    def unplugged(self) -> Iterator[None]:
        """While the block lasts no packet gets through, and nobody is told."""
        rules = [[chain, way, self.machine.name, "-j", "DROP"] for chain, way in (("INPUT", "-i"), ("OUTPUT", "-o"))]
        rules = [[*rule, "-m", "comment", "--comment", self.machine.name] for rule in rules]
        for rule in rules:
            subprocess.run(["iptables", "--wait", "-I", *rule], check=True)
        try:
            yield
        finally:
            for rule in rules:
                subprocess.run(["iptables", "--wait", "-D", *rule], check=True)

    @property
    def _options(self) -> list[str]:
        options = {"IdentityFile": self.folder / "key", "UserKnownHostsFile": self.folder / "known_hosts", "BatchMode": "yes"}
        return [word for name, value in options.items() for word in ("-o", f"{name}={value}")]


@contextmanager
def remote_host(name: str, folder: Path, suite: str = "bookworm") -> Iterator[RemoteHost]:
    """`name` is that of the machine on this host, at most 15 characters, as a network device is called."""
    (folder / "cp").mkdir(parents=True)
    install_tools()
    with one_at_a_time(name, print):
        clear(name)
        machine = ThrowawayMachine(name, folder / "log", hostname=name)
        try:
            machine.copy_root(PACKAGES, suite)
            machine.start()
            host = RemoteHost(machine, folder)
            _open_door(host)
            yield host
        finally:
            machine.close()


def _open_door(host: RemoteHost) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(host.folder / "key")], check=True)
    key = (host.folder / "key.pub").read_text().strip()
    # Who logs in reaches the package sources as its machine does.
    settings = "".join(f"{name}={value}\n" for name, value in host.machine.environment.items())
    (host.machine.root / "etc/environment").write_text(settings)
    host.run(
        f"""
        useradd --create-home --shell /bin/bash deployer
        echo 'deployer ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/deployer
        for home in /root /home/deployer; do
          mkdir -p -m 700 $home/.ssh
          echo {shlex.quote(key)} >$home/.ssh/authorized_keys
        done
        chown -R deployer: /home/deployer/.ssh
        mkdir -p /run/sshd
        /usr/sbin/sshd
        """
    )
    public = (host.machine.root / "etc/ssh/ssh_host_ed25519_key.pub").read_text().split()[:2]
    (host.folder / "known_hosts").write_text(f"{host.address} {' '.join(public)}\n")
    eventually(lambda: host.ssh("root", "true").returncode == 0, lambda: host.ssh("root", "true").stderr, _LOGIN_SECONDS)
