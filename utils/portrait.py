r"""Where a town differs from its comparable towns, and how to say it: pure functions.

An indicator is spoken of when the town stands apart from its comparables *and* the
difference is not noise:

- **Rank**: at most :data:`FARTHER` of the comparables (3 of 20) go as far on the same side.
- **Size**: the ratio to the reference is at least :data:`MEANINGFUL` either way
  (:data:`POINTS` points for a share); two distances differ by :data:`KM` at least
  (:data:`KM_BY_INHABITANT` for medians of the inhabitants' distances).
- **Noise**, for what is counted: such a gap would come less than :data:`CHANCE` of the time if
  the town had the rate of its comparables *and their dispersion*. Two Poisson counts are
  compared given their sum (Przyborowski and Wilenski, 1940); shops come in clusters, so that
  counts are here negative binomial, their variance :math:`\varphi` times their mean, and the
  town's count given the sum follows a beta-binomial law, the binomial one when
  :math:`\varphi = 1`. :math:`\varphi` is Pearson's chi-square of the comparables by degree of
  freedom, 1 at least (McCullagh and Nelder, *Generalized Linear Models*, 1989,
  ch. 6). On drawn towns with 20 comparables, means of 0.5 to 40 and :math:`\varphi` of 1 to 5,
  the test and the rank let through 0.9 to 6 % of gaps that are none, where the Poisson test
  lets through up to 31 %.
- **Spread**, for what is measured: the gap to the median is at least :data:`STANDARD` robust
  standard deviations, taken on the town's side of the median, so that a long tail on the
  other side changes nothing.

Lacking what *all* the comparables have, or having what *none* has, is told on rank alone: among
21 towns, the one that differs is this one with a probability of 1 in 21 at most. When a few
comparables are like the town (3 of 20; 1 of 20 for what is rare, for rare things are many, and
each town has one or another), the fact must pass the test too.

About ninety indicators are looked at, so that some gaps are chance: :func:`by_chance` says how
many, and a gap is *sure* when it would stand if each had been corrected for all the others
(Benjamini and Hochberg, 1995, at :data:`FALSE_RATE`; twice :data:`STANDARD` for what is
measured). Sure gaps come first; a count that is not sure comes after all that is measured.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special, stats

from utils.catalogue import Indicator
from utils.formats import (
    NBSP,
    number,
    of_noun,
    plural,
    quantity,
    rounded,
    typographic,
)
from utils.peers import K

__all__ = [
    "CHANCE",
    "FALSE_RATE",
    "FARTHER",
    "FEWEST",
    "FIRST",
    "GROUP",
    "KM",
    "KM_BY_INHABITANT",
    "MEANINGFUL",
    "MOST",
    "POINTS",
    "RARE",
    "STANDARD",
    "THEMES",
    "Gap",
    "Others",
    "Sentence",
    "Standing",
    "by_chance",
    "choose",
    "digits",
    "first",
    "gap_of",
    "headline",
    "is_counted",
    "is_distance",
    "is_share",
    "judge",
    "least",
    "mark_sure",
    "measured",
    "quantiles",
    "sentence",
    "spoken",
    "squared",
    "standing",
    "times_words",
]

#: Headings of the portrait -> themes of the catalogue; ``territoire`` says who the town is.
THEMES: Final[Mapping[str, tuple[str, ...]]] = {
    "Commerces et services": ("commerces", "services"),
    "Culture": ("culture",),
    "Énergie": ("energie",),
    "Accès aux soins": ("soins",),
}

#: How the comparables are named in a sentence, in the plural and the feminine.
GROUP: Final = "villes comparables"

#: Gaps told by heading, at most.
MOST: Final = 5
#: Gaps told of a town before all others, and of one heading among them, at most.
FIRST: Final = 6
_FIRST_OF_HEADING: Final = 2
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
#: Smallest difference worth a word of two distances between places, and of two medians of
#: the inhabitants' distances, km: a place is located to a few hundred metres.
KM: Final = 1.0
KM_BY_INHABITANT: Final = 0.5
#: Largest probability that a gap between counts is chance.
CHANCE: Final = 0.05
#: Share of the sure gaps between counts that may be chance, on average.
FALSE_RATE: Final = 0.10
#: Smallest gap worth a word, robust standard deviations.
STANDARD: Final = 1.5

#: Gaps are not told apart beyond this strength, robust standard deviations.
_CAP: Final = 6.0
#: Counts rarer than this are left out of a sum of probabilities.
_NEGLIGIBLE: Final = 1e-9
#: Excess of the dispersion over 1 below which counts are draws of Poisson.
_POISSON: Final = 1e-6
#: Distance of the quartile of a normal law to its median, standard deviations.
_QUARTILE_SD: Final = 0.6745

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
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
    known
        Comparables whose value is known.
    others
        Their values, same unit; none where a town is compared with a whole group.
    reference
        Rate of the comparables together for what is counted, else their median.
    as_far
        Comparables that go as far as the town, on its side of the reference.
    having
        Comparables whose value is above 0.
    strength
        Robust standard deviations, at most 6: by how much the town stands apart.
    total, share, dispersion
        For what is counted: number of things that the comparables have together, share of
        the town in the inhabitants of all, variance of their counts over its mean (1 for
        draws, and at least 1); NaN otherwise.
    chance
        Probability of such a gap if all had the same rate and the same dispersion; NaN for
        what is not counted.
    kind
        What may be said: ``"more"``, ``"less"``, ``"present"``, ``"absent"``; ``""``: nothing.
    sure
        The gap is far beyond what chance makes of as many indicators.
    """

    indicator: str
    year: int
    count: float
    own: float
    known: int
    others: tuple[float, ...]
    reference: float
    as_far: int
    having: int
    strength: float
    total: float
    share: float
    dispersion: float
    chance: float
    kind: Kind = ""
    sure: bool = False

    @property
    def perhaps_chance(self) -> bool:
        """Whether the gap is of a count, and not sure."""
        return not (math.isnan(self.total) or self.sure)


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


