"""Kinds of cases: each sends one random query to the served product, and checks the answer."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random
from time import time
from urllib.parse import quote

from tests.audit import explanations, file_reading, files, pages, part_reading, reading
from tests.audit.calendars import HOUR, ZONES
from tests.audit.findings import Finding
from tests.audit.query import Query
from tests.audit.random_queries import RandomQueries, flat
from tests.audit.requested import Requested
from tests.audit.site import Answer, Visitor
from tests.audit.truth import shown_properties, text_of
from tests.audit.world import Customer, Row, World

MOST_PAGES = 60
PARTS = {"HX_Request": "true"}
BAR = {**PARTS, "HX_Target": "events-in-view"}
REFUSAL_STATUS = (400, 404)
MAY_REFUSE = (
    r"link cannot group|[Nn]o such customer|no customer|of one customer|too many|[Ss]erver|cannot apply"
    r"|what was deducted|name has a comma"
)
"""Refusals that the design allows, by their sentences."""


@dataclass(slots=True)
class Case:
    """One query: its customer, its visitor, and its findings.

    `url` is the address of the last request.
    """

    rng: Random
    world: World
    age: str
    customer: Customer
    visitor: Visitor
    shared: bool = False
    late: bool = False
    url: str = ""
    refused: list[str] = field(default_factory=list)

    def random_queries(self) -> RandomQueries:
        """Random queries about the customer; older servers do not return the start of a billing cycle."""
        known = replace(self.customer, cycle=None) if self.age == "older" else self.customer
        return RandomQueries(self.rng, known, _now())

    def get(self, query: Query, path: str, **headers: str) -> Answer:
        """Send a request; a recipient's addresses are below the link, and name no customer."""
        return self.follow(self._own(query).url(path), **headers)

    def follow(self, url: str, **headers: str) -> Answer:
        """Request an address from a page."""
        self.url = url
        return self.visitor.get(url if url.startswith("/shared/") else self._below(url), **headers)

    def requested(self, query: Query, now: int) -> Requested:
        """The query with everything that its result depends on."""
        known = Requested(query, self.world, self.age, now, self.late)
        return replace(known, customer_id=self.customer.id) if self.shared else known

    def _own(self, query: Query) -> Query:
        return query.having(customer_id=None) if self.shared else query

    def _below(self, url: str) -> str:
        return url.lstrip("/") if self.shared else url

    def is_answered(self, answer: Answer, query: Query, found: list[Finding]) -> bool:
        """Whether there is an answer to check. A refusal has a sentence; it is never a server error.

        Every query is one that the design allows, so a refusal is a difference unless it is in MAY_REFUSE.
        """
        if answer.status == 200:
            return True
        sentence = part_reading.sentence_of(answer.text)[:160]
        if answer.status in REFUSAL_STATUS and sentence:
            self.refused.append(f"{answer.status} {sentence}")
            if not re.search(MAY_REFUSE, sentence):
                found.append(Finding("refused", sentence[:60], "an answer", sentence[:60]))
        elif answer.status in (429, 502, 503) and sentence:
            found.append(Finding(f"status {answer.status}", sentence, "an answer", sentence))
        else:
            found.append(Finding(f"status {answer.status}", sentence, "an answer or a sentence"))
        return False


def _now() -> int:
    return int(time() * 1000)


def usage_file(case: Case) -> list[Finding]:
    """The usage file, every cell."""
    query, found = _organization_wide(case, case.random_queries().usage()), list[Finding]()
    now = _now()
    answer = case.get(query, "/usage/export.csv")
    if case.is_answered(answer, query, found):
        cells = file_reading.usage_file(answer.text)
        found += files.usage_file(case.requested(query, now), cells, answer.file)
    return found


def _organization_wide(case: Case, query: Query) -> Query:
    wide = not case.shared and case.rng.random() < 0.04 and query.measure != "deducted"
    return query.having(customer_id=None, feature_id=query.feature_id or ("api_calls",)) if wide else query


def usage_page(case: Case) -> list[Finding]:
    """The page of charts: cards, legend and check line."""
    query, found = case.random_queries().usage(), list[Finding]()
    now = _now()
    answer = case.get(query, "/usage/")
    if case.is_answered(answer, query, found):
        page = reading.page_of(answer.text)
        if page.features or page.check is not None or not page.words:
            found += pages.usage_page(case.requested(query, now), page)
        else:
            case.refused.append(page.words[:160])
    return found


def events_file(case: Case) -> list[Finding]:
    """A file of events, every row."""
    query, found = case.random_queries().events(), list[Finding]()
    suffix = case.rng.choice(("csv", "jsonl"))
    now = _now()
    answer = case.get(query, f"/events/export.{suffix}")
    if case.is_answered(answer, query, found):
        rows = (file_reading.events_csv if suffix == "csv" else file_reading.events_jsonl)(answer.text)
        found += files.events_file(case.requested(query, now), rows, answer.broken)
        others = {row.customer_id for row in rows} - {case.customer.id}
        found += [Finding("foreign rows", ", ".join(sorted(others))[:80], case.customer.id)] if others else []
    return found


