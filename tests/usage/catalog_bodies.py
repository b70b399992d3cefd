"""Bodies of customers and features, as Autumn sends them."""

from __future__ import annotations

import json
from typing import Any

MONTH = {"interval": "month", "resets_at": 1_796_083_200_000}
BALANCE = {
    "feature_id": "messages",
    "granted": 100,
    "remaining": 72,
    "usage": 28,
    "unlimited": False,
    "overage_allowed": False,
    "max_purchase": None,
    "next_reset_at": 1_796_083_200_000,
    "breakdown": [{"plan_id": "pro", "included_grant": 90, "prepaid_grant": 10, "usage": 28, "reset": MONTH}],
}
SUBSCRIPTION = {
    "plan_id": "pro",
    "status": "active",
    "past_due": False,
    "current_period_start": 1_793_404_800_000,
    "current_period_end": 1_796_083_200_000,
    "quantity": 1,
}
ADA: dict[str, Any] = {
    "id": "cus_2",
    "name": "Ada Ltd",
    "email": "ada@ada.test",
    "created_at": 1,
    "metadata": {"secret": "s3cret-canary"},
    "subscriptions": [SUBSCRIPTION],
    "balances": {"messages": BALANCE, "seats": {**BALANCE, "feature_id": "seats", "breakdown": []}},
}
CREDITS = {"id": "credits", "name": "Credits", "type": "credit_system", "consumable": True, "event_names": []}


def encoded(value: object) -> bytes:
    return json.dumps(value).encode()
