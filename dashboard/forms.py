"""The query string, parsed once: parameters in, a Query out, or a sentence beside each invalid field."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django import forms
from django.conf import settings
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.core.validators import MaxLengthValidator
from django.http import HttpRequest, QueryDict

from dashboard import messages
from usage.api.names import SEARCH_LIMIT
from usage.events.typed import parse_typed
from usage.query import (
    BIN_SIZES,
    CHARTS,
    MEASURES,
    PER_PAGES,
    RANGES,
    BadQuery,
    PropertyFilter,
    Query,
    parse_end,
    parse_filter,
    parse_moment,
    parse_moment_ms,
    parse_position,
    zone_names,
)

MAX_TEXT_LENGTH = 1_000
MAX_REPEATS = 50
HIGHEST_PAGE = 10_000_000
TZ_COOKIE = "tz"

PARTS = ("start_time", "end_time", "filter_text", "filter_property", "filter_is", "filter_value")
"""Fields of which the form makes a parameter: dates with a time, and conditions that are typed or chosen."""

Parse = Callable[[str], Any]


class BoundedTexts(forms.BaseForm):
    """A form of a library, whose fields of text get a greatest length where they have none."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            if isinstance(field, forms.CharField) and field.max_length is None:
                field.max_length = MAX_TEXT_LENGTH
                field.validators.append(MaxLengthValidator(MAX_TEXT_LENGTH))


class Values(forms.Widget):
    """All values of a parameter, without the blank ones: forms without script send those for what was left
    empty.
    """

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[str]:
        return [value for value in data.getlist(name) if value.strip()]


class Many(forms.Field):
    """A repeatable parameter: a tuple of what `parse` makes of each value."""

    widget = Values
    most = MAX_REPEATS

    def __init__(self, parse: Parse = str) -> None:
        super().__init__(required=False)
        self.parse = parse

    def to_python(self, value: Any) -> tuple[Any, ...]:
        if len(value) > self.most:
            raise ValidationError(self.too_many())
        return tuple(self._one(item) for item in value)

    def too_many(self) -> str:
        return messages.PARAMETER_REPEATED_TOO_OFTEN.format(count=self.most)

    def _one(self, value: str) -> Any:
        if "\0" in value:
            raise ValidationError(messages.NULL_CHARACTER)
        if len(value) > MAX_TEXT_LENGTH:
            raise ValidationError(messages.TEXT_TOO_LONG.format(count=MAX_TEXT_LENGTH))
        try:
            return self.parse(value)
        except ValueError as error:
            raise ValidationError(str(error)) from None


class One(Many):
    """A single-valued parameter: what `parse` makes of it, or None where it is absent."""

    most = 1

    def to_python(self, value: Any) -> Any:
        return next(iter(super().to_python(value)), None)

    def too_many(self) -> str:
        return messages.PARAMETER_REPEATED


def one_of(*choices: Any) -> One:
    """A parameter that is one of a few words or numbers."""
    words = {str(choice): choice for choice in choices}

    def parse(text: str) -> Any:
        if text not in words:
            raise ValueError(messages.NOT_A_CHOICE.format(choices=", ".join(words)))
        return words[text]

    return One(parse)


def _number(text: str) -> float | int:
    """Whole numbers stay whole: beyond 2^53 a float would be another one."""
    if not re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?", text) or not math.isfinite(
        float(text)
    ):
        raise ValueError(messages.NOT_A_NUMBER)
    return int(text) if text.lstrip("+-").isdigit() else float(text)


def _page(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,8}", text) or not 1 <= int(text) <= HIGHEST_PAGE:
        raise ValueError(messages.NOT_A_PAGE_NUMBER)
    return int(text)


def _zone(text: str) -> str:
    if text not in zone_names():
        raise ValueError(messages.NOT_A_TIME_ZONE)
    return text


