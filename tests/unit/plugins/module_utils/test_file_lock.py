from __future__ import annotations

import threading
from pathlib import Path

from ansible_collections.echobase.platform.plugins.module_utils.file_lock import exclusive


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
