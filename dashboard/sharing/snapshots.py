"""Snapshots: a link whose figures stay what they were when it was made.

Autumn's answers are stored as received: for the link's view, its sizes of bins, and the groups of each of its
features. An answer for more features or for smaller bins has all that a chart of fewer or larger ones needs,
so these are requested once. Rows are read live, within the link's period, which ended before it was made;
what is tracked later for that time shows among them, not in the figures.
"""

from __future__ import annotations

import hashlib
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Any

import msgspec

from dashboard import messages
from dashboard.forms import saved_query
from dashboard.services import gateway, usage
from dashboard.sharing.models import Figures, Share
from usage.api.cache import Cached
from usage.api.calls import Body
from usage.api.capabilities import PROBE_FEATURE
from usage.api.client import Endpoint
from usage.api.gateway import AnswerSource
from usage.errors import TooLarge, Unreachable, Unsupported, UsageError
from usage.query import BadQuery, Query
from usage.service import Usage
from usage.window import HOUR_MS, BinSize

MOST_GROUPED = 24
"""How many features have their groups recorded: each takes calls of its own."""
MORE_S = 12.0
"""After this many seconds only the view itself is recorded, because the owner waits."""
SIZES: tuple[BinSize | None, ...] = (None, "day", "hour", "week", "month")
"""The view's own bins first; then those that larger ones can be summed from."""
SUMS_TO: dict[object, tuple[object, ...]] = {
    "hour": ("hour", "day", "week", "month"),
    "day": ("day", "week", "month"),
}


@dataclass(frozen=True, slots=True)
class RecordedAnswer:
    """One request's body, and what Autumn answered; None where that was too large to be read.

    `digest`: the request's, which is all that is known of those that were recorded before requests were.
    """

    request: Body
    answer: Cached | None
    digest: str

    def has(self, request: Body) -> bool:
        """Whether this holds all that `request` wants: its features, in its bins or in smaller ones."""
        if not self.request:
            return self.digest == _digest_of(request)
        recorded, wanted = dict(self.request), dict(request)
        size, other = recorded.pop("bin_size", None), wanted.pop("bin_size", None)
        features, others = recorded.pop("feature_id", ()), wanted.pop("feature_id", ())
        # What was deducted is of all features of a request together.
        holds = _holds(features, others) and ("aggregate_on" not in wanted or _holds(others, features))
        return recorded == wanted and other in SUMS_TO.get(size, (size,)) and holds

    def replay(self) -> Cached:
        """The answer. Raises TooLarge where Autumn's was."""
        if self.answer is None:
            raise TooLarge(messages.SNAPSHOT_ANSWER_TOO_LARGE)
        return self.answer


def _holds(features: object, others: object) -> bool:
    return isinstance(features, list) and isinstance(others, list) and set(features) >= set(others)


def usage_of(share: Share) -> Usage:
    """The service behind a link: for a snapshot it answers charts with stored answers."""
    if not share.snapshot:
        return usage().within(share.scope)
    recorded = [
        RecordedAnswer(each.request_body, _decompressed(each), each.question) for each in share.figures.all()
    ]  # here: threads of the service would each hold a connection to the database
    source = SnapshotGateway(gateway(), recorded)
    return usage().through(source, first_version=_is_of_first_version(recorded)).within(share.scope)


def _is_of_first_version(recorded: Iterable[RecordedAnswer]) -> bool:
    """Whether the answers are those of requests that ended a millisecond before their window does."""
    ranges = [each.request.get("custom_range") for each in recorded]
    return all(not isinstance(found, dict) or found["end"] % HOUR_MS for found in ranges)


def record_answers(share: Share) -> list[RecordedAnswer]:
    """Makes the requests of the link's view, of its other bins, and of its other features' groups.

    Names the features of `share` where it shows all of them, as the ones that come later are no part of it.
    """
    query = saved_query(share.view)
    if share.features is None:
        every = usage().within(share.scope)
        every.series(_ungrouped(query).having(measure="sum"))
        share.features = sorted(every.features(None))
    if not share.features:
        raise BadQuery("customer_id", messages.NOTHING_TO_SNAPSHOT)
    recorder = RecordingGateway(gateway(), [])
    service = usage().through(recorder).within(share.scope)
    shown = service.series(query, strict=True)  # the view itself: an error here means no snapshot
    largest = [total.feature_id for total in shown.features[:MOST_GROUPED]]
    until = time.monotonic() + MORE_S
    for each in takewhile(lambda _: time.monotonic() < until, _views(query, largest)):
        with suppress(
            BadQuery, UsageError
        ):  # too many bins or groups, or no answer: the view itself is recorded
            service.series(each, strict=True)
    return recorder.recorded


