from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.application.observed import observed
from ansible_collections.echobase.platform.plugins.module_utils.application.settings import Settings
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal


def test_the_files_beside_the_compose_file_are_read_by_what_they_are_for(tmp_path: Path) -> None:
    (tmp_path / "observe").mkdir()
    (tmp_path / "observe/shop.yml").write_text("groups: []")
    settings = Settings(routes=(), observe={"rules": ("observe/shop.yml",)})
    assert observed(settings, str(tmp_path / "compose.yml")) == {"rules": {"shop": "groups: []"}, "dashboards": {}, "grafana": {}}


def test_every_file_that_is_not_there_is_named_at_once(tmp_path: Path) -> None:
    (tmp_path / "one.yml").write_bytes(b"\xff")
    settings = Settings(routes=(), observe={"rules": ("one.yml", "two.yml"), "grafana": ("three.json",)})
    with pytest.raises(Refusal) as refusal:
        observed(settings, str(tmp_path / "compose.yml"))
    assert str(refusal.value).splitlines()[1:4] == [
        "  x-echobase.observe.rules: one.yml is no text - name a file beside this one",
        "  x-echobase.observe.rules: two.yml cannot be read (No such file or directory) - name a file beside this one",
        "  x-echobase.observe.grafana: three.json cannot be read (No such file or directory) - name a file beside this one",
    ]


def test_two_files_of_one_name_would_hide_each_other(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "shop.yml").write_text("")
    with pytest.raises(Refusal, match="two files are called shop"):
        observed(Settings(routes=(), observe={"rules": ("a/shop.yml", "b/shop.yml")}), str(tmp_path / "compose.yml"))
