from __future__ import annotations

import os
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.host.engine_socket import EngineSocket, NoEngineError

CHECKOUT = Path(__file__).resolve().parents[5]
_ASK = """
import sys
from ansible_collections.echobase.platform.plugins.module_utils.host.engine_socket import EngineSocket, NoEngineError
try:
    EngineSocket({"DOCKER_HOST": sys.argv[1]}).ask("/version")
except NoEngineError as error:
    print(error.why)
"""


def why(address: str) -> str:
    with pytest.raises(NoEngineError) as told:
        EngineSocket({"DOCKER_HOST": address}, seconds=0.2).ask("/version")
    return told.value.why


def test_nobody_there_is_told_from_somebody_down(tmp_path: Path) -> None:
    assert why(f"unix://{tmp_path / 'nobody.sock'}") == "absent"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "dead.sock"))
        assert why(f"unix://{tmp_path / 'dead.sock'}") == "down"
        dead.listen()
        # It takes the question and never answers.
        assert why(f"unix://{tmp_path / 'dead.sock'}") == "down"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_an_engine_that_this_user_may_not_ask() -> None:
    # Other users may not enter the folder of a test.
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as closed:
        Path(folder).chmod(0o755)
        place = Path(folder, "docker.sock")
        closed.bind(str(place))
        closed.listen()
        place.chmod(0o600)
        done = subprocess.run(
            ["/usr/bin/python3", "-c", _ASK, f"unix://{place}"],
            user=65534,
            env={"PYTHONPATH": str(CHECKOUT / ".collections")},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.stdout.strip() == "denied", done.stderr


@pytest.mark.parametrize(
    ("address", "can"),
    [
        ("", True),
        ("unix:///run/docker.sock", True),
        ("tcp://10.0.0.1:2375", True),
        ("tcp://10.0.0.1:2376", False),
        ("ssh://root@10.0.0.1", False),
    ],
)
def test_which_addresses_are_asked_without_a_client(address: str, can: bool) -> None:
    assert EngineSocket({"DOCKER_HOST": address}).can_be_asked is can
