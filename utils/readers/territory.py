"""What communes are: the programme, the official geography, outlines, population, grids."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import pandas as pd
import pandera.pandas as pa
from openpyxl import load_workbook
from pyogrio.errors import DataSourceError

from utils.communes import normalise_codes
from utils.errors import LayoutError
from utils.readers._base import check, fold, read_csv, read_json_bytes, select, to_dates, to_numbers

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

_COMMUNE: Final = ["insee_com", "CODGEO", "code_commune", "COM", "code"]

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
        "code": _COMMUNE,
        "name": ["lib_com", "LIBGEO", "nom_commune"],
        "signed": ["date_signature", "date de signature"],
    }
    frame = read_csv(path, columns)
    frame["code"] = normalise_codes(frame["code"], label=path.name)
    frame["signed"] = to_dates(frame["signed"], label=path.name)
    schema = pa.DataFrameSchema(
        {"code": _CODE, "name": _TEXT, "signed": pa.Column("datetime64[s]", nullable=True)},
        unique=["code"],
    )
    return check(frame, schema, label=path.name)


# --------------------------------------------------------------------------- COG


def _records(path: Path) -> list[dict[str, Any]]:
    """Return the list of objects of a JSON file."""
    try:
        records = json.loads(read_json_bytes(path))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise LayoutError(
            f"Le fichier {path.name} n’est pas du JSON lisible : {error}.",
            hint="Téléchargez-le de nouveau (pvd data).",
        ) from error
    if not isinstance(records, list) or not all(isinstance(r, dict) for r in records):
        raise LayoutError(
            f"Le fichier {path.name} n’est pas une liste d’objets JSON.",
            hint="Vérifiez le fichier du producteur.",
        )
    return records


def _from_records(path: Path, names: dict[str, str], *, optional: set[str]) -> pd.DataFrame:
    frame = pd.DataFrame(_records(path))
    aliases = {wanted: [found] for wanted, found in names.items()}
    return select(frame, aliases, label=path.name, optional=optional)


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
    frame = _from_records(path, names, optional=optional).reindex(columns=list(names))
    kind = frame["type"].map(_KINDS)
    if kind.isna().any():
        raise LayoutError(
            f"Dans {path.name}, type de commune inconnu : « {frame['type'][kind.isna()].iloc[0]} ».",
            hint="Complétez utils/readers/territory.py.",
        )
    former = frame["former"].map(lambda codes: "|".join(codes) if isinstance(codes, list) else None)
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
            "population": frame["population"].astype("Int64"),
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
                f"Dans {path.name}, champ introuvable : {', '.join(sorted(missing))}."
                f" Champs trouvés : {', '.join(record)}.",
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
    """Read outlines of communes or départements: ``code``, ``geometry`` (EPSG:4326)."""
    try:
        frame = gpd.read_file(path)
    except DataSourceError as error:
        raise LayoutError(
            f"Le fichier de contours {path.name} est illisible : {error}.",
            hint="Téléchargez-le de nouveau (pvd data).",
        ) from error
    attributes = select(
        frame.drop(columns="geometry"),
        {"code": ["code", "insee_com", "code_insee", "insee_dep"]},
        label=path.name,
    )
    outlines = gpd.GeoDataFrame(attributes.astype("str"), geometry=frame.geometry)
    if not outlines.geometry.is_valid.all():
        outlines.geometry = outlines.geometry.make_valid()
    return outlines.set_crs(4326) if outlines.crs is None else outlines.to_crs(4326)


# --------------------------------------------------------------------------- population


def read_population(path: Path) -> pd.DataFrame:
    """Read the municipal populations, long: ``code``, ``year``, ``population``.

    The columns ``PMUNyyyy`` (or the census' ``Dyy_POP``, ``Pyy_POP``) are found by name. A 0
    may mean that the census had not begun there (Mayotte): it is kept as the file has it.
    """
    header = path.read_bytes()[:20_000].decode("utf-8-sig", errors="replace").splitlines()[0]
    years = sorted({int(y) for y in _years(header)})
    if not years:
        raise LayoutError(
            f"Dans {path.name}, aucune colonne « PMUN2022 ». Colonnes trouvées : {header}.",
            hint="Le producteur a sans doute changé le format.",
        )
    columns = {"code": _COMMUNE, **{str(y): [f"PMUN{y}", f"PMUN{y % 100:02d}"] for y in years}}
    wide = read_csv(path, columns)
    wide["code"] = normalise_codes(wide["code"], label=path.name)
    long = wide.melt("code", var_name="year", value_name="population")
    long["year"] = long["year"].astype("int16")
    long["population"] = to_numbers(long["population"], label=path.name)
    schema = pa.DataFrameSchema(
        {"code": _CODE, "population": pa.Column(float, pa.Check.ge(0), nullable=True)},
        unique=["code", "year"],
    )
    return check(long, schema, label=path.name)


def _years(header: str) -> list[str]:
    """Return the years of the ``PMUN`` columns of a header, written with two or four digits."""
    found = []
    for name in header.replace('"', "").replace(",", ";").split(";"):
        folded = fold(name)
        digits = folded.removeprefix("pmun")
        if folded.startswith("pmun") and digits.isdigit() and len(digits) in (2, 4):
            short = digits if len(digits) == 4 else f"{'19' if int(digits) > 60 else '20'}{digits}"
            found.append(short)
    return found


def read_areas(path: Path) -> pd.DataFrame:
    """Read the areas that stand beside the populations: ``code``, ``area_km2``."""
    columns = {"code": _COMMUNE, "area_km2": ["SUPERFICIE_KM2", "SUPERF", "SUPERFICIE"]}
    frame = read_csv(path, columns)
    frame["code"] = normalise_codes(frame["code"], label=path.name)
    frame["area_km2"] = to_numbers(frame["area_km2"], label=path.name)
    schema = pa.DataFrameSchema(
        {"code": _CODE, "area_km2": pa.Column(float, pa.Check.ge(0), nullable=True)},
        unique=["code"],
    )
    return check(frame, schema, label=path.name)


# --------------------------------------------------------------------------- grids


def read_densite(path: Path) -> pd.DataFrame:
    """Read the density grid in seven levels: ``code``, ``density`` (1 dense to 7)."""
    columns = {"code": _COMMUNE, "density": ["DENS7", "DENS", "densite", "niveau"]}
    frame = read_csv(path, columns)
    frame["code"] = normalise_codes(frame["code"], label=path.name)
    frame["density"] = to_numbers(frame["density"], label=path.name).astype("Int8")
    schema = pa.DataFrameSchema(
        {"code": _CODE, "density": pa.Column("Int8", pa.Check.in_range(1, 7))}, unique=["code"]
    )
    return check(frame, schema, label=path.name)


def _sheet(path: Path, sheet: str, first: str) -> pd.DataFrame:
    """Read a sheet whose header is the row that starts with ``first`` (Insee's workbooks)."""
    workbook = load_workbook(path, read_only=True, data_only=True)
    try:
        if sheet not in workbook.sheetnames:
            raise LayoutError(
                f"Dans {path.name}, la feuille « {sheet} » manque."
                f" Feuilles trouvées : {', '.join(workbook.sheetnames)}.",
                hint="Vérifiez que le classeur est bien celui du producteur.",
            )
        rows = iter(workbook[sheet].iter_rows(values_only=True))
        header = next((row for row in rows if row and str(row[0]).strip() == first), None)
        if header is None:
            raise LayoutError(
                f"Dans {path.name}, feuille « {sheet} », aucune ligne ne commence par « {first} ».",
                hint="Le producteur a sans doute changé le format.",
            )
        names = [str(name) for name in header if name is not None]
        body = [row[: len(names)] for row in rows if row and row[0] is not None]
    finally:
        workbook.close()
    return pd.DataFrame(body, columns=names).astype("str")


def read_aav(path: Path) -> pd.DataFrame:
    """Read the *aires d’attraction des villes 2020*.

    Returns
    -------
    DataFrame
        ``code``, ``aav``, ``aav_name``, ``aav_category`` (11, 12, 13, 20, 30),
        ``aav_size`` (0 outside to 5 Paris, from the population of 2017).
    """
    communes = select(
        _sheet(path, "Composition_communale", "CODGEO"),
        {
            "code": ["CODGEO"],
            "aav": ["AAV2020"],
            "aav_name": ["LIBAAV2020"],
            "aav_category": ["CATEAAV2020"],
        },
        label=path.name,
    )
    sizes = select(
        _sheet(path, "AAV2020", "AAV2020"),
        {"aav": ["AAV2020"], "aav_size": ["TAAV2017"]},
        label=path.name,
    )
    frame = communes.merge(sizes, on="aav", how="left")
    frame["code"] = normalise_codes(frame["code"], label=path.name)
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


def read_appartenance(path: Path) -> pd.DataFrame:
    """Read Insee's table of communes and the zones they belong to.

    Returns
    -------
    DataFrame
        ``code``, ``name``, ``departement``, ``region``, ``epci``, ``zone_emploi``,
        ``unite_urbaine``, ``aav``, ``bassin_vie``.
    """
    names = {
        "code": ["CODGEO"],
        "name": ["LIBGEO"],
        "departement": ["DEP"],
        "region": ["REG"],
        "epci": ["EPCI"],
        "zone_emploi": ["ZE2020"],
        "unite_urbaine": ["UU2020"],
        "aav": ["AAV2020"],
        "bassin_vie": ["BV2022", "BV2012"],
    }
    frame = select(_sheet(path, "COM", "CODGEO"), names, label=path.name)
    frame["code"] = normalise_codes(frame["code"], label=path.name)
    schema = pa.DataFrameSchema(
        {"code": _CODE, **{name: _TEXT_OR_NA for name in names if name != "code"}}, unique=["code"]
    )
    return check(frame, schema, label=path.name)