class QueryForm(forms.Form):
    """Every parameter of the product, valid or with its error. `query`: the result, once `is_valid()`.

    `given_tz`: whether the query names its zone; the default is the viewer's own (a cookie) or TIME_ZONE.
    """

    customer_id = One()
    feature_id = Many()
    entity_id = One()
    range = one_of(*RANGES)
    start = One()
    end = One()
    bin_size = one_of(*BIN_SIZES)
    group_by = One()
    focus = One()
    group = Many()
    hide = Many()
    chart = one_of(*CHARTS)
    measure = one_of(*MEASURES)
    filter = Many(parse_filter)
    exclude = Many(parse_filter)
    value_min = One(_number)
    value_max = One(_number)
    compare = one_of("previous")
    tz = One(_zone)
    columns = Many()
    per_page = one_of(*PER_PAGES)
    until = One(parse_moment_ms)
    before = One(parse_position)
    page = One(_page)
    event = One(parse_position)
    start_time = One()
    end_time = One()
    filter_text = Many(parse_typed)
    filter_property = One()
    filter_is = one_of("is", "not")
    filter_value = One()

    query: Query
    data: QueryDict

    def __init__(self, params: QueryDict, viewer_tz: str | None = None) -> None:
        super().__init__(params)
        self.knows_viewer = viewer_tz is not None
        self.viewer_tz = viewer_tz or settings.TIME_ZONE
        self.whose_tz = "your time zone" if viewer_tz else "server default"

    @classmethod
    def of(cls, request: HttpRequest) -> QueryForm:
        """The form of a request: its query string, and the viewer's time zone."""
        zone = request.COOKIES.get(TZ_COOKIE, "")
        return cls(request.GET, zone if zone in zone_names() else None)

    @property
    def given_tz(self) -> bool:
        """Whether the query string names a zone."""
        return bool(self.given("tz"))

    @property
    def is_first_visit(self) -> bool:
        """Whether nothing says which zone the viewer is in: their browser has not told yet."""
        return not self.given_tz and not self.knows_viewer

    def given(self, name: str) -> list[str]:
        """What was written for a parameter, as it was, for showing it again."""
        given: list[str] = self.fields[name].widget.value_from_datadict(self.data, self.files, name)
        return given

    def as_given(self, **changes: str) -> str:
        """The query string as it was written, with other values for some parameters: for showing what is
        wrong.
        """
        given = [pair for pair in self.data.lists() if pair[0] not in changes]
        return urlencode([*changes.items(), *((name, value) for name, values in given for value in values)])

    def sentences(self, name: str) -> list[str]:
        """What is wrong with a parameter."""
        return [str(sentence) for sentence in self.errors.get(name, [])]

    def blame(self, bad: BadQuery) -> None:
        """Puts a sentence that was found later beside its field."""
        self.add_error(bad.field if bad.field in self.fields else None, bad.sentence)

    def clean(self) -> dict[str, Any]:
        cleaned = dict(self.cleaned_data)
        for name in sorted(set(self.data) - set(self.fields)):
            self.add_error(None, messages.UNKNOWN_PARAMETER.format(name=name[:100]))
        cleaned["tz"] = cleaned.get("tz") or self.viewer_tz
        day = (cleaned.get("start") or "")[:10]
        for name, parse in (("start", parse_moment), ("end", parse_end)):
            self._add_time(name, cleaned, day)
            cleaned[name] = self._moment(name, parse, cleaned)
        if "group_by" in self.data and cleaned.get("group_by") is None:
            # The form's list was cleared: groups and their shares go with what they are groups of.
            cleaned |= {
                "group": (),
                "chart": None if cleaned.get("chart") == "percent" else cleaned.get("chart"),
            }
        self._add_conditions(cleaned)
        cleaned = {name: value for name, value in cleaned.items() if name not in PARTS}
        if not set(self.errors) - {NON_FIELD_ERRORS}:
            self._make(cleaned)
        return cleaned

    def _add_time(self, name: str, cleaned: dict[str, Any], day: str) -> None:
        """A date with its time; an end that has only a time is on the day of the start."""
        at = cleaned.get(f"{name}_time")
        if at is not None:
            cleaned[name] = f"{cleaned.get(name) or (day if name == 'end' else '')}T{at}"

    def _add_conditions(self, cleaned: dict[str, Any]) -> None:
        added = list(cleaned.get("filter_text") or ())
        path, value = cleaned.get("filter_property"), cleaned.get("filter_value")
        if ":" in (path or ""):  # it would be read back as another property
            self.add_error("filter_property", messages.PROPERTY_WITH_COLON)
        elif path is not None and value is not None:
            name = "exclude" if cleaned.get("filter_is") == "not" else "filter"
            added.append((name, PropertyFilter(path, value)))
        elif path is not None:
            self.add_error("filter_value", messages.FILTER_WITHOUT_VALUE)
        elif value is not None:
            self.add_error("filter_property", messages.FILTER_WITHOUT_PROPERTY)
        for name, condition in added:
            cleaned[name] = (*(cleaned.get(name) or ()), condition)

    def _moment(
        self, name: str, parse: Callable[[str, ZoneInfo], int], cleaned: dict[str, Any]
    ) -> int | None:
        text = cleaned.get(name)
        if text is None:
            return None
        try:
            return parse(text, ZoneInfo(cleaned["tz"]))
        except ValueError as error:
            self.add_error(name, str(error))
            return None

    def _make(self, cleaned: dict[str, Any]) -> None:
        try:
            self.query = Query(**{name: value for name, value in cleaned.items() if value is not None})
        except BadQuery as bad:
            self.blame(bad)


class CustomerSearchForm(forms.Form):
    """What was typed into the search for a customer. `stored`: search what is stored, without a call;
    `views`: search saved views too.
    """

    q = forms.CharField(required=False, max_length=SEARCH_LIMIT)
    stored = forms.ChoiceField(required=False, choices=[("1", "1")])
    views = forms.ChoiceField(required=False, choices=[("1", "1")])

    def clean(self) -> dict[str, Any]:
        for name in set(self.data) - set(self.fields):
            self.add_error(None, messages.UNKNOWN_PARAMETER.format(name=name[:100]))
        if isinstance(self.data, QueryDict):
            for name in (each for each in self.fields if len(self.data.getlist(each)) > 1):
                self.add_error(name, messages.PARAMETER_REPEATED)
        return self.cleaned_data


def saved_query(params: str) -> Query:
    """The query of a query string that was saved earlier. BadQuery where it is no longer valid, such as for a
    zone that no longer exists.
    """
    form = QueryForm(QueryDict(params))
    if form.is_valid():
        return form.query
    field = next(iter(form.errors))
    raise BadQuery(field, form.sentences(field)[0])
