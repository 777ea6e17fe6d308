"""Time the search of comparable towns against a plain loop and scikit-learn, in one run.

All towns of the book for ours; the rivals answer for a sample, and their time is scaled to
all. scikit-learn searches the towns that lack nothing only (its metric for missing values is
a plain loop). One thread for every tool. Written to ``artefacts/mesures_comparables.csv`` and
printed. Machines are noisy: read ratios, not seconds.
"""

from __future__ import annotations

import csv
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from utils import peers, tables  # noqa: E402

SAMPLE = 500


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Return the seconds that some work takes, and its result."""
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def main() -> None:
    """Measure, compare the answers, print and write."""
    structure = tables.load_structure()
    space = peers.build_space(structure)
    complete = np.flatnonzero(space.known.all(axis=1) & ~space.overseas)
    sample = complete[:: len(complete) // SAMPLE][:SAMPLE]
    scaled = space.values * np.sqrt(space.weights / space.weights.sum())

    def plain() -> list[set[int]]:
        return [
            set(np.argsort(peers.distances(space, np.array([row])))[: peers.K]) for row in sample
        ]

    def sklearn() -> list[set[int]]:
        brute = NearestNeighbors(n_neighbors=peers.K + 1, algorithm="brute").fit(scaled[complete])
        near = brute.kneighbors(scaled[sample], return_distance=False)
        return [set(complete[line]) - {row} for line, row in zip(near, sample, strict=True)]

    with threadpool_limits(1):
        ours, found = timed(lambda: peers.neighbours(space))
        loop, by_loop = timed(plain)
        rival, by_rival = timed(sklearn)
    every = len(space.codes)
    of_town = dict(list(found.groupby("code")["peer"]))
    sets = [set(space.rows(list(of_town[space.codes[row]]))) for row in sample]
    same = np.mean([mine == other for mine, other in zip(sets, by_loop, strict=True)])
    without_holes = [mine <= set(complete) for mine in sets]
    alike = np.mean(
        [
            mine == other
            for mine, other, whole in zip(sets, by_rival, without_holes, strict=True)
            if whole
        ]
    )
    scale = every / len(sample)
    rows = [
        {"outil": name, "secondes": seconds, "rapport": seconds / ours, "identiques": equal}
        for name, seconds, equal in (
            ("utils.peers", ours, 1.0),
            ("boucle", loop * scale, same),
            ("scikit-learn", rival * scale, alike),
        )
    ]
    for row in rows:
        print(
            f"{row['outil']:14} {row['secondes']:8.1f} s pour {every} villes,"
            f" {row['rapport']:6.1f} fois, mêmes vingt : {row['identiques']:.1%}"
        )
    target = ROOT / "artefacts" / "mesures_comparables.csv"
    target.parent.mkdir(exist_ok=True)
    with target.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
