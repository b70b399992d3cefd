"""Versions of the story's plans: events name the version they came under, not the plan."""

from collections.abc import Iterator
from functools import cache
from zlib import crc32

from usage.sample.cast import CUSTOMERS

SECOND_VERSION_FROM = -45 * 24
"""Hours from the story's epoch."""


def plan_version(plan: str | None, hour: int) -> str | None:
    """The internal id of the version in an hour, counted from the story's epoch; None without a plan."""
    return None if plan is None else _internal_id(plan, 1 if hour < SECOND_VERSION_FROM else 2)


def plan_versions() -> Iterator[tuple[str, str]]:
    """Internal id and plan of each version."""
    for plan in dict.fromkeys(customer.plan for customer in CUSTOMERS if customer.plan):
        for version in (1, 2):
            yield _internal_id(plan, version), plan


@cache
def _internal_id(plan: str, version: int) -> str:
    return f"prod_{crc32(f'{plan} {version}'.encode()):08x}"
