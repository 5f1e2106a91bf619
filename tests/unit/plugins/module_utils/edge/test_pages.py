from __future__ import annotations

import json

from ansible_collections.echobase.platform.plugins.module_utils.edge.pages import PAGES, page_files
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import environment


def test_every_page_comes_in_both_forms_and_says_the_same() -> None:
    files = page_files()
    assert len(files) == 2 * len(PAGES)
    for page in PAGES:
        problem = json.loads(files[f"{page.name}.json"])
        assert problem["trace_id"] == "<!--#echo var='request_id' -->"
        assert (problem["status"], problem["title"], problem["detail"]) == (page.status, page.title, page.detail)
        assert f"<h1>{page.title}</h1>" in files[f"{page.name}.html"]


def test_a_page_needs_nothing_from_elsewhere() -> None:
    assert not any(word in content for content in page_files().values() for word in ("src=", "<script", "http:", "https:", "@import"))


def test_nginx_fills_in_the_trace_and_nothing_else() -> None:
    """A word of its language in a page that shows something of a request would be an order from whoever asks."""
    assert all(content.count("<!--#") == 1 for content in page_files().values())


def test_each_tool_has_a_page_that_tells_where_to_look_instead() -> None:
    assert {page.name.removeprefix("tool-away.") for page in PAGES if page.name.startswith("tool-away")} == set(environment("test").tools)
