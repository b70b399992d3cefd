"""A customer's allowance in words, beside the feature that it is of."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import tzinfo

from dashboard import formats, messages
from dashboard.names.labels import Labels, Unit
from usage.charts.allowance import Allowance, RunsOut
from usage.window import DAY_MS, HOUR_MS, local

MOST_BALANCES = 12
"""Allowances without a feature's card that are shown."""
YEAR_MS = 365 * DAY_MS


@dataclass(frozen=True, slots=True)
class AllowanceText:
    """What a card says of an allowance.

    `granted`, `used`, `remaining`: plain decimals; the first and last are empty where it is unlimited.
    `resets`: epoch milliseconds, empty without a reset. `runs_out`: an ISO date, empty where it is not
    estimated. `percent`: of what is granted, 0 to 100, None where nothing is. `share`, `dates`: what fits a
    card; `sentence`: all of it; `method`: how the date is calculated; `difference`: why events and balance
    differ. The last two are empty where there is nothing to say.
    """

    granted: str
    used: str
    remaining: str
    resets: str
    runs_out: str
    is_unlimited: bool
    is_over: bool
    percent: int | None
    share: str
    dates: str
    sentence: str
    method: str
    difference: str


@dataclass(frozen=True, slots=True)
class BalanceCard:
    """An allowance whose feature has no card: without events in this time range, or paid for with credits."""

    feature_id: str
    label: str
    title: str
    figure: str
    unit: str
    allowance: AllowanceText


def allowance_text(allowance: Allowance, unit: Unit, now: int, zone: tzinfo) -> AllowanceText:
    """The words for one allowance, with dates of `zone`; those over a year from `now` have the year."""
    balance, granted = allowance.balance, allowance.balance.granted
    is_over = not balance.unlimited and balance.usage > granted
    resets = balance.next_reset_at
    dates = [
        f"runs out about {_short_day(allowance.runs_out.at, now, zone)}" if allowance.runs_out else "",
        "overage allowed" if balance.overage_allowed and not balance.unlimited else "",
        f"resets {_short_day(resets, now, zone)}" if resets is not None else "",
    ]
    return AllowanceText(
        granted="" if balance.unlimited else formats.plain(granted),
        used=formats.plain(balance.usage),
        remaining="" if balance.unlimited else formats.plain(balance.remaining),
        resets="" if resets is None else str(resets),
        runs_out=allowance.runs_out.day.isoformat() if allowance.runs_out else "",
        is_unlimited=balance.unlimited,
        is_over=is_over,
        percent=None if balance.unlimited or granted <= 0 else round(100 * _part(balance.usage / granted)),
        share=_share(allowance, is_over=is_over),
        dates=" · ".join(each.replace(" ", formats.GAP) for each in dates if each),
        sentence=_sentence(allowance, unit, zone),
        method=_method(allowance.runs_out, unit, zone) if allowance.runs_out else "",
        difference=_difference(allowance, unit) if allowance.differs else "",
    )


def balance_cards(
    allowances: Mapping[str, Allowance], shown: Collection[str], labels: Labels, now: int, zone: tzinfo
) -> tuple[BalanceCard, ...]:
    """The allowances of features that are not `shown`, those with most usage of what is granted first."""
    others = [each for name, each in allowances.items() if name not in shown and _says_something(each)]
    others.sort(key=lambda each: (each.balance.unlimited, -each.balance.usage / (each.balance.granted or 1)))
    return tuple(_balance_card(each, labels, now, zone) for each in others[:MOST_BALANCES])


def _balance_card(allowance: Allowance, labels: Labels, now: int, zone: tzinfo) -> BalanceCard:
    name, usage = allowance.balance.feature_id, allowance.balance.usage
    unit, text = labels.unit_of(name), labels.feature_text(name)
    return BalanceCard(
        feature_id=name,
        label=formats.label(text, 28),
        title=formats.full_label(text if text == name else f"{text} ({name})"),
        figure=formats.compact(usage),
        unit=formats.label(unit.one if usage == 1 else unit.many, 24) if unit.many else "",
        allowance=allowance_text(allowance, unit, now, zone),
    )


def _says_something(allowance: Allowance) -> bool:
    return allowance.balance.unlimited or bool(allowance.balance.granted or allowance.balance.usage)


def _part(ratio: float) -> float:
    return min(max(ratio, 0.0), 1.0)


def _day(ms: int, zone: tzinfo) -> str:
    return formats.date_text(local(ms, zone))


def _short_day(ms: int, now: int, zone: tzinfo) -> str:
    text = _day(ms, zone)
    return text.rsplit(" ", 1)[0] if abs(ms - now) < YEAR_MS else text


def _share(allowance: Allowance, *, is_over: bool) -> str:
    balance = allowance.balance
    used, granted = formats.compact(balance.usage), formats.compact(balance.granted)
    if balance.unlimited:
        return f"{used} used of unlimited"
    if balance.granted <= 0:
        return f"{used} used, none granted"
    if is_over:
        over = formats.whole_percent(balance.usage / balance.granted - 1)
        return f"{used} used, {over} over {granted}"
    share, left = formats.whole_percent(balance.usage / balance.granted), formats.compact(balance.remaining)
    return f"{share} of {granted} used, {left} left"


def _sentence(allowance: Allowance, unit: Unit, zone: tzinfo) -> str:
    balance = allowance.balance
    used = unit.after(formats.number(balance.usage), balance.usage)
    resets = balance.next_reset_at
    if balance.unlimited:
        return messages.ALLOWANCE_UNLIMITED.format(used=used)
    sentence = messages.ALLOWANCE.format(
        used=used,
        granted=unit.after(formats.number(balance.granted), balance.granted),
        remaining=unit.after(formats.number(balance.remaining), balance.remaining),
    )
    if balance.overage_allowed:
        sentence += f" {messages.OVERAGE_ALLOWED}"
    if resets is not None:
        sentence += f" {messages.ALLOWANCE_RESETS.format(at=formats.exact_moment(resets, zone))}"
    return sentence


def _method(runs_out: RunsOut, unit: Unit, zone: tzinfo) -> str:
    per_day = unit.after(formats.compact(runs_out.per_day), runs_out.per_day)
    return messages.RUNS_OUT.format(day=_day(runs_out.at, zone), per_day=per_day)


def _difference(allowance: Allowance, unit: Unit) -> str:
    in_chart, used = allowance.in_chart or 0.0, allowance.balance.usage
    sentence = messages.BALANCE_DIFFERS.format(
        used=unit.after(formats.number(used), used), events=unit.after(formats.number(in_chart), in_chart)
    )
    if allowance.cycle is not None and allowance.cycle.start % HOUR_MS:
        return f"{sentence} {messages.CYCLE_STARTS_WITHIN_AN_HOUR}"
    return sentence
