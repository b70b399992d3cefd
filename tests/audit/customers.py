"""Hostile customers, one kind a function: each of them has what once led to a wrong figure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random

from tests.audit.calendars import DAY, HOUR, ZONES, clock_changes, day_start, local
from tests.audit.groups import GROUPED
from tests.audit.making import Maker, scatter
from tests.audit.world import Customer, Cycle, World

Make = Callable[[Maker], Customer]


def plain(maker: Maker) -> Customer:
    """A few features, over months."""
    for feature in maker.rng.sample(("api_calls", "emails", "tokens", "storage", "jobs"), 3):
        scatter(maker, feature, 160, maker.some((20, 60, 150)))
    return maker.made()


def rare_feature(maker: Maker) -> Customer:
    """More newest rows of one feature than one call reads; the other is older than all of these."""
    for _ in range(1001):
        maker.add("api_calls", maker.past(4))
    for day in (10, 11):
        maker.add("seats_yearly", maker.now - day * DAY, 500)
    return maker.made()


def twenty_features(maker: Maker) -> Customer:
    """Eight features more than a chart draws."""
    for number in range(20):
        for _ in range(5):
            maker.add(f"feature_{number:02}", maker.past(6), 10 if number < 12 else 9)
    return maker.made()


def seventy_features(maker: Maker) -> Customer:
    """The largest are the last in the alphabet, beyond what one call asks for."""
    for number in range(70):
        for _ in range(3):
            maker.add(f"meter_{number:02}", maker.past(20), 1 if number < 50 else 10)
    return maker.made()


def hour_edges(maker: Maker) -> Customer:
    """Rows at, and a little before and after, whole hours."""
    for _ in range(60):
        hour = maker.hour(20)
        for step in (-999, -500, -1, 0, 1, 499):
            maker.add("edges", hour + step, maker.some((1, 10, 100)), {"region": maker.some("ab")})
    return maker.made()


def clock_edges(maker: Maker) -> Customer:
    """Rows around local midnights and changes of clocks, in every zone."""
    for zone in ZONES:
        for change in clock_changes(zone, maker.now - 400 * DAY, maker.now - DAY):
            for step in (-25, -2, -1, 0, 1, 2, 24, 25):
                maker.add("nights", change + step * HOUR + maker.rng.randrange(HOUR), 2, {"zone": zone})
        for _ in range(8):
            midnight = day_start(local(maker.past(45), zone).date(), zone)
            for step in (-HOUR // 2, -1, 0, 1, HOUR // 2):
                maker.add("nights", midnight + step, 3, {"zone": zone})
    return maker.made()


def digits(maker: Maker) -> Customer:
    """Values that lose digits in a float's short forms, as values and as properties."""
    values = (0.1 + 0.2, 1 / 3, 123456789.12345679, 9007199254740993, 12345678901234567000.0)
    for value in (*values, 1024176714000000000, 1e21, 1e-9, -0.5, 0, 4503599627370497.5):
        maker.add("amounts", maker.past(15), value, {"amount": value, "text": str(value)})
    maker.add("amounts", maker.past(15), 1, {"amount": 12345678901234567890})
    scatter(maker, "amounts", 30, 15, (0.1, 0.25, -3))
    return maker.made()


def nulls(maker: Maker) -> Customer:
    """Values that are null: 1 in sums and 0 in lists."""
    for _ in range(40):
        maker.add("legacy", maker.past(12), maker.some((None, 0, 1, 4)), {"region": maker.some("ab")})
    return maker.made()


def one_millisecond(maker: Maker) -> Customer:
    """More rows in one millisecond than one call reads, apart by microseconds only; and a full second."""
    moment = maker.hour(8) + 1_234_567
    for _ in range(2500):
        maker.add("burst", moment, 1, micros=maker.rng.randrange(1000))
    for _ in range(400):
        maker.add("burst", moment + 5000 + maker.rng.randrange(1000), 1, {"n": maker.rng.randrange(9)})
    return maker.made()


