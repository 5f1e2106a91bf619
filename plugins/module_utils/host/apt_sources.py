"""The package sources of a Debian or Ubuntu host: which address it uses for which suite."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal

_ONE_LINE = re.compile(r"^deb\s+(?:\[[^\]]*\]\s+)?(?P<address>\S+)\s+(?P<suite>\S+)\s+(?P<components>.+)$")


@dataclass(frozen=True)
class AptSource:
    address: str
    suite: str
    components: tuple[str, ...]


@dataclass(frozen=True)
class Distribution:
    id: str
    codename: str

    @classmethod
    def of_host(cls, root: Path = Path("/")) -> Distribution:
        try:
            lines = (root / "etc/os-release").read_text(encoding="utf-8").splitlines()
        except FileNotFoundError as error:
            raise Refusal("this host has no /etc/os-release", "use Debian 12, Debian 13 or Ubuntu 24.04") from error
        facts = dict(line.split("=", 1) for line in lines if "=" in line)
        return cls(facts.get("ID", "").strip('"'), facts.get("VERSION_CODENAME", "").strip('"'))


def read_sources(root: Path = Path("/")) -> list[AptSource]:
    """Every enabled binary source, one entry a suite and address, in the order in which apt reads them."""
    apt = root / "etc/apt"
    sources: list[AptSource] = []
    for path in [apt / "sources.list", *sorted((apt / "sources.list.d").glob("*"))]:
        if not path.is_file():
            continue
        content = path.read_text(encoding="utf-8", errors="replace")
        if path.suffix == ".list":
            sources.extend(_one_line(content))
        elif path.suffix == ".sources":
            sources.extend(_deb822(content))
    return [AptSource(_resolved(source.address, root), source.suite, source.components) for source in sources]


def sources_for(suite: str, host: Distribution, sources: list[AptSource]) -> list[AptSource]:
    """The host's own addresses, with its updates and security suites if it uses them, for another suite of the same distribution."""
    derived = []
    for pocket in ("", "-updates", "-security"):
        own = next((source for source in sources if source.suite.rstrip("/") == host.codename + pocket), None)
        if own is None and not pocket:
            raise Refusal(
                f"no package source of this host offers {host.id or 'its distribution'} '{host.codename}'",
                "add the distribution's own source to /etc/apt/sources.list.d",
            )
        if own is not None:
            wanted = ("main", "universe") if host.id == "ubuntu" else ("main",)
            derived.append(AptSource(own.address, suite + pocket, wanted))
    return derived


def as_line(source: AptSource) -> str:
    return f"deb {source.address} {source.suite} {' '.join(source.components)}"


def _one_line(content: str) -> Iterator[AptSource]:
    for line in content.splitlines():
        found = _ONE_LINE.match(line.split("#", 1)[0].strip())
        if found:
            yield AptSource(found["address"].rstrip("/"), found["suite"], tuple(found["components"].split()))


def _deb822(content: str) -> Iterator[AptSource]:
    for paragraph in re.split(r"\n[ \t]*\n", content):
        fields: dict[str, list[str]] = {}
        words: list[str] = []
        for line in paragraph.splitlines():
            if line.startswith("#") or not line.strip():
                continue
            if line[0] in " \t":
                words.extend(line.split())
                continue
            name, _separator, value = line.partition(":")
            words = fields.setdefault(name.strip().lower(), [])
            words.extend(value.split())
        if "deb" not in fields.get("types", []) or [word.lower() for word in fields.get("enabled", [])] in (["no"], ["false"]):
            continue
        for address in fields.get("uris", []):
            for suite in fields.get("suites", []):
                yield AptSource(address.rstrip("/"), suite, tuple(fields.get("components", [])))


def _resolved(address: str, root: Path) -> str:
    """Cloud images name a file with mirrors instead of an address; its first one is good enough."""
    if not address.startswith("mirror+file:"):
        return address
    mirrors = root / address.removeprefix("mirror+file:").lstrip("/")
    lines = mirrors.read_text(encoding="utf-8").splitlines() if mirrors.is_file() else []
    return next((line.split()[0].rstrip("/") for line in lines if line.strip() and not line.startswith("#")), address)
