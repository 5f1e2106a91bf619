"""A full disk under the state folder: one line says so, and nothing is half written."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.module_runner import run_module


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with room for almost nothing."""
    folder = tmp_path / "full"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(folder)], check=True)
    (folder / "ballast").write_bytes(b"x" * 12_288)
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize(("module", "further"), [("environment_secrets", {"volume_exists": False}), ("certificates", {})])
def test_a_full_disk_is_told_in_one_line_and_leaves_nothing_half_written(module: str, further: dict[str, bool], full_disk: Path) -> None:
    answer = run_module(module, {"environment": "test", "home": str(full_disk), **further})
    assert answer["failed"]
    assert "No space left on device" in answer["msg"]
    assert "\n" not in answer["msg"]
    state = full_disk / "test"
    assert not any(file.is_file() and file.stat().st_size == 0 and file.suffix in (".key", ".json", ".crt") for file in state.rglob("*"))
