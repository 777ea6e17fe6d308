"""Measure what the project takes: time and peak memory of each whole process.

Written to ``artefacts/mesures.csv`` and printed. Nothing is downloaded: where ``PVD_MIRROR``
names a mirror, the tables are built from it, and its stock of Sirene is read repeated to
30 million lines (``sirene.py``, the longest, with its own figures in ``artefacts/sirene.csv``).
Machines are noisy: compare two runs of one machine, do not read a number alone.
"""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PVD = [sys.executable, "-m", "utils.cli"]
SIRENE = Path(__file__).with_name("sirene.py")
#: The stock within the mirror.
STOCK = "sirene/StockEtablissement_utf8.parquet"


def commands(scratch: Path) -> dict[str, list[str]]:
    """Return what is measured: a name, a command."""
    measured = {
        "import de utils": [sys.executable, "-c", "import utils.cli"],
        "pvd town": [*PVD, "town", "46127"],
    }
    for notebook in sorted((ROOT / "notebooks").glob("[0-9]*.ipynb")):
        measured[f"carnet {notebook.stem}"] = [
            sys.executable, "-m", "nbconvert", "--to", "notebook", "--execute",
            "--output-dir", str(scratch), str(notebook),
        ]  # fmt: skip
    measured["livre"] = [*PVD, "book", "--output", str(scratch / "livre")]
    if mirror := os.environ.get("PVD_MIRROR"):
        measured["pvd data"] = [*PVD, "data"]
        if (Path(mirror) / STOCK).is_file():
            measured["Sirene, 30 millions de lignes"] = [sys.executable, str(SIRENE)]
    return measured


def measure(command: list[str]) -> tuple[float, float]:
    """Run a command; return seconds of wall time and peak memory in MiB (it and its children)."""
    start = time.monotonic()
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} a échoué (code {process.returncode}).")
    return time.monotonic() - start, usage.ru_maxrss / 1024


def main() -> None:
    """Measure everything once, after one import to warm the disk cache."""
    subprocess.run([sys.executable, "-c", "import utils.cli"], cwd=ROOT, check=True)
    scratch = Path(tempfile.mkdtemp(prefix="mesures-"))
    rows = []
    try:
        for name, command in commands(scratch).items():
            print(f"{name} …", file=sys.stderr, flush=True)
            seconds, memory = measure(command)
            rows.append({"mesure": name, "secondes": round(seconds, 1), "mio": round(memory)})
            print(f"{name:30} {seconds:7.1f} s {memory:7.0f} Mio", flush=True)
    finally:
        shutil.rmtree(scratch)
    target = ROOT / "artefacts" / "mesures.csv"
    target.parent.mkdir(exist_ok=True)
    with target.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, ["mesure", "secondes", "mio"])
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
