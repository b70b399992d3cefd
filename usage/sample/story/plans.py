"""The plans of the story: what each grants, and the catalog's body of a customer that has one.

A body is stored with usage and periods as of the story's beginning; ``balances`` updates it.
"""

from typing import Any, NamedTuple
from zlib import crc32

from usage.sample.errors import ENV
from usage.sample.numbers import number
from usage.sample.story.deductions import INTERVALS, balance_id
from usage.sample.story.feature_catalog import TWENTY
from usage.sample.story.profiles import Profile
from usage.sample.windows import DAY

Body = dict[str, Any]
MONTHS_GRANTED = {"week": 0.25, "month": 1, "quarter": 3, "year": 12}


class Allowance(NamedTuple):
    """What a plan grants of a feature in a month, or without an end for a feature that is not used up.

    ``cycle``: the balance's own reset interval, None for the subscription's. ``prepaid``: bought in addition,
    without a reset. ``most``: of the overage, where that has a bound.
    """

    feature: str
    granted: float = 0
    unlimited: bool = False
    overage: bool = False
    held: bool = False
    cycle: str | None = None
    prepaid: float = 0
    most: float | None = None


class Account(NamedTuple):
    """A customer as its plan and its catalog entry need it. Times are epoch milliseconds.

    ``anchor``: the start of the first billing cycle, None for a plan without one.
    """

    id: str
    profile: Profile
    created_at: int
    plan: str | None
    anchor: int | None
    interval: str


PLANS = {
    "enterprise": (
        Allowance("api_calls", unlimited=True),
        Allowance("ai_tokens", 20_000_000, overage=True, prepaid=500_000),
        Allowance("emails", 10_000),
        Allowance("storage_gb", 2_500, overage=True),
        Allowance("seats", 800, held=True),
    ),
    "scale": (
        Allowance("api_calls", 10_000),
        Allowance("ai_tokens", 4_000_000, overage=True, most=10_000_000),
        Allowance("emails", 5_000),
        Allowance("storage_gb", 4_000),
        Allowance("seats", 300, held=True),
    ),
    "pro": (
        Allowance("api_calls", 2_000),
        Allowance("ai_tokens", 1_500_000),
        Allowance("emails", 12_000),
        Allowance("storage_gb", 5_000),
        Allowance("seats", 150, held=True),
    ),
    "starter": (
        Allowance("api_calls", 400, overage=True),
        Allowance("ai_tokens", 250_000),
        Allowance("emails", 3_000),
        Allowance("storage_gb", 500),
        Allowance("seats", 50, held=True),
    ),
    "free": (
        Allowance("api_calls", 400),
        Allowance("ai_tokens", 1_000_000),
        Allowance("emails", 4_000),
        Allowance("storage_gb", 200),
        Allowance("seats", 10, held=True),
    ),
    "creator": (
        Allowance("credits", 120, overage=True, prepaid=40),
        Allowance("exports", 80, cycle="week"),
        Allowance("ai_credits", 25),
    ),
    "atlas": (Allowance("tile_requests", 2_500), Allowance("seats_yearly", 2_000, cycle="year")),
    "meters": tuple(Allowance(feature, 200) for feature in TWENTY),
}
WITH_SIGN_ON = frozenset({"enterprise", "scale"})

# Special states of subscriptions at the beginning of the story.
PAST_DUE = frozenset({"los-pollos"})
ENDING = frozenset({"pied-piper"})
NEXT_PLAN = {"cyberdyne": "scale", "brightside-eu": "pro"}
ADD_ON = {"acme-robotics": "priority-support"}
TRIAL_DAYS = {"cus_b2r19x": 27}
USAGE_LIMITS = {"hooli": ("ai_tokens", 12_000_000), "oscorp": ("ai_tokens", 400_000)}
SPEND_LIMITS = {"globex": ("ai_tokens", 5_000_000), "stark-logistics": (None, 250)}


