from __future__ import annotations

from orders.metrics_text import labels, metric


def test_a_metric_is_written_with_its_explanation_and_sorted() -> None:
    lines = metric("of_test", "gauge", "For a test.", {labels(colour="green"): 2, labels(colour="blue"): 1.5})
    assert list(lines) == [
        "# HELP of_test For a test.",
        "# TYPE of_test gauge",
        'of_test{colour="blue"} 1.500',
        'of_test{colour="green"} 2',
    ]


def test_a_label_cannot_break_out_of_its_quotes() -> None:
    *_, line = metric("of_test", "gauge", "For a test.", {labels(release='a"} 1\nof_test{b="\\'): 1})
    assert line == r'of_test{release="a\"} 1\nof_test{b=\"\\"} 1'


def test_a_metric_without_values_has_no_heading_either() -> None:
    assert list(metric("of_test", "gauge", "For a test.", {})) == []
