"""Cleans untrusted text, such as names of customers and messages of servers."""

from __future__ import annotations


def printable(text: str) -> str:
    """`text` with spaces for control and bidirectional characters, and without blanks around it."""
    return "".join(character if character.isprintable() else " " for character in text).strip()
