"""Reads answers: the marks of pages that the design fixes, and where a page lacks one, what it shows instead.

All that depends on how pages and files look is in this module.
"""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import parse_qs, unquote, urlsplit

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
"""What stands on pages that do not have a notice's code yet."""
HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


@dataclass(frozen=True, slots=True)
class FeatureMark:
    """A feature's card or line. `change` is a fraction, None where there is none."""

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


@dataclass(frozen=True, slots=True)
class Check:
    """The line that reconciles: what is drawn, Autumn's total and count, and the sum of listed rows."""

    reconciled: str
    shown: float | None = None
    total: float | None = None
    events: int | None = None
    listed: float | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """What a page says. Names are as `shown_as` writes them unless `exact_names`."""

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
        """Whether a mark is about this name."""
        return mark.name == (name if self.exact_names else shown_as(name))


def shown_as(text: str) -> str:
    """A name as pages write it in titles: characters that show nothing are spelled out."""
    seen = (f"[U+{ord(c):04X}]" if unicodedata.category(c) in HIDDEN else c for c in text)
    return "".join(seen) or "(empty)"


def number(text: str) -> float:
    """A figure as it is written: 9,140,000 or −0.25. Raises ValueError."""
    return float(re.sub(r"[,\s\u00a0≥]", "", text.replace("\N{MINUS SIGN}", "-")))


def page_of(text: str) -> Page:
    """What a page, or a part of one, says."""
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
    """Everything that a page says to explain itself."""
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
    for tile in document.all(of_class="tile"):
        figure = tile.first(of_class="n")
        exact = re.fullmatch(r"(.*) from (.*) events?", (figure.get("title") if figure else "") or "")
        if exact is not None:
            change = _percentage(tile.first(of_class="d"))
            name = tile.get("title") or ""
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
            _bound(row.get("data-bound") or "exact"),
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
        yield GroupMark(name.get("title") or name.text, kind, sum_, _legend_change(row), bound)


def _legend_change(row: Element) -> float | None:
    cells = list(row.all("td"))
    title = (cells[3].get("title") or "") if len(cells) > 3 else ""
    found = re.search(r"([▲▼]?)\s*([0-9.,]+)\s%", title)
    return None if found is None else number(found[2]) / 100 * (-1 if found[1] == "▼" else 1)


def _kind(label: str) -> str:
    return "other" if label.startswith("Other") else "none"


def _bound(text: str) -> Bound:
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


@dataclass(frozen=True, slots=True)
class Cell:
    """A figure of a usage file, by its line and its bin."""

    start: str
    feature: str
    kind: str
    group: str
    value: str
    bound: Bound
    previous_start: str | None
    previous: str | None


def usage_file(text: str) -> list[Cell]:
    """The figures of `/usage/export.csv`."""
    return [
        Cell(
            row["period_start"],
            unguarded(row["feature_id"]),
            row["group_kind"],
            unguarded(row["group"]),
            row["value"],
            _bound(row.get("bound") or "exact"),
            row.get("previous_start"),
            row.get("previous_value"),
        )
        for row in csv.DictReader(io.StringIO(text, newline=""))
    ]


def unguarded(text: str) -> str:
    """A text of a file without the apostrophe that keeps spreadsheets from running it."""
    return text[1:] if re.match(r"'[^\w]", text) else text


@dataclass(frozen=True, slots=True)
class FileRow:
    """A row of a file of events. `value` is its text."""

    id: str
    customer_id: str
    feature_id: str
    value: str
    properties: dict[str, Any]
    moment: str | int


def events_csv(text: str) -> list[FileRow]:
    rows = csv.DictReader(io.StringIO(text, newline=""))
    return [
        FileRow(
            unguarded(row["id"]),
            unguarded(row["customer_id"]),
            unguarded(row["feature_id"]),
            row["value"],
            json.loads(row["properties"]),
            row["timestamp"],
        )
        for row in rows
    ]


def events_jsonl(text: str) -> list[FileRow]:
    rows = [json.loads(line, parse_float=str, parse_int=str) for line in text.split("\n") if line]
    plain = [json.loads(line) for line in text.split("\n") if line]
    return [
        FileRow(
            row["id"],
            row["customer_id"],
            row["feature_id"],
            row["value"],
            known["properties"],
            int(row["timestamp"]),
        )
        for row, known in zip(rows, plain, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class TopValue:
    """A value among a property's commonest, with its count."""

    path: str
    value: str
    count: int
    chosen: bool


def top_values(text: str) -> list[TopValue]:
    """The top values beside a list of events."""
    found = []
    for group in parsed(text).all("details"):
        summary = group.first("summary")
        for item in group.all("li") if summary is not None and summary.get("title") else ():
            count, link = item.first("b"), item.first("a")
            value = (link or item.first("span") or item).get("title")
            if count is not None and value is not None and summary is not None:
                chosen = link is not None and link.get("aria-current") == "true"
                path = str(summary.get("title"))
                found.append(TopValue(path, value.removeprefix(f"{path}: "), int(number(count.text)), chosen))
    return found


def says_missed(text: str) -> bool:
    """Whether a live tail says that rows came which it does not show."""
    document = parsed(text)
    marked = any(element.get("data-notice") == "missed-rows" for element in document.all(has="data-notice"))
    return marked or document.first(has="data-missed") is not None


def count_of(text: str) -> int | None:
    """How many events match: the mark, or what the part beside the list says."""
    document = parsed(text)
    marked = document.first(has="data-matches")
    if marked is not None:
        return _whole(marked.get("data-matches"))
    for element in document.all("span"):
        found = re.fullmatch(r"of ([0-9,]+)", element.text)
        if found and (element.get("id") or "").startswith("total-"):
            return int(number(found[1]))
    return None


def sentence_of(text: str) -> str:
    """What an answer that is no figure says."""
    if "<" not in text:
        return text.strip()
    document = parsed(text)
    words = words_of(document)
    main = document.first("main")
    return words or (main.text if main is not None else document.text)[:300]


def cell_values(text: str, path: str) -> dict[str, str]:
    """A column of the table of events: what each row's cell would filter by, by the row's id."""
    document, found = parsed(text), {}
    heads = list(document.all("th"))
    names = [unquote(head.get("data-path") or head.text) for head in heads]
    at = names.index(path) if path in names else -1
    for row in document.all("tr"):
        cells, link = list(row.all("td")), row.first("a")
        query = parse_qs(urlsplit((link.get("href") if link else "") or "").query)
        if at < 0 or len(cells) <= at or "event" not in query or "dash" in cells[at].classes:
            continue
        raw = cells[at].get("data-v")
        found[query["event"][0].partition(",")[2]] = cells[at].text if raw is None else unquote(raw)
    return found
