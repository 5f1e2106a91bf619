"""What `configs` hold is part of a definition: another content is another release, and each release finds its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.application.config_files import (
    config_files,
    forget_config_files,
    with_texts,
    write_config_files,
)
from ansible_collections.echobase.platform.plugins.module_utils.application.definition import Definition
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import environment


def project(file: str) -> dict[str, Any]:
    services = {"web": {"image": "nginx:1", "configs": [{"source": "site", "target": "/etc/site"}]}}
    return {"name": "shop", "services": services, "configs": {"site": {"file": file}}, "x-echobase": {"routes": {"/": "web:80"}}}


def read(tmp_path: Path, text: str) -> dict[str, Any]:
    (tmp_path / "site.conf").write_text(text)
    return with_texts(project(str(tmp_path / "site.conf")), Path("/"), "compose.yml")


def test_another_content_is_another_release(tmp_path: Path) -> None:
    one, again, other = (Definition.of(read(tmp_path, text)).digest for text in ("a", "a", "b"))
    assert one == again
    assert one != other


def test_each_release_finds_its_own_and_what_nobody_runs_goes(tmp_path: Path) -> None:
    env = environment("test", str(tmp_path / "home"))
    one, other = (read(tmp_path, text) for text in ("one $HOME", "other"))
    for made in (one, other):
        write_config_files(env, made)
    assert [Path(config_files(env, made)["site"]["file"]).read_text() for made in (one, other)] == ["one $HOME", "other"]
    forget_config_files(env, [other])
    assert not Path(config_files(env, one)["site"]["file"]).exists()
    assert Path(config_files(env, other)["site"]["file"]).exists()


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match=r"configs\.site\.file.*cannot be read: No such file"):
        with_texts(project(str(tmp_path / "gone.conf")), Path("/"), "compose.yml")
