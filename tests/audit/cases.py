"""Kinds of cases: each asks one random question of the served product, and judges the answer."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random
from time import time
from urllib.parse import quote

from tests.audit import file_reading, files, pages, part_reading, reading
from tests.audit.asks import Ask
from tests.audit.calendars import HOUR, ZONES
from tests.audit.findings import Finding
from tests.audit.questions import Questions, flat
from tests.audit.requested import Requested
from tests.audit.site import Answer, Site, Visitor
from tests.audit.truth import shown_properties, text_of
from tests.audit.world import Customer, Row, World

MOST_PAGES = 60
PARTS = {"HX_Request": "true"}
BAR = {**PARTS, "HX_Target": "events-in-view"}
MEANT_STATUS = (400, 404)
MAY_REFUSE = (
    r"link cannot group|[Nn]o such customer|no customer|of one customer|too many|[Ss]erver|cannot apply"
)
"""Refusals that the design allows, by their sentences."""


@dataclass(slots=True)
class Case:
    """One question: whom it is about, who asks, and what was found.

    `url` is the last address that was asked.
    """

    rng: Random
    site: Site
    world: World
    age: str
    customer: Customer
    visitor: Visitor
    shared: bool = False
    late: bool = False
    url: str = ""
    refused: list[str] = field(default_factory=list)

    def questions(self) -> Questions:
        """Draws questions about the customer; older servers do not tell when a billing cycle starts."""
        known = replace(self.customer, cycle=None) if self.age == "older" else self.customer
        return Questions(self.rng, known, _now())

    def get(self, ask: Ask, path: str, **headers: str) -> Answer:
        """Asks; a recipient's addresses are below the link, and name no customer."""
        return self.follow(self._own(ask).url(path), **headers)

    def follow(self, url: str, **headers: str) -> Answer:
        """Asks for an address as a page wrote it."""
        self.url = url
        return self.visitor.get(url if url.startswith("/shared/") else self._below(url), **headers)

    def requested(self, ask: Ask, now: int) -> Requested:
        """The question with what its truth depends on."""
        known = Requested(ask, self.world, self.age, now, self.late)
        return replace(known, customer_id=self.customer.id) if self.shared else known

    def _own(self, ask: Ask) -> Ask:
        return ask.having(customer_id=None) if self.shared else ask

    def _below(self, url: str) -> str:
        return url.lstrip("/") if self.shared else url

    def is_answered(self, answer: Answer, ask: Ask, found: list[Finding]) -> bool:
        """Whether there is an answer to judge. A refusal has a sentence; it is never an error of the server.

        Every question here is one that the design allows, so a refusal is a difference unless it is in
        MAY_REFUSE.
        """
        if answer.status == 200:
            return True
        sentence = part_reading.sentence_of(answer.text)[:160]
        if answer.status in MEANT_STATUS and sentence:
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
    ask, found = _organization_wide(case, case.questions().usage()), list[Finding]()
    now = _now()
    answer = case.get(ask, "/usage/export.csv")
    if case.is_answered(answer, ask, found):
        found += files.usage_file(case.requested(ask, now), file_reading.usage_file(answer.text))
    return found


def _organization_wide(case: Case, ask: Ask) -> Ask:
    wide = not case.shared and case.rng.random() < 0.04
    return ask.having(customer_id=None, feature_id=ask.feature_id or ("api_calls",)) if wide else ask


def usage_page(case: Case) -> list[Finding]:
    """The page of charts: cards, legend and check line."""
    ask, found = case.questions().usage(), list[Finding]()
    now = _now()
    answer = case.get(ask, "/usage/")
    if case.is_answered(answer, ask, found):
        page = reading.page_of(answer.text)
        if page.features or page.check is not None or not page.words:
            found += pages.usage_page(case.requested(ask, now), page)
        else:
            case.refused.append(page.words[:160])
    return found


def events_file(case: Case) -> list[Finding]:
    """A file of events, every row."""
    ask, found = case.questions().events(), list[Finding]()
    suffix = case.rng.choice(("csv", "jsonl"))
    now = _now()
    answer = case.get(ask, f"/events/export.{suffix}")
    if case.is_answered(answer, ask, found):
        rows = (file_reading.events_csv if suffix == "csv" else file_reading.events_jsonl)(answer.text)
        found += files.events_file(case.requested(ask, now), rows, answer.broken)
        others = {row.customer_id for row in rows} - {case.customer.id}
        found += [Finding("foreign rows", ", ".join(sorted(others))[:80], case.customer.id)] if others else []
    return found


