"""Python packages that a machine may lack. A module that needs one says which it is, and what to do, instead of ending in a traceback."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from ansible_collections.echobase.platform.plugins.module_utils.base.commands import playbook
from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal

_missing: list[str] = []


@contextmanager
def needed(package: str) -> Iterator[None]:
    """Surrounds the imports of a package at the top of a file, so that the file can be read without it, as Ansible's own tools do."""
    try:
        yield
    except ImportError:
        _missing.append(package)


def refuse_without_needed() -> None:
    """Asked once, before a module begins: what it imports are the files that it needs."""
    if _missing:
        raise missing_package(_missing[0])


def missing_package(name: str) -> Refusal:
    return Refusal(
        f"{sys.executable} has no Python package {name}",
        f"let {playbook('setup_durable')} make a Python that has it, as docs/operate/hosts.md says, or install it there",
    )
