"""Measure the dashboard of the built book: weight of its first load, time of another town.

The weight is that of each file that the page asks for, gzip as a server sends it. The time goes
from the choice of a town to its page filled, its file being in the cache: thirty towns drawn
once for all, each seen once before. Written to ``artefacts/mesures_tableau.csv``.
Usage: ``python tests/benchmarks/dashboard.py [folder of the site]``.
"""

from __future__ import annotations

import csv
import gzip
import random
import statistics
import sys
from pathlib import Path
from typing import Any

from utils import sitecheck, tables

ROOT = Path(__file__).resolve().parents[2]
PAGE = "chapters/tableau_de_bord.html"
SAMPLE = 30
#: Choose a town as a reader does, and wait for the end of the measure that the page takes.
CHOOSE = """async (code) => {
  performance.clearMeasures("tableau-ville");
  history.pushState(null, "", `?ville=${code}`);
  dispatchEvent(new PopStateEvent("popstate"));
  const limit = performance.now() + 10000;
  while (!performance.getEntriesByName("tableau-ville").length) {
    if (performance.now() > limit) throw new Error(`${code} : rien en dix secondes`);
    await new Promise(requestAnimationFrame);
  }
  return performance.getEntriesByName("tableau-ville")[0].duration;
}"""


def weigh(page: Any, address: str) -> list[tuple[str, int, int]]:
    """Return the files of the first load: path, bytes, bytes once compressed; heaviest first."""
    answers: list[Any] = []
    page.on("response", lambda answer: answers.append(answer))
    page.goto(f"{address}/{PAGE}?ville=54397")
    page.locator(".tdb-trait").first.wait_for()
    page.wait_for_load_state("networkidle")
    bodies = {answer.url.removeprefix(address): answer.body() for answer in answers}
    lines = [(path, len(body), len(gzip.compress(body))) for path, body in bodies.items()]
    return sorted(lines, key=lambda line: -line[2])


def main() -> None:
    """Weigh the first load, then time towns that are in the cache."""
    site = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "_book"
    codes = list(tables.load_towns(pvd=True)["code"])
    sample = random.Random(20260427).sample(codes, SAMPLE)
    with sitecheck._served(site) as address, sitecheck._browser() as browser:
        page = browser.new_page(locale="fr-FR", viewport={"width": 1280, "height": 900})
        rows = weigh(page, address)
        for code in sample:
            page.evaluate(CHOOSE, code)
        times = [float(page.evaluate(CHOOSE, code)) for code in sample]
    for path, whole, packed in rows:
        print(f"{packed / 1000:7.1f} ko  {path}  ({whole / 1000:.1f} sans compression)")
    print(f"{sum(row[2] for row in rows) / 1000:7.1f} ko en {len(rows)} fichiers")
    print(f"une autre ville : médiane {statistics.median(times):.0f} ms, max {max(times):.0f} ms")
    target = ROOT / "artefacts" / "mesures_tableau.csv"
    target.parent.mkdir(exist_ok=True)
    with target.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["fichier", "octets", "octets_gzip"])
        writer.writerows(rows)


if __name__ == "__main__":
    main()
