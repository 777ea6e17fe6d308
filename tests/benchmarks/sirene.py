"""Measure the reading of a national stock: 30 million lines, filtered, classed, summed.

The file is the copy of the mirror repeated, each time with other companies, written to a
temporary folder and deleted. ``PVD_MIRROR`` names the mirror (Linux only: the peak is read in
``/proc``). Printed, and written to ``artefacts/sirene.csv``. The pandas way is measured on a
part of the file, and its time scaled to the whole. The copies have the same signs: the
national file has more of them to class, and fewer lines that are shops.
"""

from __future__ import annotations

import argparse
import csv
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow.parquet as pq

from utils import brands, tables
from utils.readers.equipment import read_sirene_etablissements
from utils.readers.sirene import read_shop_signs

ROOT = Path(__file__).resolve().parents[2]
STOCK = "sirene/StockEtablissement_utf8.parquet"

#: Each copy has its own companies: numbers in order, that no other copy has.
REPEAT = """
COPY (
    WITH stock AS (
        SELECT *, dense_rank() OVER (ORDER BY siren) - 1 AS rank FROM read_parquet($source)
    ),
    many AS (
        SELECT stock.*, lpad(CAST(rank + copy * (SELECT max(rank) + 1 FROM stock) AS VARCHAR),
                             9, '0') AS company
        FROM range($copies) AS copies(copy), stock
    )
    SELECT * EXCLUDE (rank, company) REPLACE (
        company AS siren, company || substr(siret, 10) AS siret)
    FROM many
) TO '{target}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 500000)
"""


def repeat(source: Path, target: Path, *, lines: int) -> int:
    """Write the repeated file; return its number of lines."""
    copies = -(-lines // pq.ParquetFile(source).metadata.num_rows)
    with duckdb.connect(config={"threads": 2, "memory_limit": "1GB"}) as connection:
        connection.execute("SET preserve_insertion_order = false")
        text = REPEAT.format(target=str(target).replace("'", "''"))
        connection.execute(text, {"copies": copies, "source": str(source)})
    return int(pq.ParquetFile(target).metadata.num_rows)


def with_duckdb(path: Path) -> pd.DataFrame:
    """Read the shops of the PVD, class each distinct sign once, count."""
    naf = tables.load_naf()
    codes = list(tables.load_towns(pvd=True)["code"])
    shops = read_shop_signs(path, codes=codes, activities=list(naf["naf"]))
    return brands.count_classes(brands.classify(shops, tables.load_brands(), naf))


def with_pandas(path: Path) -> pd.DataFrame:
    """Read all the file, then do the same."""
    codes = tables.load_towns(pvd=True)["code"]
    stock = read_sirene_etablissements(path)
    classed = brands.classify(stock, tables.load_brands(), tables.load_naf())
    return brands.count_classes(classed[classed["code"].isin(codes)])


WAYS = {"duckdb": with_duckdb, "pandas": with_pandas}


def child(way: str, path: Path) -> None:
    """Run one way in this process; print lines counted, seconds and MiB at the peak."""
    start = time.monotonic()
    counts = WAYS[way](path)
    seconds = time.monotonic() - start
    # Not ru_maxrss, which a child inherits from its parent.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    peak = int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) / 1024
    shops = int(counts.loc[counts["famille"] == brands.TOTAL, "value"].sum())
    checksum = int(pd.util.hash_pandas_object(counts, index=False).sum())
    print(shops, checksum, seconds, peak)


def measure(way: str, path: Path) -> dict[str, object]:
    """Run one way in a new process."""
    command = [sys.executable, str(Path(__file__).resolve()), "--child", way, str(path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    shops, checksum, seconds, peak = done.stdout.split()
    return {
        "voie": way, "lignes": pq.ParquetFile(path).metadata.num_rows, "commerces": int(shops),
        "somme": checksum, "secondes": round(float(seconds), 1), "mio": round(float(peak)),
    }  # fmt: skip


def main() -> None:
    """Write the files, measure, print the figures and the ratio, delete the files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=30_000_000, help="lignes du fichier entier")
    parser.add_argument("--part", type=int, default=1_500_000, help="lignes données à pandas")
    asked = parser.parse_args()
    mirror = os.environ.get("PVD_MIRROR")
    if not mirror:
        raise SystemExit("Désignez le miroir par PVD_MIRROR.")
    with tempfile.TemporaryDirectory(prefix="sirene-") as scratch:
        whole, part = Path(scratch) / "entier.parquet", Path(scratch) / "partie.parquet"
        repeat(Path(mirror) / STOCK, whole, lines=asked.lines)
        repeat(Path(mirror) / STOCK, part, lines=asked.part)
        rows = [measure("duckdb", whole), measure("duckdb", part), measure("pandas", part)]
    quick, same, slow = rows
    if same["somme"] != slow["somme"]:
        raise SystemExit("Les deux voies ne comptent pas la même chose.")
    target = ROOT / "artefacts" / "sirene.csv"
    target.parent.mkdir(exist_ok=True)
    with target.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(quick))
        writer.writeheader()
        writer.writerows(rows)
    for row in rows:
        print("{voie:7} {lignes:>11,} lignes {secondes:7} s {mio:6} Mio".format(**row))
    scaled = float(str(slow["secondes"])) * int(str(quick["lignes"])) / int(str(slow["lignes"]))
    print(f"rapport sur la même partie : {slow['secondes'] / same['secondes']:.1f}")
    print(f"rapport, pandas extrapolé au fichier entier : {scaled / quick['secondes']:.0f}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2], Path(sys.argv[3]))
    else:
        main()
