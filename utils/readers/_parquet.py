"""Large official Parquet files, read through DuckDB: only the columns and rows asked for.

Every value (path, codes, types) is a parameter of the query, never a part of its text.
"""

from __future__ import annotations

import glob
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from utils.errors import LayoutError
from utils.readers._base import select

__all__ = ["is_parquet", "query", "require"]

#: Memory that DuckDB may hold before it spills to disk; the process takes a little more.
MEMORY_LIMIT: Final = "1GB"
THREADS: Final = 2

_MAGIC: Final = b"PAR1"


def is_parquet(path: Path) -> bool:
    """Tell whether a file is Parquet, from its first bytes."""
    with path.open("rb") as stream:
        return stream.read(len(_MAGIC)) == _MAGIC


def require(path: Path, columns: Iterable[str]) -> list[str]:
    """Return the names of the columns of a Parquet file, which must hold some.

    Raises
    ------
    LayoutError
        The file is not Parquet, or a column is missing.
    """
    try:
        names = [str(name) for name in pq.read_schema(path).names]
    except (pa.ArrowInvalid, OSError) as error:
        raise LayoutError(
            f"Le fichier {path.name} n’est pas du Parquet lisible : {error}.",
            hint="Téléchargez-le de nouveau (pvd fetch).",
        ) from error
    select(pd.DataFrame([names], columns=names), {c: [c] for c in columns}, label=path.name)
    return names


def query(
    text: str,
    values: Mapping[str, Path | str | int | Sequence[str]],
    *,
    label: str,
    memory: str = MEMORY_LIMIT,
) -> pd.DataFrame:
    """Run one query over Parquet files and return its result.

    Parameters
    ----------
    text : str
        SQL with named parameters (``read_parquet($stock)``, ``IN (SELECT unnest($codes))``).
    values : mapping
        Name -> path, text, number or list of texts.
    label : str
        Name of the file in messages.
    memory : str
        What DuckDB may hold before it spills to disk.

    Raises
    ------
    LayoutError
        The file is corrupt, or a column has not the type expected.
    """
    given = {
        name: glob.escape(str(value)) if isinstance(value, Path) else value
        for name, value in values.items()
    }
    with tempfile.TemporaryDirectory(prefix="pvd-duckdb-") as scratch:
        settings: dict[str, str | bool | int | float | list[str]] = {
            "threads": THREADS,
            "memory_limit": memory,
            "temp_directory": scratch,
            "preserve_insertion_order": False,
            "autoinstall_known_extensions": False,
        }
        with duckdb.connect(":memory:", config=settings) as connection:
            connection.execute("SET enable_progress_bar = false")  # printed among results
            try:
                return connection.execute(text, given).df()
            except duckdb.Error as error:
                raise LayoutError(
                    f"Le fichier {label} ne se lit pas : {str(error).partition(chr(10))[0]}",
                    hint="Vérifiez que le fichier est complet et au format du producteur.",
                ) from error
