"""A backup every day: by a systemd timer, or by cron where systemd does not run."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.echobase.platform.plugins.module_utils.base.atomic_file import write_durably
from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome, Refusal
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment

_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")


@dataclass(frozen=True)
class BackupSchedule:
    env: Environment
    # The hour and minute by the machine's clock; empty for no schedule.
    at: str
    # The command that runs the playbook, and the folder where it runs.
    command: Sequence[str]
    directory: str
    # The machine's root folder; a test has another one.
    root: Path = Path("/")

    def ensure(self, check_mode: bool) -> Outcome:
        wanted = self.files
        before = {path: text for path in self._places if (text := _text_of(path)) is not None}
        changed = before != wanted
        if changed and not check_mode:
            self._apply(wanted, before)
        return Outcome(changed=changed, before=_shown(before), after=_shown(wanted), facts={"files": [str(path) for path in wanted]})

    @property
    def files(self) -> dict[Path, str]:
        if not self.at:
            return {}
        time = _TIME.fullmatch(self.at)
        if time is None:
            raise Refusal(
                f"durable_db_backup_schedule '{self.at}' is no time of day", "write it as 03:10; without one nothing is scheduled"
            )
        script, service, timer, cron = self._places
        head = "# Written by module durable_db_backup_schedule."
        job = {script: f"#!/bin/sh\n{head}\ncd {shlex.quote(self.directory)} && exec {shlex.join(self.command)}\n"}
        if self._with_systemd:
            about = f"Description=Backup of the durable database of {self.env.name}"
            return job | {
                service: f"{head}\n[Unit]\n{about}\n\n[Service]\nType=oneshot\nExecStart={script}\n",
                # A machine that was off at that time runs it when it is on again.
                timer: f"{head}\n[Unit]\n{about}\n\n[Timer]\nOnCalendar=*-*-* {self.at}:00\nPersistent=true\n\n"
                "[Install]\nWantedBy=timers.target\n",
            }
        hour, minute = (int(part) for part in time.groups())
        log = self.env.path("durable", "back-up.log")
        return job | {cron: f"{head}\n{minute} {hour} * * * root {script} >> {log} 2>&1\n"}

    @property
    def _name(self) -> str:
        return f"echobase-{self.env.name}-backup"

    @property
    def _with_systemd(self) -> bool:
        return (self.root / "run/systemd/system").is_dir()

    @property
    def _script(self) -> Path:
        return Path(self.env.path("durable", "back-up.sh"))

    @property
    def _places(self) -> tuple[Path, ...]:
        """The files of both kinds: a machine may have changed from one to the other."""
        units = self.root / "etc/systemd/system"
        return (self._script, units / f"{self._name}.service", units / f"{self._name}.timer", self.root / "etc/cron.d" / self._name)

    def _apply(self, wanted: dict[Path, str], before: dict[Path, str]) -> None:
        _script, _service, timer, _crontab = self._places
        if timer in before and timer not in wanted:
            self._systemctl("disable", "--now", timer.name)
        for path in before.keys() - wanted.keys():
            path.unlink()
        for path, text in wanted.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_durably(path, text, mode=0o700 if path == self._script else 0o644)
        if timer in wanted:
            self._systemctl("daemon-reload")
            self._systemctl("enable", "--now", timer.name)

    def _systemctl(self, *arguments: str) -> None:
        done = subprocess.run(["systemctl", *arguments], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            reason = done.stderr.strip().rpartition("\n")[2]
            raise Refusal(
                f"systemctl {' '.join(arguments)} failed: {reason}",
                f"see journalctl --boot --priority warning, then run {playbook('setup_durable')} again",
            )


def _text_of(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


def _shown(files: dict[Path, str]) -> str:
    return "".join(f"{path}:\n{text}" for path, text in sorted(files.items()))
