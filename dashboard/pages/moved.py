"""What moved most since the week before: features, and the customers of one, ready for the template."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from dashboard import messages
from dashboard.charts.cards import fraction
from dashboard.charts.legend import bound_sign
from dashboard.formats import GAP, change, compact, full_label, label, number, period_text, plain
from dashboard.mount import Mount
from dashboard.names.labels import Labels, Unit
from usage.charts.moves import Move, Moves
from usage.notes import Note
from usage.query import Query

LISTED_MOVES = 10
MORE_MOVES = 50
"""Of these, features beyond the listed ones can be unfolded: each leads to its customers."""


@dataclass(frozen=True, slots=True)
class MovedRow:
    """A feature or customer. `by`: the change with its unit; `change`: that in percent; `sum`, `previous`,
    `fraction`: plain decimals, the last one empty where there is none.
    """

    id: str
    label: str
    title: str
    id_text: str
    href: str
    chosen: bool
    now: str
    before: str
    exact: str
    by: str
    change: str
    sum: str
    previous: str
    fraction: str


@dataclass(frozen=True, slots=True)
class MovedPanel:
    """The moves of a page. `week`, `before`: their dates. `feature`: that of the customers.
    `unlisted_features`, `more_customers`: how many are not listed. `notes`: what was not compared.
    """

    week: str
    before: str
    feature: str
    features: tuple[MovedRow, ...]
    more_features: tuple[MovedRow, ...]
    unlisted_features: int
    customers: tuple[MovedRow, ...]
    more_customers: int
    notes: tuple[Note, ...]


def moved_panel(mount: Mount, moves: Moves, query: Query) -> MovedPanel:
    """The panel of the overview that shows `query`. A feature leads to its customers, a customer to the chart
    of both weeks.
    """
    labels, zone = mount.labels, query.zone
    moved = [move for move in moves.customers if move.id.strip()]
    features = tuple(_features(mount, moves, query))
    notes = moves.notes
    if not moves.are_all:
        notes = (*notes, Note("partial", messages.CUSTOMERS_NOT_COMPARED))
    return MovedPanel(
        week=period_text(moves.week.start, moves.week.end, zone),
        before=period_text(moves.before.start, moves.before.end, zone),
        feature=full_label(labels.feature_text(moves.feature_id)),
        features=features[:LISTED_MOVES],
        more_features=features[LISTED_MOVES:],
        customers=tuple(_customers(mount, moved[:LISTED_MOVES], moves, query)),
        unlisted_features=len(moves.features) - len(features),
        more_customers=max(0, len(moved) - LISTED_MOVES),
        notes=notes,
    )


def _features(mount: Mount, moves: Moves, query: Query) -> Iterator[MovedRow]:
    for move in moves.features[: LISTED_MOVES + MORE_MOVES]:
        name = mount.labels.feature_text(move.id)
        href = mount.url("overview", query.having(focus=move.id))
        yield _row(move, name, href, mount.labels.unit_of(move.id), chosen=move.id == moves.feature_id)


def _customers(mount: Mount, moved: Iterable[Move], moves: Moves, query: Query) -> Iterator[MovedRow]:
    weeks = Query(tz=query.tz, focus=moves.feature_id, compare="previous")
    if query.range == "last_week":
        weeks = weeks.having(range=query.range)
    else:
        weeks = weeks.having(range=None, start=moves.week.start, end=moves.week.end)
    unit = mount.labels.unit_of(moves.feature_id)
    for move in moved:
        name = _customer_name(mount.labels, move.id)
        yield _row(move, name, mount.url("usage", weeks.having(customer_id=move.id)), unit)


def _customer_name(labels: Labels, customer_id: str) -> str:
    return labels.of_customer(customer_id) or customer_id


def _row(move: Move, name: str, href: str, unit: Unit, *, chosen: bool = False) -> MovedRow:
    sign = bound_sign(move.bound)
    direction = "+" if move.change > 0 else ""
    return MovedRow(
        id=move.id,
        label=label(name),
        title=full_label(name if name == move.id else f"{name} ({move.id})"),
        id_text="" if name == move.id else label(move.id, 24),
        href=href,
        chosen=chosen,
        now=sign + compact(move.sum),
        before=sign + compact(move.previous),
        exact=f"{unit.after(number(move.sum), move.sum)}, {number(move.previous)} before",
        by=sign + unit.after(direction + compact(move.change), move.change),
        change=_change_text(move),
        sum=plain(move.sum),
        previous=plain(move.previous),
        fraction=fraction(move.sum, move.previous) if move.is_exact else "",
    )


def _change_text(move: Move) -> str:
    moved = change(move.sum, move.previous) if move.is_exact else None
    if moved is None:
        return ""
    return f"{moved.arrow}{GAP}{moved.exact}" if moved.arrow else moved.short
