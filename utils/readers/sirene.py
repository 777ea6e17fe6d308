"""The national files of Sirene (Insee), over forty million establishments: signs and movements.

Signs may be the names of persons: what is read here is for counting, never for showing.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Final

import pandas as pd
import pandera.pandas as pa

from utils.communes import normalise_codes
from utils.readers._base import check
from utils.readers._parquet import query, require

__all__ = ["read_movements", "read_shop_signs"]

#: First year of the movements: the activities of older periods are in another nomenclature.
FIRST_YEAR: Final = 2009

_CODE = pa.Column(str, pa.Check.str_length(5, 5))
_COUNT = pa.Column("int64", pa.Check.ge(0))
_TEXT = pa.Column(str, nullable=True)

_STOCK: Final = (
    "siren",
    "codeCommuneEtablissement",
    "etatAdministratifEtablissement",
    "activitePrincipaleEtablissement",
)
_SIGNS: Final = ("enseigne1Etablissement", "denominationUsuelleEtablissement")
_HISTORY: Final = (
    "siret",
    "dateDebut",
    "etatAdministratifEtablissement",
    "changementEtatAdministratifEtablissement",
    "activitePrincipaleEtablissement",
)

_SHOP_SIGNS: Final = """
WITH shops AS (
    SELECT CAST(siren AS INTEGER) AS company,
           codeCommuneEtablissement AS code,
           activitePrincipaleEtablissement AS naf,
           nullif(nullif(trim(enseigne1Etablissement), ''), '[ND]') AS sign,
           nullif(nullif(trim(denominationUsuelleEtablissement), ''), '[ND]') AS usual_name
    FROM read_parquet($stock)
    WHERE etatAdministratifEtablissement = 'A'
      AND activitePrincipaleEtablissement IN (SELECT unnest($activities))
),
here AS (SELECT * FROM shops WHERE code IN (SELECT unnest($codes))),
sizes AS (
    SELECT company, least(count(*), $most) AS siren_size
    FROM shops SEMI JOIN (SELECT DISTINCT company FROM here) USING (company)
    GROUP BY company
    HAVING count(*) > 1
)
SELECT code, naf, sign, usual_name, coalesce(siren_size, 1) AS siren_size, count(*) AS shops
FROM here LEFT JOIN sizes USING (company)
GROUP BY ALL
ORDER BY ALL
"""

_MOVEMENTS: Final = """
WITH here AS (
    SELECT siret, codeCommuneEtablissement AS code, activitePrincipaleEtablissement AS naf,
           CAST(dateCreationEtablissement AS DATE) AS created
    FROM read_parquet($stock)
    WHERE codeCommuneEtablissement IN (SELECT unnest($codes))
),
moves AS (
    SELECT code, naf, created AS day, 'creations' AS kind FROM here WHERE created IS NOT NULL
    UNION ALL
    SELECT here.code, coalesce(past.activitePrincipaleEtablissement, here.naf) AS naf,
           CAST(past.dateDebut AS DATE) AS day,
           CASE past.etatAdministratifEtablissement
               WHEN 'F' THEN 'closures' WHEN 'A' THEN 'reopenings' END AS kind
    FROM read_parquet($history) AS past
    JOIN here ON here.siret = past.siret
    WHERE lower(CAST(past.changementEtatAdministratifEtablissement AS VARCHAR)) = 'true'
      AND past.dateDebut IS NOT NULL
      AND (here.created IS NULL OR CAST(past.dateDebut AS DATE) > here.created)
)
SELECT code, naf, year(day) AS year,
       count(*) FILTER (kind = 'creations') AS creations,
       count(*) FILTER (kind = 'closures') AS closures,
       count(*) FILTER (kind = 'reopenings') AS reopenings
FROM moves
WHERE naf IN (SELECT unnest($activities)) AND year(day) BETWEEN $first AND $last
GROUP BY ALL
ORDER BY ALL
"""


def read_shop_signs(
    path: Path, *, codes: Collection[str], activities: Collection[str], most: int = 5
) -> pd.DataFrame:
    """Count the active shops of some communes by sign, from ``StockEtablissement``.

    Parameters
    ----------
    path : Path
        ``StockEtablissement_utf8.parquet`` of Insee.
    codes : collection of str
        Communes, as the file has them.
    activities : collection of str
        Codes NAF of shops (``47.11D``).
    most : int
        Size of a company above which it matters no more (shops).

    Returns
    -------
    DataFrame
        ``code``, ``naf``, ``sign``, ``usual_name`` (``NaN`` when unknown or not to be told),
        ``siren_size`` (shops of the company in the whole file, ``most`` for more), ``shops``
        (establishments of that line), sorted.

    Raises
    ------
    LayoutError
        A column is missing, or the file is corrupt.
    """
    require(path, [*_STOCK, *_SIGNS])
    frame = query(
        _SHOP_SIGNS,
        {"stock": path, "codes": list(codes), "activities": list(activities), "most": most},
        label=path.name,
    )
    schema = pa.DataFrameSchema(
        {
            "code": _CODE,
            "naf": pa.Column(str),
            "sign": _TEXT,
            "usual_name": _TEXT,
            "siren_size": pa.Column("int64", pa.Check.ge(1)),
            "shops": pa.Column("int64", pa.Check.ge(1)),
        },
        coerce=True,
        strict=True,
    )
    return check(frame, schema, label=path.name)


def read_movements(
    stock: Path,
    history: Path,
    *,
    codes: Collection[str],
    activities: Collection[str],
    first: int = FIRST_YEAR,
    last: int = 2100,
) -> pd.DataFrame:
    """Count creations, closures and reopenings by commune, activity and year.

    A creation is the ``dateCreationEtablissement`` of the stock; a closure or a reopening is a
    period of the history whose administrative state differs from the one before, dated by its
    beginning. A shop that moves is a closure and a creation; a taking over too.

    Parameters
    ----------
    stock, history : Path
        ``StockEtablissement_utf8.parquet`` and ``StockEtablissementHistorique_utf8.parquet``
        of Insee, of the same month.
    codes : collection of str
        Communes, as the stock has them: that of today, even for old movements.
    activities : collection of str
        Codes NAF; the activity of a closure is that of its period, of a creation the last one.
    first, last : int
        Years.

    Returns
    -------
    DataFrame
        ``code``, ``naf``, ``year``, ``creations``, ``closures``, ``reopenings``; a year without
        any movement has no line.

    Raises
    ------
    LayoutError
        A column is missing, a date is not one, or a file is corrupt.
    """
    require(stock, [*_STOCK, "siret", "dateCreationEtablissement"])
    require(history, _HISTORY)
    frame = query(
        _MOVEMENTS,
        {
            "stock": stock,
            "history": history,
            "codes": list(codes),
            "activities": list(activities),
            "first": first,
            "last": last,
        },
        label=f"{stock.name} ou {history.name}",
    )
    frame["code"] = normalise_codes(frame["code"], label=stock.name)
    schema = pa.DataFrameSchema(
        {
            "code": _CODE,
            "naf": pa.Column(str),
            "year": pa.Column("int16"),
            **dict.fromkeys(["creations", "closures", "reopenings"], _COUNT),
        },
        coerce=True,
        strict=True,
        unique=["code", "naf", "year"],
    )
    return check(frame, schema, label=stock.name)