@dataclass(frozen=True, slots=True)
class Others:
    """Those with whom something is compared, summed up: arrays of one shape.

    Attributes
    ----------
    known, having
        How many have a known value; of those, a value above 0.
    at_least, at_most
        How many reach the value compared, from above and from below, ties in both.
    low, middle, high
        Their quartiles.
    total, people, squares
        For what is counted: things that they have together, their inhabitants, and the sum of
        the squares of their counts, each over its inhabitants.
    """

    known: Floats
    having: Floats
    at_least: Floats
    at_most: Floats
    low: Floats
    middle: Floats
    high: Floats
    total: Floats
    people: Floats
    squares: Floats

    @classmethod
    def of(cls, own: Floats, values: Floats, counts: Floats, people: Floats) -> Others:
        """Sum up others given one by one: ``own`` of shape (n,), the rest (n, others)."""
        known = np.isfinite(values)
        mine = own[:, None]
        low, middle, high = quantiles(values, np.array([0.25, 0.5, 0.75])).T
        return cls(
            known=known.sum(axis=1, dtype=float),
            having=(values > 0).sum(axis=1, dtype=float),
            at_least=(values >= mine).sum(axis=1, dtype=float),
            at_most=(values <= mine).sum(axis=1, dtype=float),
            low=low,
            middle=middle,
            high=high,
            total=np.where(known, counts, 0).sum(axis=1),
            people=np.where(known, people, 0).sum(axis=1),
            squares=np.where(known, squared(counts, people), 0).sum(axis=1),
        )


