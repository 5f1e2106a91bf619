"""Place orders and see what became of them."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Header
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field, StringConstraints

from api_gateway.context import Given
from api_gateway.idempotency import RequestPrint
from api_gateway.order_book import NewOrder, Order, OtherBody, UnknownAccount
from api_gateway.problem import Problem
from api_gateway.session import UserId, unauthorised
from api_gateway.text import Text
from orders import utc
from orders.status import Status

router = APIRouter(prefix="/api/orders", tags=["orders"])

# Printable, so that it survives every log and header on its way.
IdempotencyKey = Annotated[str, Header(alias="Idempotency-Key", min_length=1, max_length=200, pattern=r"^[\x21-\x7e]+$")]


class OrderRequest(BaseModel):
    item: Annotated[Text, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
    quantity: Annotated[int, Field(ge=1, le=1_000_000, strict=True)]
    note: Annotated[Text, StringConstraints(max_length=2000)] | None = None


class Accepted(BaseModel):
    id: str
    status: Literal["accepted"]


class OrderAnswer(BaseModel):
    id: str
    item: str
    quantity: int
    note: str | None
    status: Status
    created_at: str
    processed_at: str | None


@router.post(
    "",
    status_code=202,
    response_model=Accepted,
    responses={202: {"description": "Stored, now or earlier under this key."}, 409: {"description": "The key was used for another order."}},
)
async def place(body: OrderRequest, key: IdempotencyKey, user_id: UserId, context: Given) -> JSONResponse:
    """The answer means that the order is stored and will be processed, whatever happens next.

    The same key again gives the same order. A key counts for a day, if no other time was configured; after that it is as if it were new.
    """
    order = NewOrder(body.item, body.quantity, body.note)
    request = RequestPrint.of(key, body.model_dump())
    try:
        order_id = await context.order_desk.place(user_id, order, request)
    except OtherBody:
        raise Problem(409, "This Idempotency-Key was used for another order.") from None
    except UnknownAccount:
        raise unauthorised("This account does not exist any more.") from None
    return JSONResponse({"id": order_id, "status": Status.ACCEPTED}, status_code=202)


@router.get("", response_model=list[OrderAnswer])
async def latest(user_id: UserId, context: Given) -> JSONResponse:
    """The latest first."""
    found = await context.order_desk.latest(user_id)
    return JSONResponse([_answer(order) for order in found])


@router.get("/{order_id}", response_model=OrderAnswer, responses={404: {"description": "You have no such order."}})
async def find(order_id: UUID, user_id: UserId, context: Given) -> JSONResponse:
    order = await context.order_desk.find(user_id, str(order_id))
    if order is None:
        raise Problem(404, "You have no such order.")
    return JSONResponse(_answer(order))


def _answer(order: Order) -> dict[str, object]:
    return {
        "id": order.id,
        "item": order.item,
        "quantity": order.quantity,
        "note": order.note,
        "status": order.status,
        "created_at": utc.text(order.created_at),
        "processed_at": utc.text(order.processed_at) if order.processed_at else None,
    }
