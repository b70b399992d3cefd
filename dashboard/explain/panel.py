"""An explanation, ready for the template."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from dashboard import messages
from dashboard.charts.cards import SmallBars, small_bars
from dashboard.events.filter_links import MAX_ADDRESS_LENGTH, can_filter, can_name
from dashboard.explain.sentences import (
    cause_sentence,
    change_text,
    dimension_text,
    exact_change_text,
    shape_sentences,
    share_text,
    value_text,
)
from dashboard.formats import compact, full_label, label, number, period_text, plain
from dashboard.forms import MAX_REPEATS
from dashboard.mount import Mount, Page
from dashboard.names.labels import Unit
from usage.charts.series import exact
from usage.explain.attribution import TIME_DIMENSIONS, AttributedRow, Dimension, DimensionLine
from usage.explain.dimensions import NotLookedAt
from usage.explain.explanation import Explanation
from usage.notes import Note
from usage.query import BadQuery, PropertyFilter, Query

RANKED = 10
"""Rows that are listed first; the lines of each dimension are below."""
LISTED = 20
"""Lines of a dimension that are listed, Other among them; the others are a sentence together."""
PROPERTY = "properties."


@dataclass(frozen=True, slots=True)
class ExplainRow:
    """A value among those that account for the change.

    `before`, `after`: as text, with `…_plain` the plain decimals, empty where the sum is not known. `share`:
    of the change, as text and as a fraction. `counts`: it is more than noise. `tag`: new, gone, or opposite
    to the change.
    """

    path: str
    value: str
    kind: str
    path_text: str
    label: str
    title: str
    before: str
    before_plain: str
    after: str
    after_plain: str
    share: str
    share_plain: str
    tag: str
    counts: bool
    bars: SmallBars | None
    chart_href: str | None
    events_href: str | None


@dataclass(frozen=True, slots=True)
class ExplainedDimension:
    """The lines of a dimension. `more`: what those that are not listed changed by, as a sentence; empty where
    all are. `remainder`: what all of them leave of the change, empty where they add up to it.
    """

    name: str
    lines: tuple[ExplainRow, ...]
    more: str
    change: str
    remainder: str


@dataclass(frozen=True, slots=True)
class ExplainPanel:
    """What the page says of a change. `not_looked_at`: names, each with the reason."""

    cause: str
    feature: str
    feature_id: str
    change: str
    change_exact: str
    sentences: tuple[str, ...]
    after_dates: str
    before_dates: str
    rows: tuple[ExplainRow, ...]
    dimensions: tuple[ExplainedDimension, ...]
    not_looked_at: tuple[tuple[str, str], ...]
    notes: tuple[Note, ...]
    calls: int
    done: bool


def explain_panel(mount: Mount, explanation: Explanation, requested: Query) -> ExplainPanel:
    """The panel of an explanation, whose links start from the query that was `requested`."""
    labels, zone = mount.labels, explanation.query.zone
    unit = labels.measured_in(explanation.feature_id, explanation.query.measure)
    to_rows = _Rows(mount, explanation, requested, unit)
    return ExplainPanel(
        cause=explanation.cause,
        feature=full_label(labels.feature_text(explanation.feature_id)),
        feature_id=explanation.feature_id,
        change=change_text(explanation, unit),
        change_exact=exact_change_text(explanation, unit),
        sentences=(cause_sentence(explanation, labels), *shape_sentences(explanation)),
        after_dates=period_text(*explanation.bins.named_ends(zone), zone),
        before_dates=period_text(*explanation.previous_bins.named_ends(zone), zone),
        rows=tuple(map(to_rows.ranked, explanation.rows[:RANKED])),
        dimensions=tuple(map(to_rows.dimension, explanation.dimensions)),
        not_looked_at=tuple((label(dimension_text(each.name)), each.sentence) for each in _last(explanation)),
        notes=tuple(note for note in explanation.notes if note.code != "windows-widened"),  # dates say so
        calls=explanation.calls,
        done=explanation.done,
    )


def _last(explanation: Explanation) -> Iterable[NotLookedAt]:
    """What was not looked at, each name once."""
    return {each.name: each for each in explanation.not_looked_at}.values()


@dataclass(frozen=True, slots=True)
class _Rows:
    """Makes rows of lines."""

    mount: Mount
    explanation: Explanation
    requested: Query
    unit: Unit

    def ranked(self, row: AttributedRow) -> ExplainRow:
        tag = "new" if row.is_new else "gone" if row.is_gone else ""
        if row.counts and row.line.change * self.explanation.change < 0:
            tag = tag or "opposite"
        return self._row(row.group_by, row.line, row.share, tag, counts=row.counts)

    def dimension(self, dimension: Dimension) -> ExplainedDimension:
        change = self.explanation.change
        remainder = dimension.remainder(change)
        ordered = sorted(dimension.lines, key=lambda line: (line.kind == "value", -abs(line.change)))
        listed = ordered[:LISTED]
        more = exact(sum(line.change for line in ordered[LISTED:]))
        return ExplainedDimension(
            name=label(dimension_text(dimension.group_by)),
            lines=tuple(
                self._row(dimension.group_by, line, line.change / change if change else None, "")
                for line in listed
            ),
            more=messages.MORE_VALUES.format(count=len(ordered) - LISTED, change=compact(more))
            if len(ordered) > LISTED
            else "",
            change=self.unit.after(number(change), change),
            remainder=self.unit.after(number(remainder), remainder) if remainder else "",
        )

    def _row(
        self, group_by: str, line: DimensionLine, share: float | None, tag: str, *, counts: bool = True
    ) -> ExplainRow:
        name = value_text(group_by, line, self.mount.labels)
        before, after = _known(line.before, line.is_exact_before), _known(line.after, line.is_exact_after)
        return ExplainRow(
            path=group_by.removeprefix(PROPERTY),
            value=line.value if line.kind == "value" else "",
            kind=line.kind,
            path_text=label(dimension_text(group_by)),
            label=label(name),
            title=full_label(name),
            before="unknown" if before is None else compact(before),
            before_plain="" if before is None else plain(before),
            after="unknown" if after is None else compact(after),
            after_plain="" if after is None else plain(after),
            share=share_text(share) if line.is_exact else "unknown",
            share_plain=f"{share:.6f}" if share is not None and line.is_exact else "",
            tag=tag,
            counts=counts,
            bars=small_bars(line.values),
            chart_href=self._chart(group_by, line),
            events_href=self._events(group_by, line),
        )

    def _chart(self, group_by: str, line: DimensionLine) -> str | None:
        if line.kind != "value" or group_by in TIME_DIMENSIONS or not can_name(line.value):
            return None
        only: dict[str, object] = {"group_by": group_by, "group": (line.value,), "hide": (), "chart": "bars"}
        return self._url("usage", self.requested, only | {"focus": self.explanation.feature_id})

    def _events(self, group_by: str, line: DimensionLine) -> str | None:
        """The events of the later period; of a value that is gone, those of the earlier one."""
        if line.kind != "value" or not can_name(line.value):
            return None
        is_gone = line.after == 0 and line.before != 0
        edges = (self.explanation.previous_bins if is_gone else self.explanation.bins).edges
        window: dict[str, object] = {
            "range": None,
            "start": edges[0],
            "end": edges[-1],
            "feature_id": (self._feature,),
        }
        path = group_by.removeprefix(PROPERTY)
        others = tuple(item for item in self.requested.filter if item.path != path)
        if group_by.startswith(PROPERTY) and can_filter(path, line.value) and len(others) < MAX_REPEATS:
            window["filter"] = (*others, PropertyFilter(path, line.value))
        elif group_by == "$customer_id" and not self.mount.shared:
            window["customer_id"] = line.value
        elif group_by == "$entity_id":
            window["entity_id"] = line.value
        else:
            return None
        plainly: dict[str, object] = {
            "compare": None,
            "group_by": None,
            "group": (),
            "hide": (),
            "focus": None,
        }
        return self._url("events", self.requested, plainly | {"chart": "bars", "bin_size": None} | window)

    @property
    def _feature(self) -> str:
        return self.explanation.feature_id

    def _url(self, page: Page, query: Query, changes: dict[str, object]) -> str | None:
        try:
            href = self.mount.url(page, query.having(**changes))
        except BadQuery:
            return None
        return href if len(href) <= MAX_ADDRESS_LENGTH else None


def _known(value: float, is_exact: bool) -> float | None:
    return value if is_exact else None
