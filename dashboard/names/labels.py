"""What customers and features are called on one page; their IDs where names are not known. Pure."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass, field
from typing import TypeVar

from dashboard.formats import GAP
from usage.catalog import Customer, FeatureName
from usage.errors import UsageError
from usage.query import Measure

WAIT_S = 1.0
"""How long a page that has its figures waits for names. The next one has them."""


@dataclass(frozen=True, slots=True)
class Unit:
    """What a feature counts: `one` token, `many` tokens; both empty where that is not known."""

    one: str = ""
    many: str = ""

    def after(self, figure: str, value: float) -> str:
        """The figure with its unit: 1,204 tokens. A figure alone where there is no unit."""
        word = self.one if value == 1 else self.many
        return f"{figure}{GAP}{word}" if word else figure


NO_UNIT = Unit()
EVENTS = Unit("event", "events")
T = TypeVar("T")


StartDetails = Callable[[str | None], "Future[Customer | None]"]
StartFeatures = Callable[[], "Future[tuple[FeatureName, ...] | None]"]


@dataclass(slots=True)
class Labels:
    """The names of one page.

    `customer_name`: the stored name of an ID, None where there is none. `start_customer`, `start_features`:
    begin to read names that are missing. `start_details`: begins to read the page's customer with its plans
    and balances; None where they are not shown. `event_names`: whether other names of events say which
    features they count into; a recipient may not know of all of these. `wait_s`: how long the page waits for
    names.
    """

    customer_name: Callable[[str], str | None] = field(default=lambda _: None)
    start_customer: Callable[[str], Future[None] | None] = field(default=lambda _: None)
    start_features: StartFeatures | None = None
    start_details: StartDetails | None = None
    event_names: bool = True
    wait_s: float = WAIT_S
    _customer: Future[None] | None = None
    _features: Future[tuple[FeatureName, ...] | None] | None = None
    _details: Future[Customer | None] | None = None
    _named: Mapping[str, tuple[FeatureName, ...]] | None = None

    def begin(self, customer_id: str | None) -> None:
        """Requests the names of features and of the page's customer, side by side with its figures."""
        if self.start_features is not None and self._features is None:
            self._features = self.start_features()
        if customer_id is not None:
            self._customer = self.start_customer(customer_id)

    def begin_details(self, customer_id: str | None) -> None:
        """Requests the plans and balances of the page's customer, side by side with its figures."""
        if self.start_details is not None and self._details is None:
            self._details = self.start_details(customer_id)

    def details(self) -> Customer | None:
        """The page's customer; None where it was not requested, or cannot be read in time."""
        return _arrived(self._details, self.wait_s)

    def of_customer(self, customer_id: str) -> str | None:
        """A customer's name, or None."""
        if self._customer is not None:
            _arrived(self._customer, self.wait_s)
            self._customer = None
        return self.customer_name(customer_id)

    def customer_text(self, customer_id: str) -> str:
        """A customer's name and ID, or the ID alone."""
        name = self.of_customer(customer_id)
        return customer_id if name is None else f"{name} ({customer_id})"

    def of_feature(self, feature_id: str) -> FeatureName | None:
        """The feature of this ID; None for other names of events and where features cannot be read."""
        return next((each for each in self._found(feature_id) if each.id == feature_id), None)

    def feature_text(self, name: str) -> str:
        """What a feature is called; another name of events with the features that it counts into; or the name
        itself.
        """
        found = self._found(name)
        if not found:
            return name
        names = ", ".join(each.name for each in found)
        return names if any(each.id == name for each in found) else f"{name} → {names}"

    def unit_of(self, name: str) -> Unit:
        """The unit of a feature; that of events with another name where they count into one feature.

        An ID that stands in for a missing name is no unit.
        """
        found = self._found(name)
        if len(found) != 1:
            return NO_UNIT
        only = found[0]
        is_missing = {only.name, only.singular, only.plural} == {only.id}
        return NO_UNIT if is_missing else Unit(only.singular, only.plural)

    def measured_in(self, name: str, measure: Measure) -> Unit:
        """The unit of a feature's figures."""
        return EVENTS if measure == "count" else self.unit_of(name)

    def named(self, customers: Iterable[str]) -> tuple[Hashable, ...]:
        """All that the names of features and of these customers depend on."""
        return self._all_features(), self.event_names, tuple(map(self.of_customer, customers))

    def _all_features(self) -> tuple[FeatureName, ...]:
        self.begin(None)
        return _arrived(self._features, self.wait_s) or ()

    def _found(self, name: str) -> tuple[FeatureName, ...]:
        if self._named is None:
            self._named = _by_stored_name(self._all_features(), event_names=self.event_names)
        return self._named.get(name, ())


def _arrived(future: Future[T] | None, wait_s: float) -> T | None:
    """What a call returned; None where it failed or takes too long."""
    if future is None:
        return None
    try:
        return future.result(wait_s)
    except (UsageError, FutureTimeoutError, CancelledError):
        return None


def _by_stored_name(
    features: tuple[FeatureName, ...], *, event_names: bool
) -> Mapping[str, tuple[FeatureName, ...]]:
    named: dict[str, tuple[FeatureName, ...]] = {}
    for feature in features if event_names else ():
        for name in feature.event_names:
            named[name] = (*named.get(name, ()), feature)
    return named | {feature.id: (feature,) for feature in features}
