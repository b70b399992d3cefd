"""Autumn's responses, valid and invalid: a hostile body is Malformed, or has bad rows that are counted."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from usage.errors import Malformed, TooLarge
from usage.results import (
    MAX_PARTS,
    MAX_ROW_PARTS,
    Aggregate,
    AutumnBin,
    EventList,
    Total,
    cut_aggregate,
    decode_aggregate,
    decode_cached_rows,
    decode_rows,
    encode_rows,
)
from usage.wire_rows import MAX_DEPTH

ROW: dict[str, Any] = {
    "id": "evt_1",
    "timestamp": 1765958215459,
    "feature_id": "credits",
    "customer_id": "cus_1",
    "value": 30,
    "properties": {"model": "a"},
    "deductions": None,
}
TEXT = json.dumps(ROW)


def listed(*rows: str, more: str = "false") -> bytes:
    return f'{{"list": [{",".join(rows)}], "has_more": {more}}}'.encode()


def with_(**changes: Any) -> str:
    return json.dumps(ROW | {"id": "evt_bad"} | changes)


def raw(name: str, value: str) -> str:
    """The row with `value` inserted unchanged."""
    return json.dumps(ROW | {"id": "evt_bad", name: "@"}).replace('"@"', value)


DIGITS = "1" * 5000
BAD_ROWS = {
    "value text": with_(value="30"),
    "value bool": with_(value=True),
    "value null": with_(value=None),
    "value 1e999": raw("value", "1e999"),
    "value 5,000 digits": raw("value", DIGITS),
    "value 400 digits": raw("value", "1" * 400),
    "value minus 400 digits": raw("value", "-" + "1" * 400),
    "value NaN": raw("value", "NaN"),
    "value minus Infinity": raw("value", "-Infinity"),
    "timestamp text": with_(timestamp="1765958215459"),
    "timestamp negative": with_(timestamp=-1),
    "timestamp year 10000": with_(timestamp=253402300800000),
    "timestamp 5,000 digits": raw("timestamp", DIGITS),
    "timestamp fraction": with_(timestamp=1.5),
    "id number": with_(id=5),
    "id empty": with_(id=""),
    "no customer": json.dumps({name: value for name, value in ROW.items() if name != "customer_id"}),
    "customer null": with_(customer_id=None),
    "feature list": with_(feature_id=["a"]),
    "not an object": "5",
    "null": "null",
    "array": "[]",
    "id twice": TEXT,
    "depth 50,000": "[" * 50_000 + "]" * 50_000,
}


@pytest.mark.parametrize("row", BAD_ROWS.values(), ids=BAD_ROWS)
def test_bad_rows_are_discarded_and_counted(row: str) -> None:
    """The other rows stay."""
    rows = decode_rows(listed(TEXT, row, with_(id="evt_2"), more="true"))
    assert [event.id for event in rows.events] == ["evt_1", "evt_2"]
    assert (rows.bad_rows, rows.read, rows.has_more) == (1, 3, True)


DEDUCTION = {"balance_id": "b", "feature_id": "f", "value": 2}
LEAF = [{"a": 1}, "[{"]
REPAIRED_ROWS = {
    "lone surrogate": (raw("properties", '{"a": "x\\ud800", "b": 1}'), {"a": "x\ufffd", "b": 1}),
    "low half alone": (raw("properties", '{"a": "\\udc00\\ud83d"}'), {"a": "\ufffd\ufffd"}),
    "lone surrogate beside a pair": (raw("properties", '{"a": "\\ud83d\\ude00\\ud800"}'), {"a": "😀\ufffd"}),
    "lone surrogate behind a backslash": (raw("properties", '{"a": "\\\\\\ud800"}'), {"a": "\\\ufffd"}),
    "lone surrogate in a key": (raw("properties", '{"\\udfff": 1}'), {"\ufffd": 1}),
    "1e999": (raw("properties", '{"a": 1e999, "b": 2}'), {"a": "\ufffd", "b": 2}),
    "5,000 digits": (raw("properties", f'{{"a": {DIGITS}, "b": 2}}'), {"a": "\ufffd", "b": 2}),
    "properties list": (with_(properties=[1]), {}),
    "properties text": (with_(properties="a"), {}),
    "deductions object": (with_(deductions={}), {"model": "a"}),
    "deduction without value": (
        with_(deductions=[{"balance_id": "b", "feature_id": "f"}]),
        {"model": "a"},
    ),
}


@pytest.mark.parametrize(("row", "properties"), REPAIRED_ROWS.values(), ids=REPAIRED_ROWS)
def test_unreadable_parts_of_a_row_are_replaced_and_counted(row: str, properties: dict[str, Any]) -> None:
    rows = decode_rows(listed(TEXT, row, with_(id="evt_2")))
    assert [event.id for event in rows.events] == ["evt_1", "evt_bad", "evt_2"]
    assert (rows.events[1].properties, rows.events[1].deductions) == (properties, None)
    assert (rows.repaired_rows, rows.bad_rows, rows.read) == (1, 0, 3)
    assert decode_cached_rows(encode_rows(rows)) == rows


def test_bytes_that_are_no_text_are_replaced_and_counted() -> None:
    rows = decode_rows(listed(TEXT, with_(id="evt_2")).replace(b"credits", b"\xff", 1))
    assert [event.feature_id for event in rows.events] == ["\ufffd", "credits"]
    assert rows.repaired_rows == 1


def test_readable_text_is_not_repaired() -> None:
    """Neither pairs of surrogates nor backslashes before text, in an answer with a bad row."""
    text = '{"a": "\\ud83d\\ude00", "b": "\\\\ud800", "c": "[{\\"]}"}'
    rows = decode_rows(listed(raw("properties", text), "5"))
    assert rows.events[0].properties == {"a": "😀", "b": "\\ud800", "c": '[{"]}'}
    assert (rows.repaired_rows, rows.bad_rows) == (0, 1)


@pytest.mark.parametrize("kind", [list, dict])
def test_depth_of_a_row_is_bounded(kind: type) -> None:
    """What is nested deeper is left out; what stands beside it is not."""

    def nested(depth: int) -> Any:
        return LEAF[1] if depth == 0 else [nested(depth - 1), 1] if kind is list else {"a": nested(depth - 1)}

    fits = MAX_DEPTH - 2
    rows = decode_rows(listed(with_(properties={"a": nested(fits), "b": 1})))
    assert (rows.events[0].properties["a"], rows.repaired_rows) == (nested(fits), 0)
    rows = decode_rows(listed(with_(properties={"a": nested(fits + 3), "b": 1}), TEXT))
    assert (rows.events[0].properties["b"], rows.repaired_rows, len(rows.events)) == (1, 1, 2)
    assert json.dumps(rows.events[0].properties).count(json.dumps(nested(1))[0]) <= MAX_DEPTH


class Shape:
    """JSON that goes up and down between lists and objects, as `moves` say: a bracket for each level."""

    def __init__(self, moves: list[tuple[int, int, str]]) -> None:
        self.text, opened = "", list[str]()
        for up, down, name in moves:
            kinds = ["[" if len(name) % 2 else "{"] * up
            self.text += "," * bool(self.text)
            if opened and opened[-1] == "{":
                self.text += f"{json.dumps(f'{len(self.text)}{name}')}:"
            self.text += "".join("[" if kind == "[" else f"{{{json.dumps(name)}:" for kind in kinds) + "1"
            opened += kinds
            for _ in range(min(down, len(opened))):
                self.text += {"[": "]", "{": "}"}[opened.pop()]
        self.text = f"[{self.text}{''.join({'[': ']', '{': '}'}[kind] for kind in reversed(opened))}]"

    def cut(self, value: Any, level: int) -> Any:
        """What is read of it: at the last level only what has no further one."""
        if not isinstance(value, list | dict):
            return value
        inner = value.values() if isinstance(value, dict) else value
        if level == MAX_DEPTH and any(isinstance(each, list | dict) for each in inner):
            return None
        if isinstance(value, dict):
            return {name: self.cut(each, level + 1) for name, each in value.items()}
        return [self.cut(each, level + 1) for each in value]


SPELLINGS = st.sampled_from(["", "a", "[", "]}", '"', "\\", '[\\"]', "{" * 70, '\\"' * 40, "é"])


@given(st.lists(st.tuples(st.integers(1, 90), st.integers(0, 90), SPELLINGS), min_size=1, max_size=12))
def test_any_shape_of_a_row_is_cut_at_the_same_depth(moves: list[tuple[int, int, str]]) -> None:
    """However many levels open and close at once, and whatever brackets and quotes are in its texts."""
    shape = Shape(moves)
    value = json.loads(shape.text)
    bottomless = raw("properties", '{"a":' + "[" * 5000 + "]" * 5000 + "}")
    rows = decode_rows(listed(raw("properties", f'{{"a":{shape.text},"b":1}}'), bottomless))
    assert rows.events[0].properties == {"a": shape.cut(value, 3), "b": 1}
    assert rows.read == 2


@given(
    st.lists(
        st.sampled_from(['"', "\\", "\\ud800", "\\udc00", "u", "[", "]", "{", "}", ",", ":", "a"]),
        max_size=12,
    )
)
def test_a_bad_row_costs_no_other_row(pieces: list[str]) -> None:
    """Whatever text is in it."""
    bad = json.dumps(ROW | {"id": "evt_bad", "properties": {"a": "@"}}).replace("@", "".join(pieces))
    try:
        json.loads(bad)
    except ValueError:
        assume(False)
    rows = decode_rows(listed(TEXT, bad, "5", with_(id="evt_2")))
    assert [event.id for event in rows.events] == ["evt_1", "evt_bad", "evt_2"]
    assert (rows.read, rows.bad_rows) == (4, 1)


def test_answer_of_too_many_parts_is_too_large() -> None:
    """Unless it has the fewest rows that are requested: of these, no row is lost."""
    row = {"properties": {str(number): number for number in range(MAX_ROW_PARTS // 2)}}
    rows = [with_(id=f"evt_{number}", **row) for number in range(2 * MAX_PARTS // MAX_ROW_PARTS + 1)]
    with pytest.raises(TooLarge):
        decode_rows(listed(*rows))
    large = {"properties": {str(number): number for number in range(2 * MAX_ROW_PARTS)}}
    least = decode_rows(listed(*(with_(id=f"evt_{number}", **large) for number in range(15))))
    assert (len(least.events), least.repaired_rows) == (15, 15)


NESTED = "[" * 50_000 + "]" * 50_000
BODIES = {
    "empty": b"",
    "html": b"<!doctype html><title>502 Bad Gateway</title>",
    "text": b"Too many requests",
    "array": b"[]",
    "null": b"null",
    "number": b"5",
    "truncated": listed(TEXT)[:-5],
    "twice": listed(TEXT) * 2,
    "byte order mark": b"\xef\xbb\xbf" + listed(TEXT),
    "UTF-16": listed(TEXT).decode().encode("utf-16"),
    "depth 50,000 beside": b'{"list": [], "has_more": false, "x": ' + NESTED.encode() + b"}",
    "list missing": b'{"has_more": false}',
    "list null": b'{"list": null, "has_more": false}',
    "list object": b'{"list": {}, "has_more": false}',
    "has_more text": listed(TEXT, more='"yes"'),
    "has_more missing": b'{"list": []}',
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_invalid_list_is_malformed(body: bytes) -> None:
    """The sentence of the error does not contain the body."""
    with pytest.raises(Malformed) as caught:
        decode_rows(body)
    shown = body.decode(errors="replace")
    assert caught.value.sentence.endswith(".")
    assert len(shown) < 3 or shown not in caught.value.sentence


@pytest.mark.parametrize("name", sorted(BODIES.keys() - {"has_more missing"}))
def test_invalid_list_is_no_aggregate_either(name: str) -> None:
    with pytest.raises(Malformed):
        decode_aggregate(BODIES[name])


BIN = '{"list": [{"period": 0, "values": {"a": %s}}], "total": {"a": {"count": 1, "sum": 1}}}'
AGGREGATES = {
    "NaN": BIN % "NaN",
    "1e999": BIN % "1e999",
    "1e305": BIN % "1e305",
    "5,000 digits": BIN % DIGITS,
    "text": BIN % '"5"',
    "null": BIN % "null",
    "object": BIN % "{}",
    "depth": BIN % NESTED,
    "period text": '{"list": [{"period": "0", "values": {}}]}',
    "period negative": '{"list": [{"period": -3600000, "values": {}}]}',
    "period twice": '{"list": [{"period": 0, "values": {}}, {"period": 0, "values": {}}]}',
    "period far": '{"list": [{"period": 999999999999999999, "values": {}}]}',
    "count text": '{"list": [], "total": {"a": {"count": "1", "sum": 1}}}',
    "total null": '{"list": [], "total": null}',
    "groups list": '{"list": [{"period": 0, "values": {}, "grouped_values": {"a": [1]}}]}',
}


@pytest.mark.parametrize("body", AGGREGATES.values(), ids=AGGREGATES)
def test_invalid_aggregate_is_malformed(body: str) -> None:
    """No figures are better than some of them."""
    with pytest.raises(Malformed):
        decode_aggregate(body.encode())


def test_bins_are_sorted_by_time() -> None:
    """Unknown fields are ignored."""
    answer = decode_aggregate(
        b'{"list": [{"period": 7200000, "values": {}, "new": 1},'
        b' {"period": 0, "values": {"a": -0.5}}], "new": {}}'
    )
    assert [item.period for item in answer.bins] == [0, 7200000]
    assert (answer.bins[0].values, answer.total) == ({"a": -0.5}, {})


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), json_values, max_size=4))
def test_properties_are_decoded_unchanged(properties: dict[str, Any]) -> None:
    """They are cached unchanged too; null is no property."""
    rows = decode_rows(listed(with_(properties=properties), json.dumps(ROW | {"properties": None})))
    assert rows.events[0].properties == properties
    assert rows.events[1].properties == {}
    assert decode_cached_rows(encode_rows(rows)) == rows


@given(st.binary() | json_values.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_rows_or_malformed(body: bytes) -> None:
    for decode in (decode_rows, decode_aggregate, decode_cached_rows):
        try:
            decode(body)
        except Malformed:
            continue


def test_deductions_are_decoded() -> None:
    """A deduction has its plan and its next reset."""
    deduction = {
        "balance_id": "b",
        "feature_id": "credits",
        "plan_id": None,
        "reset": {"interval": "month", "interval_count": 1, "resets_at": 1767225600000},
        "value": 2.5,
    }
    event = decode_rows(listed(with_(deductions=[deduction]))).events[0]
    assert event.deductions is not None
    assert event.deductions[0].reset is not None
    assert (event.deductions[0].value, event.deductions[0].reset.interval) == (2.5, "month")


def test_cached_rows_of_another_form_are_malformed() -> None:
    with pytest.raises(Malformed):
        decode_cached_rows(listed(TEXT))
    assert decode_cached_rows(encode_rows(EventList([], False, 4, 1, 3))) == EventList([], False, 4, 1, 3)


def test_cut_answer_has_no_count_of_more_than_its_bins() -> None:
    """Where Autumn's total has the bin at the end too; a total without it stays."""
    bins = [AutumnBin(0, {"a": 1.0, "b": 1.0}), AutumnBin(10, {"a": 64.0, "b": 64.0})]
    answer = Aggregate(bins, {"a": Total(2, 65.0), "b": Total(1, 1.0)})
    cut = cut_aggregate(answer, 10)
    assert cut == Aggregate(bins[:1], {"a": Total(None, 1.0), "b": Total(1, 1.0)})


def test_cut_answer_names_no_group_of_its_end() -> None:
    """Autumn names each group in all bins, with a 0 where it has no events."""
    at_start, at_end = {"a": {"x": 1.0, "later": 0.0}}, {"a": {"x": 0.0, "later": 64.0}}
    answer = Aggregate([AutumnBin(0, {"a": 1.0}, at_start), AutumnBin(10, {"a": 64.0}, at_end)])
    assert cut_aggregate(answer, 10).bins == [AutumnBin(0, {"a": 1.0}, {"a": {"x": 1.0}})]
