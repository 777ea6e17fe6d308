"""Where a town differs from its comparable towns, and how to say it: pure functions.

An indicator is spoken of when the town stands apart from its comparables *and* the
difference is not noise:

- **Rank**: at most :data:`FARTHER` of the comparables (3 of 20) go as far on the same side.
- **Size**: the ratio to the reference is at least :data:`MEANINGFUL` either way
  (:data:`POINTS` points for a share).
- **Noise**, for what is counted: chance would make such a gap less than :data:`CHANCE` of the
  time if the town's count and the sum of its comparables' came from one rate, given their
  populations (exact two-sided binomial test, the conditional test of two Poisson rates of
  Przyborowski and Wilenski, 1940).
- **Spread**, for what is measured: the gap to the median is at least :data:`STANDARD` robust
  standard deviations, taken on the town's side of the median, so that a long tail on the
  other side changes nothing.

Lacking what nearly all comparables have (17 of 20) is a fact of a census and not an estimate:
rank alone decides. So is having what nearly none has (:data:`RARE`: 1 of 20 at most, for rare
things are many, and each town has one or another).

About ninety indicators are looked at, so that some gaps are chance: :func:`by_chance` says how
many, and a gap is *sure* when it would stand if each had been corrected for all the others
(Benjamini and Hochberg, 1995, at :data:`FALSE_RATE`; twice :data:`STANDARD` for what is
measured).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special, stats

from utils.catalogue import Indicator
from utils.formats import NBSP, counted, elided, number, plural, quantity, typographic
from utils.peers import K

__all__ = [
    "CHANCE",
    "FALSE_RATE",
    "FARTHER",
    "FEWEST",
    "MEANINGFUL",
    "MOST",
    "POINTS",
    "RARE",
    "STANDARD",
    "THEMES",
    "Gap",
    "Sentence",
    "by_chance",
    "choose",
    "digits",
    "is_counted",
    "judge",
    "measured",
    "sentence",
    "spoken",
    "times_words",
]

#: Headings of the portrait -> themes of the catalogue; ``territoire`` says who the town is.
THEMES: Final[Mapping[str, tuple[str, ...]]] = {
    "Commerces et services": ("commerces", "services"),
    "Culture": ("culture",),
    "Énergie": ("energie",),
    "Accès aux soins": ("soins",),
}

#: Gaps told by heading, at most.
MOST: Final = 5
#: Largest share of the comparables that may go as far as the town.
FARTHER: Final = 0.15
#: Largest share of the comparables that may have what is said rare.
RARE: Final = 0.05
#: Fewest comparables whose value is known.
FEWEST: Final = 10
#: Smallest ratio worth a word, either way.
MEANINGFUL: Final = 1.2
#: Smallest difference of two shares worth a word, points.
POINTS: Final = 5.0
#: Largest probability that a gap between counts is chance.
CHANCE: Final = 0.05
#: Share of the sure gaps between counts that may be chance, on average.
FALSE_RATE: Final = 0.10
#: Smallest gap worth a word, robust standard deviations.
STANDARD: Final = 1.5

#: Gaps are not told apart beyond this strength, robust standard deviations.
_CAP: Final = 6.0
#: Counts rarer than this are left out of a sum of probabilities.
_NEGLIGIBLE: Final = 1e-6
#: Distance of the quartile of a normal law to its median, standard deviations.
_QUARTILE_SD: Final = 0.6745

Floats = NDArray[np.float64]
Kind = Literal["", "more", "less", "present", "absent"]


@dataclass(frozen=True, slots=True)
class Gap:
    """How a town stands among its comparables on one indicator.

    Attributes
    ----------
    indicator, year
        Identifier in the catalogue; year of the value.
    count, own
        Raw value of the town; the value compared (a rate where the catalogue has a
        denominator), unit of the catalogue.
    others
        Values of the comparables that are known, same unit.
    reference
        Rate of the comparables together for what is counted, else their median.
    as_far
        Comparables that go as far as the town, on its side of the reference.
    having
        Comparables whose value is above 0.
    strength
        Robust standard deviations, at most 6: by how much the town stands apart.
    total, share
        For what is counted: number of things that the comparables have together, share of
        the town in the inhabitants of all; NaN otherwise.
    chance
        Probability of such a gap if all had the same rate; NaN for what is not counted.
    kind
        What may be said: ``"more"``, ``"less"``, ``"present"``, ``"absent"``; ``""``: nothing.
    sure
        The gap is far beyond what chance makes of as many indicators.
    """

    indicator: str
    year: int
    count: float
    own: float
    others: tuple[float, ...]
    reference: float
    as_far: int
    having: int
    strength: float
    total: float
    share: float
    chance: float
    kind: Kind = ""
    sure: bool = False


@dataclass(frozen=True, slots=True)
class Sentence:
    """What is said of a gap: ``claim`` stands out, ``rest`` gives the numbers."""

    claim: str
    rest: str

    def __str__(self) -> str:
        return f"{self.claim}{self.rest}"


# --------------------------------------------------------------------------- which


def spoken(catalogue: Mapping[str, Indicator]) -> dict[str, list[Indicator]]:
    """Return the indicators that the portrait may speak of, by heading, in catalogue order.

    All those of a theme of :data:`THEMES`, but those that say ``portrait: false``.
    """
    return {
        heading: [one for one in catalogue.values() if one.portrait and one.theme in themes]
        for heading, themes in THEMES.items()
    }


def is_counted(indicator: Indicator) -> bool:
    """Tell whether an indicator counts things, so that chance can be computed.

    What is set against the population by the thousand, in whole units, is a count (shops,
    places); what is set against one inhabitant is an amount (kW, MWh).
    """
    return (
        indicator.denominator == "population"
        and (indicator.scale or 0) >= 1000
        and indicator.decimals == 0
    )


def judge(lines: pd.DataFrame, catalogue: Mapping[str, Indicator]) -> list[Gap]:
    """Compare a town with its comparables on every indicator that can be.

    Parameters
    ----------
    lines : DataFrame
        ``code``, ``indicator``, ``year`` (one a indicator), ``is_town``, ``value`` (raw),
        ``rate``, ``population`` (inhabitants); one line a town and indicator.
    catalogue : mapping
        The indicators of ``lines``.

    Returns
    -------
    list of Gap
        In the order of ``lines``; an indicator that the town lacks, or that fewer than
        :data:`FEWEST` comparables have, is not there.
    """
    ids = [str(name) for name in lines["indicator"].unique()]
    rated = lines["indicator"].isin([name for name in ids if catalogue[name].denominator])
    read = lines["rate"].where(rated, lines["value"]).astype("float64")
    towns = ~lines["is_town"]
    order = lines.loc[~towns, "code"].unique().tolist() + lines.loc[towns, "code"].unique().tolist()
    cells = lines.assign(read=read).pivot(
        index="indicator", columns="code", values=["read", "value", "population"]
    )
    values, counts, people = (
        cells.loc[ids, column][order].to_numpy(dtype=float)
        for column in ("read", "value", "population")
    )
    years = lines.groupby("indicator")["year"].first()
    known = np.isfinite(values)
    kept = np.flatnonzero(known[:, 0] & (known[:, 1:].sum(axis=1) >= FEWEST))
    counted_too = np.array([is_counted(catalogue[name]) for name in ids], dtype=bool)
    sums, inhabitants = (
        np.where(known[:, 1:], cell[:, 1:], 0).sum(axis=1) for cell in (counts, people)
    )
    share = people[:, 0] / (people[:, 0] + inhabitants)
    chances = np.full(len(ids), np.nan)
    rows = kept[counted_too[kept]]
    chances[rows] = _chance(counts[rows, 0], sums[rows], share[rows])
    return _told(
        [
            _gap(
                catalogue[ids[row]],
                year=int(years[ids[row]]),
                count=float(counts[row, 0]),
                own=float(values[row, 0]),
                others=values[row, 1:][known[row, 1:]],
                rate=float(sums[row] / inhabitants[row]),
                total=float(sums[row]) if counted_too[row] else float("nan"),
                share=float(share[row]) if counted_too[row] else float("nan"),
                chance=float(chances[row]),
            )
            for row in kept
        ],
        catalogue,
    )


def _gap(
    indicator: Indicator,
    *,
    year: int,
    count: float,
    own: float,
    others: Floats,
    rate: float,
    total: float,
    share: float,
    chance: float,
) -> Gap:
    """Measure one gap; ``rate`` (an inhabitant) is that of the comparables together."""
    counted_too = is_counted(indicator)
    reference = rate * (indicator.scale or 1) if counted_too else float(np.median(others))
    as_far = int(np.sum(others >= own) if own >= reference else np.sum(others <= own))
    strength = _deviate(chance / 2) if counted_too else _robust(own, others)
    return Gap(
        indicator=indicator.id,
        year=year,
        count=count,
        own=own,
        others=tuple(others.tolist()),
        reference=reference,
        as_far=as_far,
        having=int(np.sum(others > 0)),
        strength=min(max(strength, 0.0), _CAP),
        total=total,
        share=share,
        chance=chance,
    )


def _deviate(tail: float) -> float:
    """Return the standard deviations beyond which a normal law has this probability."""
    return float(-special.ndtri(tail))


def _chance(own: Floats, total: Floats, share: Floats) -> Floats:
    """Exact probabilities of gaps at least as large if the rates are equal."""
    below = stats.binom.cdf(own, own + total, share)
    above = stats.binom.sf(own - 1, own + total, share)
    return np.asarray(np.minimum(1.0, 2 * np.minimum(below, above)), dtype=float)


def _robust(own: float, others: Floats) -> float:
    """Gap to the median in robust standard deviations of the town's side; 0 if no spread."""
    low, middle, high = np.quantile(others, [0.25, 0.5, 0.75])
    spread = ((high - middle) if own > middle else (middle - low)) / _QUARTILE_SD
    return float(abs(own - middle) / spread) if spread > 0 else 0.0


