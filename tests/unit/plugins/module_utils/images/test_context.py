from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.images.context import BuildContext, ContextFile


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for path, content in {
        "images/web/Dockerfile": "FROM x",
        "images/web/start.sh": "#!/bin/sh",
        "apps/web/src/main.ts": "code",
        "apps/web/node_modules/left/out.js": "no",
        "apps/web/src/__pycache__/x.pyc": "no",
        "apps/VERSION": "1",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(content)
    (tmp_path / "images/web/start.sh").chmod(0o755)
    return tmp_path


SOURCES = {"images/web": ".", "apps/web": "web", "apps/VERSION": "VERSION"}


def digest(root: Path) -> str:
    return BuildContext.read(root, SOURCES).identity


def test_the_archive_holds_what_was_read_and_the_extra_files(root: Path) -> None:
    stream = io.BytesIO()
    BuildContext.read(root, SOURCES).write_tar(stream, extra={"host-ca.crt": ContextFile(b"certificates")})
    stream.seek(0)
    with tarfile.open(fileobj=stream) as archive:
        modes = {entry.name: entry.mode for entry in archive}
        times = {entry.mtime for entry in archive}
    assert modes == {"Dockerfile": 0o644, "VERSION": 0o644, "start.sh": 0o755, "web/src/main.ts": 0o644, "host-ca.crt": 0o644}
    assert times == {0}


def test_the_hash_ignores_umask_and_leftovers(root: Path) -> None:
    before = digest(root)
    (root / "apps/VERSION").chmod(0o600)
    (root / "apps/web/node_modules/more.js").write_text("no")
    assert digest(root) == before


@pytest.mark.parametrize(
    "change",
    [
        lambda root: (root / "apps/VERSION").write_text("2"),
        lambda root: (root / "apps/VERSION").chmod(0o755),
        lambda root: (root / "apps/web/src/main.ts").rename(root / "apps/web/src/other.ts"),
        lambda root: (root / "apps/web/src/more.ts").touch(),
    ],
)
def test_the_hash_follows_content_name_and_executability(root: Path, change: Callable[[Path], object]) -> None:
    before = digest(root)
    change(root)
    assert digest(root) != before


def test_a_missing_part_is_named(root: Path) -> None:
    with pytest.raises(Refusal, match="apps/gone, a part of a build context, does not exist"):
        BuildContext.read(root, {"apps/gone": "."})