def list_pages(case: Case) -> list[Finding]:
    """The list of events, followed page by page to its end."""
    ask, found = case.questions().events(), list[Finding]()
    ask = ask.having(per_page=case.rng.choice((100, 500, 1000)))
    now, rows, notices = _now(), list[tuple[int, str]](), frozenset[str]()
    answer = case.get(ask, "/events/")
    for _ in range(MOST_PAGES):
        if not case.is_answered(answer, ask, found):
            return found
        page = reading.page_of(answer.text)
        rows += page.rows
        notices |= page.notices
        if page.following is None:
            return found + pages.list_of_events(case.requested(ask, now), rows, notices, ended=True)
        answer = case.follow(page.following)
    return found


def drill_down(case: Case) -> list[Finding]:
    """A bar's events: those of whole hours, of one feature, perhaps of one group."""
    row, found = _a_row(case), list[Finding]()
    if row is None:
        return found
    start = row.timestamp - row.timestamp % HOUR
    length = case.rng.choice((1, 1, 24, 24 * 7)) * HOUR
    ask = Ask(customer_id=case.customer.id, feature_id=(row.feature_id,), tz=case.rng.choice(ZONES))
    ask = ask.between(start, start + length)
    pairs = [
        (path, value)
        for path, value in flat(shown_properties(row.properties))
        if isinstance(value, str) and value.strip()
    ]
    if pairs and case.rng.random() < 0.5:
        path, value = case.rng.choice(pairs)
        ask = ask.having(filter=(f"{path}:{value}",))
    now = _now()
    answer = case.get(ask, "/events/", **BAR)
    if case.is_answered(answer, ask, found):
        page = reading.page_of(answer.text)
        found += pages.drill_down(case.requested(ask, now), page.check, page)
    return found


def _a_row(case: Case) -> Row | None:
    past = [row for row in case.customer.rows if row.timestamp < _now() - HOUR]
    return case.rng.choice(past) if past else None


def count(case: Case) -> list[Finding]:
    """The number of events beside the list."""
    ask, found = case.questions().windowed(), list[Finding]()
    now = _now()
    answer = case.get(ask, "/events/histogram/", **PARTS)
    if case.is_answered(answer, ask, found):
        shown = part_reading.count_of(answer.text)
        found += [] if shown is None else pages.count(case.requested(ask, now), shown)
    return found


def top_values(case: Case) -> list[Finding]:
    """The top values beside the list."""
    questions, found = case.questions(), list[Finding]()
    ask = questions.filtered(Ask(customer_id=case.customer.id, range="30d"))
    now = _now()
    answer = case.get(ask, "/events/facets/", **PARTS)
    if case.is_answered(answer, ask, found):
        found += pages.top_values(case.requested(ask, now), part_reading.top_values(answer.text))
    return found


def cell_filter(case: Case) -> list[Finding]:
    """What a click on a cell filters by finds the rows that have this value."""
    row, found = _a_row(case), list[Finding]()
    pairs = flat(shown_properties(row.properties)) if row is not None else ()
    if row is None or not pairs:
        return found
    path, value = case.rng.choice(list(pairs))
    near = Ask(customer_id=case.customer.id, columns=(path,)).between(row.timestamp, row.timestamp + 1)
    answer = case.get(near, "/events/")
    if not case.is_answered(answer, near, found):
        return found
    shown = part_reading.cell_values(answer.text, path).get(row.id)
    if shown is None:
        return found
    ask = Ask(customer_id=case.customer.id, range="30d", filter=(f"{path}:{shown}",))
    right = ask.having(filter=(f"{path}:{text_of(value)}",))
    now = _now()
    answer = case.get(ask, "/events/export.jsonl")
    if case.is_answered(answer, ask, found):
        rows = file_reading.events_jsonl(answer.text)
        found += files.events_file(case.requested(right, now), rows, answer.broken)
    return found


def bad_query(case: Case) -> list[Finding]:
    """What makes no sense is a 400 with a sentence, on every page and file."""
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
    *((count, 4), (top_values, 4), (cell_filter, 5), (bad_query, 3)),
)
"""Kinds of cases with how often they are drawn, in a hundred."""
