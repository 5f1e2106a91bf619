from __future__ import annotations

import pytest
from opentelemetry import trace

from orders.trace_context import context_of, text_of

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "00000000000000e1"


@pytest.mark.parametrize("flags", ["00", "01"])
def test_a_context_comes_back_as_it_was_written(flags: str) -> None:
    text = f"00-{TRACE}-{SPAN}-{flags}"
    assert text_of(trace.get_current_span(context_of(text))) == text


@pytest.mark.parametrize(
    "text", [None, "", "nonsense", f"00-{'0' * 32}-{SPAN}-01", f"00-{TRACE}-{SPAN}", f"ff-{TRACE}-{SPAN}-01", "00-x-y-z"]
)
def test_whatever_else_begins_a_new_trace(text: str | None) -> None:
    assert text_of(trace.get_current_span(context_of(text))) is None
