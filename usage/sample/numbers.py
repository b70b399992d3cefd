"""Numbers as the API writes them."""

from decimal import ROUND_HALF_UP, Decimal

TEN_PLACES = Decimal("1e-10")
FIRST_INEXACT = 2**53


def number(value: float) -> int | float:
    """A sum, rounded half up to 10 places; whole ones without a fraction."""
    if float(value).is_integer() or abs(value) >= FIRST_INEXACT:
        return whole(value)
    return whole(float(Decimal(repr(float(value))).quantize(TEN_PLACES, ROUND_HALF_UP)))


def whole(value: float) -> int | float:
    """The number itself; whole ones without a fraction."""
    return int(value) if float(value).is_integer() and abs(value) < FIRST_INEXACT else float(value)


def shortest(value: float) -> str:
    """The shortest text that reads as this number: ``200``, ``1.5``, ``1e21``, ``1e-7``."""
    if not 1e-6 <= abs(value) < 1e21:
        digits, _, exponent = repr(float(value)).partition("e")
        return "0" if value == 0 else f"{digits}e{int(exponent)}"
    return format(Decimal(repr(float(value))), "f").removesuffix(".0")
