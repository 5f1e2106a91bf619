"""The colour's queues in SQS. A message is only the wake-up for an order that the database knows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from orders.cloud import client
from orders.outbox import Unsent
from orders.settings import CloudSettings
from orders.trace_context import HEADER

MOST_PER_CALL = 10
# Each call costs both sides some milliseconds, whether it brings something or not.
WAIT_SECONDS = 10
DEAD_SUFFIX = "-dead"


@dataclass(frozen=True)
class Wakeup:
    receipt: str
    # The order's id; None when the message is none of ours.
    order_id: str | None
    # The message's own.
    id: str
    body: str
    # Releases that trace nothing send none.
    trace_context: str | None = None


_LENGTHS = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")


@dataclass(frozen=True)
class QueueLengths:
    waiting: int
    # Received, and not finished yet.
    in_flight: int


class _Queue:
    """The address of the queue is asked for once it is needed: a queue may be made, and made anew, at any time."""

    def __init__(self, name: str, settings: CloudSettings) -> None:
        self._name = name
        # This is longer than the service waits for a message.
        self._client = client("sqs", settings, read_timeout=WAIT_SECONDS + 5)
        self._url: str | None = None

    def receive(self, wait_seconds: int) -> list[Wakeup]:
        answer = self._call(
            "receive_message", MaxNumberOfMessages=MOST_PER_CALL, WaitTimeSeconds=wait_seconds, MessageAttributeNames=[HEADER]
        )
        return [_wakeup(message) for message in answer.get("Messages", ())]

    def delete(self, wakeups: Sequence[Wakeup]) -> None:
        entries = [{"Id": str(number), "ReceiptHandle": wakeup.receipt} for number, wakeup in enumerate(wakeups)]
        self._call("delete_message_batch", Entries=entries)

    def _call(self, action: str, **arguments: Any) -> dict[str, Any]:
        url = self._url or self._client.get_queue_url(QueueName=self._name)["QueueUrl"]
        self._url = None
        answer: dict[str, Any] = getattr(self._client, action)(QueueUrl=url, **arguments)
        self._url = url
        return answer


class OrderQueue(_Queue):
    def __init__(self, settings: CloudSettings) -> None:
        super().__init__(settings.queue, settings)

    def send(self, rows: Sequence[Unsent]) -> list[Unsent]:
        """Sends messages and gives those that the queue did not take."""
        refused: list[Unsent] = []
        for start in range(0, len(rows), MOST_PER_CALL):
            batch = rows[start : start + MOST_PER_CALL]
            answer = self._call("send_message_batch", Entries=[_entry(row) for row in batch])
            failed = {failure["Id"] for failure in answer.get("Failed", ())}
            refused += [row for row in batch if str(row.row_id) in failed]
        return refused

    def send_text(self, body: str) -> None:
        self._call("send_message", MessageBody=body)

    def receive(self, wait_seconds: int = WAIT_SECONDS) -> list[Wakeup]:
        return super().receive(wait_seconds)

    def lengths(self) -> QueueLengths:
        found = self._call("get_queue_attributes", AttributeNames=list(_LENGTHS))["Attributes"]
        return QueueLengths(*(int(found[name]) for name in _LENGTHS))


class DeadQueue(_Queue):
    """Where SQS puts what it delivered too often (the redrive policy of the colour's queue)."""

    def __init__(self, settings: CloudSettings) -> None:
        super().__init__(f"{settings.queue}{DEAD_SUFFIX}", settings)

    def receive(self, wait_seconds: int = 0) -> list[Wakeup]:
        return super().receive(wait_seconds)


def _entry(row: Unsent) -> dict[str, Any]:
    entry: dict[str, Any] = {"Id": str(row.row_id), "MessageBody": json.dumps({"order_id": row.order_id})}
    if row.trace_context:
        entry["MessageAttributes"] = {HEADER: {"DataType": "String", "StringValue": row.trace_context}}
    return entry


def _wakeup(message: Mapping[str, Any]) -> Wakeup:
    return Wakeup(message["ReceiptHandle"], _order_id(message["Body"]), message["MessageId"], message["Body"], _trace_context(message))


def _trace_context(message: Mapping[str, Any]) -> str | None:
    given = message.get("MessageAttributes", {}).get(HEADER, {}).get("StringValue")
    return given if isinstance(given, str) else None


def _order_id(body: str) -> str | None:
    try:
        return str(UUID(json.loads(body)["order_id"]))
    except (ValueError, TypeError, LookupError, AttributeError):
        return None