def save_answers(share: Share, recorded: Iterable[RecordedAnswer]) -> None:
    Figures.objects.bulk_create(_compressed(share, each) for each in recorded)


def _compressed(share: Share, recorded: RecordedAnswer) -> Figures:
    answer = recorded.answer
    body, fetched_at = (b"", 0.0) if answer is None else (answer.body, answer.fetched_at)
    return Figures(
        share=share,
        question=recorded.digest,
        request_body=dict(recorded.request),
        answer=zlib.compress(body),
        fetched_at=fetched_at,
    )


def _digest_of(request: Body) -> str:
    return hashlib.sha256(msgspec.json.encode(request, order="deterministic")).hexdigest()


def _decompressed(figures: Figures) -> Cached | None:
    body = zlib.decompress(figures.answer)
    return Cached(body, figures.fetched_at, "cache") if body else None


def _ungrouped(query: Query) -> Query:
    return query.having(group_by=None, group=(), focus=None)


def _views(query: Query, features: Iterable[str]) -> Iterator[Query]:
    for size in SIZES:
        sized = replace(query, bin_size=size or query.bin_size)
        yield _ungrouped(sized)
        if query.group_by is not None:
            yield from (replace(sized, group=(), focus=feature) for feature in features)


def _is_chart(endpoint: Endpoint, body: Body) -> bool:
    """Whether a chart makes this call: not a list, and not what finds out what the server can do."""
    return endpoint == "events.aggregate" and body.get("feature_id") != [PROBE_FEATURE]


def _names(request: Body) -> list[str]:
    names = request.get("feature_id")
    return names if isinstance(names, list) else []


def _find(recorded: Iterable[RecordedAnswer], request: Body) -> RecordedAnswer | None:
    """What answers `request`: the very same before one that is to be summed."""
    fitting = [each for each in recorded if each.has(request)]
    size = request.get("bin_size")
    return min(fitting, key=lambda each: each.request.get("bin_size") != size, default=None)


@dataclass(frozen=True, slots=True)
class RecordingGateway:
    """Passes every request on to `live`, and records the answers of charts that it has not recorded yet."""

    live: AnswerSource
    recorded: list[RecordedAnswer]

    def answer(self, endpoint: Endpoint, body: Body, **options: Any) -> Cached:
        if not _is_chart(endpoint, body):
            return self.live.answer(endpoint, body, **options)
        found = _find(list(self.recorded), body)
        if found is None:
            found = RecordedAnswer(dict(body), self._fetched(endpoint, body, options), _digest_of(body))
            self.recorded.append(found)
        return found.replay()

    def direct(self, endpoint: Endpoint, body: Body, **options: Any) -> Cached:
        return self.live.direct(endpoint, body, **options)

    def in_use(self, customer_id: str | None) -> int:
        return self.live.in_use(customer_id)

    def _fetched(self, endpoint: Endpoint, body: Body, options: Mapping[str, Any]) -> Cached | None:
        try:
            answer = self.live.answer(endpoint, body, **options)
        except TooLarge:
            return None
        if answer.source == "stale":
            # Old figures are not those of now.
            raise Unreachable(answer.reason.sentence if answer.reason else messages.SNAPSHOT_UNREACHABLE)
        return answer


@dataclass(frozen=True, slots=True)
class SnapshotGateway:
    """Answers charts from what was recorded, and refuses all others; everything else goes to `live`."""

    live: AnswerSource
    recorded: Sequence[RecordedAnswer]

    def answer(self, endpoint: Endpoint, body: Body, **options: Any) -> Cached:
        if not _is_chart(endpoint, body):
            return self.live.answer(endpoint, body, **options)
        found = _find(self.recorded, self._known(body))
        if found is None:
            raise Unsupported(messages.NOT_IN_SNAPSHOT, status=400)
        return found.replay()

    def _known(self, body: Body) -> Body:
        """The request without names that its features did not have when answers were recorded."""
        recorded = {name for each in self.recorded for name in _names(each.request)}
        names = [name for name in _names(body) if name in recorded]
        return {**body, "feature_id": names} if names else body

    def direct(self, endpoint: Endpoint, body: Body, **options: Any) -> Cached:
        return self.live.direct(endpoint, body, **options)

    def in_use(self, customer_id: str | None) -> int:
        return self.live.in_use(customer_id)
