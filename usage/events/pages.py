"""Reading lists: every event of a window exactly once, newest first, while others arrive.

Offsets shift as events arrive (trap 2), so each step continues after the last row, in Autumn's order. It uses
offsets only within one second, which is all that Autumn's bounds can tell apart (trap 5).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from usage import messages
from usage.api.calls import CLOSED_AFTER_MS, FRESH_NOW_S, CallOptions, Calls, ListAnswer
from usage.api.pace import PER_SECOND
from usage.errors import Malformed
from usage.events.match import matches
from usage.freshness import Freshness, freshness_of
from usage.notes import Note
from usage.query import Position, Query
from usage.results import MAX_PARTS, Event
from usage.window import Window, hour_end

MAX_LIMIT: Final = 1000
MAX_OFFSET = 200_000
"""Rows counted within one second before its list is taken for an endless one."""
MAX_STEPS = 50
"""How many calls a page may make at all, rows that were seen before included."""
SCAN_CALLS = PER_SECOND
"""How many calls one step of a scan may make before it shows what it has; as many as the pace allows in a
second.
"""
SPARE = 25
"""Rows requested beyond a page: one says that more follow, the others make up for new ones behind the pinned
end.
"""


@dataclass(frozen=True, slots=True)
class EventPage:
    """One page of a list, newest first.

    `until`: the list's pinned end, epoch ms. `next`: where the next page goes on, None after the last row.
    `scanned`: rows read for this page. `unfinished`: the scan stopped before the page was full;
    continuing from `next` may find more. `ahead`: rows read whose time is still to come; those after the
    running hour are not among `events`. `notes`: what the list is not. `read`: the rows that were read for
    this page, whether they match or not. `bodies`: the answers that they were read from;
    empty where there was none.
    """

    events: tuple[Event, ...]
    until: int
    next: Position | None
    scanned: int
    unfinished: bool
    fresh: Freshness
    ahead: int = 0
    notes: tuple[Note, ...] = ()
    read: tuple[Event, ...] = ()
    bodies: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest rows of a window.

    `whole`: it has no others. `ahead`: rows of a later hour than the running one, which no page shows.
    """

    events: tuple[Event, ...]
    ahead: tuple[Event, ...]
    whole: bool
    fresh: Freshness


@dataclass(frozen=True, slots=True)
class Batch:
    """What one call brought: the events that match, all that it read of the window, how many it could not
    read, and how many only in part.
    """

    events: list[Event]
    read: list[Event]
    bad_rows: int
    more: bool
    repaired_rows: int = 0


@dataclass(frozen=True, slots=True)
class _Step:
    """One answer's rows that lie in the window and are older than all before, and the place after the last
    one read.

    `advanced`: whether that place is another than the one before.
    """

    events: list[Event]
    answer: ListAnswer
    position: Position | None
    until: int
    more: bool
    advanced: bool


def is_whole_list(query: Query) -> bool:
    """Whether the rows of a window up to now are the newest of the customer, from the first one on."""
    is_whole = not (query.feature_id or query.entity_id or query.has_row_filters)
    return is_whole and query.before is None and query.until is None and query.end is None


def position_of(event: Event) -> Position:
    """The row's place in the list."""
    return Position(event.timestamp, event.id)