def squared(counts: Floats, people: Floats) -> Floats:
    """Return the squares of counts, each over its inhabitants; 0 where there are none."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(people > 0, counts**2 / people, 0.0)


def quantiles(values: Floats, probabilities: Floats) -> Floats:
    """Quantiles of each line, unknown values left out: shape (lines, probabilities)."""
    ordered = np.sort(values, axis=1)  # NaN last
    known = np.isfinite(values).sum(axis=1)
    place = np.maximum(known - 1, 0)[:, None] * probabilities
    low, high = np.floor(place).astype(int), np.ceil(place).astype(int)
    below = np.take_along_axis(ordered, low, axis=1)
    above = np.take_along_axis(ordered, high, axis=1)
    done: Floats = below + (above - below) * (place - low)
    return done


@dataclass(frozen=True, slots=True)
class Standing:
    """What may be said of values among others: the arrays of :class:`Gap`, of one shape."""

    reference: Floats
    as_far: Floats
    strength: Floats
    total: Floats
    share: Floats
    dispersion: Floats
    chance: Floats
    kind: NDArray[np.str_]


def standing(
    own: Floats,
    others: Others,
    *,
    counts: Floats,
    people: Floats,
    counted_too: Bools,
    in_points: Bools,
    least: Floats,
    scale: Floats,
) -> Standing:
    """Tell where values stand out from others: the one rule of the book.

    Parameters
    ----------
    own, counts, people : array
        Value compared; the count behind it; inhabitants. Shape (n,).
    others : Others
        Those with whom each is compared.
    counted_too, in_points, least, scale : array
        Whether the indicator counts things; is a share; the smallest difference worth a word
        (:func:`least`); what multiplies its rate.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(counted_too, people / (people + others.people), np.nan)
        reference = np.where(counted_too, others.total / others.people * scale, others.middle)
    usable = np.isfinite(own) & (others.known >= FEWEST)
    total = np.where(counted_too, others.total, np.nan)
    dispersion = np.where(counted_too, _dispersion(others), np.nan)
    chance = np.full(own.shape, np.nan)
    drawn = usable & counted_too & np.isfinite(share)
    chance[drawn] = _chance(counts[drawn], total[drawn], share[drawn], dispersion[drawn])
    higher = own >= reference
    as_far = np.where(higher, others.at_least, others.at_most)
    strength = np.where(counted_too, _deviate(chance / 2), _robust(own, others))
    strength = np.clip(np.nan_to_num(strength), 0, _CAP)
    unlikely = np.where(counted_too, chance < CHANCE, strength >= STANDARD)
    kind = _kinds(own, others, reference, as_far, unlikely, in_points, least)
    kind[~usable] = ""
    # A town drawn among all would be as far out, on one side, with this probability.
    fact = np.isin(kind, ("present", "absent"))
    strength[fact] = np.maximum(strength, _deviate((as_far + 1) / (others.known + 1)))[fact]
    return Standing(reference, as_far, strength, total, share, dispersion, chance, kind)


