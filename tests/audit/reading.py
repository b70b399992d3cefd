"""Parses answers: the `data-` marks of pages, or, if a page lacks one, its visible text.

Everything that depends on the markup of pages and files is in this module.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qs, urlsplit

from tests.audit.markup import Element, parsed

Bound = Literal["exact", "at-least", "unknown"]

SENTENCES = {
    "features-not-listed": r"seen so far",
    "filters-not-applied": r"cannot apply|can't apply|cannot count under|include events that they hide",
    "unreadable-rows": r"could not be read|unreadable",
    "windows-widened": r"whole hours|full hours",
    "events-arriving": r"still arriving",
    "future-rows": r"in the future|time to come|times to come",
    "approximate-zone": r"approximate|nearest (whole|full) hour",
    "rows-disagree": r"may know more than it lists|rows disagree",
    "missed-rows": r"missed",
    "empty": r"no events here|nothing was",
    "unknown-customer": r"no customer",
    "busy": r"in a moment|too many",
    "rate-limited": r"limits",
    "partial": r"left out|answered in part",
}
"""Texts of pages without the code of a notice."""
HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


@dataclass(frozen=True, slots=True)
class FeatureMark:
    """A feature's card or line. `change` is a fraction, or None."""

    name: str
    sum: float
    count: int | None
    change: float | None
    reconciled: str | None


@dataclass(frozen=True, slots=True)
class GroupMark:
    """A row of the legend."""

    name: str
    kind: str
    sum: float
    change: float | None
    bound: Bound
    label: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """The line that reconciles: the sum of the chart, Autumn's total and count, and the sum of listed
    rows.
    """

    reconciled: str
    shown: float | None = None
    total: float | None = None
    events: int | None = None
    listed: float | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """The figures and texts of a page. Names are as in `shown_as` unless `exact_names`."""

    features: tuple[FeatureMark, ...]
    groups: tuple[GroupMark, ...]
    check: Check | None
    notices: frozenset[str]
    words: str
    rows: tuple[tuple[int, str], ...]
    following: str | None
    chart_feature: str | None
    exact_names: bool

    def named(self, name: str, mark: FeatureMark | GroupMark) -> bool:
        """Whether a mark has this name."""
        return mark.name == (name if self.exact_names else shown_as(name))


def shown_as(text: str) -> str:
    """A name as in titles of pages: invisible characters are spelled out."""
    seen = (f"[U+{ord(c):04X}]" if unicodedata.category(c) in HIDDEN else c for c in text)
    return "".join(seen) or "(empty)"


def number(text: str) -> float:
    """A figure as written: 9,140,000 or −0.25. Raises ValueError."""
    return float(re.sub(r"[,\s\u00a0≥]", "", text.replace("\N{MINUS SIGN}", "-")))


def page_of(text: str) -> Page:
    """The figures and texts of a page or a part."""
    document = parsed(text)
    marked = document.first(has="data-feature") is not None
    words = words_of(document)
    return Page(
        features=tuple(_features(document)),
        groups=tuple(_groups(document)),
        check=_check(document),
        notices=_notices(document, words),
        words=words,
        rows=tuple(_rows(document)),
        following=_following(document),
        chart_feature=_chart_feature(document),
        exact_names=marked,
    )


def words_of(document: Element) -> str:
    """All explanations on a page."""
    found = [element.text for element in document.all() if _is_words(element)]
    return " | ".join(dict.fromkeys(filter(None, found)))


def _is_words(element: Element) -> bool:
    roles = element.get("role") in ("status", "alert")
    return (
        roles
        or "data-notice" in element.attributes
        or bool(element.classes & {"notice", "rec", "notes", "stale", "error"})
    )


def _notices(document: Element, words: str) -> frozenset[str]:
    marked = {str(element.get("data-notice")) for element in document.all(has="data-notice")}
    said = {code for code, pattern in SENTENCES.items() if re.search(pattern, words, re.IGNORECASE)}
    return frozenset(marked | said)


def _features(document: Element) -> Iterator[FeatureMark]:
    cards = [one for one in document.all(has="data-feature") if "data-sum" in one.attributes]
    for card in cards:
        yield FeatureMark(
            str(card.get("data-feature")),
            float(card.get("data-sum") or "nan"),
            _whole(card.get("data-count")),
            _fraction(card.get("data-change")),
            card.get("data-reconciled"),
        )
    if cards:
        return
    for card in document.all(of_class="feature-card"):
        figure = card.first(of_class="n")
        exact = re.fullmatch(r"(.*) from (.*) events?", (figure.get("title") if figure else "") or "")
        if exact is not None:
            change = _percentage(card.first(of_class="d"))
            name = card.get("title") or ""
            yield FeatureMark(name, number(exact[1]), int(number(exact[2])), change, None)


