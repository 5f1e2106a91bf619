"""Every link between pages of this repository leads somewhere, and no page is out of reach."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from areas import CHECKOUT, git

PAGES = [Path(file) for file in git("ls-files", "*.md").splitlines() if (CHECKOUT / file).exists()]
DOCS = Path("docs")
INDEXES = {DOCS / "README.md", DOCS / "decisions" / "README.md", DOCS / "runbooks" / "README.md"}

_CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.M | re.S)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.M)
_FENCED = re.compile(r"^```.*?^```", re.M | re.S)


def links(page: Path) -> list[str]:
    """The targets that are no addresses of other sites."""
    text = _CODE.sub("", (CHECKOUT / page).read_text())
    return [target for target in _LINK.findall(text) if not re.match(r"[a-z]+:", target)]


def followed(page: Path, target: str) -> tuple[Path, str]:
    """The file that a link leads to, from the top of the checkout, and the anchor in it."""
    file, _, anchor = target.partition("#")
    path = (CHECKOUT / page.parent / file).resolve() if file else CHECKOUT / page
    return path.relative_to(CHECKOUT), anchor


def anchors(page: Path) -> set[str]:
    """What readers of the page on the web can jump to: headings in lower case, without punctuation, with hyphens for spaces."""
    headings = _HEADING.findall(_FENCED.sub("", (CHECKOUT / page).read_text()))
    plain = [re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading) for heading in headings]
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    broken = []
    for target in links(page):
        path, anchor = followed(page, target)
        if not (CHECKOUT / path).exists() or (anchor and anchor not in anchors(path)):
            broken.append(target)
    assert not broken


@pytest.mark.parametrize("page", [page for page in PAGES if page.is_relative_to(DOCS)], ids=str)
def test_every_page_is_linked_from_an_index(page: Path) -> None:
    linked = {followed(index, target)[0] for index in INDEXES for target in links(index)}
    assert page in linked | {DOCS / "README.md"}


def test_every_role_is_linked_from_the_index() -> None:
    linked = {followed(DOCS / "README.md", target)[0] for target in links(DOCS / "README.md")}
    assert {role.relative_to(CHECKOUT) / "README.md" for role in (CHECKOUT / "roles").iterdir()} <= linked


def test_texts_of_the_code_name_pages_that_exist() -> None:
    """Messages, comments and changelogs name pages by their path from the top, without a link."""
    named = re.compile(r"\bdocs/[\w/-]+\.md\b")
    files = [file for file in git("ls-files").splitlines() if (CHECKOUT / file).is_file() and not file.startswith("bench/results/")]
    lost = [
        (file, page)
        for file in files
        for page in named.findall((CHECKOUT / file).read_text(errors="ignore"))
        if not (CHECKOUT / page).exists()
    ]
    assert not lost