def customer_body(account: Account, epoch: int) -> Body:
    """What the catalog stores of a customer of the story, whose ``epoch`` is in epoch milliseconds."""
    allowances = PLANS[account.plan] if account.plan else ()
    return {
        "id": account.id,
        "name": account.profile.name,
        "email": account.profile.email,
        "created_at": account.created_at,
        "fingerprint": None,
        "stripe_id": f"cus_{_code(account.id)}" if account.anchor is not None else None,
        "env": ENV,
        "metadata": {},
        "send_email_receipts": False,
        "billing_controls": _controls(account.id),
        "subscriptions": _subscriptions(account, epoch),
        "purchases": [],
        "licenses": [],
        "flags": _flags(account),
        "balances": {each.feature: _balance(account, each) for each in allowances},
    }


def _code(text: str) -> str:
    return f"{crc32(text.encode()):08x}"


def _controls(customer_id: str) -> Body:
    """Lists without an entry are absent."""
    controls: Body = {}
    if customer_id in USAGE_LIMITS:
        feature, limit = USAGE_LIMITS[customer_id]
        usage_limit = {
            "feature_id": feature,
            "enabled": True,
            "limit": limit,
            "interval": "month",
            "usage": 0,
        }
        controls["usage_limits"] = [usage_limit]
    if customer_id in SPEND_LIMITS:
        some_feature, limit = SPEND_LIMITS[customer_id]
        of_feature = {"feature_id": some_feature} if some_feature else {}
        controls["spend_limits"] = [of_feature | {"enabled": True, "overage_limit": limit}]
    return controls


def _subscriptions(account: Account, epoch: int) -> list[Body]:
    if account.plan is None:
        return []
    own = _subscription(account, account.plan, account.created_at)
    if account.id in TRIAL_DAYS:
        own["trial_ends_at"] = epoch + TRIAL_DAYS[account.id] * DAY
    if account.id in ENDING:
        own["canceled_at"] = epoch - 20 * DAY
    following = NEXT_PLAN.get(account.id)
    extra = ADD_ON.get(account.id)
    return [
        own,
        *([_subscription(account, following, epoch) | {"status": "scheduled"}] if following else []),
        *([_subscription(account, extra, epoch - 60 * DAY) | {"add_on": True}] if extra else []),
    ]


def _subscription(account: Account, plan: str, started_at: int) -> Body:
    return {
        "id": f"cus_prod_{_code(account.id + plan)}",
        "plan_id": plan,
        "auto_enable": plan == "free",
        "add_on": False,
        "status": "active",
        "past_due": account.id in PAST_DUE,
        "canceled_at": None,
        "expires_at": None,
        "trial_ends_at": None,
        "started_at": started_at,
        "current_period_start": account.anchor,
        "current_period_end": account.anchor,
        "quantity": 1,
        "scope": "customer",
    }


def _flags(account: Account) -> Body:
    if account.plan not in WITH_SIGN_ON:
        return {}
    flag_id = f"cus_ent_{_code(account.id + 'sso')}"
    return {"sso": {"id": flag_id, "plan_id": account.plan, "expires_at": None, "feature_id": "sso"}}


def _balance(account: Account, allowance: Allowance) -> Body:
    """A balance without usage."""
    interval = allowance.cycle or account.interval
    resets = account.anchor is not None and not allowance.held
    share = MONTHS_GRANTED[interval] if resets and allowance.cycle is None else 1
    part = {
        "id": balance_id(account.id, allowance.feature),
        "plan_id": account.plan,
        "included_grant": number(allowance.granted * share),
        "prepaid_grant": 0,
        "remaining": 0,
        "usage": 0,
        "unlimited": allowance.unlimited,
        "reset": INTERVALS[interval] | {"resets_at": account.anchor} if resets else None,
        "price": _price("usage_based", allowance.most) if allowance.overage else None,
        "expires_at": None,
    }
    bought = part | {
        "id": balance_id(account.id, "topup"),
        "plan_id": None,
        "included_grant": 0,
        "prepaid_grant": allowance.prepaid,
        "reset": None,
        "price": _price("prepaid", None),
    }
    return {
        "feature_id": allowance.feature,
        "granted": 0,
        "remaining": 0,
        "usage": 0,
        "unlimited": allowance.unlimited,
        "overage_allowed": allowance.overage,
        "max_purchase": allowance.most,
        "next_reset_at": None,
        "breakdown": [part, bought] if allowance.prepaid else [part],
    }


def _price(method: str, most: float | None) -> Body:
    return {"amount": 0.4, "billing_units": 1000, "billing_method": method, "max_purchase": most}