def future(maker: Maker) -> Customer:
    """Rows that are ahead of now, in its hour and later."""
    scatter(maker, "ahead", 60, 3)
    for minutes in (6, 20, 180, 1500):
        maker.add("ahead", maker.now + minutes * 60_000, 1000, {"region": "eu-west"})
    return maker.made()


def cycle(maker: Maker) -> Customer:
    """A billing period that starts inside an hour, with rows on both sides of it."""
    start = local(maker.now - 9 * DAY, "UTC").replace(hour=9, minute=17, second=23, microsecond=0)
    first = round(start.timestamp() * 1000)
    for _ in range(10):
        maker.add("calls", first - maker.rng.randrange(1, 1_000_000), 100)
    for _ in range(3):
        maker.add("calls", first + maker.rng.randrange(1, 2_500_000), 1)
    for _ in range(60):
        maker.add("calls", first - maker.rng.randrange(50 * DAY), 7)
    return maker.made(cycle=Cycle(first, _a_month_after(start)))


def _a_month_after(start: datetime) -> int:
    """The same day and time of the next month; a start late in a month is not made here."""
    following = (start.replace(day=1) + timedelta(32)).replace(day=min(start.day, 28))
    return round(following.timestamp() * 1000)


def event_names(maker: Maker) -> Customer:
    """Events under names that belong to a feature, to two features, or to none."""
    for name in ("messages", "message_sent", "message_read", "stray_name"):
        scatter(maker, name, 25, 20)
    return maker.made()


EVENT_NAMES = {"messages": ("message_sent", "message_read"), "reads": ("message_read",)}


def entities(maker: Maker) -> Customer:
    """Rows of entities and plans, and some of neither."""
    for _ in range(150):
        entity = maker.some((None, "seat_1", "seat/2 ü", "seat_3"))
        plan = maker.some((None, "pro", "free"))
        maker.add("usage", maker.past(25), maker.some((1, 3)), entity_id=entity, plan_id=plan)
    return maker.made()


def strange_names(maker: Maker) -> Customer:
    """Features named as nobody should."""
    for feature in ("a%b", "with space", "<b>bold</b>", "ünï-\N{RIGHT-TO-LEFT OVERRIDE}x", "=1+1", "f" * 60):
        scatter(maker, feature, 12, 14)
    return maker.made()


def commas(maker: Maker) -> Customer:
    """A feature whose name Autumn cuts in two, beside the two that its halves name."""
    for feature in ("x,y", "x", "y"):
        scatter(maker, feature, 15, 12)
    return maker.made()


def negative(maker: Maker) -> Customer:
    """Refunds: sums that cancel, groups below zero."""
    for _ in range(120):
        maker.add("credits", maker.past(28), maker.some((-5, 5, -1, 1)), {"reason": maker.some("rstu")})
    return maker.made()


def nobody(maker: Maker) -> Customer:
    """A customer without any event."""
    return maker.made()


def arrivals(maker: Maker) -> Customer:
    """Rows that arrive late: many in a running window, some in a closed one, one two seconds late."""
    newest = maker.now - 300_000
    for _ in range(30):
        maker.add("stream", newest - maker.rng.randrange(DAY), 1000, {"job": maker.some("xyz")})
    maker.add("stream", newest, 1000, {"job": "x"})
    for _ in range(20):
        maker.add("stream", newest - maker.rng.randrange(3 * HOUR), 1000, {"job": "new"}, late=True)
    for _ in range(20):
        maker.add("stream", newest - 5 * DAY - maker.rng.randrange(DAY), 1000, {"job": "old"}, late=True)
    maker.add("stream", newest - 2000, 7, {"job": "late"}, late=True)
    return maker.made()


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
    customers = [make(Maker(rng, now, _id_of(rng, kind), kind)) for kind, make in kinds]
    return World(tuple(customers), EVENT_NAMES)


def _id_of(rng: Random, kind: str) -> str:
    """An id; Autumn tells the billing cycle only of customers whose ids are as its API makes them."""
    regular = ("{}", "cus_{}", "org:{}")
    pattern = rng.choice(regular if kind == "cycle" else (*regular, "{} & co", "{}/ü", "<i>{}", "'{}"))
    return str(pattern.format(f"{kind}{rng.randrange(1000)}"))
