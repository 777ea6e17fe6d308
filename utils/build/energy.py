"""Building energy: installed power and consumption by town."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import pandas as pd

from utils import energy
from utils.build.workshop import Asked, Builder, Method, by_year, single

__all__ = ["BUILDERS", "METHODS"]


def _register(asked: Asked) -> pd.DataFrame:
    return asked.shop.carried(
        asked.shop.read("registre"),
        by=["code", "filiere"],
        sums=["installations", "power_kw"],
        label="registre",
    )


def _power(asked: Asked) -> Iterator[pd.DataFrame]:
    filieres = asked.indicator.build["filieres"]
    measure = energy.power_kw(_register(asked), filieres)
    yield from single(asked, measure, missing=_unlisted(filieres))


def _installations(asked: Asked) -> Iterator[pd.DataFrame]:
    filieres = asked.indicator.build["filieres"]
    measure = energy.installations(_register(asked), filieres)
    yield from single(asked, measure, missing=_unlisted(filieres))


def _unlisted(filieres: Sequence[str]) -> str:
    """Tell what a commune without a line means.

    The register leaves out the communes with fewer than ten small (under 36 kW)
    installations of a filière: no line says nothing of solar power, and no more than
    "nothing large" of the others.
    """
    return "absent" if "solaire" in filieres else "zero"


def _consumption(asked: Asked) -> Iterator[pd.DataFrame]:
    lines = asked.shop.carried(
        asked.shop.read("conso_communes"),
        by=["code", "year", "energy", "sector"],
        sums=["mwh"],
        label="conso_communes",
    )
    build = asked.indicator.build
    measure = energy.consumption_mwh(lines, energy=build["energy"], sector=build["sector"])
    yield from by_year(asked, measure, missing="absent")


METHODS: Final[Mapping[str, Method]] = {
    "power": _power,
    "installations": _installations,
    "consumption": _consumption,
}

BUILDERS: Final[Mapping[str, Builder]] = {}
