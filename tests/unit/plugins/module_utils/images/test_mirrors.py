from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.images.mirrors import build_arguments, go_environment


def test_a_host_with_defaults_passes_nothing(tmp_path: Path) -> None:
    assert build_arguments({"HOME": "/home/me"}, tmp_path) == {}


def test_the_environment_wins_over_files(tmp_path: Path) -> None:
    home = tmp_path / "home/me"
    (home / ".config/pip").mkdir(parents=True)
    (home / ".config/pip/pip.conf").write_text("[global]\nindex-url = https://pip.example/simple\ncert = /x\n")
    (home / ".npmrc").write_text("fund=false\nregistry = https://npm.example/\n")
    assert build_arguments({"HOME": "/home/me"}, tmp_path) == {
        "PIP_INDEX_URL": "https://pip.example/simple",
        "NPM_CONFIG_REGISTRY": "https://npm.example/",
    }
    environment = {"HOME": "/home/me", "PIP_INDEX_URL": "https://other.example/simple", "HTTPS_PROXY": "http://proxy.example:3128"}
    arguments = build_arguments(environment, tmp_path)
    assert arguments["PIP_INDEX_URL"] == "https://other.example/simple"
    assert arguments["https_proxy"] == "http://proxy.example:3128"


def test_a_login_in_an_address_is_refused_and_not_shown(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="PIP_INDEX_URL carries a login") as caught:
        build_arguments({"PIP_INDEX_URL": "https://me:token@pip.example/simple"}, tmp_path)
    assert "token" not in str(caught.value)


def test_go_asks_where_the_host_would_and_is_told_nothing_that_changes_the_program(tmp_path: Path) -> None:
    assert go_environment({"HOME": "/home/me"}, tmp_path) == {}
    file = tmp_path / "home/me/.config/go/env"
    file.parent.mkdir(parents=True)
    file.write_text("# ours\nGOPROXY=https://go.example,direct\nGOFLAGS=-tags=other\nGOSUMDB=off\n")
    assert go_environment({"HOME": "/home/me"}, tmp_path) == {"GOPROXY": "https://go.example,direct", "GOSUMDB": "off"}
    environment = {"HOME": "/home/me", "GOPROXY": "https://other.example", "HTTPS_PROXY": "http://proxy.example:3128", "GOFLAGS": "-x"}
    assert go_environment(environment, tmp_path) == {
        "GOPROXY": "https://other.example",
        "GOSUMDB": "off",
        "https_proxy": "http://proxy.example:3128",
    }
