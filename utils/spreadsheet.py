"""CSV that a spreadsheet may open without running what a cell says.

A spreadsheet takes a cell that begins with ``=``, ``+``, ``-``, ``@``, a tabulation or a line
break for a formula. As OWASP advises (*CSV Injection*), such a text is given an apostrophe
in front. Columns of numbers are never touched, nor is a text that is but a number.
"""

from __future__ import annotations

import re
from typing import Final

import numpy as np
import pandas as pd

__all__ = ["csv_bytes", "neutralised"]

#: First characters of a formula, wide forms included (OWASP, CSV Injection).
FORMULA_STARTS: Final = "=+-@\t\r\n＝＋－＠"

_FORMULA: Final = re.compile(f"[{re.escape(FORMULA_STARTS)}]")
_NUMBER: Final = re.compile(r"[+-]?\d+(?:[.,]\d+)?")
#: Half of a pair of code units: no encoding has it.
_LONE_SURROGATE: Final = re.compile(r"[\ud800-\udfff]")


def neutralised(frame: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Return a frame whose texts are no formulas, and how many cells that changed.

    A half character (lone surrogate), which no file can hold, becomes U+FFFD.
    """
    done = frame.copy()
    count = 0
    for place in range(frame.shape[1]):
        column = frame.iloc[:, place]
        if not (column.dtype == object or pd.api.types.is_string_dtype(column.dtype)):
            continue
        texts = {cell for cell in column.unique() if isinstance(cell, str)}
        changes = {text: safe for text in texts if (safe := _harmless(text)) != text}
        if changes:
            cells = [changes.get(cell, cell) if isinstance(cell, str) else cell for cell in column]
            count += sum(isinstance(cell, str) and cell in changes for cell in column)
            done.isetitem(place, np.array(cells, dtype=object))
    return done, count


def _harmless(text: str) -> str:
    safe = _LONE_SURROGATE.sub("\ufffd", text)
    if _FORMULA.match(safe) and not _NUMBER.fullmatch(safe):
        return f"'{safe}"
    return safe


def _with_lf(cell: object) -> object:
    return re.sub("\r\n?", "\n", cell) if isinstance(cell, str) else cell


def csv_bytes(frame: pd.DataFrame) -> bytes:
    """Return the CSV of a frame, its texts neutralised.

    UTF-8 without mark, commas, decimal points, ISO dates, LF; a missing value is empty. A
    carriage return within a text becomes LF: alone, it would end the line for most readers.
    """
    safe, _ = neutralised(frame)
    for place in range(safe.shape[1]):
        column = safe.iloc[:, place]
        if any(isinstance(cell, str) and "\r" in cell for cell in column.unique()):
            safe.isetitem(place, np.array([_with_lf(cell) for cell in column], dtype=object))
    safe.columns = [_harmless(str(name)) for name in safe.columns]
    return safe.to_csv(index=False, lineterminator="\n", date_format="%Y-%m-%d").encode()
