from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.host.apt_sources import (
    AptSource,
    Distribution,
    as_line,
    read_sources,
    sources_for,
)

DEB822 = """\
# a comment
Types: deb deb-src
URIs: http://mirror.example/debian/
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/some.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components:
 main
 non-free

Types: deb
Enabled: no
URIs: http://disabled.example/
Suites: bookworm
Components: main

Types: deb-src
URIs: http://source-only.example/
Suites: bookworm
Components: main
"""
ONE_LINE = """\
# deb http://commented.example/ubuntu noble main
deb [arch=amd64 signed-by=/etc/some.gpg] https://mirror.example/ubuntu noble main universe # trailing
deb-src https://mirror.example/ubuntu noble main
deb https://mirror.example/ubuntu noble-security main universe
"""


def host(root: Path, release: str, **files: str) -> Path:
    (root / "etc/apt/sources.list.d").mkdir(parents=True)
    (root / "etc/os-release").write_text(release)
    for name, content in files.items():
        (root / "etc/apt" / name.replace("__", "/").replace("_list", ".list").replace("_sources", ".sources")).write_text(content)
    return root


def test_deb822_and_one_line_sources_are_read(tmp_path: Path) -> None:
    debian = host(tmp_path / "debian", "ID=debian\nVERSION_CODENAME=bookworm\n", **{"sources.list.d__debian_sources": DEB822})
    assert read_sources(debian) == [
        AptSource("http://mirror.example/debian", "bookworm", ("main", "contrib")),
        AptSource("http://mirror.example/debian", "bookworm-updates", ("main", "contrib")),
        AptSource("http://mirror.example/debian-security", "bookworm-security", ("main", "non-free")),
    ]
    ubuntu = host(tmp_path / "ubuntu", 'ID=ubuntu\nVERSION_CODENAME="noble"\n', sources_list=ONE_LINE)
    assert read_sources(ubuntu) == [
        AptSource("https://mirror.example/ubuntu", "noble", ("main", "universe")),
        AptSource("https://mirror.example/ubuntu", "noble-security", ("main", "universe")),
    ]
    assert Distribution.of_host(ubuntu) == Distribution("ubuntu", "noble")


def test_another_suite_comes_from_the_hosts_own_addresses(tmp_path: Path) -> None:
    root = host(tmp_path, "ID=debian\nVERSION_CODENAME=bookworm\n", **{"sources.list.d__debian_sources": DEB822})
    derived = sources_for("trixie", Distribution.of_host(root), read_sources(root))
    assert [as_line(source) for source in derived] == [
        "deb http://mirror.example/debian trixie main",
        "deb http://mirror.example/debian trixie-updates main",
        "deb http://mirror.example/debian-security trixie-security main",
    ]


def test_ubuntu_needs_universe_and_has_no_updates_here(tmp_path: Path) -> None:
    root = host(tmp_path, "ID=ubuntu\nVERSION_CODENAME=noble\n", sources_list=ONE_LINE)
    derived = sources_for("noble", Distribution.of_host(root), read_sources(root))
    assert [as_line(source) for source in derived] == [
        "deb https://mirror.example/ubuntu noble main universe",
        "deb https://mirror.example/ubuntu noble-security main universe",
    ]


def test_a_file_of_mirrors_is_followed(tmp_path: Path) -> None:
    content = "Types: deb\nURIs: mirror+file:///etc/apt/mirrors/debian.list\nSuites: trixie\nComponents: main\n"
    root = host(tmp_path, "ID=debian\nVERSION_CODENAME=trixie\n", **{"sources.list.d__debian_sources": content})
    (root / "etc/apt/mirrors").mkdir()
    (root / "etc/apt/mirrors/debian.list").write_text("# first\nhttps://cloud.example/debian/\tpriority:1\n")
    assert read_sources(root)[0].address == "https://cloud.example/debian"


def test_a_host_without_a_source_of_its_own_is_refused(tmp_path: Path) -> None:
    root = host(tmp_path, "ID=debian\nVERSION_CODENAME=bookworm\n")
    with pytest.raises(Refusal, match="no package source of this host offers debian 'bookworm'"):
        sources_for("trixie", Distribution.of_host(root), read_sources(root))
