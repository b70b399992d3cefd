"""Hostile customers, one kind a function: each of them has what once led to a wrong figure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random

from tests.audit.calendars import DAY, HOUR, ZONES, clock_changes, day_start, local
from tests.audit.groups import GROUPED
from tests.audit.making import Owner, scatter
from tests.audit.world import Customer, Cycle, World

Make = Callable[[Owner], Customer]


def plain(owner: Owner) -> Customer:
    """A few features, over months."""
    for feature in owner.rng.sample(("api_calls", "emails", "tokens", "storage", "jobs"), 3):
        scatter(owner, feature, 160, owner.some((20, 60, 150)))
    return owner.made()


def rare_feature(owner: Owner) -> Customer:
    """More newest rows of one feature than one call reads; the other is older than all of these."""
    for _ in range(1001):
        owner.add("api_calls", owner.past(4))
    for day in (10, 11):
        owner.add("seats_yearly", owner.now - day * DAY, 500)
    return owner.made()


def twenty_features(owner: Owner) -> Customer:
    """Eight features more than a chart draws."""
    for number in range(20):
        for _ in range(5):
            owner.add(f"feature_{number:02}", owner.past(6), 10 if number < 12 else 9)
    return owner.made()


def seventy_features(owner: Owner) -> Customer:
    """The largest are the last in the alphabet, beyond what one call asks for."""
    for number in range(70):
        for _ in range(3):
            owner.add(f"meter_{number:02}", owner.past(20), 1 if number < 50 else 10)
    return owner.made()


def hour_edges(owner: Owner) -> Customer:
    """Rows at, and a little before and after, whole hours."""
    for _ in range(60):
        hour = owner.hour(20)
        for step in (-999, -500, -1, 0, 1, 499):
            owner.add("edges", hour + step, owner.some((1, 10, 100)), {"region": owner.some("ab")})
    return owner.made()


def clock_edges(owner: Owner) -> Customer:
    """Rows around local midnights and changes of clocks, in every zone."""
    for zone in ZONES:
        for change in clock_changes(zone, owner.now - 400 * DAY, owner.now - DAY):
            for step in (-25, -2, -1, 0, 1, 2, 24, 25):
                owner.add("nights", change + step * HOUR + owner.rng.randrange(HOUR), 2, {"zone": zone})
        for _ in range(8):
            midnight = day_start(local(owner.past(45), zone).date(), zone)
            for step in (-HOUR // 2, -1, 0, 1, HOUR // 2):
                owner.add("nights", midnight + step, 3, {"zone": zone})
    return owner.made()


def digits(owner: Owner) -> Customer:
    """Values that lose digits in a float's short forms, as values and as properties."""
    values = (0.1 + 0.2, 1 / 3, 123456789.12345679, 9007199254740993, 12345678901234567000.0)
    for value in (*values, 1024176714000000000, 1e21, 1e-9, -0.5, 0, 4503599627370497.5):
        owner.add("amounts", owner.past(15), value, {"amount": value, "text": str(value)})
    owner.add("amounts", owner.past(15), 1, {"amount": 12345678901234567890})
    scatter(owner, "amounts", 30, 15, (0.1, 0.25, -3))
    return owner.made()


def nulls(owner: Owner) -> Customer:
    """Values that are null: 1 in sums and 0 in lists."""
    for _ in range(40):
        owner.add("legacy", owner.past(12), owner.some((None, 0, 1, 4)), {"region": owner.some("ab")})
    return owner.made()


def one_millisecond(owner: Owner) -> Customer:
    """More rows in one millisecond than one call reads, apart by microseconds only; and a full second."""
    moment = owner.hour(8) + 1_234_567
    for _ in range(2500):
        owner.add("burst", moment, 1, micros=owner.rng.randrange(1000))
    for _ in range(400):
        owner.add("burst", moment + 5000 + owner.rng.randrange(1000), 1, {"n": owner.rng.randrange(9)})
    return owner.made()


def future(owner: Owner) -> Customer:
    """Rows that are ahead of now, in its hour and later."""
    scatter(owner, "ahead", 60, 3)
    for minutes in (6, 20, 180, 1500):
        owner.add("ahead", owner.now + minutes * 60_000, 1000, {"region": "eu-west"})
    return owner.made()


