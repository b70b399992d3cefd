"""``customers.get`` and ``customers.list``, the latter in pages by offset, newest customers first."""

import sqlite3
from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from usage.sample.errors import ApiError
from usage.sample.names.balances import brought_up_to
from usage.sample.names.catalog import Body, customer_body, customer_count, customers_matching

CUSTOMER_ID = r"^[A-Za-z0-9_:-]+\Z"
MOST_SUBSCRIPTIONS = 15
"""A row of a list shows no more than these."""
LAST_OFFSET = 2**53
LONGEST_SEARCH = 10_000

Expand = Literal[
    "invoices",
    "invoice_previews",
    "trials_used",
    "rewards",
    "entities",
    "referrals",
    "payment_method",
    "subscriptions.plan",
    "purchases.plan",
    "balances.feature",
    "flags.feature",
    "billing_controls.auto_topups.purchase_limit",
]


class GetBody(Struct):
    """``expand`` is checked and ignored: the sample does not support it."""

    customer_id: Annotated[str, Meta(pattern=CUSTOMER_ID)]
    expand: list[Expand] = []


class Plan(Struct):
    """A plan of the ``plans`` filter; the sample's plans have one version, 1."""

    id: str
    versions: list[float] | UnsetType = UNSET


class ListBody(Struct):
    offset: Annotated[int, Meta(ge=0, le=LAST_OFFSET)] = 0
    limit: Annotated[int, Meta(ge=1, le=1000)] = 10
    search: Annotated[str, Meta(max_length=LONGEST_SEARCH)] = ""
    plans: list[Plan] | UnsetType = UNSET
    subscription_status: Literal["active", "scheduled"] | UnsetType = UNSET
    processors: list[Literal["stripe", "revenuecat", "vercel"]] | UnsetType = UNSET


T = TypeVar("T", GetBody, ListBody)


def get_customer(connection: sqlite3.Connection, given: dict[str, object], now: int) -> Body:
    """The customer at ``now`` (epoch milliseconds). Raises ApiError.

    An id with other characters than the API's own is refused, whether such a customer exists or not.
    """
    wanted = _parsed(given, GetBody).customer_id
    body = customer_body(connection, wanted)
    if body is None:
        raise ApiError("customer_not_found", f"Customer {wanted} not found")
    return brought_up_to(now, connection, [body])[0]


def list_customers(connection: sqlite3.Connection, given: dict[str, object], now: int) -> Body:
    """A page of customers at ``now`` (epoch milliseconds). Raises ApiError.

    With ``plans``, the page has customers whose plan is scheduled and the count leaves them out.
    ``subscription_status`` alone drops no customer, only subscriptions.
    """
    body = _parsed(given, ListBody)
    matches = [each for each in customers_matching(connection, body.search, body.offset) if _fits(each, body)]
    page = matches[body.offset : body.offset + body.limit]
    counted = msgspec.structs.replace(body, subscription_status="active")
    return {
        "list": [_row(each, body) for each in brought_up_to(now, connection, page)],
        "has_more": len(page) == body.limit,
        "offset": body.offset,
        "limit": body.limit,
        "total": len(page),
        "total_count": customer_count(connection),
        "total_filtered_count": sum(_fits(each, counted) for each in matches),
    }


def _fits(customer: Body, body: ListBody) -> bool:
    if body.processors is not UNSET and not ("stripe" in body.processors and customer.get("stripe_id")):
        return False
    if body.plans is UNSET:
        return True
    wanted = {plan.id for plan in body.plans if plan.versions is UNSET or 1 in plan.versions}
    return any(each["plan_id"] in wanted for each in _subscriptions(customer, body))


def _row(customer: Body, body: ListBody) -> Body:
    return customer | {"subscriptions": _subscriptions(customer, body)[:MOST_SUBSCRIPTIONS]}


def _subscriptions(customer: Body, body: ListBody) -> list[Body]:
    """Those of the requested status."""
    return [
        each
        for each in customer.get("subscriptions", [])
        if body.subscription_status is UNSET or each["status"] == body.subscription_status
    ]


# msgspec can crash where two threads meet a new type at the same time.
msgspec.json.Decoder(GetBody)
msgspec.json.Decoder(ListBody)


def _parsed(given: dict[str, object], kind: type[T]) -> T:
    """Raises ApiError invalid_inputs that begins with the field's name."""
    try:
        return msgspec.convert(given, kind)
    except msgspec.ValidationError as error:
        reason, _, path = str(error).replace("`", "").partition(" - at ")
        missing = reason.removeprefix("Object missing required field ")
        sentence = f"{path.lstrip('$.')}: {reason}" if missing == reason else f"{missing}: Required"
        raise ApiError("invalid_inputs", sentence) from None
