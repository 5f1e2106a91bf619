"""Ansible's own tests of a collection, `ansible-test sanity`, on the collection as it is built.

They need their own tools (pylint, voluptuous and others), which ansible-test installs into virtual environments below .cache/sanity. Where
those cannot be had, this says so and ends with status 77.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from types import SimpleNamespace

CHECKOUT = Path(__file__).resolve().parents[1]
# What Ansible loads. Everything else is Python and shell of ours, which ruff and mypy look at.
PATHS = ("changelogs/", "meta/", "playbooks/", "plugins/", "roles/")
WITHOUT_TOOLS = 77

_PIP_FAILED = re.compile(r"No matching distribution found.*|Temporary failure in name resolution|Connection refused|Network is unreachable")

# Virtual environments and what pip has fetched stay here for the next run.
_HOME = CHECKOUT / ".cache" / "sanity"
_BIN = Path(sys.executable).parent
# ansible-test would fetch pip's installer from the network. Python brings pip along, and this is what it runs in its place.
_PIP_INSTALLER = "import ensurepip\nensurepip.bootstrap()\n"


def main() -> int:
    # Outside of the checkout: ansible-test would ask its git for the files.
    with tempfile.TemporaryDirectory(prefix="sanity-") as place:
        collection = _unpacked(Path(place))
        prepared = _ansible_test(collection, "--prime-venvs")
        reason = _PIP_FAILED.search(prepared.stdout)
        if prepared.returncode != 0 and reason:
            print(f"ansible-test sanity is left out, since its tools could not be installed: {reason[0]}", file=sys.stderr)
            return WITHOUT_TOOLS
        tested = _ansible_test(collection) if prepared.returncode == 0 else prepared
        print(tested.stdout, end="")
        return tested.returncode


def _unpacked(place: Path) -> Path:
    """The built collection, at a path where ansible-test accepts one."""
    collection = place / "ansible_collections" / "echobase" / "platform"
    collection.mkdir(parents=True)
    build = [str(_BIN / "ansible-galaxy"), "collection", "build", "--output-path", str(place)]
    subprocess.run(build, cwd=CHECKOUT, check=True, stdout=subprocess.DEVNULL)
    (archive,) = place.glob("*.tar.gz")
    with tarfile.open(archive) as built:
        built.extractall(collection, filter="data")
    installer = _HOME / ".ansible" / "test" / "cache" / f"get_pip_{_pip_version().replace('.', '_')}.py"
    installer.parent.mkdir(parents=True, exist_ok=True)
    installer.write_text(_PIP_INSTALLER)
    return collection


def _pip_version() -> str:
    """Of pip's installer that this ansible-test would fetch; it has no public name for it."""
    from ansible_test._internal.python_requirements import get_venv_packages  # noqa: PLC0415 - only this test needs it

    return str(get_venv_packages(SimpleNamespace(version=_python()))["pip"])


def _python() -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def _ansible_test(collection: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [str(_BIN / "ansible-test"), "sanity", "--venv", "--python", _python(), "--color", "no", *options, *PATHS]
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "ANSIBLE_CONFIG")}
    environment |= {"HOME": str(_HOME), "PATH": f"{_BIN}:{environment['PATH']}"}
    return subprocess.run(
        command,
        cwd=collection,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


if __name__ == "__main__":
    sys.exit(main())