def cycle(owner: Owner) -> Customer:
    """A billing period that starts inside an hour, with rows on both sides of it."""
    start = local(owner.now - 9 * DAY, "UTC").replace(hour=9, minute=17, second=23, microsecond=0)
    first = round(start.timestamp() * 1000)
    for _ in range(10):
        owner.add("calls", first - owner.rng.randrange(1, 1_000_000), 100)
    for _ in range(3):
        owner.add("calls", first + owner.rng.randrange(1, 2_500_000), 1)
    for _ in range(60):
        owner.add("calls", first - owner.rng.randrange(50 * DAY), 7)
    return owner.made(cycle=Cycle(first, _a_month_after(start)))


def _a_month_after(start: datetime) -> int:
    """The same day and time of the next month; a start late in a month is not made here."""
    following = (start.replace(day=1) + timedelta(32)).replace(day=min(start.day, 28))
    return round(following.timestamp() * 1000)


def event_names(owner: Owner) -> Customer:
    """Events under names that belong to a feature, to two features, or to none."""
    for name in ("messages", "message_sent", "message_read", "stray_name"):
        scatter(owner, name, 25, 20)
    return owner.made()


EVENT_NAMES = {"messages": ("message_sent", "message_read"), "reads": ("message_read",)}


def entities(owner: Owner) -> Customer:
    """Rows of entities and plans, and some of neither."""
    for _ in range(150):
        entity = owner.some((None, "seat_1", "seat/2 ü", "seat_3"))
        plan = owner.some((None, "pro", "free"))
        owner.add("usage", owner.past(25), owner.some((1, 3)), entity_id=entity, plan_id=plan)
    return owner.made()


def strange_names(owner: Owner) -> Customer:
    """Features named as nobody should."""
    for feature in ("a%b", "with space", "<b>bold</b>", "ünï-\N{RIGHT-TO-LEFT OVERRIDE}x", "=1+1", "f" * 60):
        scatter(owner, feature, 12, 14)
    return owner.made()


def commas(owner: Owner) -> Customer:
    """A feature whose name Autumn cuts in two, beside the two that its halves name."""
    for feature in ("x,y", "x", "y"):
        scatter(owner, feature, 15, 12)
    return owner.made()


def negative(owner: Owner) -> Customer:
    """Refunds: sums that cancel, groups below zero."""
    for _ in range(120):
        owner.add("credits", owner.past(28), owner.some((-5, 5, -1, 1)), {"reason": owner.some("rstu")})
    return owner.made()


def nobody(owner: Owner) -> Customer:
    """A customer without any event."""
    return owner.made()


def arrivals(owner: Owner) -> Customer:
    """Rows that arrive late: many in a running window, some in a closed one, one two seconds late."""
    newest = owner.now - 300_000
    for _ in range(30):
        owner.add("stream", newest - owner.rng.randrange(DAY), 1000, {"job": owner.some("xyz")})
    owner.add("stream", newest, 1000, {"job": "x"})
    for _ in range(20):
        owner.add("stream", newest - owner.rng.randrange(3 * HOUR), 1000, {"job": "new"}, late=True)
    for _ in range(20):
        owner.add("stream", newest - 5 * DAY - owner.rng.randrange(DAY), 1000, {"job": "old"}, late=True)
    owner.add("stream", newest - 2000, 7, {"job": "late"}, late=True)
    return owner.made()


KINDS: dict[str, Make] = {
    make.__name__: make
    for make in (
        *(plain, rare_feature, twenty_features, seventy_features, hour_edges, clock_edges, digits, nulls),
        *(
            one_millisecond,
            future,
            cycle,
            event_names,
            entities,
            strange_names,
            commas,
            negative,
            nobody,
            arrivals,
        ),
    )
} | GROUPED


def world_of(rng: Random, now: int) -> World:
    """One customer of each kind, and a second plain one. `now`: epoch milliseconds."""
    kinds = [*KINDS.items(), ("plain", plain)]
    customers = [make(Owner(rng, now, _id_of(rng, kind), kind)) for kind, make in kinds]
    return World(tuple(customers), EVENT_NAMES)


def _id_of(rng: Random, kind: str) -> str:
    """An id; Autumn tells the billing cycle only of customers whose ids are as its API makes them."""
    regular = ("{}", "cus_{}", "org:{}")
    pattern = rng.choice(regular if kind == "cycle" else (*regular, "{} & co", "{}/ü", "<i>{}", "'{}"))
    return str(pattern.format(f"{kind}{rng.randrange(1000)}"))
