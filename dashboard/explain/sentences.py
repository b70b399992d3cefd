"""What an explanation says in sentences. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from zoneinfo import ZoneInfo

from dashboard import messages
from dashboard.charts.chart import FIXED_LABELS
from dashboard.formats import change, compact, dimension_name, label, minute_text, number, whole_percent
from dashboard.names.labels import Labels, Unit
from usage.explain.attribution import HOUR_OF_DAY, WEEKDAY, AttributedRow, DimensionLine
from usage.explain.explanation import Explanation
from usage.explain.shape import Shape

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def dimension_text(group_by: str) -> str:
    """What a dimension is called: a property's path, "customer", "hour of day"."""
    return {HOUR_OF_DAY: "hour of day", WEEKDAY: "weekday"}.get(group_by) or dimension_name(group_by)


def value_text(group_by: str, line: DimensionLine, labels: Labels) -> str:
    """What a line is called, untrusted text that is not shortened yet."""
    if line.kind != "value":
        return FIXED_LABELS[line.kind]
    if group_by == HOUR_OF_DAY:
        return f"{int(line.value):02}:00–{(int(line.value) + 1) % 24:02}:00"
    if group_by == WEEKDAY:
        return WEEKDAYS[int(line.value)]
    if group_by == "$customer_id":
        return labels.customer_text(line.value)
    return line.value


def change_text(explanation: Explanation, unit: Unit) -> str:
    """By how much usage changed: +5.3 M tokens (+341 %)."""
    changed = explanation.change
    sign = "+" if changed > 0 else ""
    text = sign + unit.after(compact(changed), changed)
    moved = change(explanation.after, explanation.before)
    if moved is None or moved.way in ("new", "unknown", "same"):
        return text
    percent = sign + whole_percent(explanation.after / explanation.before - 1)
    return f"{text} ({percent})"


def exact_change_text(explanation: Explanation, unit: Unit) -> str:
    """Both sums with all digits."""
    before, after = number(explanation.before), unit.after(number(explanation.after), explanation.after)
    return messages.FROM_TO.format(before=before, after=after)


def cause_sentence(explanation: Explanation, labels: Labels) -> str:
    """What accounts for the change."""
    rows = explanation.cause_rows
    if explanation.change == 0 and explanation.before == 0:
        return messages.NO_USAGE_IN_BOTH
    if explanation.before == 0:
        return messages.NO_USAGE_BEFORE
    if explanation.after == 0:
        return messages.NO_USAGE_NOW
    if explanation.cause == "unknown":
        return messages.NOTHING_LOOKED_AT if explanation.done else messages.CAUSE_NOT_KNOWN_YET
    if explanation.cause == "none" or not rows:
        return messages.NO_SINGLE_CAUSE if explanation.done else messages.NO_SINGLE_CAUSE_YET
    named = [label(value_text(row.group_by, row.line, labels)) for row in rows]
    path = label(dimension_text(rows[0].group_by))
    shares = [row.share for row in rows]
    if any(row.is_offsetting for row in rows) or None in shares or not _is_of_change(rows):
        moves = ", ".join(
            messages.MOVED_BY.format(value=name, change=_signed(row.line.change))
            for name, row in zip(named, rows, strict=True)
        )
        return messages.VALUES_MOVED.format(path=path, moves=moves)
    way = messages.OF_INCREASE if explanation.change > 0 else messages.OF_DECREASE
    share = whole_percent(sum(each or 0 for each in shares))
    since = _since(rows, explanation.shape, explanation.query.zone) if len(rows) == 1 else ""
    return messages.CAUSE.format(share=share, way=way, path=path, values=_listed(named), since=since)


def _is_of_change(rows: tuple[AttributedRow, ...]) -> bool:
    """Whether a share of the change says something: of a small one it may be a thousand percent."""
    return all(row.share is not None and 0 < row.share <= 2 for row in rows)


def _signed(value: float) -> str:
    return ("+" if value > 0 else "") + compact(value)


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _since(rows: tuple[AttributedRow, ...], shape: Shape, zone: ZoneInfo) -> str:
    row = rows[0]
    if row.is_new and shape.kind == "level" and shape.start is not None:
        return messages.NEW_SINCE.format(moment=minute_text(shape.start, zone))
    if row.is_new:
        return messages.NEW_VALUE
    if row.is_gone:
        return messages.GONE_VALUE
    return ""


def shape_sentences(explanation: Explanation) -> Iterator[str]:
    """When the change happened; nothing where it has no shape."""
    shape, zone = explanation.shape, explanation.query.zone
    start = "" if shape.start is None else minute_text(shape.start, zone)
    end = "" if shape.end is None else minute_text(shape.end, zone)
    match shape.kind:
        case "spike" if shape.is_previous:
            yield messages.EARLIER_SPIKE.format(start=start, end=end)
        case "spike":
            yield messages.SPIKE.format(share=whole_percent(shape.share), start=start, end=end)
        case "level":
            yield messages.LEVEL.format(start=start)
        case "drift":
            yield messages.DRIFT
        case "weekday":
            yield messages.CERTAIN_WEEKDAYS.format(days=_listed([f"{WEEKDAYS[at]}s" for at in shape.parts]))
        case "hour":
            hours = _listed([f"{at:02}:00" for at in shape.parts])
            yield messages.CERTAIN_HOURS.format(hours=hours, zone=explanation.query.tz)


def share_text(share: float | None) -> str:
    """A row's part of the change; a dash where there is no change."""
    return "–" if share is None else whole_percent(share)
