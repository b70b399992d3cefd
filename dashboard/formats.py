"""Numbers, moments and untrusted text for people. Pure; spaces inside a figure don't break."""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime, tzinfo
from functools import lru_cache
from typing import Literal

from usage.window import is_midnight, local

GAP = "\N{NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"
DASH = "\N{EN DASH}"
ARROWS = {"up": "▲", "down": "▼"}
"""A change is in ink: more is not good, and less is not bad."""
SCALES = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))
HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
HOSTILE_IN_FILES = re.compile(r"[^\w.@=-]+")
BLANK = "(empty)"
MAX_LABEL = 48
MAX_FULL_LABEL = 2_000
"""Characters of an untrusted text that a page shows at once: more than a query can name."""

FIXED_GROUPS = {"$entity_id": "entity", "$plan_id": "plan", "$customer_id": "customer"}
"""What usage can be grouped by beside properties, and how pages call it."""


def dimension_name(group_by: str) -> str:
    """The name of a dimension: a property's path, or a word for the customer, entity, plan or balance."""
    return {**FIXED_GROUPS, "$balance": "balance"}.get(group_by, group_by.removeprefix("properties."))


def number(value: float) -> str:
    """Every digit that Autumn stores, with thousands separators: 9,140,000 or 0.0000000001."""
    if abs(value) < 1e15 and value == (whole := int(value)):
        return f"{whole:,}" if whole >= 0 else f"{MINUS}{-whole:,}"
    if not math.isfinite(value) or abs(value) >= 1e15:
        return _minus(f"{value:.10g}")
    places = min(10, 15 - len(str(abs(whole))))  # beyond fifteen digits a float has only dust
    return _minus(_trimmed(f"{value:,.{places}f}"))


def whole_number(value: float) -> str:
    """Every digit that Autumn sent of a single value: 12,345,678,901,234,567,890 or 0.30000000000000004."""
    if isinstance(value, int) or value.is_integer():
        return _minus(f"{int(value):,}")
    text = repr(value)
    if "e" in text:
        return _minus(text)
    whole, _, fraction = text.partition(".")
    return f"{_minus('-' if whole.startswith('-') else '')}{abs(int(whole)):,}.{fraction}"


def all_digits(value: float) -> str:
    """A sum with every digit, also where `number` rounds to ten: 1,234,567,890,123,456."""
    return whole_number(value) if 1e15 <= abs(value) < math.inf else number(value)


def plain(value: float) -> str:
    """A plain decimal, for marks that programs read: 9140000, -0.5."""
    if not math.isfinite(value) or abs(value) >= 1e15:
        return f"{value:.0f}"
    return number(value).replace(",", "").replace(MINUS, "-")


def rounded(value: float) -> str:
    """A figure for a narrow column: to the hundredth, or what matters of less than one."""
    if abs(value) >= 1e12:
        return compact(value)
    return number(round(value, 2)) if abs(value) >= 1 else compact(value)


def compact(value: float) -> str:
    """A figure to take in at a glance: 9.14 M, 48,210, 212.4."""
    size = abs(value)
    if size >= 999_999.5:
        return _minus(_scaled(value, GAP))
    if size >= 999.95:
        return _minus(f"{value:,.0f}")
    return _minus(_trimmed(f"{value:.1f}") if size >= 100 else f"{value:.3g}")


def axis_number(value: float) -> str:
    """A label on a value axis: 300k, 1.5M, 0.25."""
    return _minus(_scaled(value, "") if abs(value) >= 1000 else f"{value:.6g}")


def _scaled(value: float, gap: str) -> str:
    scale, unit = next(((scale, unit) for scale, unit in SCALES if abs(value) >= scale * 0.9995), SCALES[-1])
    if abs(value) >= 1e15:
        return f"{value:.3g}"
    digits = f"{value / scale:.4g}" if gap == "" else f"{value / scale:.3g}"
    return f"{digits}{gap}{unit}" if "e" not in digits else f"{value:,.0f}"


def _trimmed(text: str) -> str:
    return text.rstrip("0").rstrip(".")


def _minus(text: str) -> str:
    return "0" if text in ("-0", "-0.0") else text.replace("-", MINUS)


def whole_percent(ratio: float) -> str:
    """A share: 44 %, or <1 % for a little that is not nothing, >99 % for nearly all."""
    percent = 100 * ratio
    if 99.5 <= percent < 100:
        return f">99{GAP}%"
    if 0 < abs(percent) < 0.5:
        return f"{MINUS if percent < 0 else ''}<1{GAP}%"
    return _minus(f"{percent:,.0f}{GAP}%")


@dataclass(frozen=True, slots=True)
class Change:
    """How a sum moved against the previous period. `short` has an arrow and, for a narrow column, at most
    three digits; `exact` has one decimal place and no arrow.
    """

    way: Literal["up", "down", "same", "new", "unknown"]
    short: str
    exact: str

    @property
    def arrow(self) -> str:
        return ARROWS.get(self.way, "")


