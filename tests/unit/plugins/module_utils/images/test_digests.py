from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.images.digests import DigestLock
from ansible_collections.echobase.platform.plugins.module_utils.images.official import OfficialImage

ONE, OTHER = (f"sha256:{digit * 64}" for digit in "1a")
PROMETHEUS = OfficialImage("docker.io/prom/prometheus", "v2.53.5")


def test_what_is_written_is_read_and_holds_for_that_version_alone(tmp_path: Path) -> None:
    assert DigestLock.beside(tmp_path / "catalogue.yml").digest(PROMETHEUS) == ""
    assert DigestLock.beside(tmp_path / "catalogue.yml").write({PROMETHEUS: ONE})
    lock = DigestLock(tmp_path / "digests.yml")
    assert lock.digest(PROMETHEUS) == ONE
    assert lock.digest(OfficialImage(PROMETHEUS.image, "v2.53.6")) == ""
    assert not lock.write({PROMETHEUS: ONE})
    assert lock.write({PROMETHEUS: OTHER})
    assert DigestLock(tmp_path / "digests.yml").digest(PROMETHEUS) == OTHER


@pytest.mark.parametrize("content", ["docker.io/prom/prometheus:v2.53.5: latest\n", "docker.io/x:1: sha256:12\n", "a: [b\n"])
def test_a_lock_file_without_digests_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "digests.yml").write_text(content)
    with pytest.raises(Refusal, match=r"digests\.yml"):
        DigestLock(tmp_path / "digests.yml")
