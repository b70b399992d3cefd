"""What one caller may ask: queries within a scope, on a server that can answer them, and their windows."""

from __future__ import annotations

from dataclasses import replace

from usage import messages
from usage.api.calls import CallOptions, Calls
from usage.api.capabilities import Capabilities, CapabilityCache
from usage.api.names import NameCalls
from usage.charts.chart_window import BillingCycle
from usage.charts.queries import ChartQueries
from usage.charts.result_cache import ResultCache
from usage.errors import TEMPORARY, TooLarge, Unsupported, UsageError
from usage.features.visible import VisibleFeatures
from usage.query import BadQuery, Query
from usage.window import Window, floor_hour


class QueryResolver:
    """The queries of staff or, where `calls` have a scope, of the recipient of a link."""

    def __init__(
        self,
        calls: Calls,
        capabilities: CapabilityCache,
        visible_features: VisibleFeatures,
        names: NameCalls | None,
        cache: ResultCache,
    ) -> None:
        self._names = names
        self._cache = cache
        self._calls = calls
        self._capabilities = capabilities
        self._visible_features = visible_features
        self._scope = calls.scope

    def narrow(self, query: Query) -> Query:
        """`query`, bound to the scope. BadQuery names the field that requests more."""
        return query if self._scope is None else self._scope.narrow(query)

    def inside(self, window: Window) -> Window:
        """The part of `window` within the scope's bounds. BadQuery where nothing of it is."""
        inside = window if self._scope is None else self._scope.bound(window)
        if inside is None:
            raise BadQuery("range", messages.TIME_NOT_IN_LINK)
        return inside

    def list_window(self, query: Query, now: int, options: CallOptions) -> Window:
        """The window of a list, within the scope's bounds. `now`: epoch ms."""
        self.check_entity(query, options)
        window = self.window(query, now, options)
        if window is None:
            queries = self.chart_queries(query, now, options)
            features = self._visible_features.candidates(query, now, options)
            window = self.cycle(queries, query, features.names, compared=False).window
        return self.inside(window)

    def window(self, query: Query, now: int, options: CallOptions) -> Window | None:
        """The exact window of a query; None for a billing cycle that only Autumn's figures can tell.

        The current cycle is that of the customer's subscriptions, where these can be read and agree. Raises
        the error of a call for them that may succeed later: until September 2026, servers report another
        window under the same name, so the figures of one page would be of two windows in turn.
        """
        if query.range != "1bc" or query.customer_id is None or self._names is None:
            return query.window(now)
        try:
            customer = self._names.customer(query.customer_id, replace(options, refresh=False))
        except TEMPORARY:
            raise
        except UsageError:
            return None
        periods = {
            (item.current_period_start, item.current_period_end)
            for item in (customer.subscriptions if customer else ())
            if item.status == "active"
        }
        start, end = periods.pop() if len(periods) == 1 else (None, None)
        if start is None or end is None or not start <= now < end:
            return None
        return Window(start, end) if self._is_reported(start, query, now, options) else None

    def _is_reported(self, start: int, query: Query, now: int, options: CallOptions) -> bool:
        """Whether Autumn's own current cycle begins in the hour of `start` too.

        On the newest servers it may be that of a balance, which is reset more often than the subscription
        ends; older ones don't report its start.
        """
        queries = self.chart_queries(query, now, options)
        if not queries.can.exact_edges:
            return True
        features = self._visible_features.candidates(query, now, options)
        try:
            reported = self.cycle(queries, query, features.names, compared=False).window
        except TooLarge:  # hours of a year: that cycle is no shorter one
            return True
        except TEMPORARY:
            raise
        except (UsageError, BadQuery):
            return True
        return reported.start == floor_hour(start)

    def cycle(
        self, queries: ChartQueries, query: Query, names: tuple[str, ...], *, compared: bool
    ) -> BillingCycle:
        """The window of a billing cycle.

        A scope with bounds learns it without any figures from outside of them.
        """
        is_bounded = self._scope is not None and self._scope.is_bounded
        return queries.cycle(query, () if is_bounded else names, compared=compared)

    def chart_queries(self, query: Query, now: int, options: CallOptions) -> ChartQueries:
        """The calls behind `query`'s chart. BadQuery or Unsupported where this server cannot answer them."""
        can = self._checked_capabilities(query, options)
        return ChartQueries(self._calls, can, options, now, self._visible_features, self._cache)

    def check_entity(self, query: Query, options: CallOptions) -> None:
        """An older server would drop the entity without a word, and answer with
        the events of all entities (trap 4).
        """
        if query.entity_id is not None:
            self._checked_capabilities(query, options)

    def _checked_capabilities(self, query: Query, options: CallOptions) -> Capabilities:
        can = self._capabilities.get(self._calls, options)
        if query.entity_id is not None and not can.grouping:
            raise BadQuery("entity_id", messages.NO_ENTITY_FILTER)
        if query.customer_id is None and query.is_cycle:
            raise BadQuery("range", messages.CYCLE_WITHOUT_CUSTOMER)
        if query.customer_id is None and not can.organization:
            raise Unsupported(messages.NO_ORGANIZATION_USAGE, status=400)
        return can
