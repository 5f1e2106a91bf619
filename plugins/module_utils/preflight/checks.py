"""What can stand in the way on a host. Each check is told what was found, and gives a line for each thing that is wrong."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from ipaddress import ip_address

from ansible_collections.echobase.platform.plugins.module_utils.base.byte_size import GIB, MIB
from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.host.apt_sources import Distribution
from ansible_collections.echobase.platform.plugins.module_utils.host.engine_socket import NoEngineError
from ansible_collections.echobase.platform.plugins.module_utils.preflight.problem import Problem

DISTRIBUTIONS = {("debian", "bookworm"): "Debian 12", ("debian", "trixie"): "Debian 13", ("ubuntu", "noble"): "Ubuntu 24.04"}
# Docker Engine 20.10 is the first that knows this version of its interface.
OLDEST_API = (1, 41)
LONGEST_SKEW_SECONDS = 60
_LABEL = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)")
_LONGEST_NAME = 253


def host(distribution: Distribution) -> list[Problem]:
    if (distribution.id, distribution.codename) in DISTRIBUTIONS:
        return []
    name = f"{distribution.id} {distribution.codename}".strip() or "a system without a name"
    return [Problem("host", f"this is {name}", f"use {' or '.join(DISTRIBUTIONS.values())}")]


def root(uid: int, user: str) -> list[Problem]:
    if uid == 0:
        return []
    return [Problem("root", f"modules run as {user}", "set ansible_become: true in the inventory, or log in as root")]


def python(interpreter: str, managed: str, insufficient: list[str]) -> list[Problem]:
    """`managed` is the interpreter that role managed_python makes; `insufficient` says what is wrong with each package."""
    if not insufficient:
        return []
    if interpreter == managed:
        remedy = f"remove the link {managed.removesuffix('/bin/python')}, then run {playbook('setup_durable')}, which makes it anew"
    else:
        remedy = f"set ansible_python_interpreter to {managed}, which {playbook('setup_durable')} makes, or install them there with pip"
    return [Problem("python", f"{interpreter} has {', '.join(insufficient)}", remedy)]


def no_engine(silence: NoEngineError, user: str, is_installed: bool, installs: bool) -> list[Problem]:
    """`installs` says whether the playbook installs and starts one."""
    if silence.why == "denied":
        remedy = "become root: set ansible_become: true in the inventory"
        return [Problem("engine", f"{user} may not ask the Docker engine ({silence})", remedy)]
    if installs:
        return []
    what = f"the Docker engine does not answer ({silence})" if is_installed else "there is no Docker engine"
    return [Problem("engine", what, f"run {playbook('setup_durable')}, which installs and starts it")]


def engine(version: Mapping[str, str]) -> list[Problem]:
    found = tuple(int(part) for part in re.findall(r"\d+", version.get("ApiVersion", "")))
    if found >= OLDEST_API:
        return []
    return [Problem("engine", f"Docker Engine {version.get('Version', '')} is too old", "install version 20.10 or newer")]


def compose(has_plugin: bool, installs: bool) -> list[Problem]:
    if has_plugin or installs:
        return []
    return [Problem("compose", "Docker Compose v2 is missing", f"run {playbook('setup_durable')}, which installs it")]


def disk(free: Mapping[str, int], wanted: int, option: str) -> list[Problem]:
    """`free` has the bytes by folder; folders on one file system may be given together."""
    return [
        Problem("disk", f"{size(left)} are free at {folder}, and {size(wanted)} are needed", f"make room there, or lower {option}")
        for folder, left in free.items()
        if left < wanted
    ]


def memory(available: int, wanted: int, option: str) -> list[Problem]:
    if available >= wanted:
        return []
    return [Problem("memory", f"{size(available)} are to be had, and {size(wanted)} are needed", f"end what needs it, or lower {option}")]


def ports(wanted: Mapping[str, int], holders: Mapping[int, str]) -> list[Problem]:
    """`holders` has who listens at a port, without the environment's own containers."""
    return [
        Problem("ports", f"port {port} ({what}) is taken by {holders[port]}", f"stop that, or give another {what} in echobase_ports")
        for what, port in wanted.items()
        if port in holders
    ]


def names(public_names: Iterable[str]) -> list[Problem]:
    return [
        Problem(
            "names", f"echobase_public_names has '{name}'", "write names such as shop.example.com, or addresses, and nothing around them"
        )
        for name in public_names
        if not is_name(name)
    ]


def clock(skew_seconds: float) -> list[Problem]:
    """`skew_seconds` is how much later it is on the host than on the controller."""
    if abs(skew_seconds) <= LONGEST_SKEW_SECONDS:
        return []
    which = "fast" if skew_seconds > 0 else "slow"
    return [
        Problem(
            "clock",
            f"the host's clock is {abs(skew_seconds):.0f} s {which}, by the controller's",
            "have one of them keep time (systemd-timesyncd or chrony)",
        )
    ]


def is_name(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return len(text) <= _LONGEST_NAME and all(map(_LABEL.fullmatch, text.split("."))) and not text.rpartition(".")[2].isdecimal()
    return True


def size(count: int) -> str:
    return f"{count / GIB:.1f} GiB" if count >= GIB else f"{count // MIB} MiB"
