"""The search for a customer by name, email or ID: among what is stored at once, and in Autumn when asked; and
for saved views by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from heapq import nlargest, nsmallest
from itertools import chain, islice
from typing import Literal

from dashboard.models import SavedView, User
from dashboard.names.stored import CustomerNames, StoredName
from usage.errors import UsageError
from usage.query import BadQuery, Query
from usage.service import Usage

MOST_OPTIONS = 20
MOST_RANKED = 500
"""Customers whose ID matches, the most recent ones, that are ranked."""
MOST_PAGES = 3
"""Pages of Autumn's that are read where its `%` and `_`, which match any text, hide what was typed."""
MOST_COMPARED = 1_000
"""Customers, the most recent ones, among which similar ones are looked for."""
COMPARED_LENGTH = 64
SIMILAR = 0.66
MOST_SIMILAR = 5
MOST_VIEWS = 5
MOST_SEARCHED_VIEWS = 500
"""Saved views, the newest ones, that are searched."""

Missing = Literal["", "names-off", "no-names", "missing-scope"]


@dataclass(frozen=True, slots=True)
class CustomerOption:
    """A customer that can be chosen. `name`, `email`: empty where there is none."""

    id: str
    name: str
    email: str


@dataclass(frozen=True, slots=True)
class FoundCustomers:
    """What a search found, best first. `similar`: nothing matches, these are close to it.

    `has_more`: more customers match. `failure`: why Autumn did not answer. `missing`: why only stored names
    and seen IDs are searched.
    """

    options: tuple[CustomerOption, ...]
    similar: bool = False
    has_more: bool = False
    failure: str | None = None
    missing: Missing = ""


class CustomerSearch:
    """Searches customers for staff."""

    def __init__(self, usage: Usage, names: CustomerNames, *, is_off: bool) -> None:
        self._usage = usage
        self._names = names
        self._is_off = is_off

    def stored(self, text: str) -> FoundCustomers:
        """Those that are known here, without a call."""
        return self._found(text.strip())

    def asked(self, text: str) -> FoundCustomers:
        """The same, after Autumn was asked for more. Without any names, newest events tell of customers."""
        text = text.strip()
        failure, has_more = None, False
        if text or not (self._names.all() or self._usage.customers(limit=1)):
            try:
                has_more = self._ask(text)
            except (UsageError, BadQuery) as error:
                failure = error.sentence
        return self._found(text, failure=failure, has_more=has_more)

    def similar(self, text: str) -> tuple[CustomerOption, ...]:
        """Those that match, or are close to, an ID that Autumn does not know."""
        return self._found(text.strip()).options[:MOST_SIMILAR]

    def _ask(self, text: str) -> bool:
        """Stores what Autumn finds; whether it has more."""
        offset, found = 0, 0
        for _ in range(MOST_PAGES):
            page = self._usage.find_customers(text, offset=offset)
            if page is None:
                if not self._usage.customers(limit=1):
                    self._usage.page(Query(range="90d", per_page=1000))
                return False
            self._names.note(page.customers)
            found += len(page.customers)
            if page.next_offset is None:
                return found > MOST_OPTIONS
            if found >= MOST_OPTIONS:
                return True
            offset = page.next_offset
        return True

    def _found(self, text: str, *, failure: str | None = None, has_more: bool = False) -> FoundCustomers:
        self._names.reload()
        names, needle = self._names.all(), text.casefold()
        matches = {each for each, _ in self._usage.customers(text, MOST_RANKED) if each.strip()}
        if text and self._usage.last_seen([text])[text]:  # MOST_RANKED newer ones may have it in their IDs
            matches.add(text)
        if needle or len(matches) < MOST_OPTIONS:
            matches |= {each for each, stored in names.items() if _matches(needle, (each, *stored[:2]))}
        seen = self._usage.last_seen(matches)
        best = nsmallest(
            MOST_OPTIONS,
            matches,
            key=lambda each: (_rank(needle, (each, *_stored(names, each)[:2])), -seen[each], each),
        )
        if best or not text:
            more = has_more or len(matches) > MOST_OPTIONS
            return FoundCustomers(_options(best, names), False, more, failure, self._missing())
        options = _options(self._similar(needle, names), names)
        return FoundCustomers(options, True, has_more, failure, self._missing())

    def _similar(self, needle: str, names: Mapping[str, StoredName]) -> Iterable[str]:
        newest = nlargest(MOST_COMPARED, names, key=lambda each: names[each].read_at)
        recent = [each for each, _ in self._usage.customers(limit=MOST_COMPARED) if each.strip()]
        by_text: dict[str, list[str]] = {}
        for each in dict.fromkeys((*recent, *newest)):
            for text in _compared_texts(each, _stored(names, each).name):
                by_text.setdefault(text, []).append(each)
        close = get_close_matches(needle[:COMPARED_LENGTH], by_text, MOST_SIMILAR, SIMILAR)
        return list(dict.fromkeys(chain.from_iterable(by_text[text] for text in close)))[:MOST_SIMILAR]

    def _missing(self) -> Missing:
        if self._is_off:
            return "names-off"
        scope = self._usage.missing_name_scope("customers.list")
        return "" if scope is None else "missing-scope" if scope else "no-names"


def matching_views(user: User, text: str) -> tuple[SavedView, ...]:
    """The newest saved views of a user, and those for all staff, whose name contains `text`."""
    needle = text.strip().casefold()
    visible = SavedView.objects.visible_to(user)
    names = visible.values_list("pk", "name")[:MOST_SEARCHED_VIEWS]
    found = list(islice((pk for pk, name in names if needle in name.casefold()), MOST_VIEWS))
    return tuple(visible.filter(pk__in=found).select_related("owner"))


NAMELESS = StoredName("", "", 0)


def _stored(names: Mapping[str, StoredName], customer_id: str) -> StoredName:
    return names.get(customer_id, NAMELESS)


def _options(found: Iterable[str], names: Mapping[str, StoredName]) -> tuple[CustomerOption, ...]:
    return tuple(CustomerOption(each, *_stored(names, each)[:2]) for each in found)


def _matches(needle: str, texts: Iterable[str]) -> bool:
    return any(needle in text.casefold() for text in texts)


def _rank(needle: str, texts: Iterable[str]) -> int:
    """0 for the text itself, 1 where a word begins with it, 2 where it is within a word."""
    folded = [text.casefold() for text in texts if text]
    if needle in folded:
        return 0
    return 1 if any(text.startswith(needle) or f" {needle}" in text for text in folded) else 2


def _compared_texts(customer_id: str, name: str) -> set[str]:
    """What a customer may have been typed as: its ID, name, and each word of the name."""
    short = name[:COMPARED_LENGTH]
    return {text.casefold()[:COMPARED_LENGTH] for text in (customer_id, short, *short.split()) if text}
