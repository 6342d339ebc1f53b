"""Reads the QR codes that a program shows in a terminal."""

from __future__ import annotations

import re

import zxingcpp

LIGHT, SCALE = 255, 4


def read(shown: str) -> str:
    """Return what a reader makes of the half blocks of a terminal; there must be one code."""
    lines = [line for line in re.sub(r"\x1b\[[0-9;]*m", "", shown).split("\n") if line.strip()]
    halves = {" ": (0, 0), "▀": (1, 0), "▄": (0, 1), "█": (1, 1)}
    width = max(map(len, lines))
    rows = [
        [halves[character][half] * LIGHT for character in line.ljust(width)]
        for line in lines
        for half in (0, 1)
    ]
    scaled = [[dot for dot in row for _ in range(SCALE)] for row in rows for _ in range(SCALE)]
    image = memoryview(bytes(dot for row in scaled for dot in row))
    (code,) = zxingcpp.read_barcodes(image.cast("B", shape=[len(scaled), len(scaled[0])]))
    return str(code.text)
