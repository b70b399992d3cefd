"""Hostile customers, one function for each kind: each has data that once led to a wrong figure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random

from tests.audit.builder import CustomerBuilder, scatter
from tests.audit.calendars import DAY, HOUR, ZONES, clock_changes, day_start, local
from tests.audit.groups import GROUPED
from tests.audit.world import Customer, Cycle, World

Make = Callable[[CustomerBuilder], Customer]


def plain(builder: CustomerBuilder) -> Customer:
    """A few features, over months."""
    for feature in builder.rng.sample(("api_calls", "emails", "tokens", "storage", "jobs"), 3):
        scatter(builder, feature, 160, builder.some((20, 60, 150)))
    return builder.build()


def rare_feature(builder: CustomerBuilder) -> Customer:
    """More rows of one feature than one call returns; the rows of the other are older than all of these."""
    for _ in range(1001):
        builder.add("api_calls", builder.past(4))
    for day in (10, 11):
        builder.add("seats_yearly", builder.now - day * DAY, 500)
    return builder.build()


def twenty_features(builder: CustomerBuilder) -> Customer:
    """Eight features more than a chart draws."""
    for number in range(20):
        for _ in range(5):
            builder.add(f"feature_{number:02}", builder.past(6), 10 if number < 12 else 9)
    return builder.build()


def seventy_features(builder: CustomerBuilder) -> Customer:
    """The largest are the last in the alphabet, beyond the features of one call."""
    for number in range(70):
        for _ in range(3):
            builder.add(f"meter_{number:02}", builder.past(20), 1 if number < 50 else 10)
    return builder.build()


def hour_edges(builder: CustomerBuilder) -> Customer:
    """Rows at, and a little before and after, whole hours."""
    for _ in range(60):
        hour = builder.hour(20)
        for step in (-999, -500, -1, 0, 1, 499):
            builder.add("edges", hour + step, builder.some((1, 10, 100)), {"region": builder.some("ab")})
    return builder.build()


def clock_edges(builder: CustomerBuilder) -> Customer:
    """Rows around local midnights and clock changes, in every zone."""
    for zone in ZONES:
        for change in clock_changes(zone, builder.now - 400 * DAY, builder.now - DAY):
            for step in (-25, -2, -1, 0, 1, 2, 24, 25):
                builder.add("nights", change + step * HOUR + builder.rng.randrange(HOUR), 2, {"zone": zone})
        for _ in range(8):
            midnight = day_start(local(builder.past(45), zone).date(), zone)
            for step in (-HOUR // 2, -1, 0, 1, HOUR // 2):
                builder.add("nights", midnight + step, 3, {"zone": zone})
    return builder.build()


def digits(builder: CustomerBuilder) -> Customer:
    """Values that lose digits in short formats of floats, as values and as properties."""
    values = (0.1 + 0.2, 1 / 3, 123456789.12345679, 9007199254740993, 12345678901234567000.0)
    for value in (*values, 1024176714000000000, 1e21, 1e-9, -0.5, 0, 4503599627370497.5):
        builder.add("amounts", builder.past(15), value, {"amount": value, "text": str(value)})
    builder.add("amounts", builder.past(15), 1, {"amount": 12345678901234567890})
    scatter(builder, "amounts", 30, 15, (0.1, 0.25, -3))
    return builder.build()


def nulls(builder: CustomerBuilder) -> Customer:
    """Values that are null: 1 in sums and 0 in lists."""
    for _ in range(40):
        builder.add("legacy", builder.past(12), builder.some((None, 0, 1, 4)), {"region": builder.some("ab")})
    return builder.build()


def one_millisecond(builder: CustomerBuilder) -> Customer:
    """More rows in one millisecond than one call returns, distinct in microseconds only; and a full
    second.
    """
    moment = builder.hour(8) + 1_234_567
    for _ in range(2500):
        builder.add("burst", moment, 1, micros=builder.rng.randrange(1000))
    for _ in range(400):
        builder.add("burst", moment + 5000 + builder.rng.randrange(1000), 1, {"n": builder.rng.randrange(9)})
    return builder.build()


def future(builder: CustomerBuilder) -> Customer:
    """Rows that are ahead of now, in its hour and later."""
    scatter(builder, "ahead", 60, 3)
    for minutes in (6, 20, 180, 1500):
        builder.add("ahead", builder.now + minutes * 60_000, 1000, {"region": "eu-west"})
    return builder.build()


def cycle(builder: CustomerBuilder) -> Customer:
    """A billing period that starts inside an hour, with rows on both sides of it."""
    start = local(builder.now - 9 * DAY, "UTC").replace(hour=9, minute=17, second=23, microsecond=0)
    first = round(start.timestamp() * 1000)
    for _ in range(10):
        builder.add("calls", first - builder.rng.randrange(1, 1_000_000), 100)
    for _ in range(3):
        builder.add("calls", first + builder.rng.randrange(1, 2_500_000), 1)
    for _ in range(60):
        builder.add("calls", first - builder.rng.randrange(50 * DAY), 7)
    return builder.build(cycle=Cycle(first, _a_month_after(start)))


def _a_month_after(start: datetime) -> int:
    """The same day and time of the next month; `start` is never late in a month."""
    following = (start.replace(day=1) + timedelta(32)).replace(day=min(start.day, 28))
    return round(following.timestamp() * 1000)


def event_names(builder: CustomerBuilder) -> Customer:
    """Events under names that belong to a feature, to two features, or to none."""
    for name in ("messages", "message_sent", "message_read", "stray_name"):
        scatter(builder, name, 25, 20)
    return builder.build()


EVENT_NAMES = {"messages": ("message_sent", "message_read"), "reads": ("message_read",)}


def entities(builder: CustomerBuilder) -> Customer:
    """Rows of entities and plans, and some of neither."""
    for _ in range(150):
        entity = builder.some((None, "seat_1", "seat/2 ü", "seat_3"))
        plan = builder.some((None, "pro", "free"))
        builder.add("usage", builder.past(25), builder.some((1, 3)), entity_id=entity, plan_id=plan)
    return builder.build()


def balances(builder: CustomerBuilder) -> Customer:
    """Rows that deduct from balances of their own feature, of another one, of both, or of none."""
    for _ in range(200):
        feature = builder.some(("calls", "renders", "exports"))
        taken = [
            {"balance_id": balance, "feature_id": owner, "plan_id": plan, "value": value, "reset": None}
            for balance, owner, plan, value in (
                ("cus_ent_1", "credits", "pro", builder.some((0.1, 2, -1))),
                ("cus_ent_2", "credits", "pack", builder.some((0.25, 7))),
                ("cus_ent_3", "calls", None, 1),
            )
            if builder.rng.random() < 0.4
        ]
        entity, properties = builder.some((None, "seat_1")), {"region": builder.some(("eu", "us", ""))}
        moment = builder.some((builder.past(25), builder.hour(25)))
        builder.add(feature, moment, 3, properties, entity_id=entity, deductions=tuple(taken))
    return builder.build()


def strange_names(builder: CustomerBuilder) -> Customer:
    """Features with unusual names."""
    for feature in ("a%b", "with space", "<b>bold</b>", "ünï-\N{RIGHT-TO-LEFT OVERRIDE}x", "=1+1", "f" * 60):
        scatter(builder, feature, 12, 14)
    return builder.build()


def commas(builder: CustomerBuilder) -> Customer:
    """A feature whose name Autumn splits in two, and two features with the names of its halves."""
    for feature in ("x,y", "x", "y"):
        scatter(builder, feature, 15, 12)
    return builder.build()


def negative(builder: CustomerBuilder) -> Customer:
    """Refunds: sums that cancel, groups below zero."""
    for _ in range(120):
        builder.add(
            "credits", builder.past(28), builder.some((-5, 5, -1, 1)), {"reason": builder.some("rstu")}
        )
    return builder.build()


def without_events(builder: CustomerBuilder) -> Customer:
    """A customer without any event."""
    return builder.build()


def arrivals(builder: CustomerBuilder) -> Customer:
    """Rows that arrive late: many in a running window, some in a closed one, one two seconds late."""
    newest = builder.now - 300_000
    for _ in range(30):
        builder.add("stream", newest - builder.rng.randrange(DAY), 1000, {"job": builder.some("xyz")})
    builder.add("stream", newest, 1000, {"job": "x"})
    for _ in range(20):
        builder.add("stream", newest - builder.rng.randrange(3 * HOUR), 1000, {"job": "new"}, late=True)
    for _ in range(20):
        builder.add("stream", newest - 5 * DAY - builder.rng.randrange(DAY), 1000, {"job": "old"}, late=True)
    builder.add("stream", newest - 2000, 7, {"job": "late"}, late=True)
    return builder.build()


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
            balances,
            strange_names,
            commas,
            negative,
            without_events,
            arrivals,
        ),
    )
} | GROUPED


def world_of(rng: Random, now: int) -> World:
    """One customer of each kind, and a second plain one. `now`: epoch milliseconds."""
    kinds = [*KINDS.items(), ("plain", plain)]
    customers = [make(CustomerBuilder(rng, now, _id_of(rng, kind), kind)) for kind, make in kinds]
    return World(tuple(customers), EVENT_NAMES)


def _id_of(rng: Random, kind: str) -> str:
    """An id; Autumn returns the billing cycle only for customers with ids that its API can create."""
    regular = ("{}", "cus_{}", "org:{}")
    pattern = rng.choice(regular if kind == "cycle" else (*regular, "{} & co", "{}/ü", "<i>{}", "'{}"))
    return str(pattern.format(f"{kind}{rng.randrange(1000)}"))
