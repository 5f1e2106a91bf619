from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.credentials.environment_secrets import EnvironmentSecrets
from ansible_collections.echobase.platform.plugins.module_utils.credentials.store import key_fingerprint
from ansible_collections.echobase.platform.plugins.module_utils.credentials.wrapping_keys import wrapping_key_id
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import environment
from ansible_collections.echobase.platform.plugins.module_utils.rotation.wrapping_key import WrappingKeyRotation


@dataclass
class Holder:
    """It reads the file as long as it is `awake`."""

    name: str
    file: Path
    awake: bool = True
    path: str = "/ready"
    wrapping_key: str = ""

    def told(self) -> Mapping[str, Any]:
        if self.awake:
            self.wrapping_key = wrapping_key_id("test", max(int(number) for number in json.loads(self.file.read_text())))
        return {"token_keys": {}, "wrapping_key": self.wrapping_key}


@dataclass
class Scene:
    home: Path
    holders: list[Holder]
    rewrapped: dict[str, int] = field(default_factory=lambda: {"rewrapped": 0, "unreadable": 0})

    @property
    def secrets(self) -> EnvironmentSecrets:
        return EnvironmentSecrets(environment("test", str(self.home)), None, data=lambda: ["a volume"])

    @property
    def values(self) -> dict[str, str]:
        return dict(json.loads((self.home / "test/secrets.json").read_text()))

    def rotate(self, check: bool = False) -> Any:
        holders: Any = self.holders
        return WrappingKeyRotation("test", self.secrets, lambda: holders, lambda: self.rewrapped, patience=0).run(check)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    EnvironmentSecrets(environment("test", str(tmp_path)), None, data=lambda: ()).present(check=False)
    file = tmp_path / "test/secrets/emulator/kms_keys"
    return Scene(tmp_path, [Holder(f"the service of {name}", file) for name in ("blue", "green")])


def test_the_key_before_stays_since_older_notes_need_it(scene: Scene) -> None:
    before = scene.values
    assert scene.rotate(check=True).changed
    assert scene.values == before
    assert scene.rotate().facts["key_id"] == wrapping_key_id("test", 2)
    assert {name: scene.values[name] for name in before} == before
    assert scene.values["kms_key_2"] != before["kms_key"]
    # It is the data's fingerprint still, and none of the keys may get lost from now on.
    assert key_fingerprint(scene.values) == key_fingerprint(before)
    assert not scene.secrets.present(check=False).changed
    (scene.home / "test/secrets.json").write_text(json.dumps(before))
    with pytest.raises(Refusal, match=r"can only be read with keys that .* lacks: kms_key_2"):
        scene.secrets.present(check=False)


def test_cut_off_it_goes_on_with_the_same_key(scene: Scene) -> None:
    for holder in scene.holders:
        holder.told()
    scene.holders[1].awake = False
    with pytest.raises(Refusal, match="the service of green did not encrypt with the new key"):
        scene.rotate()
    scene.holders[1].awake = True
    scene.holders[1].wrapping_key = wrapping_key_id("test", 1)
    made = scene.values["kms_key_2"]
    with pytest.MonkeyPatch.context() as patch:
        answers = iter([{"token_keys": {}, "wrapping_key": wrapping_key_id("test", 1)}] * 2)
        real = scene.holders[1].told
        patch.setattr(scene.holders[1], "told", lambda: next(answers, None) or real())
        assert not scene.rotate().changed
    assert "kms_key_3" not in scene.values
    assert scene.values["kms_key_2"] == made
    assert scene.rotate().changed
    assert "kms_key_3" in scene.values


def test_what_could_not_be_wrapped_anew_is_told(scene: Scene) -> None:
    scene.rewrapped = {"rewrapped": 7, "unreadable": 2}
    done = scene.rotate()
    assert done.facts["rewrapped"] == 7
    assert done.warnings == ["2 values cannot be read with any key that we have; they were left as they are"]
    scene.holders, scene.rewrapped = [], {}
    assert "no colour has a job that wraps anew" in scene.rotate().warnings[0]
