"""Parses parts of pages: top values, counts, live tail, sentences and cells."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

from tests.audit.markup import parsed
from tests.audit.reading import number, words_of


@dataclass(frozen=True, slots=True)
class TopValue:
    """One of a property's most common values, with its count."""

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
    """Whether a live tail reports rows that it does not show."""
    document = parsed(text)
    marked = any(element.get("data-notice") == "missed-rows" for element in document.all(has="data-notice"))
    return marked or document.first(has="data-missed") is not None


def count_of(text: str) -> int | None:
    """The number of matches, from the mark or from the text of the part beside the list."""
    document = parsed(text)
    marked = document.first(has="data-matches")
    if marked is not None:
        return int(marked.get("data-matches") or 0) if marked.get("data-matches") else None
    for element in document.all("span"):
        found = re.fullmatch(r"of ([0-9,]+)", element.text)
        if found and (element.get("id") or "").startswith("total-"):
            return int(number(found[1]))
    return None


def sentence_of(text: str) -> str:
    """The sentence of a response without figures."""
    if "<" not in text:
        return text.strip()
    document = parsed(text)
    words = words_of(document)
    main = document.first("main")
    return words or (main.text if main is not None else document.text)[:300]


def cell_values(text: str, path: str) -> dict[str, str]:
    """A column of the table of events: the filter value of each row's cell, by the row's id."""
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
        found[query["event"][0].partition(",")[2]] = cells[at].raw_text if raw is None else unquote(raw)
    return found