def _told(gaps: Sequence[Gap], catalogue: Mapping[str, Indicator]) -> list[Gap]:
    """Give each gap the kind of what may be said of it, and tell the sure ones."""
    chances = np.sort([gap.chance for gap in gaps if not np.isnan(gap.chance)])
    steps = FALSE_RATE * np.arange(1, len(chances) + 1) / max(len(chances), 1)
    passing = chances[chances <= steps]
    limit = float(passing.max()) if passing.size else 0.0
    told = []
    for gap in gaps:
        indicator = catalogue[gap.indicator]
        kind = _kind(gap, indicator)
        sure = gap.chance <= limit if is_counted(indicator) else gap.strength >= 2 * STANDARD
        strength = gap.strength
        if kind in ("present", "absent"):
            # A town drawn among all would be as far out, on one side, with this probability.
            strength = max(strength, _deviate((gap.as_far + 1) / (len(gap.others) + 1)))
        told.append(replace(gap, kind=kind, sure=bool(kind) and sure, strength=strength))
    return told


def _kind(gap: Gap, indicator: Indicator) -> Kind:
    few = int(FARTHER * len(gap.others))
    if gap.own == 0 and len(gap.others) - gap.having <= few:
        return "absent"
    if gap.own > 0 and gap.having <= int(RARE * len(gap.others)):
        return "present"
    if gap.own == 0 or gap.as_far > few or not _meaningful(gap, indicator):
        return ""
    enough = gap.chance < CHANCE if is_counted(indicator) else gap.strength >= STANDARD
    if not enough:
        return ""
    return "more" if gap.own > gap.reference else "less"