def _kinds(
    own: Floats,
    others: Others,
    reference: Floats,
    as_far: Floats,
    unlikely: Bools,
    in_points: Bools,
    least: Floats,
) -> NDArray[np.str_]:
    few = np.floor(FARTHER * others.known)
    lacking = others.known - others.having
    absent = (own == 0) & ((lacking == 0) | ((lacking <= few) & unlikely))
    rare = others.having <= np.floor(RARE * others.known)
    present = (own > 0) & ((others.having == 0) | (rare & unlikely))
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.maximum(own / reference, reference / own)
        meaningful = np.abs(own - reference) >= least
        meaningful &= in_points | (own == 0) | (reference == 0) | (ratio >= MEANINGFUL)
    far = (own != 0) & (own != reference) & (as_far <= few) & meaningful & unlikely
    return np.select(
        [absent, present, far & (own > reference), far], ["absent", "present", "more", "less"], ""
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
    others = Others.of(values[:, 0], values[:, 1:], counts[:, 1:], people[:, 1:])
    found = standing(
        values[:, 0],
        others,
        counts=counts[:, 0],
        people=people[:, 0],
        counted_too=np.array([is_counted(catalogue[name]) for name in ids], dtype=bool),
        in_points=np.array([is_share(catalogue[name]) for name in ids], dtype=bool),
        least=np.array([least(catalogue[name]) for name in ids], dtype=float),
        scale=np.array([catalogue[name].scale or 1 for name in ids], dtype=float),
    )
    known = np.isfinite(values)
    kept = np.flatnonzero(known[:, 0] & (others.known >= FEWEST))
    gaps = [
        gap_of(
            found,
            others,
            int(row),
            indicator=ids[row],
            year=int(years[ids[row]]),
            count=float(counts[row, 0]),
            own=float(values[row, 0]),
            values=values[row, 1:][known[row, 1:]],
        )
        for row in kept
    ]
    return mark_sure(gaps, np.array([gap.chance for gap in gaps]))


def gap_of(
    found: Standing,
    others: Others,
    place: int,
    *,
    indicator: str,
    year: int,
    count: float,
    own: float,
    values: Floats | None = None,
) -> Gap:
    """Return the gap of one place of the arrays; ``values`` are those of the comparables."""
    return Gap(
        indicator=indicator,
        year=year,
        count=count,
        own=own,
        known=int(others.known[place]),
        others=() if values is None else tuple(values.tolist()),
        reference=float(found.reference[place]),
        as_far=int(found.as_far[place]),
        having=int(others.having[place]),
        strength=float(found.strength[place]),
        total=float(found.total[place]),
        share=float(found.share[place]),
        dispersion=float(found.dispersion[place]),
        chance=float(found.chance[place]),
        kind=cast(Kind, str(found.kind[place])),
    )


def _deviate(tail: Floats) -> Floats:
    """Return the standard deviations beyond which a normal law has this probability."""
    return np.asarray(-special.ndtri(tail), dtype=float)


def _dispersion(others: Others) -> Floats:
    """Variance of the counts over its mean: Pearson's chi-square by degree of freedom, from 1."""
    with np.errstate(invalid="ignore", divide="ignore"):
        pearson = others.squares * others.people / others.total - others.total
        return np.fmax(1.0, pearson / (others.known - 1))


def _chance(own: Floats, total: Floats, share: Floats, dispersion: Floats) -> Floats:
    """Exact two-sided probabilities of gaps as large, if rate and dispersion are the same.

    Given the sum of all counts, the town's follows a beta-binomial law: its probability, then
    those of farther counts, each from the one before, until they no longer matter.
    """
    drawn = own + total
    spread = np.fmax(dispersion - 1, _POISSON)
    a, b = (np.fmax(drawn, 1) / spread * part for part in (share, 1 - share))
    logs = (
        special.gammaln(drawn + 1) - special.gammaln(own + 1) - special.gammaln(total + 1)
        + special.betaln(own + a, total + b) - special.betaln(a, b)
    )  # fmt: skip
    above = own >= drawn * share
    term, tail, count = np.ones_like(own), np.ones_like(own), own.copy()
    while (term > _NEGLIGIBLE * tail).any():
        left = drawn - count
        with np.errstate(invalid="ignore", divide="ignore"):
            more = left / (count + 1) * (a + count) / (b + left - 1)
            less = count / (left + 1) * (b + left) / (a + count - 1)
        term = term * np.where(above, np.where(left > 0, more, 0), np.where(count > 0, less, 0))
        tail += term
        count += np.where(above, 1, -1)
    return np.asarray(np.minimum(1.0, 2 * tail * np.exp(logs)), dtype=float)


def _robust(own: Floats, others: Others) -> Floats:
    """Gap to the median in robust standard deviations of the town's side; 0 if no spread."""
    side = np.where(own > others.middle, others.high - others.middle, others.middle - others.low)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(side > 0, np.abs(own - others.middle) / side * _QUARTILE_SD, 0.0)


def mark_sure(gaps: Sequence[Gap], chances: Floats) -> list[Gap]:
    """Mark the gaps that would stand if each had been corrected for all the others.

    Parameters
    ----------
    gaps : sequence of Gap
        Of one town.
    chances : array
        Probabilities of all that was counted, told or not; NaN is left out.
    """
    chances = np.sort(chances[np.isfinite(chances)])
    steps = FALSE_RATE * np.arange(1, len(chances) + 1) / max(len(chances), 1)
    passing = chances[chances <= steps]
    limit = float(passing.max()) if passing.size else 0.0
    return [
        replace(
            gap,
            sure=bool(gap.kind)
            and (gap.strength >= 2 * STANDARD if math.isnan(gap.total) else gap.chance <= limit),
        )
        for gap in gaps
    ]


def is_share(indicator: Indicator) -> bool:
    """Tell whether the values of an indicator are compared in points."""
    return indicator.unit.startswith("%") and indicator.denominator is None


def is_distance(indicator: Indicator) -> bool:
    """Tell whether the values of an indicator are distances, in kilometres."""
    return indicator.unit == "km"


def least(indicator: Indicator) -> float:
    """Return the smallest difference worth a word, in the unit of an indicator; 0 if any is."""
    if is_share(indicator):
        return POINTS
    if is_distance(indicator):
        return KM_BY_INHABITANT if indicator.id.startswith("distance_habitant_") else KM
    return 0.0


def choose(gaps: Sequence[Gap], indicators: Sequence[Indicator], *, most: int = MOST) -> list[Gap]:
    """Keep the gaps of some indicators that may be told, the sure and the strongest first.

    Of two gaps on one subject, one is told. Ties are in the order of ``gaps``.
    """
    wanted = {one.id: one for one in indicators}
    told = [gap for gap in gaps if gap.kind and gap.indicator in wanted]
    return _one_a_subject(told, wanted)[:most]


def first(gaps: Sequence[Gap], catalogue: Mapping[str, Indicator]) -> list[Gap]:
    """Keep the gaps told before all others: what stands out, the same wherever it is told.

    At most :data:`FIRST`, two a heading, one a subject: the sure ones, then what is measured,
    then what is counted and may be chance; the strongest first, and in the order of the
    catalogue where they are as strong.
    """
    headings = {one.id: title for title, group in spoken(catalogue).items() for one in group}
    order = {name: place for place, name in enumerate(headings)}
    told = sorted(
        (gap for gap in gaps if gap.kind and gap.indicator in headings),
        key=lambda gap: order[gap.indicator],
    )
    left = dict.fromkeys(THEMES, _FIRST_OF_HEADING)
    kept = []
    for gap in _one_a_subject(told, catalogue):
        if left[headings[gap.indicator]]:
            left[headings[gap.indicator]] -= 1
            kept.append(gap)
    return kept[:FIRST]


def _one_a_subject(gaps: Iterable[Gap], catalogue: Mapping[str, Indicator]) -> list[Gap]:
    said: set[str] = set()
    kept = []
    for gap in sorted(gaps, key=lambda gap: (not gap.sure, gap.perhaps_chance, -gap.strength)):
        subjects = set(catalogue[gap.indicator].subjects)
        if not subjects & said:
            kept.append(gap)
            said |= subjects
    return kept


def by_chance(gaps: Sequence[Gap], catalogue: Mapping[str, Indicator]) -> float:
    """Mean number of gaps told of a town whose counts are drawn as those of its comparables.

    The sum, over what is counted, of the probabilities of the counts of which a gap would be
    told, with the rate and the dispersion of the comparables (negative binomial law); what is
    measured has no law of chance and is left out.

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
        spread = max(gap.dispersion - 1, _POISSON)
        law = mean / spread, 1 / (1 + spread)
        lowest, highest = stats.nbinom.ppf([_NEGLIGIBLE, 1 - _NEGLIGIBLE], *law)
        counts = np.arange(lowest, highest + 1)
        same = np.ones_like(counts)
        scale = catalogue[gap.indicator].scale or 1
        others = np.tile(np.asarray(gap.others), (len(counts), 1))
        own = counts * gap.reference / mean
        among = Others.of(own, others, others, others)
        people = gap.total * scale / gap.reference
        squares = (gap.dispersion * (gap.known - 1) + gap.total) * gap.total / people
        found = standing(
            own,
            replace(  # theirs together
                among, total=same * gap.total, people=same * people, squares=same * squares
            ),
            counts=counts,
            people=same * people * gap.share / (1 - gap.share),
            counted_too=same.astype(bool),
            in_points=np.zeros(len(counts), dtype=bool),
            least=0 * same,
            scale=same * scale,
        )
        told += float(stats.nbinom.pmf(counts, *law) @ (found.kind != ""))
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
#: Numbers that begin a sentence.
_DIGITS: Final = {
    2: "deux", 3: "trois", 4: "quatre", 5: "cinq", 6: "six", 7: "sept", 8: "huit", 9: "neuf"
}  # fmt: skip
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


def _magnitude(own: float, reference: float, thing: str = "") -> str:
    """Say by how much two values above 0 differ, of a thing in the plural or of none.

    ``"environ deux fois plus de cinémas"``, ``"environ 30 % de cinémas en moins"``,
    ``"environ 30 % de moins"``.
    """
    side = "plus" if own > reference else "moins"
    ratio = max(own / reference, reference / own)
    thing = f" {of_noun(thing)}" if thing else ""
    if ratio >= _TWICE:
        return f"{times_words(ratio)} {side}{thing}"
    gap = 100 * abs(own / reference - 1)
    return f"environ {number(5 * round(gap / 5))} %{thing} {'en' if thing else 'de'} {side}"


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


def _group(gap: Gap, group: str) -> str:
    known = " renseignées" if group == GROUP and gap.known < K else ""
    return f"{number(gap.known)} {group}{known}"


def _place(gap: Gap, side: str, group: str) -> str:
    passed = gap.known - gap.as_far
    if gap.as_far == 0:
        return f"{side} que dans chacune des {_group(gap, group)}"
    return f"{side} que dans {number(passed)} des {_group(gap, group)}"


def _some_have(gap: Gap, one: str, group: str) -> str:
    """Say how many comparables have the thing (``one``: "au moins un"): ``"que 3 … en ont"``."""
    if gap.having == 0:
        return f"qu’aucune des {_group(gap, group)} n’en a"
    if gap.having == gap.known:
        return f"que chacune des {_group(gap, group)} en a{one}"
    if gap.having == 1:
        return f"qu’une seule des {_group(gap, group)} en a{one}"
    few = " seulement" if gap.kind == "present" else ""
    return f"que {number(gap.having)} des {_group(gap, group)}{few} en ont{one}"


def sentence(gap: Gap, indicator: Indicator, group: str = GROUP) -> Sentence:
    """Write the sentence of a gap that may be told.

    Parameters
    ----------
    gap : Gap
        Of :func:`judge`, its ``kind`` not empty.
    indicator : Indicator
        The indicator of the gap.
    group : str
        How those with whom the town is compared are named, in the feminine plural.

    Raises
    ------
    ValueError
        Nothing may be said of this gap.
    """
    if not gap.kind:
        raise ValueError(gap.indicator)
    if indicator.noun and is_counted(indicator):
        unit = indicator.rate_unit or "par habitant"
        claim, rest = _of_things(gap, indicator.noun, unit, group)
    else:
        claim, rest = _of_measure(gap, indicator, group)
    return Sentence(typographic(f"{claim[0].upper()}{claim[1:]}"), typographic(rest))


def headline(gap: Gap, said: Sentence) -> str:
    """Shorten a sentence for a list that says by itself with whom the town is compared.

    ``"Environ deux fois plus de cinémas"``, ``"Aucun maçon, alors que presque toutes en ont"``.
    """
    is_measure = math.isnan(gap.total)
    if gap.kind == "present":
        if is_measure:
            every = "presque " if gap.having else ""
            return f"{said.claim}, alors que {every}toutes sont à zéro"
        return f"{said.claim}, ce {'que presque ' if gap.having else 'qu’'}aucune n’a"
    if gap.kind == "absent":
        every = "" if gap.having == gap.known else "presque "
        return f"{said.claim}, alors que {every}toutes {'le dépassent' if is_measure else 'en ont'}"
    return said.claim.removesuffix(f" que dans les {GROUP}")


def _of_things(gap: Gap, noun: Mapping[str, str], unit: str, group: str) -> tuple[str, str]:
    """Write the sentence of a count that has a noun."""
    feminine = noun["gender"] == "f"
    one = "une" if feminine else "un"
    if gap.kind == "absent":
        claim = f"{'aucune' if feminine else 'aucun'} {noun['singular']}"
        return claim, f" en {gap.year}, alors {_some_have(gap, f' au moins {one}', group)}."
    if gap.kind == "present":
        named = (
            f"{one} {noun['singular']}"
            if gap.count == 1
            else f"{_DIGITS.get(int(gap.count), number(gap.count))} {noun['plural']}"
        )
        return named, f" en {gap.year}, alors {_some_have(gap, f' au moins {one}', group)}."
    side = "plus" if gap.kind == "more" else "moins"
    places = digits(gap.own, gap.reference)
    claim = f"{_magnitude(gap.own, gap.reference, noun['plural'])} que dans les {group}"
    rest = (
        f"{NBSP}: {number(gap.count)}{NBSP}en {gap.year}, soit"
        f" {number(gap.own, places)} {unit} contre"
        f" {number(gap.reference, places)} pour leur ensemble ; {_place(gap, side, group)}."
    )
    return claim, rest


def _of_measure(gap: Gap, indicator: Indicator, group: str) -> tuple[str, str]:
    """Write the sentence of a value without a noun, after its label."""
    label = indicator.rate_label or indicator.label
    unit = (indicator.rate_unit or indicator.unit) if indicator.denominator else indicator.unit
    places = digits(gap.own, gap.reference)
    value = measured(gap.own, unit, places)
    if gap.kind == "absent":
        every = gap.having == gap.known
        having = f"{'chacune' if every else number(gap.having)} des {_group(gap, group)}"
        above = plural(1 if every else gap.having, "dépasse", "dépassent")
        return f"{label} : zéro", f" ici en {gap.year}, alors que {having} le {above}."
    if gap.kind == "present":
        zeros = gap.known - gap.having
        which = "les" if zeros == gap.known else f"{number(zeros)} des"
        return f"{label} : {value}", (
            f" en {gap.year}, alors que {which} {number(gap.known)} {group} sont à zéro."
        )
    side = "plus" if gap.kind == "more" else "moins"
    place = f"{_place(gap, side, group)}."
    reference = number(gap.reference, places)
    if is_share(indicator):
        # From the values as they are written, or the reader's subtraction would not be ours.
        written = abs(rounded(gap.own, places) - rounded(gap.reference, places))
        points = int(rounded(float(written), 0))
        size = f"{number(points)} {plural(points, 'point')} de {side}"
    elif gap.own > 0 and gap.reference > 0:
        size = _magnitude(gap.own, gap.reference)
    else:
        return f"{label} : {value}", (
            f" en {gap.year}, contre {reference} pour la médiane des {group}, {place}"
        )
    if is_distance(indicator):
        # A distance is not more nor less, but longer or shorter.
        longer = "plus longue" if gap.kind == "more" else "plus courte"
        size = size.removesuffix(f" de {side}").removesuffix(f" {side}")
        place = f"{_place(gap, longer, group)}."
        return f"{label} : {size} {longer} que dans les {group}", (
            f" ({value} en {gap.year}, contre {reference} pour leur médiane), {place}"
        )
    return f"{label} : {size} que dans les {group}", (
        f" ({value} en {gap.year}, contre {reference} pour leur médiane), {place}"
    )
