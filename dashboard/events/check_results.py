"""Results of the checks on rows, as sentences that link to the rows concerned."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from dashboard import messages
from dashboard.events.filter_links import can_filter
from dashboard.formats import label, minute_text, moment, number
from dashboard.mount import Mount
from usage.events.checks import REQUEST, Checks, Gap, Outlier
from usage.events.match import text_of
from usage.query import MAX_MOMENT, PropertyFilter, Query
from usage.results import Event

MAX_PER_KIND = 5
"""Beyond this many of one kind, only their number is shown."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """A sentence and where its rows are. `code` names the check: duplicates, future, unusual, gap."""

    code: str
    kind: str
    text: str
    href: str


def check_results(checks: Checks, mount: Mount, query: Query) -> tuple[CheckResult, ...]:
    """Every finding of `checks`, the surest kinds first."""
    results = _Results(mount, query)
    return (
        *results.duplicates(checks.duplicates),
        *results.ahead(checks.ahead),
        *map(results.outlier, checks.outliers),
        *map(results.gap, checks.gaps),
    )


@dataclass(frozen=True, slots=True)
class _Results:
    mount: Mount
    query: Query

    def _feature(self, feature_id: str) -> str:
        return label(self.mount.labels.feature_text(feature_id))

    def duplicates(self, runs: tuple[tuple[Event, ...], ...]) -> Iterator[CheckResult]:
        for run in runs[:MAX_PER_KIND]:
            first = run[0]
            usage = f"{self._feature(first.feature_id)} {number(first.value)}"
            text = f"{len(run)} possible duplicates: {usage}, {self._time(first)}"
            yield CheckResult(
                "duplicates", "Likely duplicates", text, self._rows(run, same=_same_request(run))
            )
        if len(runs) > MAX_PER_KIND:
            rest = [event for run in runs[MAX_PER_KIND:] for event in run]
            yield CheckResult(
                "duplicates",
                "Likely duplicates",
                f"and {number(len(runs) - MAX_PER_KIND)} more",
                self._rows(rest),
            )

    def ahead(self, events: tuple[Event, ...]) -> Iterator[CheckResult]:
        if events:
            last = max(event.timestamp for event in events)
            latest = minute_text(last, self.query.zone)
            text = f"{number(len(events))} with timestamps in the future, up to {latest}"
            yield CheckResult("future", "In the future", text, self._rows(events))

    def outlier(self, item: Outlier) -> CheckResult:
        beyond = f"{'from' if item.above else 'down to'} {number(item.bound)}"
        usual = f"most are {number(round(item.low, 2))} to {number(round(item.high, 2))}"
        text = (
            f"{number(item.count)} of {number(item.rows)} {self._feature(item.feature_id)} {beyond}; {usual}"
        )
        bound = {"value_min": item.bound, "value_max": None}
        if not item.above:
            bound = {"value_min": None, "value_max": item.bound}
        changed = self.query.having(feature_id=(item.feature_id,), **bound)
        return CheckResult("unusual", "Unusual values", text, self.mount.url("events", changed))

    def gap(self, gap: Gap) -> CheckResult:
        usual = _length(gap.usual_ms)
        text = messages.GAP_BETWEEN_EVENTS.format(
            length=_length(gap.ms), start=self._time(gap.older), usual=usual
        )
        return CheckResult("gap", "Gaps", text, self._rows((gap.older, gap.newer), everything=True))

    def _time(self, event: Event) -> str:
        return moment(event.timestamp, self.query.zone)

    def _rows(
        self,
        events: tuple[Event, ...] | list[Event],
        same: PropertyFilter | None = None,
        everything: bool = False,
    ) -> str:
        """From the first to the last of these, and narrowed to what they share."""
        times = [event.timestamp for event in events]
        shown = self.query.having(range=None, start=min(times), end=min(MAX_MOMENT - 1, max(times) + 1))
        if same is not None:
            shown = replace(shown, filter=(*shown.filter, same))
        if not everything and len({event.feature_id for event in events}) == 1:
            shown = replace(shown, feature_id=(events[0].feature_id,))
        return self.mount.url("events", shown)


def _same_request(run: tuple[Event, ...]) -> PropertyFilter | None:
    value = run[0].properties.get(REQUEST)
    if not isinstance(value, str | int) or value == "" or not can_filter(REQUEST, text_of(value)):
        return None
    return PropertyFilter(REQUEST, text_of(value))


def _length(ms: float) -> str:
    for size, unit in ((86_400_000, "days"), (3_600_000, "hours"), (60_000, "minutes")):
        if ms >= 2 * size:
            return f"{number(round(ms / size, 1))} {unit}"
    return f"{number(round(ms / 1000, 1))} seconds"
