"""What communes are: the programme, the official geography, outlines, population, grids."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import pandas as pd
import pandera.pandas as pa
from openpyxl import load_workbook

from utils.communes import normalise_codes
from utils.errors import LayoutError
from utils.readers._base import (
    check,
    column_names,
    fold,
    legible,
    read_csv,
    read_json,
    refuse_bomb,
    select,
    to_dates,
    to_numbers,
)

__all__ = [
    "read_aav",
    "read_appartenance",
    "read_areas",
    "read_cog_communes",
    "read_cog_departements",
    "read_cog_epci",
    "read_cog_regions",
    "read_contours",
    "read_densite",
    "read_population",
    "read_programme",
]

_CODE = pa.Column(str, pa.Check.str_length(5, 5))
_TEXT = pa.Column(str)
_TEXT_OR_NA = pa.Column(str, nullable=True)

_COMMUNE: Final = ["insee_com", "CODGEO", "code_commune", "code_insee", "COM", "code"]

#: No commune has as many inhabitants.
LARGEST_POPULATION: Final = 100_000_000

#: Kinds of ``decoupage-administratif`` -> ours.
_KINDS: Final = {
    "commune-actuelle": "commune",
    "commune-deleguee": "deleguee",
    "commune-associee": "associee",
    "arrondissement-municipal": "arrondissement",
}


def read_programme(path: Path) -> pd.DataFrame:
    """Read the communes of a national programme (PVD, ACV): ``code``, ``name``, ``signed``.

    ``signed`` is the date of the agreement, ``NaT`` where the producer leaves it blank.
    """
    columns = {
        "name": ["lib_com", "LIBGEO", "nom_commune"],
        "signed": ["date_signature", "date de signature"],
    }
    frame = _by_commune(path, columns)
    frame["signed"] = to_dates(frame["signed"], label=path.name)
    schema = pa.DataFrameSchema(
        {"code": _CODE, "name": _TEXT, "signed": pa.Column("datetime64[s]", nullable=True)},
        unique=["code"],
    )
    return check(frame, schema, label=path.name)


def _by_commune(path: Path, columns: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """Read ``code`` and text columns of a CSV, or of a workbook with one line a commune."""
    return _coded(_table(path), columns, label=path.name)


def _coded(
    table: pd.DataFrame, columns: Mapping[str, Sequence[str]], *, label: str
) -> pd.DataFrame:
    frame = select(table, {"code": _COMMUNE, **columns}, label=label)
    return frame.assign(code=normalise_codes(frame["code"], label=label))


def _table(path: Path) -> pd.DataFrame:
    """Read a whole CSV, or the first sheet of a workbook that has a column ``CODGEO``."""
    if path.suffix.lower() == ".xlsx":
        return _sheet(path, "CODGEO")
    return read_csv(path, {name: [name] for name in column_names(path)})


# --------------------------------------------------------------------------- COG


def _records(path: Path) -> list[dict[str, Any]]:
    """Return the list of objects of a JSON file."""
    records = read_json(path)
    if not isinstance(records, list) or not all(isinstance(r, dict) for r in records):
        raise LayoutError(
            f"Le fichier {path.name} n’est pas une liste d’objets JSON.",
            hint="Vérifiez le fichier du producteur.",
        )
    return records


def _from_records(path: Path, names: dict[str, str], *, optional: set[str]) -> pd.DataFrame:
    frame = pd.DataFrame(_records(path))
    aliases = {wanted: [found] for wanted, found in names.items()}
    kept = select(frame, aliases, label=path.name, optional=optional).reindex(columns=list(names))
    for name in kept.columns:
        kinds = (list,) if name == "former" else (str, int, float)
        wrong = [value for value in kept[name].dropna() if not isinstance(value, kinds)]
        if wrong:
            raise LayoutError(
                f"Dans {path.name}, « {names[name]} » a une valeur d’un type inattendu :"
                f" « {str(wrong[0])[:60]} ».",
                hint="Le producteur a sans doute changé le format, ou le fichier est abîmé.",
            )
    return kept


def read_cog_communes(path: Path) -> pd.DataFrame:
    """Read the communes of ``decoupage-administratif``, past kinds included.

    Returns
    -------
    DataFrame
        ``code``, ``name``, ``kind`` (``commune``, ``deleguee``, ``associee``,
        ``arrondissement``), ``parent`` (commune of a part, else missing), ``departement``,
        ``region``, ``zone`` (``metro``, ``drom``, ``com``; missing in the oldest versions),
        ``population`` (municipal, missing for parts), ``former`` (old codes joined by ``|``).
    """
    names = {
        "code": "code",
        "name": "nom",
        "type": "type",
        "chef_lieu": "chefLieu",
        "commune": "commune",
        "departement": "departement",
        "region": "region",
        "zone": "zone",
        "population": "population",
        "former": "anciensCodes",
    }
    optional = {"chef_lieu", "commune", "departement", "region", "zone", "population", "former"}
    frame = _from_records(path, names, optional=optional)
    kind = frame["type"].map(_KINDS)
    if kind.isna().any():
        unknown = frame.loc[kind.isna(), "type"].iloc[0]
        raise LayoutError(
            f"Dans {path.name}, type de commune inconnu : « {unknown} ».",
            hint="Complétez utils/readers/territory.py.",
        )
    former = frame["former"].map("|".join, na_action="ignore")
    tidy = pd.DataFrame(
        {
            "code": normalise_codes(frame["code"], label=path.name),
            "name": frame["name"].astype("str"),
            "kind": kind.astype("str"),
            "parent": frame["commune"]
            .fillna(frame["chef_lieu"])
            .astype("str")
            .where(kind != "commune"),
            "departement": frame["departement"].astype("str"),
            "region": frame["region"].astype("str"),
            "zone": frame["zone"].astype("str"),
            "population": _population(frame["population"], label=path.name),
            "former": former.astype("str"),
        }
    )
    schema = pa.DataFrameSchema(
        {
            "code": _CODE,
            "name": _TEXT,
            "kind": _TEXT,
            "parent": _TEXT_OR_NA,
            "departement": _TEXT_OR_NA,
            "region": _TEXT_OR_NA,
            "zone": _TEXT_OR_NA,
            "population": pa.Column("Int64", pa.Check.ge(0), nullable=True),
            "former": _TEXT_OR_NA,
        }
    )
    tidy = check(tidy, schema, label=path.name)
    if tidy.loc[tidy["kind"] == "commune", "code"].duplicated().any():
        raise LayoutError(
            f"Dans {path.name}, deux communes actuelles ont le même code.",
            hint="Vérifiez le fichier du producteur.",
        )
    return tidy


def _population(column: pd.Series, *, label: str) -> pd.Series:
    """Return a column of inhabitants as whole numbers, missing ones kept."""
    numbers = to_numbers(column, label=label)
    wrong = column[numbers.notna() & ((numbers % 1 != 0) | (numbers.abs() > LARGEST_POPULATION))]
    if len(wrong):
        raise LayoutError(
            f"Dans {label}, population impossible : « {str(wrong.iloc[0])[:40]} ».",
            hint="Vérifiez le fichier du producteur.",
        )
    return numbers.astype("Int64")


def read_cog_departements(path: Path) -> pd.DataFrame:
    """Read the départements: ``code``, ``name``, ``region``, ``chef_lieu``."""
    names = {"code": "code", "name": "nom", "region": "region", "chef_lieu": "chefLieu"}
    frame = _from_records(path, names, optional={"region", "chef_lieu"}).astype("str")
    schema = pa.DataFrameSchema({"code": _TEXT, "name": _TEXT}, unique=["code"])
    return check(frame, schema, label=path.name)


def read_cog_regions(path: Path) -> pd.DataFrame:
    """Read the regions: ``code`` (two characters), ``name``."""
    frame = _from_records(path, {"code": "code", "name": "nom"}, optional=set()).astype("str")
    schema = pa.DataFrameSchema({"code": _TEXT, "name": _TEXT}, unique=["code"])
    return check(frame, schema, label=path.name)


def read_cog_epci(path: Path) -> pd.DataFrame:
    """Read the EPCI, one line a member: ``epci``, ``epci_name``, ``epci_kind``, ``code``."""
    rows = []
    for record in _records(path):
        missing = {"code", "nom", "type", "membres"} - set(record)
        if missing:
            raise LayoutError(
                f"Dans {path.name}, champ introuvable : {', '.join(sorted(missing))}."
                f" Champs trouvés : {', '.join(record)}.",
                hint="Le producteur a sans doute changé le format.",
            )
        rows += [
            (record["code"], record["nom"], record["type"], member["code"])
            for member in record["membres"]
        ]
    frame = pd.DataFrame(rows, columns=["epci", "epci_name", "epci_kind", "code"], dtype="str")
    frame["code"] = normalise_codes(frame["code"], label=path.name)
    schema = pa.DataFrameSchema({"epci": _TEXT, "epci_name": _TEXT, "code": _CODE})
    return check(frame, schema, label=path.name)


def read_contours(path: Path) -> gpd.GeoDataFrame:
    """Read outlines of communes or départements.

    Returns
    -------
    GeoDataFrame
        ``code``, ``name`` (missing where the file has none; the outlines of 2018 write it
        without its article: ``Grau-du-Roi``), ``geometry`` (valid, EPSG:4326).
    """
    with legible(path.name, "un fichier de contours lisible"):
        frame = gpd.read_file(path)
    if not isinstance(frame, gpd.GeoDataFrame):
        raise LayoutError(
            f"Le fichier {path.name} n’a aucun contour.",
            hint="Téléchargez-le de nouveau (pvd data).",
        )
    names = {
        "code": ["code", "insee_com", "code_insee", "insee_dep", "code_insee_du_departement"],
        "name": ["nom", "nom_officiel", "nom_com", "nom_dep", "libgeo"],
    }
    attributes = select(
        pd.DataFrame(frame.drop(columns=frame.geometry.name)),
        names,
        label=path.name,
        optional=["name"],
    )
    attributes = attributes.reindex(columns=list(names)).astype("str")
    # The code of a département is shorter than any commune's, even without its first zero.
    if attributes["code"].str.len().max() > 3:
        attributes["code"] = normalise_codes(attributes["code"], label=path.name)
    else:
        attributes["code"] = attributes["code"].str.zfill(2)
    outlines = gpd.GeoDataFrame(attributes, geometry=frame.geometry)
    if not outlines.geometry.is_valid.all():
        outlines.geometry = outlines.geometry.make_valid()
    outlines = outlines.set_crs(4326) if outlines.crs is None else outlines.to_crs(4326)
    check(pd.DataFrame(attributes), pa.DataFrameSchema({"code": _TEXT}), label=path.name)
    return outlines


# --------------------------------------------------------------------------- population


_MUNICIPAL: Final = re.compile(r"pmun(?P<year>(?:19|20)?\d\d)")


def read_population(path: Path) -> pd.DataFrame:
    """Read the municipal populations, long: ``code``, ``year``, ``population``.

    The columns ``PMUN2022`` (or ``PMUN22``) are found by name, whatever the years. A 0 may
    mean that the census had not begun there (Mayotte): it is kept as the file has it.
    """
    table = _table(path)
    found = {name: _MUNICIPAL.fullmatch(fold(name)) for name in table.columns}
    years = {_four_digits(hit["year"]): name for name, hit in found.items() if hit}
    if not years:
        raise LayoutError(
            f"Dans {path.name}, aucune colonne « PMUN2022 » ni d’une autre année."
            f" Colonnes trouvées : {', '.join(table.columns)}.",
            hint="Le producteur a sans doute changé le format.",
        )
    columns = {str(year): [years[year]] for year in sorted(years)}
    long = _coded(table, columns, label=path.name).melt(
        "code", var_name="year", value_name="population"
    )
    long["year"] = long["year"].astype("int16")
    long["population"] = to_numbers(long["population"], label=path.name)
    schema = pa.DataFrameSchema(
        {"code": _CODE, "population": pa.Column(float, pa.Check.ge(0), nullable=True)},
        unique=["code", "year"],
    )
    return check(long, schema, label=path.name)


def _four_digits(year: str) -> int:
    """Return the year that two digits stand for: the first census of the file is 1962."""
    return int(year) if len(year) == 4 else int(year) + (1900 if int(year) > 60 else 2000)


def read_areas(path: Path) -> pd.DataFrame:
    """Read the areas that stand beside the populations: ``code``, ``area_km2``."""
    frame = _by_commune(path, {"area_km2": ["SUPERFICIE_KM2", "SUPERF", "SUPERFICIE"]})
    frame["area_km2"] = to_numbers(frame["area_km2"], label=path.name)
    schema = pa.DataFrameSchema(
        {"code": _CODE, "area_km2": pa.Column(float, pa.Check.ge(0), nullable=True)},
        unique=["code"],
    )
    return check(frame, schema, label=path.name)


# --------------------------------------------------------------------------- grids


def read_densite(path: Path) -> pd.DataFrame:
    """Read the density grid in seven levels: ``code``, ``density`` (1 dense to 7)."""
    frame = _by_commune(path, {"density": ["DENS7", "DENS", "densite", "niveau"]})
    frame["density"] = to_numbers(frame["density"], label=path.name).astype("Int8")
    schema = pa.DataFrameSchema(
        {"code": _CODE, "density": pa.Column("Int8", pa.Check.in_range(1, 7))}, unique=["code"]
    )
    return check(frame, schema, label=path.name)


def _sheet(path: Path, key: str, *, sheet: str = "") -> pd.DataFrame:
    """Read a sheet of one of Insee's workbooks, as text.

    Parameters
    ----------
    path : Path
        Workbook (xlsx).
    key : str
        The header is the first line that has this cell; lines without a value under it are
        left out.
    sheet : str
        Name of the sheet; the first that has such a line when not given.
    """
    refuse_bomb(path)
    with legible(path.name, "un classeur lisible"):
        workbook = load_workbook(path, read_only=True, data_only=True)
    try:
        if sheet and sheet not in workbook.sheetnames:
            raise LayoutError(
                f"Dans {path.name}, la feuille « {sheet} » manque."
                f" Feuilles trouvées : {', '.join(workbook.sheetnames)}.",
                hint="Vérifiez que le classeur est bien celui du producteur.",
            )
        for name in [sheet] if sheet else workbook.sheetnames:
            rows = workbook[name].iter_rows(values_only=True)
            with legible(path.name, "un classeur lisible"):
                header = next((row for row in rows if key in map(str, row)), None)
                if header is not None:
                    return _body(rows, [str(cell or "") for cell in header], key)
    finally:
        workbook.close()
    where = f", feuille « {sheet} »" if sheet else ""
    raise LayoutError(
        f"Dans {path.name}{where}, aucune ligne d’en-tête ne contient « {key} ».",
        hint="Le producteur a sans doute changé le format.",
    )


def _body(rows: Iterator[Sequence[Any]], names: list[str], key: str) -> pd.DataFrame:
    place = names.index(key)
    body = [row for row in rows if len(row) > place and row[place] is not None]
    return pd.DataFrame(body, columns=names).astype("str")


def read_aav(path: Path) -> pd.DataFrame:
    """Read the *aires d’attraction des villes 2020*.

    Returns
    -------
    DataFrame
        ``code``, ``aav``, ``aav_name``, ``aav_category`` (11, 12, 13, 20, 30),
        ``aav_size`` (0 outside to 5 Paris, from the population of 2017).
    """
    communes = _coded(
        _sheet(path, "CODGEO", sheet="Composition_communale"),
        {"aav": ["AAV2020"], "aav_name": ["LIBAAV2020"], "aav_category": ["CATEAAV2020"]},
        label=path.name,
    )
    sizes = select(
        _sheet(path, "AAV2020", sheet="AAV2020"),
        {"aav": ["AAV2020"], "aav_size": ["TAAV2017"]},
        label=path.name,
    )
    communes["aav"], sizes["aav"] = (part["aav"].str.zfill(3) for part in (communes, sizes))
    frame = communes.merge(sizes, on="aav", how="left", validate="many_to_one")
    frame["aav_size"] = to_numbers(frame["aav_size"], label=path.name).astype("Int8")
    schema = pa.DataFrameSchema(
        {
            "code": _CODE,
            "aav": _TEXT,
            "aav_name": _TEXT,
            "aav_category": pa.Column(str, pa.Check.isin(["11", "12", "13", "20", "30"])),
            "aav_size": pa.Column("Int8", pa.Check.in_range(0, 5)),
        },
        unique=["code"],
    )
    return check(frame, schema, label=path.name)


#: Characters of the codes of zones, whose leading zeros a spreadsheet drops.
_WIDTHS: Final = {
    "departement": 2,
    "region": 2,
    "zone_emploi": 4,
    "unite_urbaine": 5,
    "aav": 3,
    "bassin_vie": 5,
}


def read_appartenance(path: Path) -> pd.DataFrame:
    """Read Insee's table of communes and the zones they belong to.

    Returns
    -------
    DataFrame
        ``code``, ``name``, ``departement``, ``region``, ``epci`` (missing where the commune is
        in none), ``zone_emploi``, ``unite_urbaine``, ``aav``, ``bassin_vie``.
    """
    names = {
        "name": ["LIBGEO"],
        "departement": ["DEP"],
        "region": ["REG"],
        "epci": ["EPCI"],
        "zone_emploi": ["ZE2020"],
        "unite_urbaine": ["UU2020"],
        "aav": ["AAV2020"],
        "bassin_vie": ["BV2022", "BV2012"],
    }
    frame = _coded(_sheet(path, "CODGEO", sheet="COM"), names, label=path.name)
    for name, width in _WIDTHS.items():
        frame[name] = frame[name].str.zfill(width)
    frame["epci"] = frame["epci"].mask(frame["epci"] == "ZZZZZZZZZ")
    schema = pa.DataFrameSchema(
        {"code": _CODE, **dict.fromkeys(names, _TEXT_OR_NA)}, unique=["code"]
    )
    return check(frame, schema, label=path.name)
