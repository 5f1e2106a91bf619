from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from ansible_collections.echobase.platform.plugins.module_utils.images.registry import Silence


def test_a_silence_is_remembered_for_a_time_and_can_be_forgotten(tmp_path: Path) -> None:
    silence = Silence(tmp_path / "home/silent.json")
    assert silence.since("docker.io") == ""
    silence.remember("docker.io")
    assert silence.since("docker.io")
    assert silence.since("registry.example.com") == ""
    assert Silence(silence.file, lasts=timedelta(0)).since("docker.io") == ""
    silence.forget("docker.io")
    assert silence.since("docker.io") == ""


def test_a_damaged_memory_is_none(tmp_path: Path) -> None:
    (tmp_path / "silent.json").write_text("{half")
    assert Silence(tmp_path / "silent.json").since("docker.io") == ""
