"""The sample's story: 120 days of a software company's customers, and the time after them.

An hour's events are a function of the customer, the hour and the story's epoch (the midnight, UTC, of the
day it was made), so they are the same on every machine, and a story that is extended later
continues in the same way.

It has days and nights, weekends, growth; hooli's runaway job in the week before the epoch; pied-piper, quiet
for five weeks; globex moving from gpt-large to sonata-2; a refund.
"""

from binascii import b2a_base64
from bisect import bisect
from collections.abc import Iterator
from functools import lru_cache
from itertools import accumulate, chain
from random import Random
from typing import NamedTuple

from usage.sample.document import encoded
from usage.sample.schema import EventRow
from usage.sample.story.cast import CUSTOMERS, FEATURES, KINDS, Customer
from usage.sample.story.deductions import deductions_of
from usage.sample.story.plan_versions import plan_version
from usage.sample.story.properties import Properties, properties_of
from usage.sample.windows import DAY, HOUR

VERSION = 1
DAYS = 120
LONGEST_LAG = 3000
KSUID_EPOCH = 1_400_000_000
BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
PAIRS = [first + second for first in BASE62 for second in BASE62]
LETTERS = bytes.maketrans(b"+/", b"xY")

# Shares of an average hour, from midnight; of an average day, from Monday.
MORNING = (0.3, 0.25, 0.2, 0.2, 0.25, 0.35, 0.55, 0.85, 1.25, 1.6, 1.75, 1.75)
AFTERNOON = (1.5, 1.65, 1.75, 1.75, 1.6, 1.4, 1.15, 1.0, 0.9, 0.8, 0.7, 0.5)
HOURS = (*MORNING, *AFTERNOON)
WEEKDAYS = (1.15, 1.2, 1.25, 1.2, 1.1, 0.6, 0.5)

MIXES = {kind: [*accumulate(shares)] for kind, shares in KINDS.items()}

RUNAWAY_CUSTOMER, RUNAWAY_HOURS, RUNAWAY_PER_HOUR = "hooli", range(-6 * 24 + 1, -6 * 24 + 8), 420
RUNAWAY: Properties = {"model": "embed-3", "endpoint": "/v1/embeddings", "user": "batch-job@hooli.example"}
QUIET_CUSTOMER, QUIET_DAY = "pied-piper", -35
REFUND_CUSTOMER, REFUND_HOUR = "globex", -4 * 24 + 10
REFUND: Properties = {"reason": "refund", "model": "gpt-large", "ticket": "SUP-4127"}
STRAY_CUSTOMER, STRAY_NAME = "tiny-tools", "legacy_ping"


class StoryEvent(NamedTuple):
    """An event without an id; ``timestamp`` in epoch milliseconds."""

    timestamp: int
    feature: str
    value: float
    properties: Properties


def story_start(epoch: int) -> int:
    """Epoch milliseconds of the first hour."""
    return epoch - DAYS * DAY


def subscribed_at(customer: Customer, epoch: int) -> int | None:
    """The start of a customer's first billing cycle, half past nine on some day; None without a plan."""
    if customer.cycle_day is None:
        return None
    return epoch - customer.cycle_day * DAY + 9 * HOUR + HOUR // 2


def events_between(epoch: int, after: int, until: int, seed: int = 0) -> Iterator[EventRow]:
    """The events that arrive in (after, until], a second or two late. ``seed`` 0: the usual story."""
    first = max(after - LONGEST_LAG, story_start(epoch)) // HOUR * HOUR
    anchors = [(customer, subscribed_at(customer, epoch)) for customer in CUSTOMERS]
    version = f"{VERSION}+{seed}" if seed else f"{VERSION}"
    # One generator, seeded again for each hour: a new one is seeded twice, and most hours have few events.
    rng = Random()  # noqa: S311 no secret
    for hour in range(first, until + 1, HOUR):
        relative = (hour - epoch) // HOUR
        for customer, anchor in anchors:
            rng.seed(f"{version}:{customer.id}:{hour // HOUR}")
            for event in chain(
                _usual(customer, hour, relative, rng), _incidents(customer, hour, relative, rng)
            ):
                luck = rng.getrandbits(128).to_bytes(16, "big")
                if after < event.timestamp + _lag(event.timestamp) <= until:
                    yield _row(customer, anchor, event, luck, plan_version(customer.plan, relative))


def event_id(timestamp: int, payload: bytes) -> str:
    """``evt_`` and 27 characters that sort by second; ``payload`` is 16 bytes that distinguish events."""
    earlier, pair = divmod(max(0, timestamp // 1000 - KSUID_EPOCH), len(PAIRS))
    letters = b2a_base64(payload, newline=False).translate(LETTERS)[:21].decode()
    return f"evt_{_two_pairs(earlier)}{PAIRS[pair]}{letters}"


@lru_cache(maxsize=1024)
def _two_pairs(number: int) -> str:
    first, second = divmod(number, len(PAIRS))
    return PAIRS[first % len(PAIRS)] + PAIRS[second]


def _lag(timestamp: int) -> int:
    return timestamp * 7919 % LONGEST_LAG


def _usual(customer: Customer, hour: int, relative: int, rng: Random) -> Iterator[StoryEvent]:
    rate = _rate(customer, hour, relative)
    mix = MIXES[customer.kind]
    for _ in range(int(rate * (0.6 + 0.8 * rng.random()) + rng.random())):
        feature = FEATURES[min(bisect(mix, rng.random()), len(FEATURES) - 1)]
        value, properties = properties_of(customer, feature, relative / 24, rng)
        yield StoryEvent(hour + int(rng.random() * HOUR), feature, value, properties)


def _rate(customer: Customer, hour: int, relative: int) -> float:
    """Events to expect in an hour. Growth ends a month after the epoch."""
    if customer.id == QUIET_CUSTOMER and relative >= QUIET_DAY * 24:
        return 0.0
    local = hour // HOUR + customer.shift
    rhythm = HOURS[local % 24] * WEEKDAYS[(local // 24 + 3) % 7]
    growth = 1 + customer.growth * (min(relative / (DAYS * 24), 0.25) + 0.5)
    return customer.per_day / 24 * rhythm * growth


def _incidents(customer: Customer, hour: int, relative: int, rng: Random) -> Iterator[StoryEvent]:
    if customer.id == RUNAWAY_CUSTOMER and relative in RUNAWAY_HOURS:
        for _ in range(RUNAWAY_PER_HOUR):
            value, properties = properties_of(customer, "ai_tokens", relative / 24, rng)
            yield StoryEvent(hour + int(rng.random() * HOUR), "ai_tokens", value, properties | RUNAWAY)
    if customer.id == REFUND_CUSTOMER and relative == REFUND_HOUR:
        yield StoryEvent(hour + 1_425_678, "ai_tokens", -48_000, REFUND)
    if customer.id == STRAY_CUSTOMER and relative % (7 * 24) == 9:
        yield StoryEvent(hour + 61_803, STRAY_NAME, 1, {"source": "cron"})


def _row(
    customer: Customer, anchor: int | None, event: StoryEvent, luck: bytes, plan: str | None
) -> EventRow:
    timestamp, feature, value, properties = event
    deductions = deductions_of(customer, anchor, feature, timestamp, value, luck)
    return EventRow(
        event_id(timestamp, luck),
        timestamp,
        customer.id,
        feature,
        f"ws_{luck[0] % customer.entities + 1}" if customer.entities and luck[1] > 20 else None,
        value,
        # Not `stored`: nothing here has another form in the database, and to look takes as long as to encode.
        encoded(properties).decode(),
        None if deductions is None else encoded(deductions).decode(),
        plan,
    )
