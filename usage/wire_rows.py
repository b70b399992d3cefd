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
_STRING = rb'"(?:[^"\\]++|\\.)*+"'
_TEXT = rb'[^"\[\]{}]++|' + _STRING
_FLAT = rb"\[(?:" + _TEXT + rb")*+\]|\{(?:" + _TEXT + rb")*+\}"
# Objects and lists without others in them are skipped as if they were text: a row may have very many.
_SKIPPED = rb"(?:" + _TEXT + rb"|" + _FLAT + rb")*+"
_NEXT_BRACKET = re.compile(rb"(?:" + _TEXT + rb")*+([\[\]{}])", re.DOTALL)
_NEXT_OUTER_BRACKET = re.compile(_SKIPPED + rb"([\[\]{}])", re.DOTALL)
_STRINGS = re.compile(_STRING, re.DOTALL)
_WHOLE_STRINGS = re.compile(rb'(?:[^"]++|' + _STRING + rb")*+", re.DOTALL)
_OPENING = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STEPS = 32
"""After so many brackets, one after the other, a row is worth going on by chunks."""
_CHUNK, _LARGEST_CHUNK = 64, 65_536
_FLATTENED = 8
"""Levels of closed objects and lists that are taken out of a chunk before what is left is counted."""
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
        steps = 0
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
            is_opening = body[at] in b"[{"
            depth += 1 if is_opening else -1
            if is_opening and depth == MAX_DEPTH:
                pieces.append(body[kept:at])
            if not is_opening and depth == MAX_DEPTH - 1:
                pieces.append(b"null")
                kept = before
            steps = steps + 1 if depth else 0
            if depth and steps % _STEPS == 0:
                before, depth = _within(body, before, depth)
            if depth:
                continue
            if pieces:
                yield b"".join((*pieces, body[kept:before])), True
            else:
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


def _within(body: bytes, start: int, depth: int) -> tuple[int, int]:
    """How far this row goes on without its depth reaching 0 or MAX_DEPTH, or being below that again; and the
    depth there.

    By chunks, as a row may have millions of brackets; it may stop some brackets before the last such place.
    """
    low, high = (1, MAX_DEPTH) if depth < MAX_DEPTH else (MAX_DEPTH, len(body))
    size = _CHUNK
    while size >= _CHUNK:
        chunk = body[start : start + size]
        outside, length = _outside_of_strings(chunk)
        brackets, levels = outside.translate(_OPENING, _NO_BRACKETS), 0
        while levels < _FLATTENED and b"[]" in brackets:
            brackets, levels = brackets.replace(b"[]", b""), levels + 1
        closing = brackets.count(b"]")
        opening = len(brackets) - closing
        if length and depth - closing >= low and depth + opening + levels < high:
            start, depth, size = start + length, depth + opening - closing, min(2 * size, _LARGEST_CHUNK)
        else:
            size //= 2
    return start, depth


def _outside_of_strings(chunk: bytes) -> tuple[bytes, int]:
    """The chunk without its strings, and how many of its bytes come before one that it has a part of."""
    if b"\\" in chunk:
        whole = _WHOLE_STRINGS.match(chunk)
        length = whole.end() if whole else 0
        return _STRINGS.sub(b"", chunk[:length]), length
    parts = chunk.split(b'"')
    if len(parts) % 2:
        return b"".join(parts[::2]), len(chunk)
    return b"".join(parts[:-1:2]), len(chunk) - len(parts[-1]) - 1


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