def _meaningful(gap: Gap, indicator: Indicator) -> bool:
    if _in_points(indicator):
        return abs(gap.own - gap.reference) >= POINTS
    if gap.reference <= 0 or gap.own <= 0:
        return gap.own != gap.reference
    ratio = gap.own / gap.reference
    return max(ratio, 1 / ratio) >= MEANINGFUL


def _in_points(indicator: Indicator) -> bool:
    return indicator.unit.startswith("%") and indicator.denominator is None


def choose(gaps: Sequence[Gap], indicators: Sequence[Indicator], *, most: int = MOST) -> list[Gap]:
    """Keep the gaps of some indicators that may be told, the strongest first.

    Ties are in the order of ``gaps``.
    """
    wanted = {one.id for one in indicators}
    told = [gap for gap in gaps if gap.kind and gap.indicator in wanted]
    return sorted(told, key=lambda gap: -gap.strength)[:most]


def by_chance(gaps: Sequence[Gap], catalogue: Mapping[str, Indicator]) -> float:
    """Mean number of gaps told of a town whose counts follow its comparables' rates by chance.

    The sum, over what is counted, of the Poisson probabilities of the counts of which a gap
    would be told; what is measured has no law of chance and is left out.

    Parameters
    ----------
    gaps : sequence of Gap
        Of :func:`judge`.
    catalogue : mapping
        Their indicators.
    """
    told = 0.0
    for gap in gaps:
        if np.isnan(gap.chance) or gap.total == 0:
            continue
        mean = gap.total * gap.share / (1 - gap.share)
        first, last = stats.poisson.ppf([_NEGLIGIBLE, 1 - _NEGLIGIBLE], mean)
        counts = np.arange(first, last + 1)
        chances = _chance(counts, np.full_like(counts, gap.total), np.full_like(counts, gap.share))
        values = counts * gap.reference / mean
        weights = stats.poisson.pmf(counts, mean)
        others = np.asarray(gap.others)
        for count, own, chance, weight in zip(counts, values, chances, weights, strict=True):
            as_far = np.sum(others >= own) if own >= gap.reference else np.sum(others <= own)
            drawn = replace(
                gap, count=count, own=float(own), as_far=int(as_far), chance=float(chance)
            )
            if _kind(drawn, catalogue[gap.indicator]):
                told += float(weight)
    return told


