from __future__ import annotations

import os
from pathlib import Path

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.images.programs import ProgramCache


def add(cache: ProgramCache, key: str, content: bytes, used: int = 0) -> Path:
    with cache.adding(key, "tracer") as stream:
        stream.write(content)
    os.utime(cache.path(key, "tracer"), (used, used))
    return cache.path(key, "tracer")


def test_a_program_is_there_once_it_is_whole(tmp_path: Path) -> None:
    cache = ProgramCache(tmp_path)
    with cache.adding("key", "tracer") as stream:
        stream.write(b"first half, ")
        assert not cache.has("key", "tracer")
        stream.write(b"second half")
    assert cache.read("key", "tracer") == b"first half, second half"
    assert cache.path("key", "tracer").stat().st_mode & 0o777 == 0o755


def test_nothing_is_left_of_one_that_failed(tmp_path: Path) -> None:
    cache = ProgramCache(tmp_path)
    with pytest.raises(KeyboardInterrupt), cache.adding("key", "tracer") as stream:
        stream.write(b"half")
        raise KeyboardInterrupt
    assert list((tmp_path / "key").iterdir()) == []


def test_the_last_used_versions_stay(tmp_path: Path) -> None:
    cache = ProgramCache(tmp_path)
    for used, key in enumerate("abcd", start=1):
        add(cache, key, key.encode(), used)
    cache.read("a", "tracer")
    (tmp_path / "a/.tracer.half").touch()
    cache.tidy("tracer")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "c", "d"]
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["tracer"]


def test_two_folders_compile_apart(tmp_path: Path) -> None:
    assert ProgramCache(tmp_path / "one").identity != ProgramCache(tmp_path / "other").identity
