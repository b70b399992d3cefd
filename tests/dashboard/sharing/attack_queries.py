"""Query strings of an attacker who tries to see more than a link shows."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random
from urllib.parse import quote

from dashboard.forms import PARTS
from tests.dashboard.sharing.canary_organization import DAY, HOUR, OTHER, SEEN, bounds
from usage.query import PARAMETERS

METHODS = (*["GET"] * 20, "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PROPFIND")
HEADERS: tuple[dict[str, str], ...] = (
    {},
    {"HX-Request": "true"},
    {"HX-Request": "true", "HX-History-Restore-Request": "true"},
    {"Cache-Control": "no-cache"},
)
UNKNOWN = (
    "customer",
    "customerId",
    "customer_id[]",
    "CUSTOMER_ID",
    "limit",
    "offset",
    "scope",
    "x",
    "custom_range",
    "filter_by",
)
ANYTHING = (
    "",
    " ",
    "\0",
    "a\0b",
    OTHER,
    SEEN,
    "*",
    "null",
    "undefined",
    "[]",
    '["cus_other"]',
    "{}",
    "0",
    "-1",
    "9" * 400,
    "%",
    "\ud7ff",
    "'",
    "api_calls",
)
PATHS = (
    "model",
    "meta",
    "meta.tier",
    "meta.inner",
    "user",
    "u",
    "canary_key",
    "",
    "meta.",
    ".tier",
    "model.x",
    "properties.model",
    "*",
)


FILTERS = tuple(f"{path}:{value}" for path in PATHS for value in ("model-1", "gold", "a@example.com", ""))
VALUES: dict[str, tuple[str, ...]] = {
    "customer_id": (OTHER, SEEN, "", " ", "\0", f"{SEEN},{OTHER}", "null", "%00"),
    "feature_id": ("api_calls", "hidden_feature", "feature_of_another", "", "capability-probe"),
    "focus": ("api_calls", "hidden_feature", ""),
    "entity_id": ("entity", ""),
    "range": ("24h", "7d", "30d", "90d", "1bc", "3bc", "last_cycle", "all", ""),
    "bin_size": ("hour", "day", "week", "month", "year", ""),
    "group_by": (
        "$customer_id",
        "$entity_id",
        "$plan_id",
        *(f"properties.{path}" for path in PATHS),
        "model",
        "",
    ),
    "group": ("model-1", "gold", ""),
    "hide": ("model-1", "gold", "other_value", ""),
    "measure": ("sum", "count", "deducted", "x", ""),
    "chart": ("bars", "lines", "cumulative", "percent", "panels", "pie"),
    "filter": FILTERS,
    "exclude": FILTERS,
    "filter_text": (*FILTERS, *(f"-{item}" for item in FILTERS), *(f"{path}!=gold" for path in PATHS)),
    "filter_property": PATHS,
    "filter_is": ("is", "not", "x"),
    "filter_value": ("model-1", "gold", "a@example.com", ""),
    "start_time": ("14:00", "24:00", "x", ""),
    "end_time": ("16:00", "23:59:59.999", ""),
    "columns": PATHS,
    "value_min": ("0", "-1e9", "x"),
    "value_max": ("1e12", "0"),
    "compare": ("previous", "x"),
    "tz": ("UTC", "Asia/Kolkata", "America/New_York", "Nowhere"),
    "per_page": ("50", "100", "500", "1000", "1"),
    "page": ("1", "2", "0", "99999999"),
}


def values() -> dict[str, tuple[str, ...]]:
    """Valid and nearly valid values for each parameter; moments within, beyond and at the bounds."""
    start, end = bounds()
    times = (0, start - DAY, start - 1, start, start + 5 * HOUR, end - 1, end, end + HOUR, end + 9 * DAY)
    moments = tuple(map(str, times))
    places = (*(f"{at},evt_1" for at in moments), "1", "x,y", ",")
    return VALUES | {
        "start": (*moments, "2020-01-01", ""),
        "end": (*moments, "2030-01-01", ""),
        "until": moments,
        "before": places,
        "event": places,
    }


def query(random: Random) -> str:
    """A query string: mostly known names with their values, some repeated, some of another kind, some
    unknown.
    """
    known, pairs = values(), []
    for _ in range(random.randrange(6)):
        name = random.choice((*PARAMETERS, *PARTS))
        pool = known[name] if random.random() < 0.85 else ANYTHING
        pairs += [(name, random.choice(pool))] * (2 if random.random() < 0.05 else 1)
    if random.random() < 0.1:
        pairs.append((random.choice(UNKNOWN), random.choice(ANYTHING)))
    random.shuffle(pairs)
    return query_string(pairs, random.choice(("&", "&", "&", ";", "&&")))


def query_string(pairs: Iterable[tuple[str, str]], separator: str = "&") -> str:
    """The pairs as a query string."""
    return separator.join(f"{name}={quote(value)}" for name, value in pairs)
