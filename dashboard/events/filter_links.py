"""The links that filter a list: only this value, not this one, this feature, this customer. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from dashboard.forms import MAX_REPEATS, MAX_TEXT_LENGTH
from dashboard.mount import Mount, Page
from usage.query import PropertyFilter, Query, is_path

MAX_LINK_LENGTH = 4_000
"""Characters of one condition in an address: proxies refuse long ones, and a CJK character is nine there."""
MAX_ADDRESS_LENGTH = 8_000
"""Characters of an address with one condition more."""


def can_filter(path: str, value: str = "") -> bool:
    """Whether `path:value` is parsed back as the same: the form limits characters and splits at the first
    colon.
    """
    whole = f"{path}:{value}"
    if len(whole) > MAX_TEXT_LENGTH or len(quote(whole, errors="replace")) > MAX_LINK_LENGTH:
        return False
    return is_path(path) and ":" not in path and "\0" not in whole


def can_name(text: str) -> bool:
    """Whether a customer, feature or column can be named in a query string; a blank one would mean none."""
    return bool(text.strip()) and "\0" not in text and len(text) <= MAX_TEXT_LENGTH


@dataclass(frozen=True, slots=True)
class FilterLinks:
    """Links from `query` on one page, one condition changed.

    None where it can't be written, or there are too many. `columns`: those of the table, chosen or not.
    """

    mount: Mount
    page: Page
    query: Query
    columns: tuple[str, ...] = ()

    def only(self, path: str, value: str) -> str | None:
        """Rows that have this value."""
        return self._added("filter", path, value)

    def exclude(self, path: str, value: str) -> str | None:
        """Rows that don't."""
        return self._added("exclude", path, value)

    def without(self, path: str, value: str) -> str:
        """The list without this filter."""
        left = tuple(item for item in self.query.filter if item != (path, value))
        return self.mount.url(self.page, self.query.having(filter=left))

    def feature(self, name: str) -> str | None:
        """This feature with those chosen already; without it where it is one of them."""
        chosen = self.query.feature_id
        names = tuple(other for other in chosen if other != name) if name in chosen else (*chosen, name)
        if not can_name(name) or len(names) > MAX_REPEATS:
            return None
        return self.mount.url(self.page, self.query.having(feature_id=names))

    def only_feature(self, name: str) -> str | None:
        """This feature and no other."""
        return self.mount.url(self.page, self.query.having(feature_id=(name,))) if can_name(name) else None

    def customer(self, customer_id: str) -> str | None:
        """This customer's rows."""
        if self.mount.shared or not can_name(customer_id):
            return None
        return self.mount.url(self.page, self.query.having(customer_id=customer_id))

    def column(self, path: str) -> str | None:
        """The same page with this property as a column; without it where it is one."""
        names = tuple(name for name in self.columns if name != path)
        if path not in self.columns:
            names = (*self.columns, path)
        if not (can_name(path) and is_path(path)) or not names or len(names) > MAX_REPEATS:
            return None
        place = {name: getattr(self.query, name) for name in ("until", "before", "page", "event")}
        return self.mount.url(self.page, self.query.having(**place, columns=names))

    def _added(self, name: str, path: str, value: str) -> str | None:
        items = getattr(self.query, name)
        if not can_filter(path, value) or len(items) >= MAX_REPEATS:
            return None
        href = self.mount.url(self.page, self.query.having(**{name: (*items, PropertyFilter(path, value))}))
        return href if len(href) <= MAX_ADDRESS_LENGTH else None
