"""Towns of the programme against comparable towns outside it, before and after (pure functions).

For each town of the programme, the change of an outcome since the base year, minus the mean
change of its matched towns (difference in differences with matching: Heckman, Ichimura and
Todd, 1997). The years before the base are a placebo: the programme did not exist, so a gap
there is a difference of trends, not an effect. Confidence comes from a Bayesian bootstrap
(Rubin, 1981) on towns: a town keeps one weight for all its years and for all the towns that
it is matched to, which plain resampling of matched sets would forget.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from scipy.stats import norm

from utils.errors import TableError

__all__ = ["CONFIDENCE", "DRAWS", "balance", "event_study", "holm", "verdict"]

#: Bootstrap draws.
DRAWS: Final = 400

#: Level of the intervals and of the tests.
CONFIDENCE: Final = 0.95


def event_study(
    values: pd.DataFrame,
    matches: pd.DataFrame,
    *,
    base: int,
    draws: int = DRAWS,
    seed: int = 20260427,
) -> pd.DataFrame:
    """Gap between the changes of treated towns and those of their matched towns, year by year.

    Parameters
    ----------
    values : DataFrame
        Index ``code``, one column a year, any unit; only towns known every year count.
    matches : DataFrame
        ``code`` (treated), ``peer`` (matched, never treated).
    base : int
        Year from which changes are counted: the last one before the programme.
    draws, seed : int
        Bootstrap draws and their seed.

    Returns
    -------
    DataFrame
        ``year``; ``effect`` (unit of the values, 0 in the base year); ``low``, ``high`` (95 %
        interval); ``error`` (standard error); ``p`` (two-sided, normal); ``treated`` and
        ``controls`` (numbers of towns).

    Raises
    ------
    TableError
        No treated town has a matched town known every year.
    """
    change = values.dropna().sub(values[base], axis=0).dropna()
    pairs = matches[matches["code"].isin(change.index) & matches["peer"].isin(change.index)]
    if pairs.empty:
        raise TableError(
            "Programme : aucune ville appariée n’est connue toutes les années.",
            hint="Vérifiez les années de l’indicateur dans data/indicators.yml.",
        )
    treated, of = np.unique(pairs["code"].to_numpy(dtype=str), return_inverse=True)
    controls, which = np.unique(pairs["peer"].to_numpy(dtype=str), return_inverse=True)
    own = change.loc[treated].to_numpy(dtype="float64")
    theirs = change.loc[controls].to_numpy(dtype="float64")

    def estimate(mine: np.ndarray, others: np.ndarray) -> np.ndarray:
        weight = others[which]
        total = np.bincount(of, weight, len(treated))
        matched = np.column_stack(
            [np.bincount(of, weight * column[which], len(treated)) / total for column in theirs.T]
        )
        gap: np.ndarray = mine @ (own - matched) / mine.sum()
        return gap

    generator = np.random.default_rng(seed)
    effect = estimate(np.ones(len(treated)), np.ones(len(controls)))
    drawn = np.stack(
        [
            estimate(
                generator.exponential(size=len(treated)), generator.exponential(size=len(controls))
            )
            for _ in range(draws)
        ]
    )
    error = drawn.std(axis=0, ddof=1)
    wide = norm.ppf(0.5 + CONFIDENCE / 2)
    safe = np.where(error > 0, error, 1)
    return pd.DataFrame(
        {
            "year": list(change.columns),
            "effect": effect,
            "low": effect - wide * error,
            "high": effect + wide * error,
            "error": error,
            "p": np.where(error > 0, 2 * norm.sf(np.abs(effect) / safe), 1.0),
            "treated": len(treated),
            "controls": len(controls),
        }
    )


def holm(p: pd.Series) -> pd.Series:
    """Adjust p-values for their number (Holm, 1979): the chance of one false finding or more."""
    order = np.argsort(p.to_numpy(), kind="stable")
    factor = len(p) - np.arange(len(p))
    adjusted = np.minimum(np.maximum.accumulate(p.to_numpy()[order] * factor), 1)
    done = np.empty(len(p))
    done[order] = adjusted
    return pd.Series(done, index=p.index)


def verdict(study: pd.DataFrame, *, base: int, p_after: float, p_before: float) -> str:
    """Say what one outcome allows to conclude.

    Parameters
    ----------
    study : DataFrame
        :func:`event_study` of the outcome.
    base : int
    p_after, p_before : float
        Adjusted p-values of the last year, and the least of the years before the base.

    Returns
    -------
    str
        ``"rien"``: no gap after. ``"tendances"``: a gap after, but the towns already diverged
        before, or by as much (the bound of Rambachan and Roth, 2023, with M = 1).
        ``"ecart"``: a gap after that no gap before announced.
    """
    level = 1 - CONFIDENCE
    if p_after >= level:
        return "rien"
    after = study[study["year"] == study["year"].max()].iloc[0]
    nearest = min(abs(after["low"]), abs(after["high"]))
    before = study.loc[study["year"] < base, "effect"].abs()
    if p_before < level or (len(before) and nearest <= before.max()):
        return "tendances"
    return "ecart"


def balance(
    traits: pd.DataFrame, treated: pd.Index, outside: pd.Index, matches: pd.DataFrame
) -> pd.DataFrame:
    """Compare the towns of the programme with the others, before and after matching.

    Parameters
    ----------
    traits : DataFrame
        Index ``code``, numeric columns.
    treated, outside : Index
        Towns of the programme, and all those that could be matched.
    matches : DataFrame
        ``code``, ``peer``.

    Returns
    -------
    DataFrame
        Index the columns of ``traits``; ``treated``, ``outside``, ``matched`` (means), ``before``
        and ``after`` (standardised differences: over the standard deviation of the treated).
    """
    inside = traits.loc[traits.index.intersection(treated)]
    by_pair = traits.reindex(matches["peer"]).set_axis(matches["code"])
    matched = by_pair.groupby(level=0).mean().mean()
    frame = pd.DataFrame(
        {"treated": inside.mean(), "outside": traits.loc[outside].mean(), "matched": matched}
    )
    spread = inside.std()
    frame["before"] = (frame["treated"] - frame["outside"]) / spread
    frame["after"] = (frame["treated"] - frame["matched"]) / spread
    return frame
