from __future__ import annotations

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.environment.release_history import ReleaseHistory


def history(story: str, *live: str) -> ReleaseHistory:
    """A story such as "deployed blue, promoted blue"; "deployed blue 2" is another release."""
    entries = []
    for event in filter(None, story.split(", ")):
        what, colour, release = [*event.split(), "", ""][:3]
        entries.append({"event": what, "colour": colour, "release": release or "1"})
    return ReleaseHistory(entries, list(live))


FIRST = "deployed blue, promoted blue"
SECOND = f"{FIRST}, deployed green"


@pytest.mark.parametrize(
    ("story", "candidate"),
    [
        ("", ""),
        (FIRST, "blue"),
        (SECOND, "green"),
        (f"{SECOND}, removed green", ""),
        (f"{SECOND}, promoted green, removed blue", "green"),
        (f"{SECOND}, removed green, deployed green", "green"),
    ],
)
def test_candidate_is_what_was_deployed_last_and_is_still_there(story: str, candidate: str) -> None:
    assert history(story, "blue").candidate == candidate


@pytest.mark.parametrize(
    ("story", "weights"),
    [
        ("", None),
        ("deployed blue", None),
        (FIRST, {"blue": 100, "green": 0}),
        (f"{SECOND}, promoted green, removed blue", {"blue": 0, "green": 100}),
        (f"{SECOND}, switched", {"blue": 0, "green": 0}),
    ],
)
def test_who_serves_is_told_by_the_last_event_that_moved_traffic(story: str, weights: dict[str, int] | None) -> None:
    assert history(story).weights == weights


@pytest.mark.parametrize(
    ("story", "is_closed"),
    [
        ("", False),
        (FIRST, False),
        (f"{FIRST}, closed", True),
        (f"{FIRST}, closed, promoted green", True),
        (f"{FIRST}, closed, opened", False),
    ],
)
def test_the_entrance_is_closed_from_somebodys_order_until_anothers(story: str, is_closed: bool) -> None:
    assert history(story).is_closed == is_closed


def test_an_event_that_says_exactly_where_traffic_went_is_believed() -> None:
    shares = {"blue": 80, "green": 20}
    canary = {"event": "canary", "colour": "green", "release": "2", "details": {"to": {"weights": shares}}}
    migrated = {"event": "migrated", "colour": "", "release": "", "details": {"to": "abc123"}}
    assert ReleaseHistory([*history(SECOND).entries, canary, migrated], ["blue", "green"]).weights == shares


@pytest.mark.parametrize(
    ("story", "live", "target"),
    [
        ("", [], ""),
        (FIRST, ["blue"], ""),
        # A candidate that never had traffic is not a way back.
        (SECOND, ["blue"], ""),
        (f"{SECOND}, promoted green", ["green"], "blue"),
        # The second rollback stays where the first one went.
        (f"{SECOND}, promoted green, rolled_back blue", ["blue"], "blue"),
        # The old release is gone: removed, or overwritten by the next candidate.
        (f"{SECOND}, promoted green, removed blue", ["green"], ""),
        (f"{SECOND}, promoted green, deployed blue 2", ["green"], ""),
        # Deployed once more as it was: it is a candidate now, and still the way back.
        (f"{SECOND}, promoted green, deployed blue", ["green"], "blue"),
        # Killed between the switch and its record: traffic is the truth.
        (SECOND, ["green"], "blue"),
        # Sent there by hand, it served all the same; whom only some customers tried did not.
        (f"{SECOND}, switched green", ["green"], "blue"),
        (f"{SECOND}, switched green, switched blue", ["blue"], "green"),
        (f"{SECOND}, canary green, rolled_back blue", ["blue"], "blue"),
        (f"{SECOND}, canary green, switched blue", ["blue"], ""),
        # The maintenance page belongs to no release.
        (f"{SECOND}, promoted green, closed, opened", ["green"], "blue"),
        # A canary goes back to the stable colour.
        (SECOND, ["blue", "green"], "blue"),
    ],
)
def test_rollback_leads_to_the_release_that_had_the_traffic_before(story: str, live: list[str], target: str) -> None:
    assert history(story, *live).rollback_target == target
