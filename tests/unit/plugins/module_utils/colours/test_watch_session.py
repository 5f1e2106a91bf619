from __future__ import annotations

import fcntl
import signal
import subprocess
import sys
from pathlib import Path

from ansible_collections.echobase.platform.plugins.module_utils.colours.watch_session import WatchSession


def test_it_is_open_for_as_long_as_the_file_is_locked(tmp_path: Path) -> None:
    file = tmp_path / "session"
    session = WatchSession(str(file))
    assert not session.is_open
    with file.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert session.is_open
        fcntl.flock(held, fcntl.LOCK_UN)
        assert not session.is_open
    session.forget()
    session.forget()
    assert not file.exists()


def test_whoever_is_killed_watches_no_more(tmp_path: Path) -> None:
    file = tmp_path / "session"
    code = f"import fcntl, time; f = open({str(file)!r}, 'w'); fcntl.flock(f, fcntl.LOCK_EX); print('locked', flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as watcher:
        assert watcher.stdout
        watcher.stdout.readline()
        session = WatchSession(str(file))
        assert session.is_open
        watcher.send_signal(signal.SIGKILL)
        watcher.wait()
        assert not session.is_open