# --------------------------------------------------------------------------- words

#: Upper bound of a ratio -> how it is said; beyond the last, "au moins dix fois".
_TIMES: Final = (
    (2.25, "deux fois"),
    (2.75, "deux fois et demie"),
    (3.5, "trois fois"),
    (4.5, "quatre fois"),
    (5.5, "cinq fois"),
    (6.5, "six fois"),
    (7.5, "sept fois"),
    (8.5, "huit fois"),
    (9.5, "neuf fois"),
    (10.5, "dix fois"),
)
#: From this ratio on, "fois"; below, a percentage.
_TWICE: Final = 1.75


def times_words(ratio: float) -> str:
    """Say a ratio of at least :data:`_TWICE`: ``"environ deux fois et demie"``.

    Ratios are those of numbers written with two digits, hence "environ".
    """
    for bound, words in _TIMES:
        if ratio < bound:
            return f"environ {words}"
    return "au moins dix fois"


def _of(noun: str) -> str:
    return f"d’{noun}" if elided(noun) else f"de {noun}"


def _magnitude(own: float, reference: float, thing: str = "") -> str:
    """Say by how much two values above 0 differ, of a thing in the plural or of none.

    ``"environ deux fois plus de cinémas"``, ``"environ 30 % de cinémas de moins"``,
    ``"environ 30 % de moins"``.
    """
    side = "plus" if own > reference else "moins"
    ratio = max(own / reference, reference / own)
    thing = f" {_of(thing)}" if thing else ""
    if ratio >= _TWICE:
        return f"{times_words(ratio)} {side}{thing}"
    gap = 100 * abs(own / reference - 1)
    return f"environ {number(5 * round(gap / 5))} %{thing} de {side}"


def digits(own: float, reference: float) -> int:
    """Return the decimals that write two values shortly, and still tell them apart."""
    smallest, largest = sorted((abs(own), abs(reference)))
    if largest >= 10:
        places = 0 if smallest >= 10 or largest >= 100 else 1
    else:
        places = 1 if largest >= 1 else 2
    while places < 4 and (
        number(own, places) == number(reference, places)
        or any(value and not float(f"{value:.{places}f}") for value in (own, reference))
    ):
        places += 1
    return places


def measured(value: float, unit: str, places: int) -> str:
    """Write a value and its unit, whose first word agrees: ``"1,5 consultation par an"``."""
    first, space, rest = unit.partition(" ")
    if abs(value) < 2 and len(first) > 3 and first.endswith(("s", "x")) and first.islower():
        unit = f"{first[:-1]}{space}{rest}"
    return quantity(value, unit, places)


def _group(gap: Gap) -> str:
    known = "" if len(gap.others) >= K else " renseignées"
    return f"{number(len(gap.others))} villes comparables{known}"


