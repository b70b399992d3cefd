"""Reads the body of a response within bounds of size and time, whatever the server sends."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import httpx

from usage import messages
from usage.api.deadline import Deadline
from usage.errors import Malformed, TooLarge, Unreachable


def read_body(response: httpx.Response, limit: int, deadline: Deadline) -> bytes:
    """The body, decompressed: at most `limit` bytes on the wire, and at most `limit` bytes after."""
    body = bytearray()
    for piece in _pieces(response, limit):
        body += piece
        if len(body) > limit:
            raise TooLarge(messages.RESPONSE_TOO_LARGE)
        if deadline.left() <= 0:
            raise Unreachable(messages.TIMED_OUT)
    return bytes(body)


def _pieces(response: httpx.Response, limit: int) -> Iterator[bytes]:
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding == "gzip":
        return _inflated(_wire(response, limit), limit)
    if encoding == "identity":
        return _wire(response, limit)
    raise Malformed(messages.RESPONSE_ENCODING)


def _wire(response: httpx.Response, limit: int) -> Iterator[bytes]:
    received = 0
    for chunk in response.iter_raw():
        received += len(chunk)
        if received > limit:
            raise TooLarge(messages.RESPONSE_TOO_LARGE)
        yield chunk


def _inflated(chunks: Iterator[bytes], limit: int) -> Iterator[bytes]:
    """Inflate one gzip member. No piece is longer than `limit` + 1 bytes, whatever is in a chunk."""
    inflate = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        for chunk in chunks:
            yield inflate.decompress(chunk, limit + 1)
            if inflate.unused_data:
                raise Malformed(messages.RESPONSE_GOES_ON)
        yield inflate.flush()
    except zlib.error:
        raise Malformed(messages.RESPONSE_NOT_GZIP) from None
    if not inflate.eof:
        raise Unreachable(messages.RESPONSE_INTERRUPTED)
