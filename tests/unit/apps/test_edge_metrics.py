from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ansible_collections.echobase.platform.plugins.module_utils.edge.pages import PAGES
from operators_desk.edge_counters import ALARMING_ERRORS, EdgeCounters
from operators_desk.edge_metrics import EdgeMetrics


def line(**fields: Any) -> bytes:
    entry = {"entrance": "public", "colour": "blue", "status": 200, "seconds": 0.007, "error": "", "replayed_from": "", "path": "/"}
    return json.dumps(entry | {"upstream_seconds": "0.006"} | fields).encode()


def samples(*lines: bytes) -> dict[str, float]:
    counters = EdgeCounters()
    for one in lines:
        counters.count(one)
    return parsed(counters.render(unread_bytes=0, is_readable=True))


def parsed(text: str) -> dict[str, float]:
    values = [text_line.rpartition(" ") for text_line in text.splitlines() if not text_line.startswith("#")]
    return {name.removeprefix("echobase_edge_"): float(value) for name, _, value in values}


def test_requests_are_counted_by_entrance_colour_and_class_of_status() -> None:
    seen = samples(line(), line(status=204), line(status=404), line(colour="green", entrance="operators"))
    assert {name: value for name, value in seen.items() if name.startswith("requests_total")} == {
        'requests_total{entrance="public",colour="blue",status_class="2xx"}': 2,
        'requests_total{entrance="public",colour="blue",status_class="4xx"}': 1,
        'requests_total{entrance="operators",colour="green",status_class="2xx"}': 1,
    }


def test_a_replayed_request_is_charged_to_the_colour_that_failed() -> None:
    seen = samples(line(replayed_from="green"), line(colour="green", status=503), line(colour="green", status=404))
    assert (seen['failures_total{colour="green"}'], seen['failures_total{colour="blue"}']) == (2, 0)
    assert (seen['replayed_total{from="green"}'], seen['replayed_total{from="blue"}']) == (1, 0)


def test_a_replayed_request_that_fails_again_is_charged_to_both() -> None:
    seen = samples(line(replayed_from="green", status=502))
    assert (seen['failures_total{colour="green"}'], seen['failures_total{colour="blue"}']) == (1, 1)


def test_what_no_colour_answered_is_no_colours_failure() -> None:
    seen = samples(line(colour="", status=503, error="routing-table-unreadable"))
    assert (seen['failures_total{colour="green"}'], seen['failures_total{colour="blue"}']) == (0, 0)
    assert seen['errors_total{error="routing-table-unreadable"}'] == 1


def test_a_client_that_hung_up_before_a_colour_was_asked_is_no_colours_request() -> None:
    seen = samples(line(status=499, upstream_seconds=""), line(status=499))
    assert seen['requests_total{entrance="public",colour="",status_class="4xx"}'] == 1
    assert seen['requests_total{entrance="public",colour="blue",status_class="4xx"}'] == 1


def test_alarming_errors_begin_with_zero_and_exist_at_the_edge() -> None:
    assert all(samples()[f'errors_total{{error="{error}"}}'] == 0 for error in ALARMING_ERRORS)
    assert set(ALARMING_ERRORS) <= {page.name for page in PAGES}


def test_durations_are_cumulative_and_exact_at_a_bound() -> None:
    seen = samples(line(seconds=0.005), line(seconds=0.006), line(seconds=2), line(seconds=60), line(status=101, seconds=3600))
    buckets = {name: value for name, value in seen.items() if name.startswith("request_duration_seconds_bucket")}
    assert buckets['request_duration_seconds_bucket{colour="blue",le="0.005"}'] == 1
    assert buckets['request_duration_seconds_bucket{colour="blue",le="0.01"}'] == 2
    assert buckets['request_duration_seconds_bucket{colour="blue",le="2.5"}'] == 3
    assert buckets['request_duration_seconds_bucket{colour="blue",le="10.0"}'] == 3
    assert buckets['request_duration_seconds_bucket{colour="blue",le="+Inf"}'] == 4
    assert seen['request_duration_seconds_count{colour="blue"}'] == 4
    assert seen['request_duration_seconds_sum{colour="blue"}'] == 62.011


def test_what_cannot_be_counted_is_counted() -> None:
    seen = samples(b"", b"{", b"[]", b"null", b'{"status": 200}', line(status="x"), line())
    assert seen["log_lines_unparsable_total"] == 6
    assert seen['requests_total{entrance="public",colour="blue",status_class="2xx"}'] == 1


def test_an_address_that_is_no_text_is_no_obstacle() -> None:
    assert samples(line().replace(b'"/"', b'"/\xff\xfe"'))["log_lines_unparsable_total"] == 0


def test_labels_are_escaped() -> None:
    assert 'errors_total{error="a\\"b\\\\c\\nd"}' in samples(line(error='a"b\\c\nd'))


def test_every_metric_says_what_it_is() -> None:
    counters = EdgeCounters()
    counters.count(line())
    text = counters.render(unread_bytes=0, is_readable=True)
    names = {text_line.split("{")[0].split(" ")[0] for text_line in text.splitlines() if not text_line.startswith("#")}
    for name in names:
        metric = name.removesuffix("_bucket").removesuffix("_sum").removesuffix("_count")
        assert f"# HELP {metric} " in text
        assert f"# TYPE {metric} " in text


def test_it_counts_in_the_background_and_says_how_far_it_is(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    metrics = EdgeMetrics(log)
    assert parsed(metrics.render())["log_readable"] == 0
    log.write_bytes(line() + b"\n")
    metrics.count_new_lines()
    with log.open("ab") as stream:
        stream.write(line() + b"\n")
    seen = parsed(metrics.render())
    assert (seen["log_readable"], seen["log_lag_bytes"]) == (1, len(line()) + 1)
    metrics.start()
    metrics.stop()
