"""Request bodies: the fields that a server of each age supports, and the rules that combine them.

Unknown keys are ignored without an error, as in the API.
"""

import json
import re
from functools import cache, partial
from typing import Literal, NamedTuple

import msgspec
from msgspec import UNSET, Struct, UnsetType

from usage.sample import fields as check
from usage.sample.ages import Age
from usage.sample.errors import ApiError
from usage.sample.fields import Check, Fields, Problems

BinSize = Literal["hour", "day", "week", "month"]
RangeName = Literal["24h", "7d", "30d", "90d", "last_cycle", "1bc", "3bc"]
RANGES: tuple[RangeName, ...] = ("24h", "7d", "30d", "90d", "last_cycle", "1bc", "3bc")
PATH = re.compile(r"[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*")
PROPERTIES = "properties."
BAD_PATH = "Invalid property path. Should only contain alphanumeric and underscore characters."
DEFAULT_GROUPS = 9


class Range(NamedTuple):
    """Epoch milliseconds, as given."""

    start: float | UnsetType = UNSET
    end: float | UnsetType = UNSET


class ListBody(Struct, kw_only=True):
    """``events.list``. A blank ``customer_id`` or a bound of 0 counts as absent."""

    offset: int = 0
    limit: int = 100
    customer_id: str = ""
    feature_id: str | list[str] | UnsetType = UNSET
    entity_id: str | UnsetType = UNSET
    custom_range: Range = Range()
    filter_by: dict[str, str] = {}


class AggregateBody(Struct, kw_only=True):
    """``events.aggregate`` with the fields of every age; those that a server does not support have defaults.

    ``customer_id`` is empty for a call about the whole organization.
    """

    feature_id: str | list[str]
    customer_id: str = ""
    entity_id: str | UnsetType = UNSET
    group_by: str | UnsetType = UNSET
    range: RangeName | UnsetType = UNSET
    bin_size: BinSize = "day"
    custom_range: Range | UnsetType = UNSET
    timezone: str = ""
    measure: Literal["sum", "count"] = "sum"
    filter_by: dict[str, str] = {}
    max_groups: int = DEFAULT_GROUPS
    group_ranking: Literal["bin", "window"] = "bin"
    aggregate_on: Literal["deducted"] | UnsetType = UNSET

    def grouped(self) -> bool:
        """Whether bins have groups. By feature only deductions have any: bins are by feature as they are."""
        return self.group_by is not UNSET and self.group_by != "$feature_id"


def fields(raw: bytes) -> Fields:
    """The body's fields; none where it is null or not JSON. Raises ApiError on other JSON."""
    try:
        decoded = _decoded(raw)
    except (ValueError, RecursionError):
        return {}
    if decoded is None:
        return {}
    if not isinstance(decoded, dict):
        raise ApiError("invalid_request", "The body must be a JSON object")
    return decoded


def list_body(given: Fields, age: Age) -> ListBody:
    """Raises ApiError invalid_inputs."""
    return ListBody(**check.parsed(_list_checks(age), given))  # type: ignore[arg-type]  # checked


def aggregate_body(given: Fields, age: Age) -> AggregateBody:
    """Raises ApiError for problems of single fields, or else of combinations, or else of a path."""
    body = AggregateBody(**check.parsed(_aggregate_checks(age), given))  # type: ignore[arg-type]  # checked
    _check_range(body)
    if body.aggregate_on is not UNSET:
        _check_deducted(body)
    paths = [*body.filter_by]
    if body.group_by is not UNSET and body.group_by.startswith(PROPERTIES):
        paths.append(body.group_by.removeprefix(PROPERTIES))
    if not all(PATH.fullmatch(path) for path in paths):
        raise ApiError("invalid_inputs", BAD_PATH)
    return body


def feature_list(feature_id: str | list[str]) -> list[str]:
    """The requested features, each once."""
    return [feature_id] if isinstance(feature_id, str) else list(dict.fromkeys(feature_id))


