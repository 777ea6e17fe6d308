"""Measure the portrait: seconds a town for the page and for the print, and the 1,646.

Forty PVD drawn once for all, one process, after a first town that warms the caches; the time of
all the towns is that mean, times their number. Written to ``artefacts/mesures_portrait.csv``.
Machines are noisy: the time of the processor is given beside that of the clock.
"""

from __future__ import annotations

import csv
import random
import statistics
import time
from pathlib import Path

from utils import portrait_export, tables

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = 40


def main() -> None:
    """Time what fills the page, the page and the print, apart."""
    codes = list(tables.load_towns(pvd=True)["code"])
    sample = random.Random(20260427).sample(codes, SAMPLE)
    start = time.monotonic()
    portrait_export.pdf(portrait_export.content(sample[0]))
    print(f"première ville, caches vides : {time.monotonic() - start:.1f} s")
    rows = []
    for code in sample:
        begun, worked = time.monotonic(), time.process_time()
        filled = portrait_export.content(code)
        drawn = time.monotonic()
        page = portrait_export.html(filled)
        written, work = time.monotonic(), time.process_time() - worked
        printed = portrait_export.pdf(filled)
        ended = time.monotonic()
        rows.append(
            {
                "code": code,
                "html_s": round(written - begun, 3),
                "html_cpu_s": round(work, 3),
                "pdf_s": round(ended - written + drawn - begun, 3),
                "html_ko": round(len(page.encode()) / 1000),
                "pdf_ko": round(len(printed) / 1000),
            }
        )
    for name in ("html_s", "html_cpu_s", "pdf_s", "html_ko", "pdf_ko"):
        values = [float(row[name]) for row in rows]
        print(
            f"{name:10} médiane {statistics.median(values):7.2f}"
            f"  moyenne {statistics.fmean(values):7.2f}  maximum {max(values):7.2f}"
        )
    mean = statistics.fmean(float(row["html_s"]) for row in rows)
    print(f"les {len(codes)} PVD en HTML, un seul processus : {mean * len(codes) / 60:.0f} min")
    target = ROOT / "artefacts" / "mesures_portrait.csv"
    target.parent.mkdir(exist_ok=True)
    with target.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
