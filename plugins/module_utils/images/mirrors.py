"""Where this host fetches packages of programming languages from, so that builds inside images ask the same places."""

from __future__ import annotations

import configparser
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal

# The builder knows these arguments by itself: they appear neither in the image nor in its history.
_PROXIES = ("http_proxy", "https_proxy", "no_proxy")


# What Go is told about where modules come from and who vouches for them. GOFLAGS is not among them: it would change what is compiled, and a
# program is known by what it is compiled from.
_GO = ("GOPROXY", "GONOPROXY", "GOSUMDB", "GONOSUMDB", "GOPRIVATE", "GOINSECURE")


def build_arguments(environment: Mapping[str, str], root: Path = Path("/")) -> dict[str, str]:
    """Build arguments for what the host configures; nothing for what it leaves at its default."""
    home = root / environment.get("HOME", "/root").lstrip("/")
    mirrors = {
        "PIP_INDEX_URL": environment.get("PIP_INDEX_URL")
        or _pip_index([home / ".config/pip/pip.conf", home / ".pip/pip.conf", root / "etc/pip.conf"]),
        "NPM_CONFIG_REGISTRY": environment.get("NPM_CONFIG_REGISTRY")
        or environment.get("npm_config_registry")
        or _npm_registry([home / ".npmrc", root / "etc/npmrc"]),
    }
    for name, address in mirrors.items():
        if address and "@" in urlsplit(address).netloc:
            raise Refusal(
                f"the address in {name} carries a login, which everyone could read in the history of the image",
                "use a mirror without one, or keep the login in a netrc file of a proxy in between",
            )
    return {name: value for name, value in mirrors.items() if value} | proxies(environment)


def go_environment(environment: Mapping[str, str], root: Path = Path("/")) -> dict[str, str]:
    """What Go needs to fetch modules as this host would; nothing for what it leaves at its default. Go need not be there."""
    home = root / environment.get("HOME", "/root").lstrip("/")
    file = root / environment["GOENV"].lstrip("/") if environment.get("GOENV") else home / ".config/go/env"
    configured = dict(line.split("=", 1) for line in _lines(file) if "=" in line and not line.startswith("#"))
    return {name: value for name in _GO if (value := environment.get(name) or configured.get(name, ""))} | proxies(environment)


def proxies(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name in _PROXIES if (value := environment.get(name) or environment.get(name.upper()) or "")}


def _lines(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").splitlines() if file.is_file() else []


def _pip_index(files: list[Path]) -> str:
    for file in filter(Path.is_file, files):
        configuration = configparser.RawConfigParser()
        configuration.read(file, encoding="utf-8")
        for section in ("install", "global"):
            if configuration.has_option(section, "index-url"):
                return configuration.get(section, "index-url").strip()
    return ""


def _npm_registry(files: list[Path]) -> str:
    for file in filter(Path.is_file, files):
        for line in file.read_text(encoding="utf-8").splitlines():
            name, _separator, value = line.partition("=")
            if name.strip() == "registry":
                return value.strip()
    return ""
