"""Organizations that differ only in what a link hides, behind one site: every answer to a recipient must be
the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from itertools import product
from typing import Any, NamedTuple
from urllib.parse import quote

import msgspec

from dashboard.models import ExportRecord, Sighting
from dashboard.sharing.models import Share
from tests.dashboard.sharing.canary_organization import DAY, HOUR, OTHER, SEEN, CanarySite, bounds
from tests.usage.sample.conftest import described
from usage.query import PARAMETERS
from usage.sample import SampleApp, Store

NOW = datetime(2026, 11, 18, 14, 25, 30, tzinfo=UTC)
LISTED = ("region", "meta.tier", "kind")
"""The properties that links of these tests list."""

HIDDEN_KEYS = (
    "region.tier",
    "meta.tier.deep",
    "meta.inner",
    "meta",
    "user",
    "Region",
    "region.",
    ".region",
    "properties.region",
    "region[0]",
    "regıon",
    "tier",
)
SHOWN_BALANCE = {"balance_id": "b_shown", "feature_id": "api_calls", "value": 1, "reset": None}
"""Of a feature that links show; hidden features deduct from it too."""
SECRETS = {"first": ("gold", "lead"), "second": ("iron", "lead"), "without": ()}
"""For each organization the values of hidden keys; without any, the keys are absent."""


class Organization(NamedTuple):
    """`hides`: what differs from the others: `properties`; `customers`, with entities, plans and balances; or
    `all` of this, with features and times.
    """

    secrets: tuple[str, ...]
    hides: str

    def events(self) -> Iterator[dict[str, Any]]:
        """Twelve hours of events that links show, and others that they don't."""
        start, end = bounds()
        for number in range(36):
            secret = self.secrets[number // 6 % 2] if self.secrets else None
            own = self._event(f"evt_{number:02}", start + DAY + number * HOUR // 3, 1 + number % 5, number)
            yield own | {"properties": own["properties"] | _properties(number, secret)}
        if self.hides == "properties":
            return
        for number, secret in enumerate(self.secrets * 3):
            at, value = start + DAY + number * HOUR + 7, 700 + len(secret) * number
            hidden = self._event(f"hid_{number}_{secret}", at, value, number)
            yield hidden | {"id": f"oth_{number}_{secret}", "customer_id": OTHER}
            if self.hides != "all":
                continue
            taken = [*hidden["deductions"], {**SHOWN_BALANCE, "value": 500 + number}]
            yield hidden | {"feature_id": f"hidden_{secret}", "deductions": taken}
            for place, moment in enumerate((start - 1 - number, end + number)):
                outside = {"timestamp": moment, "properties": {"region": secret}}
                yield hidden | outside | {"id": f"out_{place}_{number}_{secret}"}

    def customer(self) -> dict[str, Any]:
        """The customer, with the balance of a feature that links show; the rest is hidden."""
        secret, place = "".join(self.secrets), len(self.secrets)
        named = {"name": f"Name {secret}", "email": f"{secret}@seen.example"} if secret else {}
        plan = {"plan_id": f"plan_{secret}", "status": "active", "past_due": bool(place)}
        granted = {"api_calls": 1_000, f"hidden_{secret}": 4_000 + place}
        balances = {name: _balance(name, units) for name, units in granted.items()}
        return described(SEEN, **named, subscriptions=[plan] * place, balances=balances)

    def _event(self, name: str, at: int, value: float, number: int) -> dict[str, Any]:
        secret = self.secrets[number // 6 % 2] if self.secrets and self.hides != "properties" else None
        taken = {"balance_id": f"b_{secret}", "feature_id": f"credits_{secret}", "value": 2, "reset": None}
        return {
            "id": name,
            "timestamp": at,
            "customer_id": SEEN,
            "feature_id": ("api_calls", "images")[number // 12 % 2],
            "value": value,
            "properties": {"kind": f"kind-{number % 3}"},
            "entity_id": secret,
            "plan_id": secret,
            "deductions": [SHOWN_BALANCE, *([taken] if secret else ())],
        }


def _balance(feature: str, granted: int) -> dict[str, Any]:
    left = {"granted": granted, "remaining": granted // 2, "usage": granted // 2, "unlimited": False}
    return {"feature_id": feature, **left, "next_reset_at": None, "breakdown": []}


def _properties(number: int, secret: str | None) -> dict[str, Any]:
    """Properties of one of six shapes, each with other hidden keys."""
    hidden: dict[str, Any] = {}
    shown: dict[str, Any] = {}
    match number % 6:
        case 0:
            shown = {"region": ("eu", "us")[number // 6 % 2], "meta": {"tier": "free"}}
            hidden = {"meta": {"tier": "free", "inner": secret}}
        case 1:
            hidden = {"region": {"tier": secret}}
        case 2:
            hidden = {"meta": {"tier": {"deep": secret}}}
        case 3:
            shown = {"region": "eu"}
            hidden = {"Region": secret, "region.": secret, ".region": secret, "user": secret, "tier": secret}
        case 4:
            hidden = {"properties": {"region": secret}, "regıon": secret, "user": secret}
        case 5:
            shown = {"region": ["eu", "us"]}
            hidden = {"region[0]": secret, "meta": {"inner": secret}}
    return shown | hidden if secret is not None else shown


class DottedKeys:
    """A server that lists keys as they were tracked, with dots, and evaluates them as nested paths."""

    def __init__(self, app: SampleApp) -> None:
        self.app = app

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if not environ["PATH_INFO"].endswith("events.list"):
            return self.app(environ, start_response)
        begun: list[Any] = []

        def begin(*given: Any) -> Callable[[bytes], object]:
            begun.extend(given)
            return len

        answer = msgspec.json.decode(b"".join(self.app(environ, begin)))
        for row in answer.get("list", ()):
            row["properties"] = _dotted(row["properties"])
        body = msgspec.json.encode(answer)
        headers = [pair for pair in begun[1] if pair[0].lower() != "content-length"]
        start_response(begun[0], [*headers, ("Content-Length", str(len(body)))])
        return [body]


def _dotted(properties: dict[str, Any]) -> dict[str, Any]:
    dotted: dict[str, Any] = {}
    for name, value in properties.items():
        if name == "region" and isinstance(value, dict):
            dotted |= {f"region.{inner}": text for inner, text in value.items()}
        elif name == "meta" and isinstance(value.get("tier"), dict):
            dotted |= {f"meta.tier.{inner}": text for inner, text in value["tier"].items()}
        else:
            dotted[name] = value
    return dotted


def spellings(key: str) -> list[str]:
    """Ways to write a key that some parser might take for it."""
    first, _, rest = key.partition(".")
    nested = [
        f'{first}["{rest}"]',
        f"{first}['{rest}']",
        f"{first}[{rest}]",
        f'"{first}"."{rest}"',
        f"{first}/{rest}",
        f"{first}..{rest}",
        f"{first}. {rest}",
        f"{first}\\.{rest}",
        f"{first}．{rest}",
        f"{first}\u200b.{rest}",
        f"{first}%2E{rest}",
        f"{first}->>{rest}",
        f"{first}.*",
    ]
    whole = [key, key.upper(), key.title(), key.casefold(), f"{key}.", f".{key}", f" {key}", f"{key} "]
    around = ["properties.{}", "properties.properties.{}", "$.{}", "{}.0", "{}[0]", "{}.{{}}", "{}\0", '"{}"']
    looks_like = [key.replace("e", "е"), key.replace("i", "ı"), key.replace("r", "ｒ"), f"{key}\u0301"]
    return [*whole, *(each.format(key) for each in around), *looks_like, *(nested if rest else ()), "*"]


PATHS = tuple(dict.fromkeys(spelled for key in HIDDEN_KEYS for spelled in spellings(key)))
VALUES = ("gold", "lead", "iron", "eu", "", "null", '{"tier":"gold"}', "*")


def guesses_in_paths(path: str, value: str) -> list[dict[str, str]]:
    """A guess about a path in each parameter that names paths, alone and with others."""
    return [
        {"filter": f"{path}:{value}"},
        {"exclude": f"{path}:{value}"},
        {"columns": path, "filter": f"region:{value or 'eu'}"},
        {"group_by": f"properties.{path}"},
        {"group_by": f"properties.{path}", "group": value or "x"},
        {"group_by": "properties.region", "filter": f"{path}:{value}", "compare": "previous"},
        {"event": f"{bounds()[0]},{value or 'x'}", "exclude": f"{path}:{value}", "value_min": "2"},
        {f"filter[{path}]": value},
    ]


def guesses(path: str, value: str) -> list[dict[str, str]]:
    """The same, and the path and the value in every parameter."""
    alone = [{name: text} for name, text in product((*PARAMETERS, "measure"), (path, value)) if text]
    groups = {"group_by": "properties.region", "group": value or "x", "bin_size": "hour"}
    return [*guesses_in_paths(path, value), *alone, groups]


PARTIAL = {"HX-Request": "true"}
ROUTES: tuple[tuple[str, dict[str, str]], ...] = (
    ("usage/", {}),
    ("usage/", PARTIAL),
    ("usage/rows/", {**PARTIAL, "Columns": "region.tier,user,Region"}),
    ("events/", {}),
    ("events/", {**PARTIAL, "HX-Target": "events-in-view"}),
    ("events/histogram/", PARTIAL),
    ("events/facets/", PARTIAL),
    ("events/more/", PARTIAL),
    ("events/live/", {**PARTIAL, "Live-After": "1,a", "Columns": "region.tier,user,Region"}),
    ("events/export.csv", {}),
    ("events/export.jsonl", {}),
    ("usage/export.csv", {}),
    ("usage/explain/", {}),
    ("usage/explain/", {**PARTIAL, "Explain-Step": "3"}),
    ("usage/explain.csv", {}),
)


class Request(NamedTuple):
    """One request of a recipient."""

    route: int
    params: dict[str, str]


class Answer(NamedTuple):
    """Everything that a recipient can observe, and the calls that an answer took."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    calls: list[str]


_TOKEN = re.compile(rb'(name="csrfmiddlewaretoken" value=|"X-CSRFToken": ?)"?[A-Za-z0-9]{64}"?')


class Twins:
    """One site whose Autumn is one of several organizations, a link of it, and a recipient."""

    def __init__(self, site: CanarySite, stores: dict[str, Store], **link: Any) -> None:
        self.site = site
        self.stores = stores
        self.share, token = site.share(properties=list(LISTED), exports=True, **link)
        self.client = site.recipient_client(self.share, token)

    def answers(self, organization: str, requests: Iterable[Request]) -> list[Answer]:
        """The answers to these requests, one after the other, by a site that starts with empty caches."""
        self.site.store = self.stores[organization]
        self.site.restart()
        Sighting.objects.all().delete()
        ExportRecord.objects.all().delete()  # an hour's exports are bounded
        self.site.take()
        return [self._answer(request) for request in requests]

    def _answer(self, request: Request) -> Answer:
        route, headers = ROUTES[request.route]
        response = self.client.get(address(self.share, route, request.params), headers=headers)
        body = b"".join(response) if response.streaming else response.content
        return Answer(
            response.status_code,
            sorted(pair for pair in response.headers.items() if pair[0] != "X-Request-ID"),  # made at random
            _TOKEN.sub(b"", body),
            # Names are read in the background: their calls may be any answer's.
            sorted(msgspec.json.encode(call).decode() for call in self.site.take() if "events." in call[0]),
        )


def address(share: Share, route: str, params: dict[str, str]) -> str:
    pairs = {"tz": "UTC"} | params
    return f"{share.root}{route}?" + "&".join(f"{quote(n, '')}={quote(v, '')}" for n, v in pairs.items())
