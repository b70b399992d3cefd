"""Conditions as people type them."""

from __future__ import annotations

import pytest

from usage.events.typed import parse_typed


@pytest.mark.parametrize(
    ("text", "parameter", "condition"),
    [
        ("status=503", "filter", "status:503"),
        ("status:503", "filter", "status:503"),
        ("status == 503", "filter", "status:503"),
        ("properties.status:503", "filter", "status:503"),
        ("-status:200", "exclude", "status:200"),
        ("!status=200", "exclude", "status:200"),
        ("status!=200", "exclude", "status:200"),
        ("status is not 200", "exclude", "status:200"),
        ("Status is 200", "filter", "Status:200"),
        ("-status!=200", "filter", "status:200"),
        ("meta.tier:gold", "filter", "meta.tier:gold"),
        ("url=https://a.example/?x=1", "filter", "url:https://a.example/?x=1"),
        ('model:"gpt large"', "filter", "model:gpt large"),
        ('model=""', "filter", "model:"),
    ],
)
def test_clear_text_is_a_condition(text: str, parameter: str, condition: str) -> None:
    typed = parse_typed(text)
    assert (typed.parameter, str(typed.condition)) == (parameter, condition)


@pytest.mark.parametrize("text", ["statu", "status", "status=", "=503", ":", "status>500", "-", "is 200"])
def test_unclear_text_is_answered_with_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match="status=503"):
        parse_typed(text)
