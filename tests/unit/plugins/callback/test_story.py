"""What a task says is readable under our own callback, whichever form it has."""

from __future__ import annotations

from ansible_collections.echobase.platform.plugins.callback.story import spoken


def test_the_lines_of_a_list_stand_below_each_other() -> None:
    assert spoken(["RPO 3 s", "RTO 20 s"]) == "RPO 3 s\nRTO 20 s"


def test_a_record_is_shown_as_yaml_in_its_own_order() -> None:
    assert spoken({"pending": ["0007"], "applied": "0006"}) == "pending:\n- '0007'\napplied: '0006'"


def test_a_text_is_shown_as_it_is() -> None:
    assert spoken("one line") == "one line"
