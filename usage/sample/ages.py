"""Servers of three ages: the fields that each accepts, and how their figures differ."""

from dataclasses import dataclass

SDK_FIELDS = ("feature_id", "customer_id", "group_by", "range", "bin_size", "custom_range")


@dataclass(frozen=True, slots=True)
class Age:
    """One column of the table of ages.

    ``fields``: of aggregates, beyond the SDK page. ``words``: values of ``group_by`` other than a
    property. ``exact_bins``, ``exact_total``: figures without a filter end at the second, otherwise they are
    of whole hours. ``rolled_groups``: groups by property come from a roll-up, ``small_gaps`` in which may
    stay.
    """

    name: str
    fields: frozenset[str]
    words: tuple[str, ...]
    organization_wide: bool = True
    weeks: bool = True
    exact_bins: bool = False
    exact_total: bool = False
    null_in_total: int = 1
    future_bins: bool = False
    aligned_presets: bool = False
    real_cycles: bool = False
    rolled_groups: bool = True
    small_gaps: bool = False
    public_plans: bool = False
    names: bool = True


WORDS = ("$customer_id", "$entity_id", "$plan_id", "$feature_id")
CURRENT_FIELDS = frozenset({"entity_id", "max_groups", "filter_by", "aggregate_on"})

OLDER = Age(
    "older",
    frozenset(),
    (),
    organization_wide=False,
    weeks=False,
    exact_total=True,
    null_in_total=0,
    rolled_groups=False,
    names=False,
)
CURRENT = Age("current", CURRENT_FIELDS, WORDS)
NEWEST = Age(
    "newest",
    CURRENT_FIELDS | {"timezone", "measure", "group_ranking"},
    WORDS,
    exact_bins=True,
    exact_total=True,
    future_bins=True,
    aligned_presets=True,
    real_cycles=True,
    small_gaps=True,
    public_plans=True,
)

AGES = {age.name: age for age in (OLDER, CURRENT, NEWEST)}
DEFAULT_AGE = CURRENT.name
