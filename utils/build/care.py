"""Building access to care by town."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import pandas as pd

from utils import care
from utils.build.workshop import Asked, Builder, Method, by_year

__all__ = ["BUILDERS", "METHODS"]


def _apl(asked: Asked) -> Iterator[pd.DataFrame]:
    lines = care.accessibility(
        asked.shop.read("apl_professions"), asked.indicator.build["profession"]
    )
    yield from by_year(asked, lines, missing="absent")


METHODS: Final[Mapping[str, Method]] = {"apl": _apl}

BUILDERS: Final[Mapping[str, Builder]] = {}
