"""The cache of results: charts that were read and drawn before."""

from __future__ import annotations

from usage.charts.result_cache import ResultCache


def test_cache_holds_what_was_used_last() -> None:
    """Up to its bytes; what is larger is not stored."""
    cache, made = ResultCache(100), list[str]()

    def get(name: str, size: int) -> str:
        def make() -> str:
            made.append(name)
            return name.upper()

        return cache.get(name, make, size=size)

    assert [get(name, 50) for name in "abacab"] == [*"ABACAB"]
    assert made == [*"abcb"]
    assert [get("large", 101), get("large", 101)] == ["LARGE", "LARGE"]
    assert made[4:] == ["large", "large"]


def test_size_of_a_result_is_counted_where_its_texts_decide() -> None:
    """What just fits is kept; what is a byte larger is made each time."""
    made, cache = list[str](), ResultCache(100)

    def view(text: str) -> str:
        def make() -> str:
            made.append(text[0])
            return text

        return cache.get(text, make, size=len)

    for text in ("a" * 100, "b" * 101):
        assert view(text) == view(text) == text
    assert made == ["a", "b", "b"]
