"""Divides the bytes of a list answer into its rows, so that a row which cannot be decoded costs only itself.

Pure, and linear in the size of the answer: no pattern here can match one text in two ways.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from usage import messages
from usage.errors import Malformed

MAX_DEPTH = 64
"""Objects and lists inside each other in one row, the row itself included; deeper ones are not read."""
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
"""What stands for a part of a row that cannot be shown."""

_ROWS_DEPTH = 2
_TEXT = rb'[^"\[\]{}]++|"(?:[^"\\]++|\\.)*+"'
_FLAT = rb"\[(?:" + _TEXT + rb")*+\]|\{(?:" + _TEXT + rb")*+\}"
# Objects and lists without others in them are skipped as if they were text: a row may have very many.
_SKIPPED = rb"(?:" + _TEXT + rb"|" + _FLAT + rb")*+"
_NEXT_BRACKET = re.compile(rb"(?:" + _TEXT + rb")*+([\[\]{}])", re.DOTALL)
_NEXT_OUTER_BRACKET = re.compile(_SKIPPED + rb"([\[\]{}])", re.DOTALL)
_LIST_NAME = re.compile(rb'[{,]\s*+"list"\s*+:\s*+\Z')
_LONE_SURROGATE = re.compile(
    rb"(?<!\\)(?:\\\\)*+\\u[dD](?:[89abAB][0-9a-fA-F]{2}(\\u[dD][c-fC-F][0-9a-fA-F]{2})?+"
    rb"|[c-fC-F][0-9a-fA-F]{2})"
)
_ESCAPE_LENGTH = len(r"\ud800")


class WireRows:
    """The rows of a list answer, each with whether something was cut out of it.

    What is nested deeper than MAX_DEPTH is cut out, and null stands for it. `rest`, after the last row: the
    answer without rows. Malformed for an answer without a list of rows.
    """

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._start = _list_start(body)
        self.rest = b""

    def __iter__(self) -> Iterator[tuple[bytes, bool]]:
        body, depth, first, kept, pieces = self._body, 0, 0, 0, list[bytes]()
        before = self._start
        while found := _bracket(body, before, inner=depth == 0):
            at = found.start(1)
            if depth == 0:
                yield from _others(body[before:at])
                if body[at] in b"]}":
                    self.rest = b"".join((body[: self._start], body[at:]))
                    return
                first, kept, pieces = at, at, []
            before = found.end()
            if body[at] in b"[{":
                depth += 1
                if depth == MAX_DEPTH:
                    pieces.append(body[kept:at])
                continue
            depth -= 1
            if depth == MAX_DEPTH - 1:
                pieces.append(b"null")
                kept = before
            if depth == 0 and pieces:
                yield b"".join((*pieces, body[kept:before])), True
            elif depth == 0:
                yield body[first:before], False
        raise Malformed(messages.EVENT_LIST_WITHOUT_ROWS)


def readable(row: bytes) -> bytes:
    """The row with U+FFFD for bytes that are no UTF-8 and for halves of surrogate pairs; itself where it has
    neither.
    """
    text = row if row.isascii() else row.decode("utf-8", "replace").encode()
    return _LONE_SURROGATE.sub(_replaced, text)


def parts_of(body: bytes) -> int:
    """At least as many as there are names and values in some JSON."""
    return body.count(b",") + body.count(b"{") + body.count(b"[")


def _replaced(found: re.Match[bytes]) -> bytes:
    return found[0] if found[1] else found[0][:-_ESCAPE_LENGTH] + rb"\ufffd"


def _bracket(body: bytes, start: int, *, inner: bool) -> re.Match[bytes] | None:
    """The next bracket outside of strings; without `inner` not those of containers without others in them."""
    return (_NEXT_BRACKET if inner else _NEXT_OUTER_BRACKET).match(body, start)


def _list_start(body: bytes) -> int:
    """Where the list of rows begins, behind its bracket."""
    depth, before = 0, 0
    while found := _bracket(body, before, inner=True):
        at = found.start(1)
        depth += 1 if body[at] in b"[{" else -1
        if depth == _ROWS_DEPTH and body[at] in b"[" and _LIST_NAME.search(body, max(0, before - 1), at):
            return at + 1
        before = found.end()
    raise Malformed(messages.EVENT_LIST_WITHOUT_ROWS)


def _others(between: bytes) -> Iterator[tuple[bytes, bool]]:
    """Members of the list that are neither objects nor lists."""
    return ((text, False) for text in between.split(b",") if text.strip())
