"""Parses files: the usage file, and files of events as CSV or JSON Lines."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import dataclass
from typing import Any

from tests.audit.reading import Bound, bound_of


@dataclass(frozen=True, slots=True)
class Cell:
    """A figure of a usage file, by its line and its bin."""

    start: str
    feature: str
    kind: str
    group: str
    value: str
    bound: Bound
    previous_start: str | None
    previous: str | None


def usage_file(text: str) -> list[Cell]:
    """The figures of `/usage/export.csv`."""
    return [
        Cell(
            row["period_start"],
            unguarded(row["feature_id"]),
            row["group_kind"],
            unguarded(row["group"]),
            row["value"],
            bound_of(row.get("bound") or "exact"),
            row.get("previous_start"),
            row.get("previous_value"),
        )
        for row in csv.DictReader(io.StringIO(text, newline=""))
    ]


def unguarded(text: str) -> str:
    """A text of a file without the apostrophe that prevents spreadsheets from running it."""
    return text[1:] if re.match(r"'[^\w]", text) else text


@dataclass(frozen=True, slots=True)
class FileRow:
    """A row of a file of events. `value` is its text."""

    id: str
    customer_id: str
    feature_id: str
    value: str
    properties: dict[str, Any]
    moment: str | int


def events_csv(text: str) -> list[FileRow]:
    """The rows of `/events/export.csv`."""
    rows = csv.DictReader(io.StringIO(text, newline=""))
    return [
        FileRow(
            unguarded(row["id"]),
            unguarded(row["customer_id"]),
            unguarded(row["feature_id"]),
            row["value"],
            json.loads(row["properties"]),
            row["timestamp"],
        )
        for row in rows
    ]


def events_jsonl(text: str) -> list[FileRow]:
    """The rows of `/events/export.jsonl`, with their values as written."""
    rows = [json.loads(line, parse_float=str, parse_int=str) for line in text.split("\n") if line]
    plain = [json.loads(line) for line in text.split("\n") if line]
    return [
        FileRow(
            row["id"],
            row["customer_id"],
            row["feature_id"],
            row["value"],
            known["properties"],
            int(row["timestamp"]),
        )
        for row, known in zip(rows, plain, strict=True)
    ]