def _place(gap: Gap, side: str) -> str:
    passed = len(gap.others) - gap.as_far
    if gap.as_far == 0:
        return f"{side} que chacune des {_group(gap)}"
    return f"{side} que {number(passed)} des {_group(gap)}"


def _some_have(gap: Gap, one: str) -> str:
    """Say how many comparables have the thing (``one``: "au moins un"): ``"que 3 … en ont"``."""
    if gap.having == 0:
        return f"qu’aucune des {_group(gap)} n’en a"
    if gap.having == 1:
        return f"qu’une seule des {_group(gap)} en a"
    few = " seulement" if gap.kind == "present" else ""
    return f"que {number(gap.having)} des {_group(gap)}{few} en ont{one}"


def sentence(gap: Gap, indicator: Indicator) -> Sentence:
    """Write the sentence of a gap that may be told.

    Parameters
    ----------
    gap : Gap
        Of :func:`judge`, its ``kind`` not empty.
    indicator : Indicator
        The indicator of the gap.

    Raises
    ------
    ValueError
        Nothing may be said of this gap.
    """
    if not gap.kind:
        raise ValueError(gap.indicator)
    if indicator.noun and is_counted(indicator):
        claim, rest = _of_things(gap, indicator.noun, indicator.rate_unit or "par habitant")
    else:
        claim, rest = _of_measure(gap, indicator)
    return Sentence(typographic(f"{claim[0].upper()}{claim[1:]}"), typographic(rest))


def _of_things(gap: Gap, noun: Mapping[str, str], unit: str) -> tuple[str, str]:
    """Write the sentence of a count that has a noun."""
    feminine = noun["gender"] == "f"
    one = "une" if feminine else "un"
    if gap.kind == "absent":
        claim = f"{'aucune' if feminine else 'aucun'} {noun['singular']}"
        return claim, f" en {gap.year}, alors {_some_have(gap, f' au moins {one}')}."
    if gap.kind == "present":
        named = (
            f"{one} {noun['singular']}"
            if gap.count == 1
            else counted(gap.count, noun["singular"], noun["plural"])
        )
        return named, f" en {gap.year}, alors {_some_have(gap, '')}."
    side = "plus" if gap.kind == "more" else "moins"
    places = digits(gap.own, gap.reference)
    claim = f"{_magnitude(gap.own, gap.reference, noun['plural'])} que les villes comparables"
    rest = (
        f"{NBSP}: {number(gap.count)}{NBSP}en {gap.year}, soit"
        f" {number(gap.own, places)} {unit} contre"
        f" {number(gap.reference, places)} ; {_place(gap, side)}."
    )
    return claim, rest


def _of_measure(gap: Gap, indicator: Indicator) -> tuple[str, str]:
    """Write the sentence of a value without a noun, after its label."""
    label = indicator.rate_label or indicator.label
    unit = (indicator.rate_unit or indicator.unit) if indicator.denominator else indicator.unit
    places = digits(gap.own, gap.reference)
    known = number(len(gap.others))
    value = measured(gap.own, unit, places)
    if gap.kind == "absent":
        rest = f" ici en {gap.year}, alors que {number(gap.having)} des {_group(gap)} ont plus."
        return f"{label} : zéro", rest
    if gap.kind == "present":
        zeros = len(gap.others) - gap.having
        which = f"les {known}" if zeros == len(gap.others) else f"{number(zeros)} des {known}"
        return f"{label} : {value}", (
            f" en {gap.year}, alors que {which} villes comparables sont à zéro."
        )
    side = "plus" if gap.kind == "more" else "moins"
    place = f"{_place(gap, side)}."
    reference = number(gap.reference, places)
    if _in_points(indicator):
        points = round(abs(gap.own - gap.reference))
        size = f"{number(points)} {plural(points, 'point')} de {side}"
    elif gap.own > 0 and gap.reference > 0:
        size = _magnitude(gap.own, gap.reference)
    else:
        return f"{label} : {value}", (
            f" en {gap.year}, contre {reference} pour la médiane des villes comparables, {place}"
        )
    return f"{label} : {size} que les villes comparables", (
        f" ({value} en {gap.year}, contre {reference} pour leur médiane), {place}"
    )
