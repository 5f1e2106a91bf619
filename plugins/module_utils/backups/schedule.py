"""A backup every day, and a look at what could be restored in between: by systemd timers, or by cron where systemd does not run."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.echobase.platform.plugins.module_utils.backups.published import publish_schedule
from ansible_collections.echobase.platform.plugins.module_utils.base.atomic_file import write_durably
from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Outcome, Refusal
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import Environment

_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
# Up to when the database can be restored grows with its log. Whoever watches that learns it so often.
_MINUTES_BETWEEN_LOOKS = 15


@dataclass(frozen=True)
class _Job:
    """A command that is run at certain times, and the files that have it run."""

    name: str
    about: str
    script: Path
    command: Sequence[str]
    # When it is run, in systemd's words and in cron's.
    calendar: str
    crontab: str


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
    # The command that only looks; without one nobody looks.
    look: Sequence[str] = ()

    def ensure(self, check_mode: bool) -> Outcome:
        wanted = self.files
        before = {path: text for path in self._places if (text := _text_of(path)) is not None}
        changed = before != wanted
        if changed and not check_mode:
            self._apply(wanted, before)
        if not check_mode:
            publish_schedule(self.env, self.at)
        return Outcome(changed=changed, before=_shown(before), after=_shown(wanted), facts={"files": [str(path) for path in wanted]})

    @property
    def files(self) -> dict[Path, str]:
        return {path: text for job in self._jobs if job.calendar and job.command for path, text in self._files_of(job).items()}

    @property
    def _jobs(self) -> tuple[_Job, _Job]:
        """Both, whether they are wished for or not; without a calendar they are not."""
        time = _TIME.fullmatch(self.at)
        if self.at and time is None:
            raise Refusal(
                f"durable_db_backup_schedule '{self.at}' is no time of day", "write it as 03:10; without one nothing is scheduled"
            )
        hour, minute = (int(part) for part in time.groups()) if time else (0, 0)
        name, what = f"echobase-{self.env.name}-backup", f"of the durable database of {self.env.name}"
        folder = Path(self.env.path("durable"))
        often = f"*:0/{_MINUTES_BETWEEN_LOOKS}:00" if time else ""
        daily = f"*-*-* {self.at}:00" if time else ""
        return (
            _Job(name, f"Backup {what}", folder / "back-up.sh", self.command, daily, f"{minute} {hour} * * *"),
            _Job(
                f"{name}-look",
                f"Look at the backups {what}",
                folder / "look-at-backups.sh",
                self.look,
                often,
                f"*/{_MINUTES_BETWEEN_LOOKS} * * * *",
            ),
        )

    def _files_of(self, job: _Job) -> dict[Path, str]:
        service, timer, crontab = self._places_of(job)
        head = "# Written by module durable_db_backup_schedule."
        script = {job.script: f"#!/bin/sh\n{head}\ncd {shlex.quote(self.directory)} && exec {shlex.join(job.command)}\n"}
        if self._with_systemd:
            about = f"Description={job.about}"
            return script | {
                service: f"{head}\n[Unit]\n{about}\n\n[Service]\nType=oneshot\nExecStart={job.script}\n",
                # A machine that was off at that time runs it when it is on again.
                timer: f"{head}\n[Unit]\n{about}\n\n[Timer]\nOnCalendar={job.calendar}\nPersistent=true\n\n"
                "[Install]\nWantedBy=timers.target\n",
            }
        # The log of a look is of its last run alone: it is run all the time.
        log = f"{'>' if job.script.name.startswith('look') else '>>'} {job.script.with_suffix('.log')}"
        return script | {crontab: f"{head}\n{job.crontab} root {job.script} {log} 2>&1\n"}

    @property
    def _with_systemd(self) -> bool:
        return (self.root / "run/systemd/system").is_dir()

    def _places_of(self, job: _Job) -> tuple[Path, Path, Path]:
        units = self.root / "etc/systemd/system"
        return units / f"{job.name}.service", units / f"{job.name}.timer", self.root / "etc/cron.d" / job.name

    @property
    def _places(self) -> tuple[Path, ...]:
        """The files of both kinds: a machine may have changed from one to the other."""
        return tuple(path for job in self._jobs for path in (job.script, *self._places_of(job)))

    def _apply(self, wanted: dict[Path, str], before: dict[Path, str]) -> None:
        scripts = [job.script for job in self._jobs]
        timers = [self._places_of(job)[1] for job in self._jobs]
        for timer in timers:
            if timer in before and timer not in wanted:
                self._systemctl("disable", "--now", timer.name)
        for path in before.keys() - wanted.keys():
            path.unlink()
        for path, text in wanted.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_durably(path, text, mode=0o700 if path in scripts else 0o644)
        started = [timer.name for timer in timers if timer in wanted]
        if started:
            self._systemctl("daemon-reload")
            self._systemctl("enable", "--now", *started)

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
