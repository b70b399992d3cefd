"""Snapshots: a link whose figures stay what they were when it was made.

Autumn's answers are kept as they came: for the link's view, its sizes of bins, and the groups of each of its features.
An answer for more features or for smaller bins has all that a chart of fewer or larger ones needs, so these are asked
for once. Rows are read live, within the link's period, which ended before it was made; what is tracked later for that
time shows among them, not in the figures.
"""

from __future__ import annotations

import hashlib
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Any

import msgspec

from dashboard.forms import saved_query
from dashboard.services import gateway, usage
from dashboard.sharing.models import Figures, Share
from usage.api.cache import Cached
from usage.api.capabilities import PROBE_FEATURE
from usage.api.client import Endpoint
from usage.api.gateway import Upstream
from usage.errors import TooLarge, Unreachable, Unsupported, UsageError
from usage.query import BadQuery, Query
from usage.service import Usage
from usage.window import BinSize

Body = Mapping[str, object]

NOT_KEPT = (
    "This link keeps the figures of one view as they were, and none of this one. Its events are those of now."
)
NO_USAGE = "This customer has no usage in this period: there are no figures to keep."
MOST_GROUPED = 12
"""So many features have their groups kept: each takes calls of its own."""
MORE_S = 12.0
"""After so many seconds no more is asked for than the view itself: whoever makes the link waits."""
SIZES: tuple[BinSize | None, ...] = (None, "day", "hour", "week", "month")
"""The view's own bins first; then those that larger ones can be summed from."""
SUMS_TO: dict[object, tuple[object, ...]] = {
    "hour": ("hour", "day", "week", "month"),
    "day": ("day", "week", "month"),
}


@dataclass(frozen=True, slots=True)
class Noted:
    """One question, and what Autumn answered; nothing where that was too large to be read.

    `name`: the question's digest, which is all that is known of those that were kept before questions were.
    """

    asked: Body
    answer: Cached | None
    name: str

    def has(self, question: Body) -> bool:
        """Whether this holds all that `question` wants: its features, in its bins or in smaller ones."""
        if not self.asked:
            return self.name == _name_of(question)
        asked, wanted = dict(self.asked), dict(question)
        size, other = asked.pop("bin_size", None), wanted.pop("bin_size", None)
        features, others = asked.pop("feature_id", ()), wanted.pop("feature_id", ())
        return asked == wanted and other in SUMS_TO.get(size, (size,)) and _holds(features, others)


def _holds(features: object, others: object) -> bool:
    return isinstance(features, list) and isinstance(others, list) and set(features) >= set(others)


def usage_of(share: Share) -> Usage:
    """The service behind a link: for a snapshot it answers charts with what was kept."""
    if not share.snapshot:
        return usage().within(share.scope)
    noted = [
        Noted(each.asked, _opened(each), each.question) for each in share.figures.all()
    ]  # here, as the service asks in threads of its own, and each would hold a connection to the database
    return usage().through(Kept(gateway(), noted)).within(share.scope)


def recorded(share: Share) -> list[Noted]:
    """Asks what the link's view asks, and what its other bins and its other features' groups ask.

    Names the features of `share` where it shows all of them, as the ones that come later are no part of it.
    """
    query = saved_query(share.view)
    if share.features is None:
        every = usage().within(share.scope)
        every.series(_plain(query))
        share.features = sorted(every.features(None))
    if not share.features:
        raise BadQuery("customer_id", NO_USAGE)
    recorder = Recorder(gateway(), [])
    service = usage().through(recorder).within(share.scope)
    shown = service.series(query)  # the view itself: what cannot be shown of it cannot be kept
    largest = [total.feature_id for total in shown.features[:MOST_GROUPED]]
    until = time.monotonic() + MORE_S
    for each in takewhile(lambda _: time.monotonic() < until, _views(query, largest)):
        with suppress(BadQuery, UsageError):  # too many bins or groups, or no answer: the view itself is kept
            service.series(each)
    return recorder.noted


def keep(share: Share, noted: Iterable[Noted]) -> None:
    Figures.objects.bulk_create(_closed(share, each) for each in noted)


def _closed(share: Share, noted: Noted) -> Figures:
    body, fetched_at = (b"", 0.0) if noted.answer is None else (noted.answer.body, noted.answer.fetched_at)
    return Figures(
        share=share,
        question=noted.name,
        asked=dict(noted.asked),
        answer=zlib.compress(body),
        fetched_at=fetched_at,
    )


def _name_of(question: Body) -> str:
    return hashlib.sha256(msgspec.json.encode(question, order="deterministic")).hexdigest()


def _opened(kept: Figures) -> Cached | None:
    body = zlib.decompress(kept.answer)
    return Cached(body, kept.fetched_at, "cache") if body else None


def _plain(query: Query) -> Query:
    return query.having(group_by=None, group=(), focus=None)


def _views(query: Query, features: Iterable[str]) -> Iterator[Query]:
    for size in SIZES:
        sized = replace(query, bin_size=size or query.bin_size)
        yield _plain(sized)
        if query.group_by is not None:
            yield from (replace(sized, group=(), focus=feature) for feature in features)


def _is_figures(endpoint: Endpoint, body: Body) -> bool:
    """Whether this asks for figures: not for rows, and not for what the server can do."""
    return endpoint == "events.aggregate" and body.get("feature_id") != [PROBE_FEATURE]


def _find(noted: list[Noted], question: Body) -> Noted | None:
    """What answers `question`: the very same before one that is to be summed."""
    fitting = [each for each in list(noted) if each.has(question)]
    size = question.get("bin_size")
    return min(fitting, key=lambda each: each.asked.get("bin_size") != size, default=None)


class _Figures:
    """A gateway whose figures are looked up; everything else is asked of the live one."""

    def __init__(self, live: Upstream, noted: list[Noted]) -> None:
        self.live = live
        self.noted = noted

    def answer(self, endpoint: Endpoint, body: Body, **options: Any) -> Cached:
        if not _is_figures(endpoint, body):
            return self.live.answer(endpoint, body, **options)
        found = _find(self.noted, body) or self.missing(endpoint, body, options)
        if found.answer is None:
            raise TooLarge("Autumn's answer was too large.")
        return found.answer

    def missing(self, endpoint: Endpoint, body: Body, options: dict[str, Any]) -> Noted:
        """What stands for figures that are not noted."""
        raise Unsupported(NOT_KEPT, status=400)

    def direct(self, endpoint: Endpoint, body: Body, **options: Any) -> Cached:
        return self.live.direct(endpoint, body, **options)

    def in_use(self, customer_id: str | None) -> int:
        return self.live.in_use(customer_id)


class Kept(_Figures):
    """Figures are those that were noted; other ones it does not have."""


class Recorder(_Figures):
    """Asks as always, and notes the figures that it has not noted yet."""

    def missing(self, endpoint: Endpoint, body: Body, options: dict[str, Any]) -> Noted:
        try:
            answer: Cached | None = self.live.answer(endpoint, body, **options)
        except TooLarge:
            answer = None
        if answer is not None and answer.source == "stale":
            raise Unreachable(answer.reason or "Autumn does not answer.")  # old figures are not those of now
        noted = Noted(dict(body), answer, _name_of(body))
        self.noted.append(noted)
        return noted
