"""Choose the weights of the comparison by cross-validation, and measure them elsewhere.

On one half of the départements, each weight is halved or doubled as long as that lowers the
error with which comparables predict about fifty indicators; the result is measured on the
other half and on the indicators of the chapter, which the search never saw. The weights of
``utils.peers`` are the rounded values on which the two halves agree. Takes about a minute.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from utils import peers, tables  # noqa: E402
from utils.catalogue import load_indicators_catalogue  # noqa: E402
from utils.stories.comparison import OUTCOMES  # noqa: E402

THEMES = ("commerces", "services", "soins", "culture", "energie")
SUMS = ("nb_famille", "nb_commerces", "creations", "cinemas_", "puissance", "lieux_")
ROUNDS = 3
LEAST_GAIN = 2e-4  # of the mean logarithm of the error


def rates(years: dict[str, int], codes: pd.Index) -> NDArray[np.float64]:
    """Return the indicators of some towns, rates where there is a denominator."""
    catalogue = load_indicators_catalogue()
    lines = tables.load_indicators(list(years), codes=list(codes), rates=True)
    lines = lines[lines["year"] == lines["indicator"].map(years)]
    rated = [name for name in years if catalogue[name].denominator]
    lines["read"] = lines["rate"].where(lines["indicator"].isin(rated), lines["value"])
    wide = lines.pivot(index="code", columns="indicator", values="read")
    return wide.reindex(index=codes, columns=list(years)).to_numpy(dtype="float64")


def main() -> None:
    """Search on each half, measure on the other."""
    towns = tables.load_towns(pvd=True).set_index("code")
    towns = towns[~towns.index.str.startswith("97")]
    space = peers.build_space(tables.load_structure())
    values = space.values[space.rows(list(towns.index))]
    names = list(dict.fromkeys(space.names))
    part = {
        name: sum(
            (values[:, [j]] - values[:, j]) ** 2
            for j, column in enumerate(space.names)
            if column == name
        )
        for name in names
    }
    searched = {
        name: 2018 if 2018 in one.years else one.years[-1]
        for name, one in load_indicators_catalogue().items()
        if one.theme in THEMES
        and one.denominator
        and name not in OUTCOMES
        and not name.startswith(SUMS)
    }
    known = rates(searched, towns.index)
    known = known[:, (np.nan_to_num(known) > 0).mean(axis=0) > 0.25]  # present in a quarter
    unseen = rates(OUTCOMES, towns.index)
    half = towns["departement"].astype("category").cat.codes.to_numpy() % 2

    def error(weights: dict[str, float], outcomes: NDArray[np.float64], of: int) -> float:
        rows = np.flatnonzero(half == of)
        away = np.sum([weights[name] * part[name][rows] for name in names], axis=0)
        away[np.arange(len(rows)), rows] = np.inf
        near = np.argpartition(away, peers.K, axis=1)[:, : peers.K]
        gap = np.nanmean(outcomes[near], axis=1) - outcomes[rows]
        return float(np.log(np.sqrt(np.nanmean(gap**2, axis=0))).mean())

    equal = {name: 0.5 if name == peers.ROLE else 1.0 for name in names}
    ours = dict(zip(space.names, space.weights, strict=True))
    for of in (0, 1):
        weights, best = dict(equal), error(equal, known, of)
        for _ in range(ROUNDS):
            for name in names:
                for factor in (0.5, 2.0):
                    moved = weights | {name: weights[name] * factor}
                    reached = error(moved, known, of)
                    if reached < best - LEAST_GAIN:
                        weights, best = moved, reached
        print(f"Moitié {of} :", {name: round(weight, 3) for name, weight in weights.items()})
        for label, chosen in (("cherchés", weights), ("retenus", ours)):
            gain = error(equal, unseen, 1 - of) - error(chosen, unseen, 1 - of)
            print(f"  poids {label}, autre moitié, autres indicateurs : erreur −{gain:.1%}")


if __name__ == "__main__":
    main()
