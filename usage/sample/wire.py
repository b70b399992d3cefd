"""Request bodies: which fields there are, what they may hold, and what is said of those that don't.

Keys that a body does not know are dropped without a word, as the API drops them. An older server is one
whose bodies know fewer fields.
"""

import re
from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from usage.sample.errors import ApiError

# The last millisecond that a date of JavaScript can hold: the service is written in it.
LAST_MS = 8_640_000_000_000_000

PATH = r"[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*"
Milliseconds = Annotated[float, Meta(ge=0, le=LAST_MS)]
FeatureIds = str | Annotated[list[str], Meta(min_length=1)]
GroupBy = Annotated[str, Meta(pattern=rf"^(properties\.{PATH}|\$(customer|entity|plan)_id)\Z")]
FilterPath = Annotated[str, Meta(pattern=rf"^{PATH}\Z")]
BinSize = Literal["hour", "day", "week", "month"]
RangeName = Literal["24h", "7d", "30d", "90d", "last_cycle", "1bc", "3bc"]


class OpenRange(Struct):
    """Epoch milliseconds; each end may be left out."""

    start: Milliseconds | UnsetType = UNSET
    end: Milliseconds | UnsetType = UNSET


class ClosedRange(Struct):
    """Epoch milliseconds, start < end."""

    start: Milliseconds
    end: Milliseconds


class OlderListBody(Struct, kw_only=True):
    """``events.list`` as the SDK page knows it. A blank ``customer_id`` is none at all."""

    offset: Annotated[int, Meta(ge=0, le=LAST_MS)] = 0
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100
    customer_id: str = ""
    feature_id: FeatureIds | UnsetType = UNSET
    custom_range: OpenRange = msgspec.field(default_factory=OpenRange)

    def entity(self) -> str | None:
        return None


class ListBody(OlderListBody, kw_only=True):
    """``events.list`` with the fields that are newer than the SDK page."""

    entity_id: str | UnsetType = UNSET

    def entity(self) -> str | None:
        return None if self.entity_id is UNSET else self.entity_id


class OlderAggregateBody(Struct, kw_only=True):
    """``events.aggregate`` as the SDK page knows it."""

    feature_id: FeatureIds
    customer_id: str = ""
    group_by: GroupBy | UnsetType = UNSET
    bin_size: BinSize = "day"
    range: RangeName | UnsetType = UNSET
    custom_range: ClosedRange | UnsetType = UNSET


class AggregateBody(OlderAggregateBody, kw_only=True):
    """``events.aggregate`` with the newer fields.

    ``filter_by`` is an object of property path → value, at most five, and an event must match them all. A
    path may be written with or without its leading ``properties.``. A value matches a property by its
    text: strings as they are, numbers and booleans by their JSON text. That is our reading of the contract.
    """

    entity_id: str | UnsetType = UNSET
    filter_by: Annotated[dict[FilterPath, str | int | float | bool], Meta(max_length=5)] = {}
    max_groups: Annotated[int, Meta(ge=1, le=250)] = 9
    aggregate_on: Literal["deducted"] | UnsetType = UNSET


Body = TypeVar("Body", OlderListBody, OlderAggregateBody)
Fields = dict[str, object]


def fields(raw: bytes) -> Fields:
    """The body's fields; none where it is not JSON, which is no error. Raises ApiError on other JSON."""
    try:
        decoded = msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return {}
    if not isinstance(decoded, dict):
        raise ApiError("invalid_request", "The body must be a JSON object")
    return {name: _whole(value) for name, value in decoded.items()}


def list_body(given: Fields, *, older: bool) -> OlderListBody:
    """Raises ApiError invalid_inputs."""
    return _convert(given, OlderListBody if older else ListBody)


def aggregate_body(given: Fields, *, older: bool) -> AggregateBody:
    """The body with every field, those that an older server lacks at their defaults. Raises ApiError."""
    body = _convert(given, OlderAggregateBody if older else AggregateBody)
    if not isinstance(body, AggregateBody):
        _need_customer(body, "customer_id: Required")
        body = AggregateBody(**{name: getattr(body, name) for name in body.__struct_fields__})
    _check_ranges(body)
    if body.aggregate_on is not UNSET:
        _need_customer(body, "customer_id: Required with aggregate_on")
    return body


def feature_list(feature_id: FeatureIds) -> list[str]:
    """The features asked for, each once."""
    return [feature_id] if isinstance(feature_id, str) else list(dict.fromkeys(feature_id))


def _whole(value: object) -> object:
    """JavaScript knows one kind of number: 100.0 is as whole as 100."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _need_customer(body: OlderAggregateBody, message: str) -> None:
    if not body.customer_id.strip():
        raise ApiError("invalid_inputs", message)


def _check_ranges(body: OlderAggregateBody) -> None:
    if body.custom_range is UNSET:
        return
    if body.range is not UNSET:
        raise ApiError("invalid_inputs", "custom_range: Give either range or custom_range, not both")
    if body.custom_range.start >= body.custom_range.end:
        raise ApiError("invalid_inputs", "custom_range: start must be before end")


def _convert(given: Fields, body: type[Body]) -> Body:
    try:
        return msgspec.convert(given, body)
    except msgspec.ValidationError as error:
        raise ApiError("invalid_inputs", _sentence(str(error))) from None


def _sentence(message: str) -> str:
    """msgspec's ``reason - at `$.field` `` turned into the API's ``field: reason``."""
    reason, _, path = message.replace("`", "").partition(" - at ")
    field = path.removeprefix("key in ").lstrip("$.").removesuffix("[...]")
    missing = re.fullmatch(r"Object missing required field (\w+)", reason)
    if missing:
        return f"{field}.{missing[1]}: Required".lstrip(".")
    return f"{field}: {reason}"
