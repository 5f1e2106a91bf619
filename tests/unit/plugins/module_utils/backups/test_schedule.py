from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.backups.schedule import BackupSchedule
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import environment


def schedule(root: Path, at: str, words: tuple[str, ...] = ("touch", "it's done")) -> BackupSchedule:
    return BackupSchedule(environment("test", str(root / "home")), at, words, str(root), root)


def test_without_systemd_it_is_a_line_for_cron(tmp_path: Path) -> None:
    wanted = schedule(tmp_path, "03:07")
    assert wanted.ensure(check_mode=True).changed
    assert not list(tmp_path.rglob("*"))
    assert wanted.ensure(check_mode=False).changed
    assert not wanted.ensure(check_mode=False).changed
    line = (tmp_path / "etc/cron.d/echobase-test-backup").read_text().splitlines()[-1]
    script = tmp_path / "home/test/durable/back-up.sh"
    assert line == f"7 3 * * * root {script} >> {tmp_path}/home/test/durable/back-up.log 2>&1"
    subprocess.run([script], check=True, cwd="/")
    assert (tmp_path / "it's done").exists()


def looking(root: Path, at: str, look: tuple[str, ...] = ("touch", "seen")) -> BackupSchedule:
    return replace(schedule(root, at), look=look)


def test_with_a_schedule_somebody_looks_in_between(tmp_path: Path) -> None:
    assert looking(tmp_path, "03:07").ensure(check_mode=False).changed
    assert not looking(tmp_path, "03:07").ensure(check_mode=False).changed
    script = tmp_path / "home/test/durable/look-at-backups.sh"
    line = (tmp_path / "etc/cron.d/echobase-test-backup-look").read_text().splitlines()[-1]
    assert line == f"*/15 * * * * root {script} > {tmp_path}/home/test/durable/look-at-backups.log 2>&1"
    subprocess.run([script], check=True, cwd="/")
    assert (tmp_path / "seen").exists()


@pytest.mark.parametrize(("at", "look"), [("", ("touch", "seen")), ("03:07", ())])
def test_without_a_schedule_or_a_wish_nobody_looks(tmp_path: Path, at: str, look: tuple[str, ...]) -> None:
    looking(tmp_path, "03:07").ensure(check_mode=False)
    assert looking(tmp_path, at, look).ensure(check_mode=False).changed
    assert not list(tmp_path.rglob("*look*"))


def test_another_time_replaces_it_and_none_removes_it(tmp_path: Path) -> None:
    schedule(tmp_path, "03:07").ensure(check_mode=False)
    assert schedule(tmp_path, "23:59").ensure(check_mode=False).changed
    assert "59 23 * * * root" in (tmp_path / "etc/cron.d/echobase-test-backup").read_text()
    assert schedule(tmp_path, "").ensure(check_mode=False).changed
    assert not schedule(tmp_path, "").ensure(check_mode=False).changed
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="asks systemd's own checker")
def test_with_systemd_it_is_a_timer_that_systemd_understands(tmp_path: Path) -> None:
    (tmp_path / "run/systemd/system").mkdir(parents=True)
    files = looking(tmp_path, "03:07").files
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o700 if path.suffix == ".sh" else 0o644)
    units = [path for path in files if path.suffix != ".sh"]
    checked = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False)
    assert "echobase-test-backup" not in checked.stderr
    calendars = [line.partition("=")[2] for text in files.values() for line in text.splitlines() if line.startswith("OnCalendar=")]
    assert len(calendars) == 2
    subprocess.run(["systemd-analyze", "calendar", *calendars], check=True, capture_output=True)


@pytest.mark.parametrize("wrong", ["3:07", "24:00", "daily", "03:60"])
def test_what_is_no_time_of_day_is_refused(tmp_path: Path, wrong: str) -> None:
    with pytest.raises(Refusal, match="is no time of day"):
        schedule(tmp_path, wrong).ensure(check_mode=True)