def change(now: float, before: float | None) -> Change | None:
    """None without a comparison.

    From nothing there is no percentage, from less than nothing none that means much.
    """
    if before is None:
        return None
    if before == 0 and now != 0:
        return Change("new", "new", "no usage in the previous period")
    if before <= 0 or not math.isfinite(now / before):
        return Change("unknown", DASH, DASH)
    ratio = now / before - 1
    way: Literal["up", "down", "same"] = "same" if abs(ratio) < 0.0005 else "up" if ratio > 0 else "down"
    arrow = f"{ARROWS[way]}{GAP}" if way in ARROWS else ""
    size = f"0{GAP}%" if not arrow else f">999{GAP}%" if abs(ratio) > 9.995 else whole_percent(abs(ratio))
    return Change(way, f"{arrow}{size}", f"{abs(100 * ratio):,.1f}{GAP}%")


def visible(text: str) -> str:
    """The text with every control, bidi and otherwise unseen character spelled out: [U+202E]."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped_character(character) for character in text)


@lru_cache(4096)
def _escaped_character(character: str) -> str:
    return f"[U+{ord(character):04X}]" if unicodedata.category(character) in HIDDEN else character


def label(text: str, most: int = MAX_LABEL) -> str:
    """An untrusted name, short enough for one line; its whole is `full_label`.

    It is cut in the middle, because long IDs often begin alike.
    """
    if len(text) > 4 * most:
        text = text[: 2 * most] + text[-2 * most :]
    shown = visible(text)
    if len(shown) <= most:
        return shown or BLANK
    return f"{shown[: most // 2]}…{shown[most // 2 - most + 1 :]}"


def full_label(text: str) -> str:
    """An untrusted name in full, for a title; of a text that no query could name, its beginning."""
    if len(text) > MAX_FULL_LABEL:
        return f"{visible(text[:MAX_FULL_LABEL])}…"
    return visible(text) or BLANK


def file_part(text: str, most: int = 80) -> str:
    """An untrusted text as a part of a file's name: letters, digits and a few signs."""
    return HOSTILE_IN_FILES.sub("_", text)[:most]


def zone_name(ms: int, zone: tzinfo) -> str:
    """The offset in force at `ms`: UTC, UTC+2, UTC+5:30."""
    return offset_name(local(ms, zone))


def offset_name(at: datetime) -> str:
    """The offset of an aware moment."""
    offset = at.utcoffset()
    minutes = 0 if offset is None else round(offset.total_seconds() / 60)
    hours, rest = divmod(abs(minutes), 60)
    sign = "+" if minutes > 0 else MINUS
    return "UTC" + (f"{sign}{hours}" + (f":{rest:02d}" if rest else "") if minutes else "")


def date_text(moment: datetime) -> str:
    """24 Oct 2026, whatever the process's language is."""
    return f"{moment.day} {MONTHS[moment.month - 1]} {moment.year}"


def minute_text(ms: int, zone: tzinfo) -> str:
    """24 Oct 2026 14:00."""
    at = local(ms, zone)
    return f"{date_text(at)} {at:%H:%M}"


def period_text(start: int, end: int, zone: tzinfo) -> str:
    """From when to when, as short as it is exact: whole days by their dates, the last one included."""
    if is_midnight(start, zone) and is_midnight(end, zone):
        first, last = date_text(local(start, zone)), date_text(local(end - 1, zone))
        return first if first == last else f"{first} – {last}"
    first, last = zone_name(start, zone), zone_name(end, zone)
    shown_zones = (f" {first}", f" {last}") if first != last else ("", "")
    return f"{minute_text(start, zone)}{shown_zones[0]} – {minute_text(end, zone)}{shown_zones[1]}"


def moment(ms: int, zone: tzinfo, *, millis: bool = False) -> str:
    """A row's time in the viewer's zone: 23 Nov 2026 14:02:11, optionally with milliseconds."""
    at = local(ms, zone)
    return f"{date_text(at)} {at:%H:%M:%S}" + (f".{ms % 1000:03d}" if millis else "")


def exact_moment(ms: int, zone: tzinfo) -> str:
    """A moment that leaves nothing open: 23 Nov 2026 14:02:11 UTC+1."""
    return f"{moment(ms, zone)} {zone_name(ms, zone)}"


def relative(ms: int, now: int) -> str:
    """How long ago: just now, 3 minutes ago, in 2 hours."""
    seconds = round((now - ms) / 1000)
    if abs(seconds) < 10:
        return "just now"
    length, unit = next(age for age in AGES if abs(seconds) >= age[0])
    count = abs(seconds) // length
    text = f"{count} {unit}{'s' if count > 1 else ''}"
    return f"{text} ago" if seconds > 0 else f"in {text}"


MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
AGES = (
    (365 * 86_400, "year"),
    (30 * 86_400, "month"),
    (86_400, "day"),
    (3600, "hour"),
    (60, "minute"),
    (1, "second"),
)
