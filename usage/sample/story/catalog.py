"""The catalog of the story: its features, and a body for each customer."""

import sqlite3
from collections.abc import Iterator

from usage.sample.names.catalog import put_customer, put_feature
from usage.sample.schema import add_customer, add_plan
from usage.sample.story import edge_cases
from usage.sample.story.cast import CUSTOMERS
from usage.sample.story.events import story_start, subscribed_at
from usage.sample.story.feature_catalog import FEATURES
from usage.sample.story.plan_versions import plan_versions
from usage.sample.story.plans import Account, customer_body
from usage.sample.story.profiles import PROFILES, Profile
from usage.sample.windows import DAY

# Created with an e-mail address only; it has no id until its first event.
INVITED = Profile(None, "invited@nobody-yet.example")
TIME_BETWEEN = 1_021_000


def fill_catalog(connection: sqlite3.Connection, epoch: int) -> None:
    """Describe all features and customers of a story with this epoch (epoch milliseconds)."""
    for feature in FEATURES:
        put_feature(connection, feature)
    for internal_id, plan in plan_versions():
        add_plan(connection, internal_id, plan)
    for account in _accounts(epoch):
        put_customer(connection, customer_body(account, epoch))
        add_customer(connection, account.id, account.anchor, account.interval)
    invited = Account("", INVITED, epoch - 3 * DAY, None, None, "month")
    put_customer(connection, customer_body(invited, epoch) | {"id": None})


def _accounts(epoch: int) -> Iterator[Account]:
    """Each is created before its first event and its first period, the two of one name at the same time."""
    anchors = {customer: subscribed_at(customer, epoch) for customer in CUSTOMERS}
    anchors |= {customer: edge_cases.anchor_of(customer, epoch) for customer in edge_cases.CUSTOMERS}
    for number, (customer, anchor) in enumerate(anchors.items()):
        first = min(story_start(epoch), epoch if anchor is None else anchor)
        order = number - (customer == edge_cases.TWINS[-1])
        made = first - (order + 1) * TIME_BETWEEN
        yield Account(customer.id, PROFILES[customer.id], made, customer.plan, anchor, customer.interval)
