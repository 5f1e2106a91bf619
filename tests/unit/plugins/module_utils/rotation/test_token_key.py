from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.credentials.environment_secrets import EnvironmentSecrets
from ansible_collections.echobase.platform.plugins.module_utils.credentials.token_keys import key_id
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import environment
from ansible_collections.echobase.platform.plugins.module_utils.rotation.token_key import TokenKeyRotation

NOW = 4_000_000_000.0
HOUR = 3600


@dataclass
class Holder:
    """It reads its keys when it is asked, and only as long as it is `awake`."""

    name: str
    file: Path
    awake: bool = True
    path: str = "/ready"
    answer: dict[str, Any] | None = None

    def told(self) -> Mapping[str, Any]:
        if self.awake:
            keys = json.loads(self.file.read_text())
            self.answer = {"signs": keys["current"], "accepted": sorted(keys["keys"])}
        return {"release": "1.0.0-aa", "token_keys": self.answer}


@dataclass
class Scene:
    home: Path
    secrets: EnvironmentSecrets
    blue: Holder
    green: Holder

    def rotate(self, overlap: int = HOUR, check: bool = False, now: float = NOW) -> Any:
        holders: Any = [self.blue, self.green]
        return TokenKeyRotation(self.secrets, lambda: holders, overlap, lambda: now, patience=0).run(check)

    @property
    def values(self) -> dict[str, str]:
        return dict(json.loads((self.home / "test/secrets.json").read_text()))

    @property
    def accepted(self) -> set[str]:
        return set(json.loads((self.home / "test/secrets/app/token_keys").read_text())["keys"].values())


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    secrets = EnvironmentSecrets(environment("test", str(tmp_path)), None, data=lambda: ["a volume"])
    EnvironmentSecrets(environment("test", str(tmp_path)), None, data=lambda: ()).present(check=False)
    blue, green = (Holder(f"the service of {name}", tmp_path / "test/secrets/app/token_keys") for name in ("blue", "green"))
    scene = Scene(tmp_path, secrets, blue, green)
    for holder in (blue, green):
        holder.told()
    return scene


def test_the_new_key_signs_and_the_one_before_counts_for_a_while(scene: Scene) -> None:
    old = scene.values["token_key"]
    assert scene.rotate(check=True).changed
    assert scene.values["token_key"] == old
    done = scene.rotate()
    new = scene.values["token_key"]
    assert new != old
    assert scene.accepted == {old, new}
    assert done.facts == {"key_id": key_id(new), "accepted_until": int(NOW) + HOUR + 60}
    # Running it again makes no further key while that lasts, and does when it is over.
    assert not scene.rotate().changed
    assert scene.values["token_key"] == new
    assert scene.rotate(now=NOW + 2 * HOUR).changed
    assert scene.accepted == {new, scene.values["token_key"]}


def test_a_key_that_leaked_is_refused_at_once(scene: Scene) -> None:
    old = scene.values["token_key"]
    assert scene.rotate(overlap=0).facts["accepted_until"] == 0
    assert scene.accepted == {scene.values["token_key"]} != {old}
    # During an overlap, too: neither the key before nor the one that leaked after it.
    scene.rotate()
    before = scene.accepted
    scene.rotate(overlap=0)
    assert scene.accepted == {scene.values["token_key"]}
    assert not scene.accepted & before


def test_nobody_signs_with_a_key_that_one_holder_does_not_accept(scene: Scene) -> None:
    old = scene.values["token_key"]
    scene.green.awake = False
    with pytest.raises(Refusal, match="the service of green did not accept the new key"):
        scene.rotate()
    assert scene.values["token_key"] == old
    made = scene.values["token_key_next"]
    # Nothing that runs meanwhile disturbs it, and the same again goes on.
    assert not scene.secrets.present(check=False).changed
    scene.green.awake = True
    assert scene.rotate().changed
    assert scene.values["token_key"] == made
    assert "token_key_next" not in scene.values


def test_cut_off_while_the_holders_learn_who_signs(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    old = scene.values["token_key"]
    change = EnvironmentSecrets.change

    def cut_off(self: EnvironmentSecrets, values: Mapping[str, str], dropped: Any = ()) -> None:
        change(self, values, dropped)
        if "token_key" in values:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(EnvironmentSecrets, "change", cut_off)
        scene.rotate()
    new = scene.values["token_key"]
    assert not scene.rotate().changed
    assert (scene.values["token_key"], scene.accepted) == (new, {old, new})


def test_a_release_that_cannot_tell_its_keys_is_refused_before_anything_changes(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    before = scene.values
    monkeypatch.setattr(scene.green, "told", lambda: {"release": "0.9.0-bb"})
    with pytest.raises(Refusal, match=r"the service of green does not say at /ready which keys it has"):
        scene.rotate()
    assert scene.values == before
