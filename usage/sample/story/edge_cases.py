"""Small customers of the story, each with a case that usage pages often get wrong.

Bellweather Controls has 20 features and Halcyon Grid 70; Northwind Cartography has a yearly feature with
three events; Lumen Optics pays in credits and tracks event names; Fibonacci & Daughters has values of many
digits, Tick Tock Telemetry rows of one millisecond, Meridian Cloudworks values that look alike, Drift & Sons
Watchmakers clocks that are ahead and rows that arrive late; two customers are called Brightside Media.
"""

from collections.abc import Callable, Iterator
from random import Random
from typing import Any, NamedTuple
from uuid import UUID

from usage.sample.story.cast import Customer
from usage.sample.story.deductions import Deduction, balance_id, reset_after
from usage.sample.story.events import event_id
from usage.sample.story.feature_catalog import CREDIT_COSTS, NAMES_OF_EXPORTS, SEVENTY, TWENTY
from usage.sample.story.properties import Properties
from usage.sample.windows import DAY, HOUR

MINUTE = 60_000
# Of a row's time, until it arrives; negative for a clock that is ahead.
USUAL_LAG, LATE, AHEAD = 800, 25 * MINUTE, -6 * MINUTE
PERIOD_STARTS = 9 * HOUR + 17 * MINUTE + 23_000

CUSTOMERS = (
    Customer("cus_7f3a9k", 0, "files", 0, "creator", 47),
    Customer("org_20f5c1", 0, "api", 0, "meters", 75),
    Customer("acct-70-hg", 0, "api", 0, None, None),
    Customer("acct_0091", 0, "files", 0, "atlas", 316),
    Customer("cus_k81dd02", 0, "api", 0, None, None),
    Customer("cus_m5r0w", 0, "api", 0, None, None),
    Customer("acct_arn_5", 0, "api", 0, None, None),
    Customer("cus_wd40x", 0, "api", 0, None, None),
    Customer("brightside-eu", 0, "api", 0, "starter", 36),
    Customer("cus_b2r19x", 0, "api", 0, "pro", 33),
)
LUMEN, TWENTY_FEATURES, SEVENTY_FEATURES, YEARLY, DIGITS, BURST, ALIKE, CLOCKS, *TWINS = CUSTOMERS

VALUES = (0.1 + 0.2, 1 / 3, 123456789.12345679, 9007199254740993.0, 1024176714000000000.0, -0.5)
READINGS = (0.1 + 0.2, 1 / 3, 123456789.12345679, 9007199254740993, 1024176714000000000, 12345678901234567890)
FUNCTIONS = ("ingest-orders", "ingest-invoices", "ingest-returns")
YEARLY_HOURS = frozenset({-310 * 24 + 9, -160 * 24 + 9, -25 * 24 + 9})
BURST_ROWS = 250


class Draft(NamedTuple):
    """An event without a customer and an id. ``at``: milliseconds into its hour.

    ``balance``: the feature whose balance it draws on, ``cost`` for each unit; None for no balance.
    """

    at: int
    feature: str
    value: float
    properties: Properties = {}  # noqa: RUF012 never modified
    lag: int = USUAL_LAG
    micros: int = 0
    balance: str | None = None
    cost: float = 1


Hourly = Callable[[int], Iterator[Draft]]


def anchor_of(customer: Customer, epoch: int) -> int | None:
    """The start of the first billing period, inside an hour; None without a plan."""
    return None if customer.cycle_day is None else epoch - customer.cycle_day * DAY + PERIOD_STARTS


def edge_events(epoch: int, after: int, until: int) -> Iterator[dict[str, Any]]:
    """The events that arrive in (after, until], as ``Store.add`` takes them; all times epoch milliseconds."""
    for customer, first, hourly in SOURCES:
        start = max(after - LATE, epoch + first * HOUR) // HOUR * HOUR
        for hour in range(start, until - AHEAD + 1, HOUR):
            yield from _arriving(customer, hourly, hour, epoch, after, until)


