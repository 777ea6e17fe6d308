"""Who lives in communes: income, homes, ages, census squares, tourist beds, commuting."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pandas as pd
import pandera.pandas as pa
import pyarrow.parquet as pq

from utils.communes import normalise_codes
from utils.errors import LayoutError
from utils.readers._base import check, fold, read_archive_member, read_csv, select, to_numbers

__all__ = [
    "read_carreaux_200m",
    "read_filosofi",
    "read_navettes",
    "read_recensement_1km",
    "read_rp_ages",
    "read_rp_logement",
    "read_tourisme",
]

_CODE = pa.Column(str, pa.Check.str_length(5, 5))
_POSITIVE = pa.Column(float, pa.Check.ge(0), nullable=True)
_SHARE = pa.Column(float, pa.Check.in_range(0, 100), nullable=True)

_COMMUNE: Final = ["CODGEO", "GEO", "code_commune", "insee_com", "COM"]


def _content(path: Path) -> bytes:
    """Return a CSV, alone or as the data member of an archive of Insee."""
    if path.suffix.lower() == ".zip":
        return read_archive_member(path, r"^(?!.*meta).*\.csv$")
    return path.read_bytes()


def _numbers(frame: pd.DataFrame, columns: Sequence[str], *, label: str) -> pd.DataFrame:
    return frame.assign(**{name: to_numbers(frame[name], label=label) for name in columns})


def _by_commune(path: Path, columns: dict[str, Sequence[str]]) -> pd.DataFrame:
    """Read ``code`` and numeric columns."""
    frame = read_csv(_content(path), {"code": _COMMUNE, **columns}, name=path.name)
    frame["code"] = normalise_codes(frame["code"], label=path.name)
    return _numbers(frame, list(columns), label=path.name)


def read_filosofi(path: Path) -> pd.DataFrame:
    """Read the median disposable income (euros a year and a consumption unit).

    Both layouts: one column ``MEDyy`` (until 2021), or Melodi's long form
    (``GEO;GEO_OBJECT;FILOSOFI_MEASURE;OBS_VALUE``), of which ``MED_SL`` in communes is kept.

    Returns
    -------
    DataFrame
        ``code``, ``median_income``; communes under secrecy are not in the file.
    """
    content = _content(path)
    header = content[:4000].decode("utf-8-sig", errors="replace").partition("\n")[0]
    if "filosofimeasure" in fold(header):
        long = read_csv(
            content,
            {
                "code": ["GEO"],
                "kind": ["GEO_OBJECT"],
                "measure": ["FILOSOFI_MEASURE"],
                "median_income": ["OBS_VALUE"],
            },
            name=path.name,
        )
        kept = (long["kind"] == "COM") & (long["measure"] == "MED_SL")
        frame = long.loc[kept, ["code", "median_income"]].dropna().reset_index(drop=True)
    else:
        names = [
            f"{prefix}{year}" for prefix in ("MED", "Q2", "DISP_MED") for year in range(12, 30)
        ]
        frame = read_csv(content, {"code": _COMMUNE, "median_income": names}, name=path.name)
    frame["code"] = normalise_codes(frame["code"], label=path.name)
    frame = _numbers(frame, ["median_income"], label=path.name).dropna(ignore_index=True)
    schema = pa.DataFrameSchema(
        {"code": _CODE, "median_income": pa.Column(float, pa.Check.in_range(1_000, 200_000))},
        unique=["code"],
    )
    return check(frame, schema, label=path.name)


def _census(variable: str) -> list[str]:
    """Return the names of a census variable over the vintages: ``P21_LOG``, ``P22_LOG``…"""
    return [f"P{year:02d}_{variable}" for year in range(30, 5, -1)]


def read_rp_logement(path: Path) -> pd.DataFrame:
    """Read the homes of the census.

    Returns
    -------
    DataFrame
        ``code``, ``dwellings``, ``main_homes``, ``second_homes``, ``vacant_homes``.
    """
    columns = {
        "dwellings": _census("LOG"),
        "main_homes": _census("RP"),
        "second_homes": _census("RSECOCC"),
        "vacant_homes": _census("LOGVAC"),
    }
    frame = _by_commune(path, columns)
    schema = pa.DataFrameSchema(
        {"code": _CODE, **dict.fromkeys(columns, _POSITIVE)}, unique=["code"]
    )
    return check(frame, schema, label=path.name)


#: How far above 100 the rounded shares of a hamlet may sum (26030: 70 + 35 for two homes).
ROUNDING: Final = 5.0

_AGES: Final = {
    "share_0_14": "moins de 15 ans",
    "share_15_29": "15-29 ans",
    "share_30_44": "30-44 ans",
    "share_45_59": "45-59 ans",
    "share_60_74": "60-74 ans",
}


def read_rp_ages(path: Path) -> pd.DataFrame:
    """Read the age structure of the census, in shares of the population (%).

    Two layouts: the shares of the *Observatoire des territoires* (rounded to 0.1), and
    Insee's counts (``P22_POP``, ``P22_POP0014``…), turned into shares.

    Returns
    -------
    DataFrame
        ``code``, ``share_0_14``, ``share_15_29``, ``share_30_44``, ``share_45_59``,
        ``share_60_74``, ``share_75_plus``; the last is what the others leave of 100 in the
        first layout: off by 0.3 at most in a town, by :data:`ROUNDING` in a hamlet.
    """
    content = _content(path)
    header = content[:20_000].decode("utf-8-sig", errors="replace").partition("\n")[0]
    if "pop0014" in fold(header):
        frame = _ages_from_counts(path)
    else:
        years = ["", *(f" {year}" for year in range(2030, 2005, -1))]
        columns = {k: [f"Part des {v}{y}" for y in years] for k, v in _AGES.items()}
        frame = _by_commune(path, columns)
        rest = 100 - frame[list(_AGES)].sum(axis=1, skipna=False)
        frame["share_75_plus"] = rest.where(~rest.between(-ROUNDING, 0), 0.0).round(1)
    schema = pa.DataFrameSchema(
        {"code": _CODE, **dict.fromkeys([*_AGES, "share_75_plus"], _SHARE)}, unique=["code"]
    )
    return check(frame, schema, label=path.name)


def _ages_from_counts(path: Path) -> pd.DataFrame:
    counts = {
        "share_0_14": _census("POP0014"),
        "share_15_29": _census("POP1529"),
        "share_30_44": _census("POP3044"),
        "share_45_59": _census("POP4559"),
        "share_60_74": _census("POP6074"),
        "share_75_plus": [*_census("POP75P"), *_census("POP7589")],
    }
    frame = _by_commune(path, {"population": _census("POP"), **counts})
    population = frame.pop("population")
    frame[list(counts)] = 100 * frame[list(counts)].div(population.where(population > 0), axis=0)
    return frame


def read_tourisme(path: Path) -> pd.DataFrame:
    """Read the tourist beds: ``code``, ``beds``."""
    frame = _by_commune(path, {"beds": [f"LITS_TOURISTIQUES{y}" for y in range(30, 15, -1)]})
    schema = pa.DataFrameSchema({"code": _CODE, "beds": _POSITIVE}, unique=["code"])
    return check(frame, schema, label=path.name)


def read_navettes(path: Path) -> pd.DataFrame:
    """Read how people go to work: ``code``, ``workers``, ``share_car``, ``share_transit`` (%)."""
    years = range(30, 15, -1)
    frame = _by_commune(
        path,
        {
            "workers": [f"ACTOCC{y}" for y in years],
            "share_car": [f"PART_VOITURE{y}" for y in years],
            "share_transit": [f"PART_TC{y}" for y in years],
        },
    )
    schema = pa.DataFrameSchema(
        {"code": _CODE, "workers": _POSITIVE, "share_car": _SHARE, "share_transit": _SHARE},
        unique=["code"],
    )
    return check(frame, schema, label=path.name)


# --------------------------------------------------------------------------- squares

_SQUARES: Final = {
    "idcar": ["idcar_200m", "Idcar_200m"],
    "codes": ["lcog_geo", "lcog_geo_200m"],
    "imputed": ["i_est_200", "i_est_200m"],
    "persons": ["ind"],
    "households": ["men"],
    "poor_households": ["men_pauv"],
    "age_0_3": ["ind_0_3"],
    "age_4_5": ["ind_4_5"],
    "age_6_10": ["ind_6_10"],
    "age_11_17": ["ind_11_17"],
    "age_18_24": ["ind_18_24"],
    "age_25_39": ["ind_25_39"],
    "age_40_54": ["ind_40_54"],
    "age_55_64": ["ind_55_64"],
    "age_65_79": ["ind_65_79"],
    "age_80_plus": ["ind_80p"],
}
_CORNER: Final = r"N(?P<y>\d+)E(?P<x>\d+)$"


def read_carreaux_200m(path: Path, *, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Read Insee's 200 m squares (Filosofi), Parquet or official CSV.

    Parameters
    ----------
    columns : sequence of str, optional
        Names of the result to keep; all when not given. ``x`` and ``y`` are the south-west
        corner in EPSG:3035, metres, from ``idcar_200m``.

    Returns
    -------
    DataFrame
        ``idcar``, ``codes`` (communes touched, five characters each), ``x``, ``y``,
        ``imputed`` (bool), ``persons``, ``households``, ``poor_households`` and eleven
        age groups (float32, persons).
    """
    wanted = list(columns) if columns is not None else [*_SQUARES, "x", "y"]
    raw = [
        name for name in _SQUARES if name in wanted or (name == "idcar" and {"x", "y"} & {*wanted})
    ]
    aliases = {name: _SQUARES[name] for name in raw}
    if path.suffix.lower() == ".parquet":
        found = pq.read_schema(path).names
        known = {fold(alias) for names in aliases.values() for alias in names}
        table = pq.read_table(path, columns=[c for c in found if fold(c) in known])
        frame = select(table.to_pandas(), aliases, label=path.name)
    else:
        frame = read_csv(_content(path), aliases, name=path.name)
    for name in raw:
        if name not in {"idcar", "codes", "imputed"}:
            if frame[name].dtype == "str":
                frame[name] = to_numbers(frame[name], label=path.name)
            frame[name] = frame[name].astype("float32")
    if "imputed" in frame:
        frame["imputed"] = frame["imputed"].astype("str").str.strip().eq("1")
    if {"x", "y"} & set(wanted):
        corners = frame["idcar"].str.extract(_CORNER)
        if corners.isna().any(axis=None):
            raise LayoutError(
                f"Dans {path.name}, identifiant de carreau illisible :"
                f" « {frame['idcar'][corners['x'].isna()].iloc[0]} ».",
                hint="Forme attendue : CRS3035RES200mN2570000E3928400.",
            )
        frame[["x", "y"]] = corners[["x", "y"]].astype("int64")
    schema = pa.DataFrameSchema(
        {
            name: pa.Column("float32", pa.Check.ge(0), nullable=True)
            for name in raw
            if name not in {"idcar", "codes", "imputed"}
        }
    )
    return check(frame[wanted], schema.select_columns([c for c in schema.columns if c in wanted]),
                 label=path.name)  # fmt: skip


def read_recensement_1km(path: Path) -> pd.DataFrame:
    """Read the 1 km squares of the census of 2021 (Eurostat).

    Returns
    -------
    DataFrame
        ``x``, ``y`` (south-west corner, EPSG:3035, metres), ``total``, ``male``, ``female``,
        ``age_0_14``, ``age_15_64``, ``age_65_plus`` (persons), ``confidential`` (bool).
    """
    names = {
        "x": ["E_km"],
        "y": ["N_km"],
        "total": ["T"],
        "male": ["M"],
        "female": ["F"],
        "age_0_14": ["Y_LT15"],
        "age_15_64": ["Y_1564"],
        "age_65_plus": ["Y_GE65"],
        "confidential": ["T_CI"],
    }
    frame = select(pq.read_table(path).to_pandas(), names, label=path.name)
    frame[["x", "y"]] = 1000 * frame[["x", "y"]].astype("int64")
    frame["confidential"] = frame["confidential"].fillna(0).ne(0)
    return check(frame, pa.DataFrameSchema({"total": pa.Column(int, coerce=True)}, unique=["x", "y"]),
                 label=path.name)  # fmt: skip