def list_pages(case: Case) -> list[Finding]:
    """The list of events, page by page to its end."""
    query, found = case.random_queries().events(), list[Finding]()
    query = query.having(per_page=case.rng.choice((100, 500, 1000)))
    now, rows, notices = _now(), list[tuple[int, str]](), frozenset[str]()
    answer = case.get(query, "/events/")
    for _ in range(MOST_PAGES):
        if not case.is_answered(answer, query, found):
            return found
        page = reading.page_of(answer.text)
        rows += page.rows
        notices |= page.notices
        if page.following is None:
            return found + pages.list_of_events(case.requested(query, now), rows, notices, ended=True)
        answer = case.follow(page.following)
    return found


def drill_down(case: Case) -> list[Finding]:
    """The events of a bar: whole hours, one feature, possibly one group."""
    row, found = _a_row(case), list[Finding]()
    if row is None:
        return found
    start = row.timestamp - row.timestamp % HOUR
    length = case.rng.choice((1, 1, 24, 24 * 7)) * HOUR
    query = Query(customer_id=case.customer.id, feature_id=(row.feature_id,), tz=case.rng.choice(ZONES))
    query = query.between(start, start + length)
    pairs = [
        (path, value)
        for path, value in flat(shown_properties(row.properties))
        if isinstance(value, str) and value.strip()
    ]
    if pairs and case.rng.random() < 0.5:
        path, value = case.rng.choice(pairs)
        query = query.having(filter=(f"{path}:{value}",))
    now = _now()
    answer = case.get(query, "/events/", **BAR)
    if case.is_answered(answer, query, found):
        page = reading.page_of(answer.text)
        found += pages.drill_down(case.requested(query, now), page.check, page)
    return found


def _a_row(case: Case) -> Row | None:
    past = [row for row in case.customer.rows if row.timestamp < _now() - HOUR]
    return case.rng.choice(past) if past else None


def count(case: Case) -> list[Finding]:
    """The number of events beside the list."""
    query, found = case.random_queries().windowed(), list[Finding]()
    now = _now()
    answer = case.get(query, "/events/histogram/", **PARTS)
    if case.is_answered(answer, query, found):
        shown = part_reading.count_of(answer.text)
        found += [] if shown is None else pages.count(case.requested(query, now), shown)
    return found


def explanation(case: Case) -> list[Finding]:
    """Why a feature's usage changed."""
    row, found = _a_row(case), list[Finding]()
    if row is None:
        return found
    query = case.random_queries().windowed().having(compare="previous", focus=row.feature_id)
    now = _now()
    answer = case.get(query, "/usage/explain/")
    if case.is_answered(answer, query, found):
        rows = explanations.explained_values(answer.text)
        found += explanations.explanation(case.requested(query, now), row.feature_id, rows)
    return found


def top_values(case: Case) -> list[Finding]:
    """The top values beside the list."""
    random_queries, found = case.random_queries(), list[Finding]()
    query = random_queries.filtered(Query(customer_id=case.customer.id, range="30d"))
    now = _now()
    answer = case.get(query, "/events/facets/", **PARTS)
    if case.is_answered(answer, query, found):
        found += pages.top_values(case.requested(query, now), part_reading.top_values(answer.text))
    return found


def cell_filter(case: Case) -> list[Finding]:
    """The filter of a cell matches the rows with its value."""
    row, found = _a_row(case), list[Finding]()
    pairs = flat(shown_properties(row.properties)) if row is not None else ()
    if row is None or not pairs:
        return found
    path, value = case.rng.choice(list(pairs))
    near = Query(customer_id=case.customer.id, columns=(path,)).between(row.timestamp, row.timestamp + 1)
    answer = case.get(near, "/events/")
    if not case.is_answered(answer, near, found):
        return found
    shown = part_reading.cell_values(answer.text, path).get(row.id)
    if shown is None:
        return found
    query = Query(customer_id=case.customer.id, range="30d", filter=(f"{path}:{shown}",))
    right = query.having(filter=(f"{path}:{text_of(value)}",))
    now = _now()
    answer = case.get(query, "/events/export.jsonl")
    if case.is_answered(answer, query, found):
        rows = file_reading.events_jsonl(answer.text)
        found += files.events_file(case.requested(right, now), rows, answer.broken)
    return found


def bad_query(case: Case) -> list[Finding]:
    """An invalid query is a 400 with a sentence, on every page and file."""
    name, value = case.rng.choice(
        (
            *(
                ("bogus", "1"),
                ("range", "8d"),
                ("tz", "Mars/Phobos"),
                ("bin_size", "fortnight"),
                ("start", "soon"),
            ),
            *(
                ("value_min", "much"),
                ("group_by", "color"),
                ("before", "x"),
                ("per_page", "7"),
                ("measure", "x"),
            ),
        )
    )
    path = case.rng.choice(("/usage/", "/events/", "/usage/export.csv", "/events/export.csv"))
    pair = f"{name}={quote(value)}"
    answer = case.follow(
        f"{path}?customer_id={quote(case.customer.id)}&{pair}" if not case.shared else f"{path}?{pair}"
    )
    sentence = part_reading.sentence_of(answer.text)
    right = answer.status == 400 and bool(sentence)
    return [] if right else [Finding("bad query", f"{answer.status} for {pair}", "400 with a sentence")]


Kind = Callable[[Case], list[Finding]]
WEIGHTS: tuple[tuple[Kind, int], ...] = (
    *((usage_file, 30), (usage_page, 25), (events_file, 10), (list_pages, 9), (drill_down, 10)),
    *((count, 4), (top_values, 4), (cell_filter, 5), (bad_query, 3), (explanation, 8)),
)
"""Kinds of cases with their frequency in a hundred."""
