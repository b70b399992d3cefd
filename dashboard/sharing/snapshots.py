"""Snapshots: a link whose figures stay what they were when it was made.

Autumn's answers are kept as they came, one for each question that the link's view asks. Rows are read live, within the
link's period, which ended before it was made; what is tracked later for that time shows among them, not in the figures.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import msgspec

from dashboard.backend import upstream, usage
from dashboard.forms import query_of
from dashboard.sharing.models import Figures, Share
from usage.cache import Cached
from usage.capabilities import PROBE_FEATURE
from usage.client import Endpoint
from usage.errors import Unsupported
from usage.query import BIN_SIZES, BadQuery, Query
from usage.service import Usage
from usage.upstream import Upstream

Answers = dict[str, Cached]

ONE_VIEW = "This link keeps the figures of one view as they were, and this is another. Its events are below."


def usage_of(share: Share) -> Usage:
    """The service behind a link: for a snapshot it answers charts with what was kept."""
    if not share.snapshot:
        return usage().within(share.scope)
    kept = {
        each.question: Cached(bytes(each.answer), each.fetched_at, "cache") for each in share.figures.all()
    }
    return usage().through(Kept(upstream(), kept)).within(share.scope)


def recorded(share: Share) -> Answers:
    """Asks what the link's view asks, and what it asks in other sizes of bins and without groups.

    Names the features of `share` where it shows all of them, as the ones that come later are no part of it.
    """
    query = query_of(share.view)
    if share.features is None:
        totals = (
            usage().within(share.scope).series(query.having(group_by=None, group=(), focus=None)).features
        )
        share.features = sorted(total.feature_id for total in totals)
    if not share.features:
        raise BadQuery(
            "customer_id", "This customer has no usage in this period: there are no figures to keep."
        )
    recorder = Recorder(upstream(), {})
    service = usage().through(recorder).within(share.scope)
    service.series(query)  # the view itself: what cannot be shown of it cannot be kept
    for each in _variants(query):
        with suppress(BadQuery):  # a size that has too many bins
            service.series(each)
    return recorder.answers


def keep(share: Share, answers: Answers) -> None:
    Figures.objects.bulk_create(
        Figures(share=share, question=question, answer=each.body, fetched_at=each.fetched_at)
        for question, each in answers.items()
    )


def _variants(query: Query) -> Iterator[Query]:
    plain = query.having(group_by=None, group=(), focus=None)
    for size in (None, *BIN_SIZES):
        yield replace(query, bin_size=size)
        yield replace(plain, bin_size=size)


def _question_of(body: Mapping[str, object]) -> str:
    return hashlib.sha256(msgspec.json.encode(body, order="deterministic")).hexdigest()


def _is_figures(endpoint: Endpoint, body: Mapping[str, object]) -> bool:
    """Whether this asks for figures: not for rows, and not for what the server can do."""
    return endpoint == "events.aggregate" and body.get("feature_id") != [PROBE_FEATURE]


class _Beside(Upstream):
    """An upstream beside another, which has the connections, the cache and the limiter."""

    def __init__(self, live: Upstream, answers: Answers) -> None:
        self.live = live
        self.answers = answers

    def direct(self, endpoint: Endpoint, body: Mapping[str, object], **how: Any) -> Cached:
        return self.live.direct(endpoint, body, **how)

    def in_use(self, customer_id: str | None) -> int:
        return self.live.in_use(customer_id)


class Recorder(_Beside):
    """Asks as always, and notes the figures."""

    def answer(self, endpoint: Endpoint, body: Mapping[str, object], **how: Any) -> Cached:
        answer = self.live.answer(endpoint, body, **how)
        if _is_figures(endpoint, body):
            self.answers[_question_of(body)] = answer
        return answer


class Kept(_Beside):
    """Figures are those that were noted; other ones it does not have."""

    def answer(self, endpoint: Endpoint, body: Mapping[str, object], **how: Any) -> Cached:
        if not _is_figures(endpoint, body):
            return self.live.answer(endpoint, body, **how)
        kept = self.answers.get(_question_of(body))
        if kept is None:
            raise Unsupported(ONE_VIEW, status=400)
        return kept
