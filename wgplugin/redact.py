"""Keeps keys out of messages and logs. Pure."""

from __future__ import annotations

import re

_LONGEST_SHOWN = 64
_SECRET_RUN = re.compile(r"[A-Za-z0-9+/_-]{16,}")
_KEY = re.compile(r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{43}=")


def shown(text: str) -> str:
    """Return ``text`` in quotes, or "this" if it is empty, long, not plain or may hold a key."""
    plain = 0 < len(text) <= _LONGEST_SHOWN and text.isascii() and text.isprintable()
    return f"'{text}'" if plain and not _SECRET_RUN.search(text) else "this"


def without_keys(line: str) -> str:
    """Return the line with "(key)" in place of everything that looks like a key."""
    return _KEY.sub("(key)", line)
