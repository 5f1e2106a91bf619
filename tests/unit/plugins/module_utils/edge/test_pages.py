from __future__ import annotations

import json

from ansible_collections.echobase.platform.plugins.module_utils.edge.pages import PAGES, page_files


def test_every_page_comes_in_both_forms_and_says_the_same() -> None:
    files = page_files()
    assert len(files) == 2 * len(PAGES)
    for page in PAGES:
        problem = json.loads(files[f"{page.name}.json"])
        assert (problem["status"], problem["title"], problem["detail"]) == (page.status, page.title, page.detail)
        assert f"<h1>{page.title}</h1>" in files[f"{page.name}.html"]


def test_a_page_needs_nothing_from_elsewhere() -> None:
    assert not any(word in content for content in page_files().values() for word in ("src=", "<script", "http:", "https:", "@import"))
