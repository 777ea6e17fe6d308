"""Who lives in communes: income, homes, ages, census squares, tourist beds, commuting."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import geopandas as gpd
import pandas as pd
import pandera.pandas as pa
import pyarrow
import pyarrow.compute as pc
import pyarrow.csv as pv
import pyarrow.parquet as pq

from utils.communes import normalise_codes
from utils.errors import LayoutError
from utils.readers._base import (
    check,
    column_names,
    fold,
    legible,
    read_archive_member,
    read_csv,
    select,
    to_numbers,
)

__all__ = [
    "SQUARES_CRS",
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


def _by_commune(path: Path, columns: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """Read ``code`` and numeric columns."""
    frame = read_csv(_content(path), {"code": _COMMUNE, **columns}, name=path.name)
    frame["code"] = normalise_codes(frame["code"], label=path.name)
    return _numbers(frame, list(columns), label=path.name)


def _vintages(name: str, *, digits: int = 2) -> list[str]:
    """Return a column's name with each vintage in its place: ``P{}_LOG`` gives ``P30_LOG``…."""
    return [name.format(f"{year}"[-digits:]) for year in range(2030, 2005, -1)]


def read_filosofi(path: Path) -> pd.DataFrame:
    """Read the median disposable income (euros a year and a consumption unit).

    Three layouts: one column ``MED21`` or ``Q221`` (until 2021), or Melodi's long form
    (``GEO``, ``GEO_OBJECT``, ``FILOSOFI_MEASURE``, ``OBS_VALUE``), of which ``MED_SL`` in
    communes is kept, for the latest ``TIME_PERIOD``.

    Returns
    -------
    DataFrame
        ``code``, ``median_income``; communes under secrecy are not in the result.
    """
    content = _content(path)
    if "filosofimeasure" in map(fold, column_names(content, name=path.name)):
        frame = _filosofi_melodi(content, name=path.name)
    else:
        names = [*_vintages("MED{}"), *_vintages("Q2{}"), "MED", "MED_SL"]
        frame = read_csv(content, {"code": _COMMUNE, "median_income": names}, name=path.name)
    frame["code"] = normalise_codes(frame["code"], label=path.name)
    frame = _numbers(frame, ["median_income"], label=path.name).dropna(ignore_index=True)
    schema = pa.DataFrameSchema(
        {"code": _CODE, "median_income": pa.Column(float, pa.Check.in_range(1_000, 200_000))},
        unique=["code"],
    )
    return check(frame, schema, label=path.name)


def _filosofi_melodi(content: bytes, *, name: str) -> pd.DataFrame:
    columns = {
        "code": ["GEO"],
        "kind": ["GEO_OBJECT"],
        "measure": ["FILOSOFI_MEASURE"],
        "median_income": ["OBS_VALUE"],
        "year": ["TIME_PERIOD"],
    }
    long = read_csv(content, columns, name=name, optional=["year"])
    long = long[(long["kind"] == "COM") & (long["measure"] == "MED_SL")]
    if "year" in long:
        long = long[long["year"] == long["year"].max()]
    return long[["code", "median_income"]]


