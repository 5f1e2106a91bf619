"""Counts every request it sends, so that nobody has to believe that a release lost nothing."""

from counting_client.client import CountingClient
from counting_client.config import ClientConfig, NotPossible, Target
from counting_client.counts import Counts
from counting_client.latency import Latency
from counting_client.order_proof import OrderProof, compare_with_rows, verify_orders
from counting_client.orders import OrdersClient, OrdersConfig, OrdersLost, OrdersReport
from counting_client.picture import write_picture
from counting_client.report import Report, RequestsLost
from counting_client.switch_driver import Committed, PlannedSwitch, command, every

__all__ = [
    "ClientConfig",
    "Committed",
    "CountingClient",
    "Counts",
    "Latency",
    "NotPossible",
    "OrderProof",
    "OrdersClient",
    "OrdersConfig",
    "OrdersLost",
    "OrdersReport",
    "PlannedSwitch",
    "Report",
    "RequestsLost",
    "Target",
    "command",
    "compare_with_rows",
    "every",
    "verify_orders",
    "write_picture",
]
