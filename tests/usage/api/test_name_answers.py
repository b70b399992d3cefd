"""Responses of the calls for names: decoded fields, missing fields, and limits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.usage.catalog_bodies import ADA, BALANCE, CREDITS, SUBSCRIPTION, encoded
from usage.api.name_answers import (
    ID_LIMIT,
    MAX_FEATURES,
    MAX_PARTS,
    TEXT_LIMIT,
    decode_customer,
    decode_customer_page,
    decode_features,
)
from usage.catalog import Balance, CreditCost, Customer, FeatureName, Grant, Subscription
from usage.errors import Malformed


def feature(**fields: object) -> FeatureName:
    (found,) = decode_features(encoded({"list": [CREDITS | fields]}))
    return found


def test_customer_is_decoded() -> None:
    customer = decode_customer(encoded(ADA))
    grant = Grant(100.0, "pro", "month", 1.0, 1_796_083_200_000, None)
    balance = Balance("messages", 100.0, 72.0, 28.0, False, False, 1_796_083_200_000, (grant,))
    assert customer.subscriptions == (
        Subscription("pro", "active", False, 1_793_404_800_000, 1_796_083_200_000),
    )
    assert customer.balances[0] == balance


def test_null_and_absent_fields_of_a_customer() -> None:
    assert decode_customer(b'{"id": "a"}') == Customer("a", None, None, (), ())
    subscription = {**SUBSCRIPTION, "current_period_start": None}
    breakdown = [{"plan_id": None, "included_grant": 1, "reset": None, "expires_at": 5}]
    balances = {"f": {**BALANCE, "next_reset_at": None, "breakdown": breakdown}}
    customer = decode_customer(
        encoded({"id": "a", "name": " ", "subscriptions": [subscription], "balances": balances})
    )
    assert (customer.name, customer.subscriptions[0].current_period_end) == (None, None)
    assert customer.balances[0].grants == (Grant(1.0, None, None, 1.0, None, 5),)


def test_feature_falls_back_from_unit_to_name_to_id() -> None:
    assert (feature().singular, feature().plural) == ("Credits", "Credits")
    assert feature(name=None).plural == feature(name=" ").name == "credits"
    assert feature(display={"singular": "credit", "plural": None}).plural == "credit"
    assert feature(display={"singular": "", "plural": "cr"}).singular == "Credits"


def test_credit_costs_of_a_feature() -> None:
    """None if Autumn omits the schema: the rates are unknown."""
    schema = [
        {"metered_feature_id": "messages", "credit_cost": 0.2},
        {"metered_feature_id": "", "credit_cost": 1},
    ]
    assert feature(credit_schema=schema).credit_schema == (CreditCost("messages", 0.2),)
    assert feature().credit_schema is None
    assert feature(credit_schema=[]).credit_schema == ()


def test_texts_are_cut_and_sanitized() -> None:
    name = decode_customer(encoded({"id": "a", "name": "\u202eA\n" + "x" * 999})).name
    assert name is not None
    assert (len(name), name[:3]) == (TEXT_LIMIT, "A x")


def test_row_beyond_a_limit_is_discarded() -> None:
    """A row at the limit is not."""
    ids = ["a" * ID_LIMIT, "a" * (ID_LIMIT + 1), "", "b", "b"]
    body = encoded({"list": [{"id": each} for each in ids], "total_filtered_count": 9})
    page = decode_customer_page(body, search="", offset=0, limit=9)
    assert ([item.id for item in page.customers], page.bad_rows) == ([ids[0], "b"], 2)
    assert [item.id for item in decode_customer_page(body, search="", offset=0, limit=1).customers] == ids[:1]
    decode_customer(encoded({"id": "a", "subscriptions": [SUBSCRIPTION] * MAX_PARTS}))
    with pytest.raises(Malformed):
        decode_customer(encoded({"id": "a", "subscriptions": [SUBSCRIPTION] * (MAX_PARTS + 1)}))


def test_features_beyond_the_limit_are_discarded() -> None:
    rows = [CREDITS | {"id": str(number)} for number in range(MAX_FEATURES + 1)]
    assert len(decode_features(encoded({"list": rows}))) == MAX_FEATURES
    assert [item.id for item in decode_features(encoded({"list": [CREDITS, 7, {}, CREDITS]}))] == ["credits"]


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from([*ADA]), values)
def test_customer_with_any_one_field_replaced_is_read_or_malformed(field: str, value: object) -> None:
    body = encoded(ADA | {field: value})
    page = decode_customer_page(
        b'{"total_filtered_count": 1, "list": [' + body + b"]}", search="", offset=0, limit=5
    )
    try:
        customer = decode_customer(body)
    except Malformed:
        assert page.customers == ()
    else:
        assert page.customers == (customer,)


@given(st.sampled_from([*CREDITS, "credit_schema", "display", "archived"]), values)
def test_feature_with_any_one_field_replaced_is_read_or_left_out(field: str, value: object) -> None:
    for found in decode_features(encoded({"list": [CREDITS | {field: value}]})):
        assert found.id
        assert found.name
        assert found.singular