def read_rp_logement(path: Path) -> pd.DataFrame:
    """Read the homes of the census.

    Returns
    -------
    DataFrame
        ``code``, ``dwellings``, ``main_homes``, ``second_homes``, ``vacant_homes``.
    """
    columns = {
        "dwellings": _vintages("P{}_LOG"),
        "main_homes": _vintages("P{}_RP"),
        "second_homes": _vintages("P{}_RSECOCC"),
        "vacant_homes": _vintages("P{}_LOGVAC"),
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
    names = [fold(name) for name in column_names(_content(path), name=path.name)]
    if any(name.endswith("pop0014") for name in names):
        frame = _ages_from_counts(path)
    else:
        columns = {
            key: [f"Part des {label}", *_vintages(f"Part des {label} {{}}", digits=4)]
            for key, label in _AGES.items()
        }
        frame = _by_commune(path, columns)
        rest = 100 - frame[list(_AGES)].sum(axis=1, skipna=False)
        frame["share_75_plus"] = rest.where(~rest.between(-ROUNDING, 0), 0.0).round(1)
    schema = pa.DataFrameSchema(
        {"code": _CODE, **dict.fromkeys([*_AGES, "share_75_plus"], _SHARE)}, unique=["code"]
    )
    return check(frame, schema, label=path.name)


def _ages_from_counts(path: Path) -> pd.DataFrame:
    """Turn counts into shares; the last group is what the others leave of the population."""
    groups = dict(zip(_AGES, ("0014", "1529", "3044", "4559", "6074"), strict=True))
    counts = {key: _vintages(f"P{{}}_POP{ages}") for key, ages in groups.items()}
    frame = _by_commune(path, {"population": _vintages("P{}_POP"), **counts})
    population = frame.pop("population")
    people = frame[list(counts)]
    people = people.assign(share_75_plus=population - people.sum(axis=1, skipna=False))
    shares = 100 * people.div(population.where(population > 0), axis=0)
    return frame[["code"]].join(shares.mask(shares.abs() < 1e-6, 0.0))


def read_tourisme(path: Path) -> pd.DataFrame:
    """Read the tourist beds: ``code``, ``beds``."""
    frame = _by_commune(path, {"beds": [*_vintages("LITS_TOURISTIQUES{}"), "LITS_TOURISTIQUES"]})
    schema = pa.DataFrameSchema({"code": _CODE, "beds": _POSITIVE}, unique=["code"])
    return check(frame, schema, label=path.name)


def read_navettes(path: Path) -> pd.DataFrame:
    """Read how people go to work: ``code``, ``workers``, ``share_car``, ``share_transit`` (%)."""
    columns = {
        "workers": _vintages("ACTOCC{}"),
        "share_car": _vintages("PART_VOITURE{}"),
        "share_transit": _vintages("PART_TC{}"),
    }
    frame = _by_commune(path, columns)
    schema = pa.DataFrameSchema(
        {"code": _CODE, "workers": _POSITIVE, "share_car": _SHARE, "share_transit": _SHARE},
        unique=["code"],
    )
    return check(frame, schema, label=path.name)


# --------------------------------------------------------------------------- squares

_SQUARES: Final[Mapping[str, Sequence[str]]] = {
    "idcar": ["idcar_200m", "IdINSPIRE"],
    "codes": ["lcog_geo", "lcog_geo_200m", "Depcom"],
    "imputed": ["i_est_200", "i_est_200m", "I_est_cr"],
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
_TEXTS: Final = ("idcar", "codes")
#: CRS of the squares of mainland France and Corsica.
SQUARES_CRS: Final = 3035
_FROM_ID: Final = ("x", "y", "epsg")
_IDENTIFIER: Final = r"CRS(?P<epsg>\d+)RES\d+mN(?P<y>\d+)E(?P<x>\d+)$"


def read_carreaux_200m(
    path: Path, *, columns: Sequence[str] | None = None, commune: str = ""
) -> pd.DataFrame:
    """Read Insee's 200 m squares (Filosofi): Parquet, GeoPackage, CSV or an archive of one CSV.

    Only the columns asked for are read from the file.

    Parameters
    ----------
    path : Path
        File of one territory (mainland and Corsica, Martinique or La Réunion).
    columns : sequence of str, optional
        Names of the result to keep, ``epsg`` being another: the system of ``x`` and ``y``,
        which is not 3035 overseas.
    commune : str, optional
        Code of a commune: only the squares that touch it, many times faster.

    Returns
    -------
    DataFrame
        ``idcar``, ``codes`` (communes touched, five characters each), ``x``, ``y``
        (south-west corner, metres of ``epsg``), ``imputed`` (bool), ``persons``,
        ``households``, ``poor_households`` and ten age groups (float32, persons).

    Raises
    ------
    LayoutError
        The file is absent or not readable, or a column is missing.
    """
    if not path.is_file():
        raise LayoutError(
            f"Le fichier de carreaux {path} n’existe pas.",
            hint="Donnez les carreaux de 200 m de l’Insee (Filosofi) : Parquet, gpkg, csv ou zip.",
        )
    default = [*_SQUARES]
    default[2:2] = ["x", "y"]
    wanted = list(columns) if columns is not None else default
    raw = [name for name in _SQUARES if name in wanted]
    if set(wanted) & set(_FROM_ID) and "idcar" not in raw:
        raw.insert(0, "idcar")
    if commune and "codes" not in raw:
        raw.append("codes")
    table = _squares_table(path, raw)
    if commune:
        aligned = f"^(.{{5}})*{commune}(.{{5}})*$"
        table = table.filter(pc.match_substring_regex(table["codes"], aligned)).combine_chunks()
    frame = table.select([name for name in raw if name in wanted]).to_pandas()
    for name in frame.columns:
        if name in _TEXTS:
            frame[name] = frame[name].astype("str")
        else:
            # A GeoPackage or a Parquet file has numbers, a CSV has text.
            numeric = pd.api.types.is_numeric_dtype(frame[name])
            values = frame[name] if numeric else to_numbers(frame[name], label=path.name)
            frame[name] = values.eq(1) if name == "imputed" else values.astype("float32")
    if set(wanted) & set(_FROM_ID):
        corners = _corners(table["idcar"], label=path.name)
        frame[corners.columns] = corners
    counts = [name for name in raw if name not in (*_TEXTS, "imputed") and name in wanted]
    positive = pa.Column("float32", pa.Check.ge(0), nullable=True)
    return check(
        frame[wanted], pa.DataFrameSchema(dict.fromkeys(counts, positive)), label=path.name
    )


def _squares_table(path: Path, wanted: Sequence[str]) -> pyarrow.Table:
    """Read some columns of a file of squares, under our names."""
    suffix = path.suffix.lower()
    content = b""
    if suffix == ".parquet":
        with legible(path.name, "du Parquet lisible"):
            found = pq.read_schema(path).names
    elif suffix == ".gpkg":
        with legible(path.name, "un GeoPackage lisible"):
            found = list(gpd.read_file(path, rows=1, ignore_geometry=True).columns)
    else:
        content = _content(path)
        found = column_names(content, name=path.name)
    header = pd.DataFrame([found], columns=found)
    kept = select(header, {name: _SQUARES[name] for name in wanted}, label=path.name).iloc[0]
    names = kept.to_list()
    if suffix == ".parquet":
        with legible(path.name, "du Parquet lisible"):
            table = pq.read_table(path, columns=names)
    elif suffix == ".gpkg":
        with legible(path.name, "un GeoPackage lisible"):
            plain = gpd.read_file(path, columns=names, ignore_geometry=True)
        table = pyarrow.Table.from_pandas(plain, preserve_index=False)
    else:
        table = _csv_table(content, names, label=path.name)
    return table.select(names).rename_columns(list(kept.index))


def _csv_table(content: bytes, names: Sequence[str], *, label: str) -> pyarrow.Table:
    """Read some columns of a large CSV as text, without the memory that pandas would need."""
    header = content[:10_000].decode("utf-8-sig", errors="replace").partition("\n")[0]
    try:
        return pv.read_csv(
            io.BytesIO(content),
            parse_options=pv.ParseOptions(delimiter=max(";,|\t", key=header.count)),
            convert_options=pv.ConvertOptions(
                include_columns=list(names), column_types=dict.fromkeys(names, pyarrow.string())
            ),
        )
    except pyarrow.ArrowInvalid as error:
        raise LayoutError(
            f"Le fichier {label} n’est pas un tableau lisible : {error}.",
            hint="Téléchargez-le de nouveau (pvd data).",
        ) from error


def _corners(identifiers: pyarrow.ChunkedArray, *, label: str) -> pd.DataFrame:
    """Return ``x``, ``y`` and ``epsg`` from identifiers of squares."""
    parts = pc.extract_regex(identifiers, _IDENTIFIER)
    if parts.null_count:
        wrong = identifiers.filter(pc.is_null(parts))[0]
        raise LayoutError(
            f"Dans {label}, identifiant de carreau illisible : « {wrong} ».",
            hint="Forme attendue : CRS3035RES200mN2570000E3928400.",
        )
    return pd.DataFrame(
        {name: pc.struct_field(parts, name).cast("int64").to_pandas() for name in _FROM_ID}
    )


def read_recensement_1km(path: Path) -> pd.DataFrame:
    """Read the 1 km squares of the census of 2021 (Eurostat).

    Returns
    -------
    DataFrame
        ``x``, ``y`` (south-west corner, EPSG:3035, metres), ``total``, ``male``, ``female``,
        ``age_0_14``, ``age_15_64``, ``age_65_plus`` (int, persons), ``confidential`` (bool).
    """
    counts = {
        "total": ["T"],
        "male": ["M"],
        "female": ["F"],
        "age_0_14": ["Y_LT15"],
        "age_15_64": ["Y_1564"],
        "age_65_plus": ["Y_GE65"],
    }
    names = {"x": ["E_km"], "y": ["N_km"], **counts, "confidential": ["T_CI"]}
    with legible(path.name, "du Parquet lisible"):
        squares = pq.read_table(path).to_pandas()
    frame = select(squares, names, label=path.name)
    frame[["x", "y"]] = 1000 * frame[["x", "y"]].astype("int64")
    frame["confidential"] = frame["confidential"].fillna(0).ne(0)
    person = pa.Column(int, pa.Check.ge(0), coerce=True)
    schema = pa.DataFrameSchema(dict.fromkeys(counts, person), unique=["x", "y"])
    return check(frame, schema, label=path.name)
