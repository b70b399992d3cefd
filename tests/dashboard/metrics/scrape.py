"""What /metrics says, as Prometheus reads it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

TOKEN = "of-the-tests-0123456789"
AUTHORIZATION = f"Bearer {TOKEN}"
PREFIX = "usage_dashboard_"

Counts = Counter[tuple[str, ...]]
"""By the name of a series without PREFIX, and the values of its labels in order of their names."""


def parsed(text: str) -> Counts:
    """The counts in a response, without times and what is counted by time."""
    counts = Counts()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if not sample.name.endswith(("_bucket", "_sum")):
                labels = [sample.labels[name] for name in sorted(sample.labels)]
                counts[sample.name.removeprefix(PREFIX), *labels] = int(sample.value)
    return counts


def scraped() -> Counts:
    """The counts now."""
    response = Client().get("/metrics", headers={"Authorization": AUTHORIZATION})
    assert response.status_code == 200
    return parsed(response.content.decode())


def since(before: Counts, names: Iterable[str]) -> dict[tuple[str, ...], int]:
    """What was added to the series of these names."""
    added = scraped() - before
    return {series: count for series, count in added.items() if series[0] in names}
