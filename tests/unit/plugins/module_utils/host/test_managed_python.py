from __future__ import annotations

import hashlib
import re
import subprocess
import zipfile
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.host.managed_python import (
    ManagedPython,
    insufficient,
    lowest_versions,
    version_said,
)

CHECKOUT = Path(__file__).resolve().parents[5]
FILES = CHECKOUT / "roles/managed_python/files"
WANTED = (FILES / "requirements.in").read_text()
# What the distributions ship of what modules import.
DEBIAN_12 = {"bcrypt": "3.2.2", "cryptography": "38.0.4", "docker": "5.0.3", "psycopg": "3.1.7", "PyMySQL": "1.0.2", "PyYAML": "6.0"}
UBUNTU_2404 = {"bcrypt": "3.2.2", "cryptography": "41.0.7", "docker": "5.0.3", "psycopg": "3.1.7", "PyMySQL": "1.0.2", "PyYAML": "6.0.1"}
DEBIAN_13 = {"bcrypt": "4.2.0", "cryptography": "43.0.0", "docker": "7.1.0", "psycopg": "3.2.6", "PyMySQL": "1.1.1", "PyYAML": "6.0.2"}


class Packages(dict[str, str]):
    def version(self, name: str) -> str:
        try:
            return self[name]
        except KeyError as error:
            raise PackageNotFoundError(name) from error


@pytest.mark.parametrize(
    ("shipped", "wrong"),
    [
        (DEBIAN_12, ["cryptography 38.0.4, older than 42"]),
        (UBUNTU_2404, ["cryptography 41.0.7, older than 42"]),
        (DEBIAN_13, []),
        ({name: version for name, version in DEBIAN_13.items() if name != "docker"}, ["no docker"]),
    ],
)
def test_which_distributions_packages_will_do(shipped: dict[str, str], wrong: list[str]) -> None:
    assert insufficient(lowest_versions(WANTED), Packages(shipped).version) == wrong


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("3.11\nwhole\n", (3, 11)),
        ("3.13\r\nTraceback (most recent call last):\r\n", (3, 13)),
        ("/bin/sh: 1: /usr/bin/python3: not found\r\n", ()),
        ("", ()),
    ],
)
def test_what_python_says_of_its_version_even_on_a_terminal(said: str, version: tuple[int, ...]) -> None:
    assert version_said(said) == version


def test_each_package_that_is_wanted_is_locked_in_a_version_that_will_do() -> None:
    locked = dict(re.findall(r"^([\w.-]+)==([\w.]+)", (FILES / "requirements.txt").read_text(), re.M))
    names = {name.lower(): version for name, version in locked.items()}
    assert insufficient({name.lower(): lowest for name, lowest in lowest_versions(WANTED).items()}, Packages(names).version) == []


def test_the_controllers_own_lock_has_the_same_versions() -> None:
    own = set(re.findall(r"^([\w.-]+==[\w.]+)", (FILES / "requirements.txt").read_text(), re.M))
    assert own <= set(re.findall(r"^([\w.-]+==[\w.]+)", (CHECKOUT / "requirements.txt").read_text(), re.M))


def test_all_that_modules_import_is_wanted() -> None:
    imports = re.compile(r"^\s*(?:import|from) (\w+)", re.M)
    names = {name: name for name in ("bcrypt", "cryptography", "docker", "psycopg")} | {"pymysql": "PyMySQL", "yaml": "PyYAML"}
    logic = [path.read_text() for folder in ("modules", "module_utils") for path in (CHECKOUT / "plugins" / folder).rglob("*.py")]
    found = {name for text in logic for name in imports.findall(text) if name in names}
    assert {names[name] for name in found} == set(lowest_versions(WANTED))


def test_the_distributions_packages_are_lent_where_they_will_do(tmp_path: Path) -> None:
    python = ManagedPython(tmp_path / "python", "", WANTED, python="/usr/bin/python3", version_of=Packages(DEBIAN_13).version)
    assert python.present(check=True).changed
    assert list(tmp_path.iterdir()) == []
    outcome = python.present(check=False)
    assert outcome.changed
    assert outcome.facts["packages"] == "the distribution's packages"
    assert subprocess.run([outcome.facts["interpreter"], "-c", "import sys; print(sys.prefix)"], capture_output=True, text=True, check=True)
    assert "include-system-site-packages = true" in (tmp_path / "python/pyvenv.cfg").read_text()
    assert not python.present(check=False).changed


def test_an_upgraded_distribution_gets_another_environment(tmp_path: Path) -> None:
    good = ManagedPython(tmp_path / "python", "", WANTED, version_of=Packages(DEBIAN_13).version)
    poor = ManagedPython(tmp_path / "python", "", WANTED, version_of=Packages(DEBIAN_12).version)
    assert good.folder != poor.folder
    assert ManagedPython(tmp_path / "python", "", WANTED, packages="pinned", version_of=Packages(DEBIAN_13).version).folder == poor.folder


def test_what_somebody_else_put_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "python").mkdir()
    with pytest.raises(Refusal, match="is not echobase's - give another path in managed_python_path"):
        ManagedPython(tmp_path / "python", "", WANTED).present(check=False)


def wheel(folder: Path, version: str) -> str:
    """Makes a wheel; gives its line in a lock file."""
    file, info = folder / f"shipped-{version}-py3-none-any.whl", f"shipped-{version}.dist-info"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("shipped.py", f"version = '{version}'\n")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: shipped\nVersion: {version}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return f"shipped=={version} --hash=sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}\n"


@pytest.mark.long
def test_pinned_packages_come_from_wheels_alone_and_a_failure_leaves_the_old_ones(tmp_path: Path) -> None:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    first, second = wheel(wheels, "1.0"), wheel(wheels, "2.0")

    def python(locked: str) -> ManagedPython:
        return ManagedPython(tmp_path / "python", locked, "shipped>=1\n", wheels=str(wheels), python="/usr/bin/python3")

    def shipped() -> str:
        command = [str(tmp_path / "python/bin/python"), "-c", "import shipped; print(shipped.version)"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    assert python(first).present(check=False).changed
    assert not python(first).present(check=False).changed
    assert shipped() == "1.0"

    altered = second.replace("sha256:", "sha256:0000")[:-5] + "\n"
    with pytest.raises(Refusal, match=r"cannot be made on this host: .*HASHES.* - add the wheels that it names to managed_python_wheels"):
        python(altered).present(check=False)
    assert shipped() == "1.0"
    assert python(first).is_there

    assert python(second).present(check=False).changed
    assert shipped() == "2.0"
    # What modules of another run still use stays until the next time.
    assert {path.name for path in tmp_path.glob("python*")} == {"python", python(first).folder.name, python(second).folder.name}
