"""How time and memory grow with what there is: rows, groups, features, known customers, links."""

from __future__ import annotations

import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any

REPEATS = 7
DAY_MS = 86_400_000
PLOT = Path(__file__).resolve().parents[2] / "docs" / "growth.svg"
ACME = "acme-robotics"
USAGE = "/usage/?range=30d&tz=UTC&customer_id=cus_growth"


@dataclass(frozen=True)
class Axis:
    """`prepare(store, number)` makes as many as that, `address(number)` shows them. `limit`: of growth."""

    name: str
    numbers: tuple[int, ...]
    prepare: Callable[[Any, int], None]
    address: Callable[[int], str]
    limit: str


def add_groups(store: Any, number: int) -> None:
    """As many values of one property."""
    _add(store, [("tokens", {"model": f"model {each}"}) for each in range(number)])


def add_features(store: Any, number: int) -> None:
    """As many features, each with usage."""
    _add(store, [(f"feature_{each}", {}) for each in range(number)])


def _add(store: Any, kinds: list[tuple[str, dict[str, str]]]) -> None:
    now = store.now()
    store.add(
        {
            "customer_id": "cus_growth",
            "feature_id": feature,
            "timestamp": now - day * DAY_MS - 60_000,
            "properties": properties,
            "value": 1 + at % 7,
        }
        for day in range(1, 29)
        for at, (feature, properties) in enumerate(kinds)
    )


def add_customers(store: Any, number: int) -> None:
    """As many known customers, of which the dashboard keeps the newest 50,000."""
    from django.conf import settings

    from dashboard.models import Sighting

    now = store.now()
    Sighting.objects.bulk_create(
        (
            Sighting(
                key=f"key {each}",
                source=settings.AUTUMN_SOURCE,
                customer_id=f"customer {each}",
                feature_id="tokens",
                last_seen=now - each,
            )
            for each in range(number)
        ),
        batch_size=1000,
    )


def add_links(store: Any, number: int) -> None:
    """As many links of the user."""
    from django.utils import timezone

    from dashboard.models import demo_user
    from dashboard.sharing.models import Share

    now, owner = timezone.now(), demo_user()
    Share.objects.bulk_create(
        (
            Share(
                id=f"{each:016d}",
                token_hash=f"hash {each}",
                recipient="Ada",
                customer_id=ACME,
                owner=owner,
                created_at=now - timedelta(seconds=each),
                expires_at=now + timedelta(days=1),
            )
            for each in range(number)
        ),
        batch_size=1000,
    )


def nothing(store: Any, number: int) -> None:
    """The sample has enough."""


AXES = (
    Axis(
        "rows of the event browser",
        (100, 500, 1000),
        nothing,
        lambda n: f"/events/?range=30d&tz=UTC&customer_id={ACME}&per_page={n}",
        "linear",
    ),
    Axis(
        "groups of a chart",
        (10, 50, 250),
        add_groups,
        lambda n: f"{USAGE}&group_by=properties.model",
        "linear",
    ),
    Axis("features", (5, 50, 200), add_features, lambda n: USAGE, "linear"),
    Axis(
        "known customers",
        (40, 2_000, 100_000),
        add_customers,
        lambda n: "/customers/?q=custome&stored=1",
        "flat",
    ),
    Axis("share links", (100, 1_000, 100_000), add_links, lambda n: "/shares/", "flat"),
)


def prepare(axis_at: int, number: int, folder: str) -> None:
    """Make what there is, in a process whose memory is not measured."""
    _set_up(folder)
    from django.core.management import call_command

    from dashboard import services

    call_command("migrate", verbosity=0)
    call_command("collectstatic", verbosity=0, interactive=False)
    AXES[axis_at].prepare(services.sample_store(), number)


def _set_up(folder: str) -> None:
    os.environ |= {"DATA_DIR": folder, "DJANGO_SETTINGS_MODULE": "dashboard.settings", "ENV_FILE": os.devnull}
    os.environ |= {"LOG_LEVEL": "CRITICAL", "ALLOWED_HOSTS": "testserver"}
    import django

    django.setup()


def measured(axis_at: int, number: int, folder: str) -> tuple[float, float]:
    """CPU milliseconds of a warm view, and megabytes that the site takes on for its views."""
    _set_up(folder)
    from django.test import Client

    import dashboard.urls  # noqa: F401  loaded with the first page, whatever it shows

    before = _peak_mb()
    client, address = Client(headers={"Accept-Encoding": "gzip"}), AXES[axis_at].address(number)

    def view() -> float:
        before = time.process_time()
        response = client.get(address)
        if response.status_code != 200:
            raise ValueError(f"{address} answered {response.status_code}")
        return 1000 * (time.process_time() - before)

    view()
    time.sleep(1.2)  # names and refreshed answers come
    view()
    times = [view() for _ in range(REPEATS)]
    return statistics.median(times), _peak_mb() - before


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def in_own_process(call: Callable[..., Any], *given: Any) -> Any:
    with get_context("spawn").Pool(1) as fresh:
        return fresh.apply(call, given)


def report() -> str:
    """A table of all axes; their plot is a file."""
    lines = ["| | number | CPU of a warm view, ms | memory, MB more | goal |", "|---|---|---|---|---|"]
    curves = []
    for at, axis in enumerate(AXES):
        points = []
        for number in axis.numbers:
            with tempfile.TemporaryDirectory() as folder:
                in_own_process(prepare, at, number, folder)
                cpu, memory = in_own_process(measured, at, number, folder)
            points.append((number, cpu))
            name, goal = (axis.name, axis.limit) if number == axis.numbers[0] else ("", "")
            lines.append(f"| {name} | {number:,} | {cpu:.1f} | {memory:.1f} | {goal} |")
        curves.append((axis.name, points))
    PLOT.write_text(plot(curves))
    return "\n".join([*lines, "", "![CPU of a warm view by what there is](docs/growth.svg)"])


def plot(curves: list[tuple[str, list[tuple[int, float]]]]) -> str:
    """A small line chart for each axis, as SVG: the number across, milliseconds up from zero."""
    parts, width, height = [], 190, 120
    for at, (name, points) in enumerate(curves):
        most, highest = points[-1][0], max(cpu for _, cpu in points)
        spots = [(10 + 170 * n / most, 100 - 70 * cpu / highest) for n, cpu in points]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in spots)
        dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="#3b6fb6"/>' for x, y in spots)
        parts.append(
            f'<g transform="translate({width * at} 0)"><text x="10" y="14">{name}</text>'
            '<path d="M10 100H180" stroke="#999"/>'
            f'<polyline points="{line}" fill="none" stroke="#3b6fb6"/>{dots}'
            f'<text x="180" y="115" text-anchor="end">{most:,}</text>'
            f'<text x="10" y="28" fill="#666">{highest:.0f} ms at most</text></g>'
        )
    size = f'width="{width * len(curves)}" height="{height}"'
    font = 'font-family="sans-serif" font-size="11"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} {font}>{"".join(parts)}</svg>\n'
