"""The areas of the product: the table in areas.toml, and what of it changed.

`make test` runs the short tests of every area. `make test-changed` runs the long ones of the areas whose files changed, and prints why.
"""

from __future__ import annotations

import os
import subprocess
import tomllib
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
# Where a pipeline says what its change is compared with.
_BASE_VARIABLES = ("TEST_SINCE", "CI_MERGE_REQUEST_DIFF_BASE_SHA", "GITHUB_BASE_SHA")
# Else everything that was committed in the hours before the newest commit counts as the change.
_RECENT_HOURS = 12


@dataclass(frozen=True)
class Area:
    paths: tuple[str, ...]
    # The Molecule scenario that ends its long tests.
    scenario: str = ""


_TABLE = tomllib.loads((CHECKOUT / "tests" / "areas.toml").read_text())
AREAS = {name: Area(tuple(entry["paths"]), entry.get("scenario", "")) for name, entry in _TABLE["areas"].items()}
COMMON = tuple(_TABLE["common"])
WITHOUT_LONG_TESTS = tuple(_TABLE["without_long_tests"])


def is_below(file: str, paths: tuple[str, ...]) -> bool:
    return any(file.startswith(path.removesuffix("*")) if path[-1] in "/*" else file == path for path in paths)


def areas_of(file: str) -> list[str]:
    """Every area that a change of this file may break."""
    if is_below(file, COMMON):
        return list(AREAS)
    return [name for name, area in AREAS.items() if is_below(file, area.paths)]


def area_of_test(file: str) -> str:
    """Under which name the closing table counts a test."""
    return next((name for name, area in AREAS.items() if is_below(file, area.paths)), "every area")


def git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout.strip()


def base_of_change() -> str:
    """The commit that this checkout is compared with."""
    for variable in _BASE_VARIABLES:
        if os.environ.get(variable):
            return git("rev-parse", "--verify", f"{os.environ[variable]}^{{commit}}")
    newest = int(git("log", "-1", "--format=%ct"))
    recent = git("rev-list", f"--since={newest - _RECENT_HOURS * 3600}", "HEAD").split()
    parents = git("rev-list", "--parents", "-1", recent[-1]).split()[1:]
    return parents[0] if parents else recent[-1]


def changed_files(base: str) -> list[str]:
    """What differs from the base, and what is not committed."""
    listings = (("diff", "--name-only", base), ("ls-files", "--others", "--exclude-standard"))
    return sorted({file for listing in listings for file in git(*listing).splitlines()})


def changed_areas(files: list[str]) -> dict[str, list[str]]:
    """The areas that these files belong to, each with the files that say so."""
    found = {name: [file for file in files if name in areas_of(file)] for name in AREAS}
    return {name: reasons for name, reasons in found.items() if reasons}
