from __future__ import annotations

import pytest

from ansible_collections.echobase.platform.plugins.module_utils.base.outcome import Refusal
from ansible_collections.echobase.platform.plugins.module_utils.environment.topology import environment
from ansible_collections.echobase.platform.plugins.module_utils.observability.log_store import LOG_STORES, chosen_log_store


@pytest.mark.parametrize(
    ("images", "store"), [(["loki", "victorialogs"], "loki"), (["victorialogs"], "victorialogs"), ([], "victorialogs")]
)
def test_loki_is_the_default_where_its_image_is_there(images: list[str], store: str) -> None:
    assert chosen_log_store("auto", images).name == store


def test_a_store_that_is_named_is_taken() -> None:
    assert chosen_log_store("victorialogs", ["loki"]).name == "victorialogs"


def test_an_unknown_store_is_refused_with_the_known_ones() -> None:
    with pytest.raises(Refusal, match="unknown log store 'splunk' - set observability_log_store to one of auto, loki, victorialogs"):
        chosen_log_store("splunk", [])


@pytest.mark.parametrize("store", LOG_STORES.values(), ids=list(LOG_STORES))
def test_each_store_is_a_tool_at_the_port_that_the_edge_knows(store: object) -> None:
    tools = environment("test").tools
    assert store.port == tools[store.service].port  # type: ignore[attr-defined]
    assert store.exporter()["logs_endpoint"].startswith(f"https://{tools[store.service].tls_name}:{store.port}/")  # type: ignore[attr-defined]


def test_days_and_bytes_are_said_to_victorialogs() -> None:
    command = LOG_STORES["victorialogs"].command(14, 2 << 30)
    assert {"-retentionPeriod=14d", "-retention.maxDiskSpaceUsageBytes=2147483648"} <= set(command)
