"""Who the customer of a page is: the ID beside the name, its plans, and where Autumn shows the customer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import tzinfo
from urllib.parse import quote

from django.conf import settings

from dashboard.formats import date_text, full_label, label, period_text
from dashboard.mount import Mount, Page
from usage.catalog import Customer, Subscription
from usage.query import Query
from usage.window import local

MOST_PLANS = 5


@dataclass(frozen=True, slots=True)
class PageCustomer:
    """`id_text`: the ID where the title is a name, empty where the title is the ID."""

    id: str
    id_text: str
    autumn_href: str | None


@dataclass(frozen=True, slots=True)
class PlanText:
    """An active plan. `start`, `end`: of its running cycle in epoch milliseconds, empty without one;
    `cycle`: its days in words, `period`: the same to the minute.
    """

    id: str
    label: str
    status: str
    start: str
    end: str
    cycle: str
    period: str


def plan_texts(customer: Customer, zone: tzinfo) -> tuple[PlanText, ...]:
    """The customer's active plans, as far as they may be seen."""
    active = [each for each in customer.subscriptions if each.status == "active"]
    return tuple(_plan_text(each, each.plan_id, zone) for each in active[:MOST_PLANS] if each.plan_id)


def _plan_text(subscription: Subscription, plan_id: str, zone: tzinfo) -> PlanText:
    start, end = subscription.current_period_start, subscription.current_period_end
    cycle = period = ""
    if start is not None and end is not None:
        cycle = f"{date_text(local(start, zone))} – {date_text(local(end, zone))}"
        period = period_text(start, end, zone)
    return PlanText(
        id=plan_id,
        label=label(plan_id),
        status="past due" if subscription.past_due else "active",
        start="" if start is None else str(start),
        end="" if end is None else str(end),
        cycle=cycle,
        period=period,
    )


def page_customer(mount: Mount, page: Page, query: Query) -> PageCustomer | None:
    """The customer of a page; None where it shows all of them, and on shared pages without its name."""
    scope = mount.usage.scope
    if scope is not None:
        is_named = mount.labels.of_customer(scope.customer_id) is not None
        return PageCustomer(scope.customer_id, full_label(scope.customer_id), None) if is_named else None
    customer_id = query.customer_id
    if customer_id is None or page == "overview":
        return None
    return PageCustomer(
        customer_id,
        "" if mount.labels.of_customer(customer_id) is None else full_label(customer_id),
        None
        if settings.AUTUMN_APP_URL is None
        else f"{settings.AUTUMN_APP_URL}/customers/{quote(customer_id, safe='')}",
    )
