"""Which stored names a feature's events have: its ID, and its event names (trap 18)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

import structlog

from usage import messages
from usage.api.calls import CallOptions
from usage.catalog import FeatureName
from usage.errors import UsageError
from usage.notes import Note

log = structlog.get_logger("usage")

MAX_NAMES = 250
"""Stored names in one request: an answer has a value for each of them in each bin."""

LIST_S = 3.0
"""How long a page waits for the features before it goes on with those seen so far."""

KEPT_S = 1.0
"""How long features are not looked up again: a page needs them several times, and each time would be a look
into the cache, through Redis where it is there.
"""

FEATURES_SEEN_SO_FAR = Note("features-not-listed", messages.FEATURES_SEEN_SO_FAR)
EVENT_NAMES_UNKNOWN = Note("features-not-listed", messages.EVENT_NAMES_UNKNOWN)

ListFeatures = Callable[[CallOptions], tuple[FeatureName, ...] | None]


@dataclass(frozen=True, slots=True)
class FeatureNames:
    """Features, each with the stored names of its events: itself first.

    `unlisted`: what the features lack because they cannot be listed; None where they can. `left_out`: how
    many more there are than can be requested.
    """

    stored: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unlisted: Note | None = None
    left_out: int = 0

    @property
    def names(self) -> tuple[str, ...]:
        """All stored names, each once, in alphabetical order."""
        return tuple(sorted({name for names in self.stored.values() for name in names}))

    def having(self, feature: str | None) -> FeatureNames:
        """The same with `feature` among them."""
        if feature is None or feature in self.stored:
            return self
        return FeatureNames({**self.stored, feature: (feature,)}, self.unlisted, self.left_out)


class FeatureCatalog:
    """The features that the organization has defined, where the key may read them.

    `list_features`: the call for them. It belongs to staff, also behind a share link: there a name is
    requested of Autumn, and shown only where the link's customer has events of it.
    """

    def __init__(self, list_features: ListFeatures) -> None:
        self._list = list_features
        self._kept: tuple[float, tuple[FeatureName, ...]] = (0.0, ())

    def defined(self, options: CallOptions) -> tuple[FeatureName, ...] | None:
        """All defined features that can have usage, archived ones last; None where they cannot be read."""
        until, kept = self._kept
        if time.monotonic() < until and options.use_cache and not options.refresh:
            return kept
        try:
            features = self._list(replace(options, deadline=options.deadline.within(LIST_S)))
        except UsageError as error:
            log.info("features_not_listed", error=type(error).__name__)
            return None
        if features is None:
            return None
        defined = tuple(each for each in features if each.type != "boolean")
        self._kept = (time.monotonic() + KEPT_S, defined)
        return defined

    def named(self, features: Iterable[str], options: CallOptions) -> FeatureNames:
        """These features with their event names, where those can be read."""
        defined = self.defined(options)
        event_names = {each.id: each.event_names for each in defined or ()}
        unlisted = None if defined is not None else EVENT_NAMES_UNKNOWN
        stored = {name: _stored(name, event_names.get(name, ())) for name in sorted(features)}
        return FeatureNames(stored, unlisted)

    def all(self, seen: Iterable[str], options: CallOptions) -> FeatureNames:
        """Every defined feature, and names that were `seen` on events but belong to none of them.

        `seen`: newest first. Of more than MAX_NAMES names those that were seen come first.
        """
        defined = self.defined(options)
        stored = {each.id: _stored(each.id, each.event_names) for each in defined or ()}
        known = {name for names in stored.values() for name in names}
        stored |= {name: (name,) for name in seen if name not in known}
        within, total = dict[str, tuple[str, ...]](), 0
        for feature in [name for name in seen if name in stored] + list(stored):
            if feature not in within and total + len(stored[feature]) <= MAX_NAMES:
                within[feature] = stored[feature]
                total += len(stored[feature])
        unlisted = None if defined is not None else FEATURES_SEEN_SO_FAR
        return FeatureNames(dict(sorted(within.items())), unlisted, len(stored) - len(within))


def _stored(feature: str, event_names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((feature, *event_names)))
