"""One event in words: its JSON, and why it was charged."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import tzinfo

import msgspec

from dashboard.formats import HIDDEN, date_text, full_label, number
from dashboard.names.labels import Labels
from usage.results import Deduction, Event
from usage.window import local


@dataclass(frozen=True, slots=True)
class Phrase:
    """A piece of a sentence; `strong` where it is a figure or a name."""

    text: str
    strong: bool = False


def event_json(event: Event, *, deductions: bool = True) -> str:
    """The event as the API sent it, indented; characters that don't show are written as JSON escapes."""
    row = msgspec.to_builtins(event)
    if not deductions:
        del row["deductions"]
    text = msgspec.json.format(msgspec.json.encode(row), indent=2).decode()
    return text if text.isascii() and "\x7f" not in text else "".join(map(_escaped, text))


def _escaped(character: str) -> str:
    if character == "\n" or unicodedata.category(character) not in HIDDEN:
        return character
    units = character.encode("utf-16-be")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def charge_sentences(event: Event, zone: tzinfo, labels: Labels) -> list[list[Phrase]]:
    """A sentence for each deduction: what it took, from which balance, of which
    plan, and when that resets.
    """
    if event.deductions is None:
        return []
    return [list(_sentence(item, zone, labels)) for item in event.deductions]


def _sentence(item: Deduction, zone: tzinfo, labels: Labels) -> Iterator[Phrase]:
    gave_back = item.value < 0
    yield Phrase("Autumn returned " if gave_back else "Autumn deducted ")
    unit = labels.unit_of(item.feature_id)
    word, name = unit.one if abs(item.value) == 1 else unit.many, labels.feature_text(item.feature_id)
    yield Phrase(f"{number(abs(item.value))} {full_label(word or name)}", strong=True)
    if word.casefold() not in ("", name.casefold()):
        yield Phrase(f" ({full_label(name)})")
    yield Phrase(" to the balance " if gave_back else " from the balance ")
    yield Phrase(full_label(item.balance_id), strong=True)
    if item.plan_id is not None:
        yield Phrase(" of plan ")
        yield Phrase(full_label(item.plan_id), strong=True)
    if item.reset is None:
        yield Phrase(", which never resets.")
        return
    yield Phrase(
        f", which resets every {_reset_interval(item)}"
        if item.reset.resets_at is None
        else ", which resets on "
    )
    if item.reset.resets_at is not None:
        yield Phrase(_date(item.reset.resets_at, zone), strong=True)
    yield Phrase(".")


def _reset_interval(item: Deduction) -> str:
    if item.reset is None:
        return ""
    count = item.reset.interval_count
    unit = full_label(item.reset.interval)
    return f"{number(count)} {unit}s" if isinstance(count, int | float) and count != 1 else unit


def _date(ms: float, zone: tzinfo) -> str:
    try:
        return date_text(local(int(ms), zone))
    except (OverflowError, ValueError, OSError):
        return "an unknown date"