def cut_features(features: list[str]) -> list[str]:
    """The features as lists and bins see them: joined by commas for the database, which cuts at them."""
    return list(dict.fromkeys(",".join(features).split(","))) if features else []


def lost_on_the_way(customer_id: str, filter_by: dict[str, str]) -> bool:
    """Whether lists and bins have no matches: a ``%`` in a customer or a filter's value is lost."""
    return any("%" in value for value in (customer_id, *filter_by.values()))


def _decoded(raw: bytes) -> object:
    """A lone surrogate is grammatical JSON, and becomes U+FFFD on the way to the database."""
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        loose = json.dumps(json.loads(raw, parse_constant=_refused), ensure_ascii=False)
        return json.loads(loose.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace"))


def _refused(constant: str) -> None:
    raise ValueError(constant)


@cache
def _list_checks(age: Age) -> dict[str, Check]:
    bound = check.optional(check.coerced(check.number))
    newer = {"entity_id": check.filled, "filter_by": check.filters}
    checks: dict[str, Check] = {
        "offset": check.coerced(check.whole(0, check.LAST_MS)),
        "limit": check.coerced(check.whole(1, 1000)),
        "customer_id": check.text,
        "feature_id": check.features,
        "custom_range": lambda value, name, problems: _range(bound, value, name, problems),
    } | {name: each for name, each in newer.items() if name in age.fields}
    return {name: check.optional(each) for name, each in checks.items()}


def _range(bound: Check, value: object, name: str, problems: Problems) -> object:
    found = check.range_of(bound)(value, name, problems)
    return Range(*found) if isinstance(found, tuple) else found


@cache
def _aggregate_checks(age: Age) -> dict[str, Check]:
    """In the order in which a server names them."""
    sizes = ("day", "hour", "week", "month") if age.weeks else ("day", "hour", "month")
    optional: dict[str, Check] = {
        "entity_id": check.filled,
        "feature_id": check.features,
        "group_by": partial(_group_by, age.words),
        "range": check.one_of(*RANGES),
        "bin_size": check.one_of(*sizes),
        "custom_range": partial(_range, check.number),
        "timezone": check.text,
        "filter_by": check.filters,
        "max_groups": check.whole(1, 250),
        "measure": check.one_of("sum", "count"),
        "group_ranking": check.one_of("bin", "window"),
        "aggregate_on": check.literal("deducted"),
    }
    known = age.fields | {"feature_id", "group_by", "range", "bin_size", "custom_range"}
    checks = {name: check.optional(each) for name, each in optional.items() if name in known}
    customer = check.optional(check.filled) if age.organization_wide else check.filled
    return {"customer_id": customer} | checks | {"feature_id": check.features}


def _group_by(words: tuple[str, ...], value: object, name: str, problems: Problems) -> object:
    if not isinstance(value, str):
        return check.text(value, name, problems)
    if value in words or value.startswith(PROPERTIES):
        return value
    quoted = [f'"{word}"' for word in words]
    others = f" or be {', '.join(quoted[:-1])}, or {quoted[-1]}" if quoted else ""
    problems.append(f'{name}: group_by must start with "{PROPERTIES}"{others}')
    return value


def _check_range(body: AggregateBody) -> None:
    if body.custom_range is UNSET:
        return
    start, end = body.custom_range
    assert start is not UNSET and end is not UNSET  # noqa: S101, PT018 both are required in aggregates
    if body.range is not UNSET and start and end:
        message = "custom_range.range: Only one of range or custom_range may be provided"
        raise ApiError("invalid_inputs", message)
    if start >= end:
        raise ApiError("invalid_inputs", "custom_range: start must be before end")


def _check_deducted(body: AggregateBody) -> None:
    if not body.customer_id:
        raise ApiError("invalid_request", "customer_id is required when aggregate_on is set")
    if body.filter_by:
        raise ApiError("invalid_request", "filter_by is not supported when aggregate_on is set")
    if body.group_by == "$plan_id":
        raise ApiError("invalid_request", "group_by $plan_id is not supported when aggregate_on is set")
