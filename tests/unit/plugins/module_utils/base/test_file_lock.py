from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.base.file_lock import exclusive
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal


def test_the_second_waits_and_says_so(tmp_path: Path) -> None:
    lock = tmp_path / "new folder/lock"
    waiting, entered = threading.Event(), threading.Event()

    def second() -> None:
        with exclusive(lock, waiting=waiting.set):
            entered.set()

    thread = threading.Thread(target=second)
    with exclusive(lock):
        thread.start()
        assert waiting.wait(10)
        assert not entered.is_set()
    assert entered.wait(10)
    thread.join()


def test_who_loses_patience_is_told_who_holds_it(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    told = rf"{lock} is locked for more than 0.1 s by process {os.getpid()} \(.+\) - let it finish or end it"
    with exclusive(lock), pytest.raises(Refusal, match=told), exclusive(lock, patience=0.1):
        pass
    with exclusive(lock, patience=0.1):
        assert lock.stat().st_mode & 0o077 == 0
