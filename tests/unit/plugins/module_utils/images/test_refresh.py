from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import environment
from ansible_collections.echobase.platform.plugins.module_utils.images.refresh import ImageRefresh


def test_what_is_given_counts_and_is_remembered_until_something_else_is(tmp_path: Path) -> None:
    env = environment("test", str(tmp_path))
    given = ImageRefresh(env, "2026-11-27")
    assert (given.wanted, given.is_news, given.after) == ("2026-11-27", True, "packages as of: 2026-11-27\n")
    given.remember()
    again = ImageRefresh(env, "")
    assert (again.wanted, again.is_news, again.after) == ("2026-11-27", False, "")
    ImageRefresh(env, "2026-11-27T15:00").remember()
    assert ImageRefresh(env, "").wanted == "2026-11-27T15:00"
    ImageRefresh(env, "none").remember()
    assert (ImageRefresh(env, "").wanted, ImageRefresh(env, "none").is_news) == ("", False)
    assert Path(env.home).stat().st_mode & 0o777 == 0o700


def test_without_an_environment_it_counts_and_nobody_remembers_it() -> None:
    refresh = ImageRefresh(None, "2026-11-27")
    refresh.remember()
    assert (refresh.wanted, refresh.is_news) == ("2026-11-27", False)


@pytest.mark.parametrize("given", ["yesterday", "2026-13-01", "27.11.2026"])
def test_what_is_no_day_is_refused(given: str) -> None:
    with pytest.raises(Refusal, match=f"images_refresh '{given}' is no day - give one such as 2026-11-27"):
        ImageRefresh(None, given)
