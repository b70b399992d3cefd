"""Numbers as the API writes them."""


def number(value: float) -> int | float:
    """Rounded to 10 places; whole ones without a fraction."""
    rounded = round(float(value), 10)
    return int(rounded) if rounded.is_integer() and abs(rounded) < 2**53 else rounded