class EventReader:
    """The lists of one caller's scope."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def page(
        self, query: Query, window: Window, now: int, options: CallOptions, *, among_newest: bool = False
    ) -> EventPage:
        """The page that `query` names: from `before`, or from the newest row. At most SCAN_CALLS calls,
        and fewer where rows are large.

        More only where thousands of rows share a second with `before`: they are read again to get behind it.
        `among_newest`: it may share the call that reads the customer's newest rows for their features.
        """
        found, steps = list[Event](), list[_Step]()
        searches = query.has_row_filters or _has_comma(query)
        rows = min(MAX_LIMIT, query.per_page + SPARE)
        shares = among_newest and is_whole_list(query) and _reaches_now(query, window, now)
        limit = MAX_LIMIT if searches or shares else rows
        for step in self._steps(query, window, now, lambda: options, limit, shares=shares):
            if shares and step.answer.fetch_info.fetched_at * 1000 < now - FRESH_NOW_S * 1000:
                # Another process has read the features; the page's own rows may be newer.
                return self.page(query, window, now, options)
            if shares:
                step = _first_rows(step, rows)
            steps.append(step)
            found += [event for event in step.events if matches(query, event)]
            scanned = sum(step.advanced for step in steps)
            is_large = step.answer.limit < limit or sum(each.answer.parts for each in steps) > MAX_PARTS
            is_last = scanned == SCAN_CALLS or len(steps) == MAX_STEPS
            # A page that got no further would lead to itself.
            if len(found) >= query.per_page or (is_large and scanned) or is_last:
                break
        return _as_page(query, found, steps)

    def batches(
        self, query: Query, window: Window, now: int, new_options: Callable[[], CallOptions]
    ) -> Iterator[Batch]:
        """Every event of the window that matches, exactly once, call by call; at least one batch.

        `new_options` is called for each step's own deadline.
        """
        for step in self._steps(query, window, now, new_options, MAX_LIMIT):
            matching = [event for event in step.events if matches(query, event)]
            rows = step.answer.rows
            yield Batch(matching, step.events, rows.bad_rows, step.more, rows.repaired_rows)

    def newest(
        self, query: Query, window: Window, now: int, options: CallOptions, limit: int = MAX_LIMIT
    ) -> Newest:
        """The newest rows of the window, property filters left aside: one call."""
        plain = replace(query.having(), filter=(), exclude=(), value_min=None, value_max=None)
        step = next(self._steps(plain, window, now, lambda: options, limit))
        rows, until = step.answer.rows, hour_end(now)
        return Newest(
            events=tuple(e for e in step.events if e.timestamp < until),
            ahead=tuple(e for e in rows.events if e.timestamp >= until and _is_of(query, e)),
            whole=not step.more,
            fresh=_list_freshness([step.answer]),
        )

    def find(self, query: Query, at: Position, now: int, options: CallOptions) -> Event | None:
        """The event at a place: there is no call to get one (trap 16), so its second is read until it turns
        up.
        """
        window = Window(at.timestamp, at.timestamp + 1)
        for step in self._steps(
            query.having(until=at.timestamp + 1), window, now, lambda: options, MAX_LIMIT
        ):
            for event in step.events:
                if event.id == at.id:
                    return event
        return None

    def _steps(
        self,
        query: Query,
        window: Window,
        now: int,
        new_options: Callable[[], CallOptions],
        limit: int,
        *,
        shares: bool = False,
    ) -> Iterator[_Step]:
        # A list ends where figures do: with its window, or with the running hour.
        until = query.until if query.until is not None else min(window.end, hour_end(now))
        offset, reader = 0, _RangeReader({}, query.before)
        while True:
            is_shared = shares and reader.position is None
            bounds = {} if is_shared else _bounds(query, window, reader.position, now)
            if bounds != reader.bounds:
                offset, reader = 0, _RangeReader(bounds, reader.position)
            # How old shared rows may be is for the page to decide: features are looked for once an hour.
            closed = is_shared or bounds.get("end", now) < now - CLOSED_AFTER_MS
            answer = self._calls.rows(
                _body(query, bounds, offset), limit, closed=closed, options=new_options()
            )
            step = _step(query, answer, window, reader, until)
            yield step
            if not step.more:
                return
            limit = min(limit, answer.limit) if step.advanced else MAX_LIMIT
            offset += answer.rows.read
            if offset > MAX_OFFSET:
                raise Malformed(messages.LIST_DOES_NOT_END)


class _RangeReader:
    """Reads the answers for one range in Autumn's order, on from the row at `position`.

    Autumn orders the rows of a millisecond by microseconds, which a list does not show. So the next row is
    the one after `position` in the answer, not the one with the next smaller ID.
    """

    def __init__(self, bounds: dict[str, int], position: Position | None) -> None:
        self.bounds = bounds
        self.position = position
        self._passed = position is None
        self._read = set[str]()

    def next(self, events: Iterable[Event]) -> list[Event]:
        """The rows that have not been read: arrivals push rows that have been into the next answer."""
        fresh = [event for event in events if self._is_next(event)]
        self._read.update(event.id for event in fresh)
        if fresh:
            self.position = position_of(fresh[-1])
        return fresh

    def _is_next(self, event: Event) -> bool:
        if self._passed or self.position is None:
            return event.id not in self._read
        if position_of(event) == self.position:
            self._passed = True
            self._read.add(event.id)
            return False
        self._passed = event.timestamp < self.position.timestamp
        return self._passed


def _list_freshness(answers: Iterable[ListAnswer]) -> Freshness:
    parts = list(answers)
    return freshness_of(
        [part.fetch_info for part in parts],
        bad_rows=sum(part.rows.bad_rows for part in parts),
        foreign_rows=sum(part.rows.foreign_rows for part in parts),
        repaired_rows=sum(part.rows.repaired_rows for part in parts),
    )


def _step(query: Query, answer: ListAnswer, window: Window, reader: _RangeReader, until: int) -> _Step:
    before = reader.position
    shown = Window(window.start, max(window.start + 1, min(window.end, until)))
    events = [
        event for event in reader.next(answer.events) if event.timestamp in shown and _is_of(query, event)
    ]
    more = answer.rows.has_more and answer.rows.read > 0
    if reader.position is not None and reader.position.timestamp < window.start:
        more = False  # rows that were not requested for this window alone
    return _Step(events, answer, reader.position, until, more, reader.position != before)


def _first_rows(step: _Step, count: int) -> _Step:
    """The step as a call for at most `count` rows would have made it."""
    if len(step.events) <= count:
        return step
    events = step.events[:count]
    return replace(step, events=events, position=position_of(events[-1]), more=True)


def _reaches_now(query: Query, window: Window, now: int) -> bool:
    """Whether the window reaches up to now, or beyond it."""
    return window.end > now or (window.end == now and query.end is None)


def _bounds(query: Query, window: Window, position: Position | None, now: int) -> dict[str, int]:
    """The range of a step.

    The first one of a window that is still open has no end: all its viewers share one call.
    """
    if position is not None:
        return Window(
            window.start, max(window.start + 1, min(position.timestamp + 1, window.end))
        ).list_range()
    end = min(window.end, query.until) if query.until is not None else window.end
    bounds = Window(window.start, max(window.start + 1, end)).list_range()
    if query.until is None and query.end is None and _reaches_now(query, window, now):
        del bounds["end"]
    return bounds


def _body(query: Query, bounds: dict[str, int], offset: int) -> dict[str, object]:
    body: dict[str, object] = {"offset": offset}
    if bounds:
        body["custom_range"] = bounds
    if query.customer_id is not None:
        body["customer_id"] = query.customer_id
    if query.feature_id and not _has_comma(query):
        body["feature_id"] = list(query.feature_id)
    if query.entity_id is not None:
        body["entity_id"] = query.entity_id
    return body


def _has_comma(query: Query) -> bool:
    """Whether a feature's name has a comma: Autumn would list the events of its parts."""
    return any("," in name for name in query.feature_id)


def _is_of(query: Query, event: Event) -> bool:
    """Whether an event is of the query's features, where the request was not limited to these."""
    return not _has_comma(query) or event.feature_id in query.feature_id


def _as_page(query: Query, found: list[Event], steps: list[_Step]) -> EventPage:
    shown, last = found[: query.per_page], steps[-1]
    following = (
        position_of(shown[-1]) if len(found) > query.per_page else last.position if last.more else None
    )
    rows = [step.answer.rows for step in steps]
    fresh = _list_freshness([step.answer for step in steps])
    scanned = sum(len(item.events) + item.bad_rows + item.foreign_rows for item in rows)
    unfinished = following is not None and len(found) < query.per_page
    fetched = math.ceil(fresh.fetched_at * 1000)
    ahead = sum(event.timestamp > fetched for item in rows for event in item.events)
    sentence = messages.FUTURE_ROW if ahead == 1 else messages.FUTURE_ROWS.format(count=ahead)
    return EventPage(
        tuple(shown),
        last.until,
        following,
        scanned,
        unfinished,
        fresh,
        ahead,
        notes=(Note("future-rows", sentence),) if ahead else (),
        read=tuple(event for step in steps for event in step.events),
        bodies=tuple(step.answer.body for step in steps),
    )