def _percentage(element: Element | None) -> float | None:
    found = re.search(r"([▲▼]?)\s*([0-9.,]+)\s%", element.text if element else "")
    if found is None:
        return None
    return number(found[2]) / 100 * (-1 if found[1] == "▼" else 1)


def _groups(document: Element) -> Iterator[GroupMark]:
    marked = list(document.all(has="data-group"))
    for row in marked:
        yield GroupMark(
            str(row.get("data-group")),
            row.get("data-group-kind") or "value",
            float(row.get("data-sum") or "nan"),
            _fraction(row.get("data-change")),
            bound_of(row.get("data-bound") or "exact"),
            name_cell.text if (name_cell := row.first("td")) is not None else row.text,
        )
    if marked:
        return
    legend = document.first(has="data-legend")
    for row in legend.all("tr", has="data-line") if legend else ():
        name, figure = list(row.all("td"))[:2]
        title = figure.get("title") or ""
        bound: Bound = "at-least" if "or more" in title else "exact"
        kind = _kind(name.text) if "dim" in row.classes else "value"
        sum_ = number(title.split(", or more")[0])
        yield GroupMark(name.get("title") or name.text, kind, sum_, _legend_change(row), bound, name.text)


def _legend_change(row: Element) -> float | None:
    cells = list(row.all("td"))
    title = (cells[3].get("title") or "") if len(cells) > 3 else ""
    found = re.search(r"([▲▼]?)\s*([0-9.,]+)\s%", title)
    return None if found is None else number(found[2]) / 100 * (-1 if found[1] == "▼" else 1)


def _kind(label: str) -> str:
    return "other" if label.startswith("Other") else "none"


def bound_of(text: str) -> Bound:
    """A bound as written; other words are `unknown`."""
    if text == "exact" or text == "at-least":
        return text  # type: ignore[return-value]  # one of the literals, just compared
    return "unknown"


def _whole(text: str | None) -> int | None:
    return int(text) if text else None


def _fraction(text: str | None) -> float | None:
    return float(text) if text else None


def _check(document: Element) -> Check | None:
    line = document.first(has="data-reconciled")
    for one in document.all(has="data-reconciled"):
        line = one if "data-shown" in one.attributes or "data-listed" in one.attributes else line
    if line is not None:
        values = [_fraction(line.get(f"data-{name}")) for name in ("shown", "total", "listed")]
        shown, total, listed = values
        events = _whole(line.get("data-events"))
        return Check(str(line.get("data-reconciled")), shown, total, events, listed)
    for one in document.all(of_class="rec"):
        if "scan" not in one.classes:
            return _written_check(one)
    return None


def _written_check(line: Element) -> Check:
    sign = line.text[:1]
    figures = [number(bold.text) for bold in line.all("b") if re.fullmatch(r"[−0-9.,e+]+", bold.text)]
    agrees = {"✓": "yes", "≠": "no"}.get(sign, "unknown")
    if "Bars sum to" in line.text and len(figures) >= 2:
        total = figures[2] if len(figures) > 2 else figures[0]
        return Check(agrees, figures[0], total, int(figures[1]))
    if "in this" in line.text and " = " in line.text:
        return Check(agrees, total=figures[0], listed=figures[1], events=int(figures[2]))
    if "in this" in line.text and len(figures) >= 4:
        return Check(agrees, total=figures[0], events=int(figures[1]), listed=figures[3])
    listed = figures[1] if len(figures) > 1 else None
    return Check(agrees, listed=listed)


def _rows(document: Element) -> Iterator[tuple[int, str]]:
    for table in document.all("tbody"):
        for row in table.all("tr"):
            link = row.first("a")
            query = parse_qs(urlsplit((link.get("href") if link else "") or "").query)
            if "aria-expanded" in (link.attributes if link else ()) and "event" in query:
                moment, _, event_id = query["event"][0].partition(",")
                yield int(moment), event_id


def _following(document: Element) -> str | None:
    for link in document.all("a"):
        if link.get("rel") == "next" or "data-go" in link.attributes:
            return link.get("href")
    return None


def _chart_feature(document: Element) -> str | None:
    chart = document.first(has="data-chart")
    return chart.get("data-feature") if chart is not None else None
