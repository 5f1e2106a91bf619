from __future__ import annotations

import gzip
import stat
from pathlib import Path
from typing import BinaryIO

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.durable_db.final_backup import FinalBackup, verify
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import environment

TRAILER = b"-- Dump completed"
DUMP = b"CREATE TABLE orders;\n" * 100_000 + TRAILER + b" on 2026-11-21  9:00:00\n"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def backup(tmp_path: Path) -> FinalBackup:
    state = tmp_path / "test"
    state.mkdir()
    (state / "secrets.json").write_text("{}")
    return FinalBackup(environment("test", str(tmp_path)))


def write(content: bytes, stream: BinaryIO) -> None:
    stream.write(content)


def test_dump_and_keys_are_kept_together_for_root_alone(backup: FinalBackup, tmp_path: Path) -> None:
    folder = backup.take(lambda stream: write(DUMP, stream), TRAILER)
    assert folder.parent == tmp_path / "final-backups"
    assert folder.name.startswith("test-2")
    assert gzip.decompress((folder / "all-databases.sql.gz").read_bytes()) == DUMP
    assert (folder / "secrets.json").read_text() == "{}"
    assert [mode(folder), *(mode(file) for file in folder.iterdir())] == [0o700, 0o600, 0o600]


def test_a_dump_that_was_cut_off_is_refused_and_leaves_nothing(backup: FinalBackup, tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="incomplete"):
        backup.take(lambda stream: write(DUMP[:-100], stream), TRAILER)
    assert list((tmp_path / "final-backups").iterdir()) == []


def test_a_dump_that_fails_leaves_nothing(backup: FinalBackup, tmp_path: Path) -> None:
    def disk_full(stream: BinaryIO) -> None:
        write(DUMP[:100], stream)
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        backup.take(disk_full, TRAILER)
    assert list((tmp_path / "final-backups").iterdir()) == []


@pytest.mark.parametrize("damage", [lambda whole: whole[:-20], lambda whole: whole[:-8] + bytes(8), lambda _: b"no gzip at all"])
def test_a_damaged_archive_is_refused(tmp_path: Path, damage: object) -> None:
    archive = tmp_path / "a.gz"
    archive.write_bytes(damage(gzip.compress(DUMP)))  # type: ignore[operator]
    with pytest.raises(Refusal, match="cannot be read back"):
        verify(archive, TRAILER)