def _arriving(
    customer: Customer, hourly: Hourly, hour: int, epoch: int, after: int, until: int
) -> Iterator[dict[str, Any]]:
    rng = Random(f"edge:{customer.id}:{hour // HOUR}")  # noqa: S311 no secret
    for draft in hourly((hour - epoch) // HOUR):
        luck = rng.getrandbits(128).to_bytes(16, "big")
        if after < hour + draft.at + draft.lag <= until:
            yield _event(customer, hour + draft.at, draft, luck, anchor_of(customer, epoch))


def _event(
    customer: Customer, timestamp: int, draft: Draft, luck: bytes, anchor: int | None
) -> dict[str, Any]:
    return {
        "id": event_id(timestamp, luck),
        "timestamp": timestamp,
        "micros": draft.micros,
        "customer_id": customer.id,
        "feature_id": draft.feature,
        "value": draft.value,
        "properties": draft.properties,
        "deductions": _deductions(customer, timestamp, draft, anchor),
    }


def _deductions(
    customer: Customer, timestamp: int, draft: Draft, anchor: int | None
) -> list[Deduction] | None:
    if draft.balance is None:
        return None
    interval = {"exports": "week", "seats_yearly": "year"}.get(draft.balance, customer.interval)
    return [
        {
            "balance_id": balance_id(customer.id, draft.balance),
            "feature_id": draft.balance,
            "plan_id": customer.plan,
            "reset": reset_after(anchor, interval, timestamp),
            "value": round(draft.value * draft.cost, 6),
        }
    ]


def _credits(hour: int) -> Iterator[Draft]:
    day, clock = divmod(hour, 24)
    if clock % 4 == 0:
        size = ("thumbnail", "poster", "billboard")[day % 3]
        yield _for_credits(clock * MINUTE + 211, "image_renders", 1 + day % 5, {"size": size})
    if clock % 6 == 1:
        minutes = round(0.75 + day % 7 * 0.4, 2)
        yield _for_credits(20 * MINUTE + 7, "video_minutes", minutes, {"codec": ("av1", "h264")[day % 2]})
    if clock == 10:
        for number, name in enumerate(NAMES_OF_EXPORTS):
            yield Draft((number + 1) * MINUTE, name, 1, {"pages": 3 + day % 9}, balance="exports")
    if clock in (11, 16):
        tokens = {"model": "sonata-2", "input_tokens": 800 + clock, "output_tokens": 90 + day % 13}
        yield Draft(33 * MINUTE, "ai_credits", round(0.013 + day % 11 / 700, 6), tokens, balance="ai_credits")
    if hour == -3 * 24 + 12:
        yield _for_credits(41 * MINUTE, "image_renders", -2, {"reason": "refund"})


def _for_credits(at: int, feature: str, value: float, properties: Properties) -> Draft:
    return Draft(at, feature, value, properties, balance="credits", cost=CREDIT_COSTS[feature])


def _twenty(hour: int) -> Iterator[Draft]:
    """Five events of each feature in any seven days: of 10 for twelve of them, of 9 for the others."""
    day, clock = divmod(hour, 24)
    if clock == 10 and day % 7 < 5:
        for number, feature in enumerate(TWENTY):
            value = 10 if number < 12 else 9
            yield Draft(number * MINUTE, feature, value, {"site": "north"}, balance=feature)


def _seventy(hour: int) -> Iterator[Draft]:
    """Three events of each feature in any seven days, four of the last twenty, which are the largest."""
    day, clock = divmod(hour, 24)
    if clock != 11 or day % 7 not in (0, 2, 4, 6):
        return
    for number, feature in enumerate(SEVENTY):
        large = number >= 50
        if large or day % 7 != 6:
            yield Draft(
                number * 31_000, feature, 100 + number if large else 1 + number % 20, {"phase": number % 3}
            )


def _yearly(hour: int) -> Iterator[Draft]:
    """Three events in a year, behind more than a thousand newer ones of another feature."""
    if hour in YEARLY_HOURS:
        yield Draft(4 * MINUTE, "seats_yearly", 500, {"contract": "A-17"}, balance="seats_yearly")
    if hour >= -20 * 24:
        for number in range(2 + hour % 2):
            zoom: Properties = {"zoom": 3 + (hour + number) % 12}
            yield Draft(
                number * 17 * MINUTE + 5, "tile_requests", 1 + hour % 4, zoom, balance="tile_requests"
            )


def _digits(hour: int) -> Iterator[Draft]:
    """Once a week each of the values, in the row and among its properties, as a number and as text."""
    number = hour - 13 - 24 * (hour // 24 // 7 * 7 + 3)
    if 0 <= number < len(VALUES):
        reading = READINGS[number]
        properties: Properties = {"reading": reading, "as_text": str(reading), "share": VALUES[number] / 7}
        yield Draft(19 * MINUTE, "precise_units", VALUES[number], properties)


def _burst(hour: int) -> Iterator[Draft]:
    """Once a week 250 rows of one millisecond, whose microseconds are in no order of their ids."""
    if hour % (7 * 24) == 5 * 24 + 15:
        for number in range(BURST_ROWS):
            micros = number * 7 % 1000
            yield Draft(
                37 * MINUTE + 123, "ticks", 1, {"channel": number % 5, "micros": micros}, micros=micros
            )


def _alike(hour: int) -> Iterator[Draft]:
    """Values with 40 characters in common; and those that a roll-up of groups leaves out."""
    if hour % 3:
        return
    rng = Random(f"alike:{hour}")  # noqa: S311 no secret
    properties: Properties = {
        "arn": f"arn:aws:lambda:eu-west-1:123456789012:function:{FUNCTIONS[hour // 3 % 3]}",
        "trace": str(UUID(int=rng.getrandbits(128))),
        "digest": f"{rng.getrandbits(96):024x}",
        "price": round(0.05 * (1 + hour // 3 % 4), 2),
        "class": ("small", "Other", "AUTUMN_RESERVED", "", "(none)")[hour // 3 % 5],
        "note": "x" * 70 + str(hour // 3 % 2),
    }
    # A flat key with a dot and a nested one are one path to the API.
    zone = {"zone.id": "eu-1a"} if hour % 2 else {"zone": {"id": "eu-1a"}}
    yield Draft(8 * MINUTE + 450, "lambda_ms", 40 + hour % 90, properties | zone)


def _clocks(hour: int) -> Iterator[Draft]:
    """A clock six minutes ahead, a device that sends 25 minutes late, and two seconds in the wrong order."""
    for minute in range(0, 60, 10):
        yield Draft(minute * MINUTE, "clock_ticks", 1, {"clock": "ahead"}, lag=AHEAD)
    yield Draft(20 * MINUTE, "clock_ticks", 2, {"clock": "late"}, lag=LATE)
    yield Draft(50 * MINUTE, "clock_ticks", 3, {"clock": "right"})
    yield Draft(50 * MINUTE - 2000, "clock_ticks", 4, {"clock": "overtaken"}, lag=4500)


def _twins(hour: int) -> Iterator[Draft]:
    if hour % 6 == 2:
        properties: Properties = {"endpoint": "/v1/items", "status": 200, "region": "eu-west"}
        yield Draft(26 * MINUTE + 90, "api_calls", 1, properties, balance="api_calls")


# The events of each customer, and the first hour of them, counted from the story's epoch.
SOURCES: tuple[tuple[Customer, int, Hourly], ...] = (
    (LUMEN, -40 * 24, _credits),
    (TWENTY_FEATURES, -14 * 24, _twenty),
    (SEVENTY_FEATURES, -14 * 24, _seventy),
    (YEARLY, min(YEARLY_HOURS), _yearly),
    (DIGITS, -28 * 24, _digits),
    (BURST, -9 * 24, _burst),
    (ALIKE, -14 * 24, _alike),
    (CLOCKS, -2 * 24, _clocks),
    *((twin, -30 * 24, _twins) for twin in TWINS),
)
