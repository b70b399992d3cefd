"""What a link shall show, read once: the form's fields in, a Share out that is not saved yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import cached_property
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils import timezone

from dashboard import messages
from dashboard.forms import saved_query
from dashboard.models import User
from dashboard.sharing import passwords
from dashboard.sharing.manage.fields import (
    DEFAULT_LIFETIME,
    FRESHNESS,
    GENERATED,
    NO_PASSWORD,
    PASSWORDS,
    PERIODS,
    LifetimeField,
    OpenChoiceField,
)
from dashboard.sharing.manage.initial import (
    filter_texts,
    initial_values,
    view_within,
    viewed_hours,
    widenings,
)
from dashboard.sharing.manage.suggestions import Suggestions, suggestions
from dashboard.sharing.manage.warnings import LinkWarning, access_warnings, balance_warnings, privacy_warnings
from dashboard.sharing.models import LONGEST_ID, LONGEST_NAME, Share
from usage import messages as usage_messages
from usage.charts.chart_window import chart_window_of
from usage.query import MAX_PATH_DEPTH, MAX_PATH_LENGTH, BadQuery, Query, is_path, parse_end, parse_moment
from usage.window import ceil_hour, floor_hour, to_ms

MAX_VIEW_LENGTH = 30_000


class ShareForm(forms.Form):
    share_id = forms.RegexField(
        r"\A[0-9a-f]{16}\Z",
        max_length=16,
        error_messages=dict.fromkeys(("required", "invalid", "max_length"), messages.FORM_NOT_VALID),
    )
    view = forms.CharField(
        required=False, max_length=MAX_VIEW_LENGTH, error_messages={"max_length": messages.VIEW_TOO_LONG}
    )
    accepted = OpenChoiceField(required=False)
    recipient = forms.CharField(max_length=LONGEST_NAME)
    customer_id = forms.CharField(max_length=LONGEST_ID, strip=False)
    every_feature = forms.BooleanField(required=False)
    features = OpenChoiceField(required=False)
    properties = OpenChoiceField(required=False)
    deductions = forms.BooleanField(required=False)
    plans = forms.BooleanField(required=False)
    exports = forms.BooleanField(required=False)
    customer_name = forms.BooleanField(required=False)
    balances = forms.BooleanField(required=False)
    period = forms.ChoiceField(choices=list(PERIODS.items()))
    start = forms.CharField(required=False, max_length=40)
    end = forms.CharField(required=False, max_length=40)
    since = forms.CharField(required=False, max_length=40)
    fresh = forms.ChoiceField(choices=list(FRESHNESS.items()))
    life = LifetimeField()
    password = forms.ChoiceField(choices=list(PASSWORDS.items()))

    share: Share

    def __init__(
        self, data: QueryDict | None, query: Query, owner: User, initial: dict[str, Any] | None = None
    ) -> None:
        super().__init__(data, initial=initial)
        self.query = query
        self.owner = owner

    @classmethod
    def of(cls, data: QueryDict, owner: User) -> ShareForm:
        """The form as it was sent; the view that it was opened from travels in it."""
        return cls(data, _view_of(data), owner)

    @classmethod
    def blank(cls, query: Query, owner: User, now: int) -> ShareForm:
        """A new form, filled from the view that was open."""
        filled = {
            **initial_values(query, now),
            "fresh": "live",
            "life": DEFAULT_LIFETIME,
            "password": GENERATED,
        }
        return cls(None, query, owner, filled)

    @classmethod
    def unfinished(cls, data: QueryDict, owner: User) -> ShareForm:
        """The form as it stands, of which nothing is wrong yet."""
        stands = {
            name: field.widget.value_from_datadict(data, {}, name) for name, field in cls.base_fields.items()
        }
        return cls(None, _view_of(data), owner, stands)

    @cached_property
    def suggestions(self) -> Suggestions:
        return suggestions(self.given("customer_id") or None, self.query)

    @property
    def filters(self) -> list[str]:
        """The view's filters, in words."""
        return filter_texts(self.query)

    @property
    def unseen_errors(self) -> list[str]:
        """Errors of hidden fields."""
        names = ("share_id", "view", "accepted")
        return list(dict.fromkeys(str(sentence) for name in names for sentence in self[name].errors))

    def given(self, name: str) -> Any:
        """What a field holds now."""
        return self[name].value()

    def clean_view(self) -> str:
        view: str = self.cleaned_data["view"]
        try:
            saved_query(view)
        except BadQuery as bad:
            raise ValidationError(f"{messages.FORM_NOT_VALID} {bad.field}: {bad.sentence}") from None
        return view

    def clean_customer_id(self) -> str:
        name: str = self.cleaned_data["customer_id"]
        if not name.strip() or "\0" in name:
            raise ValidationError(messages.CUSTOMER_MISSING)
        return name

    def clean_features(self) -> list[str]:
        names: list[str] = self.cleaned_data["features"]
        if not names and not self.cleaned_data.get("every_feature"):
            raise ValidationError(messages.FEATURE_MISSING)
        if names and self.cleaned_data.get("every_feature"):
            raise ValidationError(messages.FEATURES_CONTRADICT)
        return names

    def clean_properties(self) -> list[str]:
        paths: list[str] = self.cleaned_data["properties"]
        if not all(map(is_path, paths)):
            raise ValidationError(
                usage_messages.PATH_TOO_DEEP.format(depth=MAX_PATH_DEPTH, length=MAX_PATH_LENGTH)
            )
        return paths

    def clean(self) -> dict[str, Any]:
        is_period = self.cleaned_data.get("period") == "fixed"
        start, end = self._period() if is_period else (self._since(), None)
        if self.cleaned_data.get("fresh") == "snapshot":
            end = self._snapshot_end(start, end)
        if self.cleaned_data.get("balances") and end is not None:
            self.add_error("balances", messages.BALANCES_ARE_OF_TODAY.format(period=PERIODS["free"]))
        if not self.errors:
            self.share = self._new_share(start, end)
            self._check_view()
        return self.cleaned_data

    def _check_view(self) -> None:
        """A link must open with figures: its recipient cannot choose another
        time before they see a page.
        """
        scope, view = self.share.scope, saved_query(self.share.view)
        now = to_ms(self.share.created_at)
        window = view.window(now)
        try:
            if window is not None:
                chart_window_of(scope.narrow(view), window, now, scope)
        except BadQuery as bad:
            self.blame(bad)

    def blame(self, bad: BadQuery) -> None:
        """Puts a sentence about the link's view beside the field that decides it."""
        if bad.field in self.fields:
            self.add_error(bad.field, bad.sentence)
        elif bad.field != "range":
            self.add_error(None, bad.sentence)
        elif self.share.is_period:
            self.add_error("period", bad.sentence)
        else:
            self.add_error("since", messages.VIEWED_PERIOD_TOO_EARLY.format(error=bad.sentence))

    def _hour(self, name: str, whole: Callable[[int], int]) -> int | None:
        """Charts know whole hours: outward, so that what was in view stays in it."""
        text = self.cleaned_data.get(name)
        if not text:
            return None
        try:
            parse = parse_end if name == "end" else parse_moment
            return whole(parse(text, self.query.zone))
        except ValueError as error:
            self.add_error(name, str(error))
            return None

    def _period(self) -> tuple[int | None, int | None]:
        """The period that was written, or the view's own where none was."""
        start, end, since = (
            self._hour("start", floor_hour),
            self._hour("end", ceil_hour),
            self._hour("since", floor_hour),
        )
        if not (self.cleaned_data.get("start") or self.cleaned_data.get("end")):
            hours = viewed_hours(self.query, _now())
            start, end = (None, None) if hours is None else (hours.start, hours.end)
        if start is None or end is None:
            if not self.errors.keys() & {"start", "end"}:
                self.add_error("start", messages.PERIOD_INCOMPLETE)
        elif start >= end:
            self.add_error("start", messages.START_AFTER_END)
        elif since is not None and since > start:
            self.add_error("since", messages.DATE_NOT_USED.format(period=PERIODS["free"]))
        return start, end

    def _since(self) -> int | None:
        written = [name for name in ("start", "end") if self.cleaned_data.get(name)]
        if written:
            self.add_error(written[0], messages.DATES_NOT_USED.format(period=PERIODS["fixed"]))
        return self._hour("since", floor_hour)

    def _snapshot_end(self, start: int | None, end: int | None) -> int | None:
        """A snapshot ends with the last full hour: the running one still changes."""
        full = floor_hour(_now())
        if self.cleaned_data.get("period") != "fixed":
            self.add_error("fresh", messages.SNAPSHOT_NEEDS_A_PERIOD)
        elif start is not None and start >= full:
            self.add_error("start", messages.PERIOD_WITHOUT_FULL_HOUR)
        return None if end is None else min(end, full)

    def _new_share(self, start: int | None, end: int | None) -> Share:
        given, now = self.cleaned_data, timezone.now()
        share = Share(
            id=given["share_id"],
            owner=self.owner,
            recipient=given["recipient"],
            customer_id=given["customer_id"],
            features=None if given["every_feature"] else sorted(set(given["features"])),
            properties=sorted(set(given["properties"])),
            deductions=given["deductions"],
            plans=given["plans"],
            exports=given["exports"],
            customer_name=given["customer_name"],
            balances=given["balances"],
            start=start,
            end=end,
            snapshot=given["fresh"] == "snapshot",
            created_at=now,
            expires_at=now + timedelta(days=given["life"]),
        )
        share.view = view_within(share.scope, self.query).to_query_string()
        return share

    def new_password(self) -> str | None:
        """One made now, where one was chosen: people's own would be weak, and would stand in forms and
        sessions.
        """
        return None if self.cleaned_data["password"] == NO_PASSWORD else passwords.generate_password()

    def warnings(self) -> list[LinkWarning]:
        """What to think twice about before a link is made."""
        return list(self._warnings())

    def _warnings(self) -> Iterator[LinkWarning]:
        given = self.cleaned_data
        yield from widenings(self.share.scope, self.query)
        yield from privacy_warnings(self.suggestions, given["properties"])
        yield from balance_warnings(self.share)
        yield from access_warnings(has_password=given["password"] != NO_PASSWORD, days=given["life"])

    def unread(self) -> list[LinkWarning]:
        """Those warnings that have not been seen yet."""
        return [warned for warned in self.warnings() if warned.key not in self.cleaned_data["accepted"]]


def _view_of(data: QueryDict) -> Query:
    """The view that a form was opened from; `clean_view` says what is wrong with one
    that is no longer valid.
    """
    try:
        return saved_query(data.get("view", ""))
    except BadQuery:
        return Query()


def _now() -> int:
    return to_ms(timezone.now())
