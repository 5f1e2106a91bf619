from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.environment.closed_home import ClosedHome
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment, environment


@pytest.fixture
def env(tmp_path: Path) -> Environment:
    made = environment("test", str(tmp_path))
    Path(made.home).mkdir(mode=0o755)
    return made


def test_a_folder_of_before_is_closed_once_and_the_authority_is_published_beside_it(env: Environment) -> None:
    predicted = ClosedHome(env, b"authority").present(check=True)
    assert Path(env.home).stat().st_mode & 0o777 == 0o755
    done = ClosedHome(env, b"authority").present(check=False)
    assert done.changed
    assert done.before == predicted.before
    assert Path(env.home).stat().st_mode & 0o777 == 0o700
    published = Path(done.facts["public_ca_file"])
    assert published.parent == Path(env.home).parent
    assert published.read_bytes() == b"authority"
    assert published.stat().st_mode & 0o777 == 0o644
    assert not ClosedHome(env, b"authority").present(check=False).changed


def test_another_authority_is_published(env: Environment) -> None:
    ClosedHome(env, b"authority").present(check=False)
    assert ClosedHome(env, None).present(check=True).changed
    assert ClosedHome(env, b"another").present(check=False).before.startswith(f"{env.public_authority_file}: ")
    assert Path(env.public_authority_file).read_bytes() == b"another"
