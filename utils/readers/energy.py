"""Energy: register of installations, production, consumption, power plants.

Official layouts in, tidy frames out. A 0 of the producer is kept as 0, though in the
register it often means « not declared »; a blank is never a 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import geopandas as gpd
import pandas as pd
import pandera.pandas as pa
import pyarrow.parquet as pq
from pyproj.exceptions import CRSError

from utils.communes import normalise_codes
from utils.errors import LayoutError
from utils.readers._base import check, fold, legible, read_csv, select, to_dates, to_numbers

__all__ = [
    "FILIERES",
    "SECTORS",
    "read_conso_communes",
    "read_consommation_regionale",
    "read_eoliennes",
    "read_powerplants",
    "read_production_departement",
    "read_production_regionale",
    "read_registre",
]

#: Filière as folded in the files -> canonical name.
FILIERES: Final[Mapping[str, str]] = {
    "eolien": "eolien",
    "eolienterrestre": "eolien",
    "eolienenmer": "eolien",
    "solaire": "solaire",
    "solairephotovoltaique": "solaire",
    "photovoltaique": "solaire",
    "hydraulique": "hydraulique",
    "bioenergies": "bioenergies",
    "bioenergie": "bioenergies",
    "geothermie": "geothermie",
    "energiesmarines": "energies_marines",
    "nucleaire": "nucleaire",
    "thermique": "thermique",
    "thermiquenonrenouvelable": "thermique",
    "stockage": "stockage",
    "stockagenonhydraulique": "stockage",
    "cogeneration": "cogeneration",
    "autre": "autre",
    "autresfilieres": "autre",
}
#: Sector of consumption as folded in the files -> canonical name (``NAP``: not attributed).
SECTORS: Final[Mapping[str, str]] = {
    "residentiel": "residentiel",
    "res": "residentiel",
    "tertiaire": "tertiaire",
    "industrie": "industrie",
    "agriculture": "agriculture",
    "ent": "entreprises",
    "pro": "professionnels",
    "inconnu": "inconnu",
    "nap": "inconnu",
    "": "inconnu",
    "total": "total",
}
_ENERGIES = {"electricite": "electricite", "gaz": "gaz"}

#: No site of France reaches 10 GW (Gravelines: 5.46 GW): more is watts taken for kilowatts.
MAX_POWER_KW = 10_000_000.0
#: No wind farm or solar plant of France is older: an earlier year is an error of the source.
_FIRST_WIND_OR_SOLAR_YEAR = 1980

_CODE = pa.Column(str, pa.Check.str_length(5, 5))
_YEAR = pa.Column("int16", pa.Check.in_range(1990, 2100))
_ENERGY = pa.Column(float, pa.Check.ge(0), nullable=True)
_COUNT_OR_NA = pa.Column("Int64", pa.Check.ge(0), nullable=True)
_TEXT = pa.Column(str, nullable=True)
_REGION = pa.Column(str, pa.Check.str_matches(r"^\d{2}$"))
_FILIERE = pa.Column(str, pa.Check.isin(sorted(set(FILIERES.values()))))


def _schema(
    columns: dict[str, pa.Column], *, unique: list[str] | None = None
) -> pa.DataFrameSchema:
    return pa.DataFrameSchema(columns, coerce=True, strict=True, unique=unique)


def _canonical(column: pd.Series, names: Mapping[str, str], *, label: str, what: str) -> pd.Series:
    """Give each value its canonical name, whatever its case and accents."""
    wanted = {value: names.get(fold(value)) for value in column.fillna("").unique()}
    unknown = [value for value, name in wanted.items() if name is None]
    if unknown:
        raise LayoutError(
            f"Dans {label}, {what} : valeur inconnue « {unknown[0]} » ({len(unknown)} en tout).",
            hint="Complétez les noms acceptés dans utils/readers/energy.py.",
        )
    return column.fillna("").map(wanted).astype("str")


def _numbers(frame: pd.DataFrame, columns: list[str], *, label: str) -> pd.DataFrame:
    return frame.assign(**{c: to_numbers(frame[c], label=label) for c in columns})


_REGISTRE_COLUMNS = {
    "code": ["codeinseecommune"],
    "filiere": ["filiere"],
    "installations": ["nbinstallations"],
    "power_kw": ["puismaxinstallee"],
    "energy_kwh": ["energieannuelleglissanteinjectee", "energieannuelleinjectee"],
    "commissioned": [
        "datemiseenservice_date",
        "datemiseenservice_format_date",
        "datemiseenservice",
    ],
    "name": ["nominstallation"],
    "region": ["coderegion"],
    "regime": ["regime"],
}
_REGISTRE = _schema(
    {
        "code": pa.Column(str, pa.Check.str_length(5, 5), nullable=True),
        "filiere": _FILIERE,
        "installations": _COUNT_OR_NA,
        "power_kw": pa.Column(float, pa.Check.in_range(0, MAX_POWER_KW), nullable=True),
        "energy_kwh": _ENERGY,
        "commissioned": pa.Column(nullable=True),
        "name": _TEXT,
        "region": _TEXT,
    }
)


def read_registre(path: Path) -> pd.DataFrame:
    """Read the national register of installations of production and storage of electricity.

    Parameters
    ----------
    path : Path
        Any of the three official layouts: CSV of the API (lower case, decimal points), CSV
        with labels (``codeINSEECommune``, decimal commas), Parquet; before 2020 the energy is
        ``energieAnnuelleInjectee``.

    Returns
    -------
    DataFrame
        One line an installation, or a commune and filière: ``code`` (delivery point; ``NaN``
        when the register does not say it; arrondissements in Paris, Lyon and Marseille),
        ``filiere``, ``installations``, ``power_kw``, ``energy_kwh`` (injected only, over
        twelve rolling months; ``NaN`` when absent, a 0 often means « not declared »),
        ``commissioned``, ``name``, ``region`` (as the register has it, often missing).

    Raises
    ------
    LayoutError
        A column is missing, a filière is unknown, a power is negative or above
        :data:`MAX_POWER_KW`.

    Notes
    -----
    The filière comes from the column ``filiere`` alone: for 26 hydraulic installations of
    Corsica the register writes « Hydraulique » there and « Photovoltaïque » in
    ``technologie``, and the first is right (they are on rivers, up to 55 MW). Lines whose
    ``regime`` is not « En service » are left out. Aggregates of fewer than ten installations
    under 36 kW are not published by commune: a commune without a line is not a 0.
    """
    label = path.name
    optional = ["installations", "energy_kwh", "commissioned", "name", "region", "regime"]
    if path.suffix.lower() == ".parquet":
        with legible(label, "du Parquet lisible"):
            names = pq.read_schema(path).names
        found = select(
            pd.DataFrame([names], columns=names), _REGISTRE_COLUMNS, label=label, optional=optional
        ).iloc[0]
        with legible(label, "du Parquet lisible"):
            frame = pd.read_parquet(path, columns=list(found))[list(found)]
        frame = frame.set_axis(list(found.index), axis=1)
    else:
        frame = read_csv(path, _REGISTRE_COLUMNS, optional=optional)
    if "regime" in frame:
        active = frame["regime"].isna() | frame["regime"].map(fold, na_action="ignore").eq(
            "enservice"
        )
        frame = frame[active].reset_index(drop=True)
    frame = frame.reindex(columns=list(_REGISTRE.columns))
    frame["code"] = normalise_codes(frame["code"], label=label)
    frame["filiere"] = _canonical(frame["filiere"], FILIERES, label=label, what="filière")
    frame = _numbers(frame, ["installations", "power_kw", "energy_kwh"], label=label)
    frame["commissioned"] = to_dates(frame["commissioned"], label=label)
    return check(frame, _REGISTRE, label=label)


def read_production_regionale(path: Path) -> pd.DataFrame:
    """Read the yearly production of electricity by region and filière (ODRÉ).

    Returns
    -------
    DataFrame
        ``region`` (two digits), ``year``, ``filiere`` (``nucleaire``, ``thermique``,
        ``hydraulique``, ``eolien``, ``solaire``, ``bioenergies``), ``gwh`` (``NaN`` where the
        file is blank: none, or not applicable). Hydro holds pumped storage and the Rance, wind
        holds offshore; overseas regions are absent.
    """
    label = path.name
    names = {
        "nucleaire": "nucléaire",
        "thermique": "thermique",
        "hydraulique": "hydraulique",
        "eolien": "éolienne",
        "solaire": "solaire",
        "bioenergies": "bioénergies",
    }
    frame = read_csv(
        path,
        {
            "region": ["Code INSEE région"],
            "year": ["Année"],
            **{
                filiere: [f"Production {name} (GWh)", f"Production {name}"]
                for filiere, name in names.items()
            },
        },
    )
    long = frame.melt(id_vars=["region", "year"], var_name="filiere", value_name="gwh")
    long["region"] = long["region"].str.zfill(2)
    schema = _schema(
        {
            "region": _REGION,
            "year": _YEAR,
            "filiere": _FILIERE,
            "gwh": pa.Column(float, nullable=True),
        },
        unique=["region", "year", "filiere"],
    )
    return check(_numbers(long, ["year", "gwh"], label=label), schema, label=label)


def read_consommation_regionale(path: Path) -> pd.DataFrame:
    """Read the yearly net consumption of electricity by region, corrected for weather (RTE).

    Returns
    -------
    DataFrame
        ``region`` (two digits), ``year``, ``twh``.
    """
    frame = read_csv(
        path,
        {
            "region": ["Code INSEE région"],
            "year": ["Année"],
            "twh": ["Conso_nette_corrigée_TWh", "Consommation nette corrigée (TWh)"],
        },
    )
    frame["region"] = frame["region"].str.zfill(2)
    schema = _schema({"region": _REGION, "year": _YEAR, "twh": _ENERGY}, unique=["region", "year"])
    return check(_numbers(frame, ["year", "twh"], label=path.name), schema, label=path.name)


_ENEDIS_FILIERES = (
    "Photovoltaïque",
    "Eolien",
    "Hydraulique",
    "Bio Energie",
    "Cogénération",
    "Autres filières",
)


def read_production_departement(path: Path) -> pd.DataFrame:
    """Read the yearly production by filière and département on the Enedis network.

    Returns
    -------
    DataFrame
        ``departement``, ``year``, ``filiere``, ``sites``, ``mwh``, summed over the voltage
        levels, and ``masked``: how many of these levels are blank (statistical secrecy). With
        ``masked`` above 0 the sums are minimums; ``NaN`` when every level is blank. Corsica,
        overseas and other networks are absent.
    """
    label = path.name
    columns = {"departement": ["Code département"], "year": ["Année"]}
    for name in _ENEDIS_FILIERES:
        columns[f"sites/{name}"] = [f"Nb sites {name} Enedis"]
        columns[f"mwh/{name}"] = [f"Energie produite annuelle {name} Enedis (MWh)"]
    wide = read_csv(path, columns)
    keys = ["departement", "year", "filiere"]
    parts = [
        wide[["departement", "year"]].assign(
            filiere=name, sites=wide[f"sites/{name}"], mwh=wide[f"mwh/{name}"]
        )
        for name in _ENEDIS_FILIERES
    ]
    lines = _numbers(pd.concat(parts, ignore_index=True), ["year", "sites", "mwh"], label=label)
    lines["departement"] = lines["departement"].str.zfill(2)
    lines["filiere"] = _canonical(lines["filiere"], FILIERES, label=label, what="filière")
    lines["masked"] = lines["mwh"].isna()
    groups = lines.groupby(keys)
    sums = groups[["sites", "mwh"]].sum(min_count=1).join(groups["masked"].sum()).reset_index()
    schema = _schema(
        {
            "departement": pa.Column(str, pa.Check.str_matches(r"^(\d{2,3}|2[AB])$")),
            "year": _YEAR,
            "filiere": _FILIERE,
            "sites": _COUNT_OR_NA,
            "mwh": pa.Column(float, nullable=True),
            "masked": _COUNT_OR_NA,
        }
    )
    return check(sums, schema, label=label)


#: States of a mast of Géorisques that stands (``CO``: built).
_BUILT: Final = frozenset({"co", "construit", "oui"})


def read_eoliennes(path: Path) -> pd.DataFrame:
    """Read the wind turbines on land of Géorisques, those of an authorised farm that stand.

    Returns
    -------
    DataFrame
        ``mast_id``, ``farm``, ``commune`` (name), ``departement``, ``power_kw`` (the file has
        MW; ``NaN`` when absent), ``height_m``, ``lon``, ``lat`` (EPSG:4326, from the ``epsg``
        of each line; ``NaN`` when there is no position).

    Raises
    ------
    LayoutError
        A column is missing, a system of coordinates is unknown, a power is negative or that
        of no turbine (over 20 MW).
    """
    label = path.name
    frame = read_csv(
        path,
        {
            "mast_id": ["id_aerogenerateur"],
            "farm": ["nom_parc"],
            "commune": ["nom_commune"],
            "departement": ["code_dept"],
            "status": ["statut_parc"],
            "state": ["etat_mat"],
            "running": ["en_service"],
            "power_mw": ["puissance_mw"],
            "height_m": ["hauteur_totale"],
            "x": ["x_aerogenerateur"],
            "y": ["y_aerogenerateur"],
            "epsg": ["epsg"],
        },
        optional=["state", "running", "height_m"],
    ).reindex(columns=["mast_id", "farm", "commune", "departement", "status", "state", "running",
                       "power_mw", "height_m", "x", "y", "epsg"])  # fmt: skip
    words = {name: frame[name].fillna("").map(fold) for name in ("status", "state", "running")}
    stands = words["state"].isin(_BUILT) | words["running"].isin(_BUILT)
    frame = frame[words["status"].eq("autorise") & stands].reset_index(drop=True)
    frame = _numbers(frame, ["power_mw", "height_m", "x", "y", "epsg"], label=label)
    frame["power_kw"] = 1000 * frame["power_mw"]
    frame["departement"] = frame["departement"].str.zfill(2)
    frame["lon"] = frame["lat"] = float("nan")
    placed = frame.dropna(subset=["x", "y", "epsg"])
    for epsg in placed["epsg"].astype("int64").unique():
        rows = placed[placed["epsg"] == epsg]
        try:
            points = gpd.GeoSeries.from_xy(rows["x"], rows["y"], crs=int(epsg)).to_crs(4326)
        except CRSError as error:
            raise LayoutError(
                f"Dans {label}, le système de coordonnées {epsg} est inconnu.",
                hint="Vérifiez la colonne epsg du fichier du producteur.",
            ) from error
        frame.loc[rows.index, "lon"], frame.loc[rows.index, "lat"] = points.x, points.y
    schema = _schema(
        {
            "mast_id": pa.Column(str, unique=True),
            "farm": _TEXT,
            "commune": _TEXT,
            "departement": _TEXT,
            "power_kw": pa.Column(float, pa.Check.in_range(0, 20_000), nullable=True),
            "height_m": pa.Column(float, pa.Check.ge(0), nullable=True),
            "lon": pa.Column(float, pa.Check.in_range(-180, 180), nullable=True),
            "lat": pa.Column(float, pa.Check.in_range(-90, 90), nullable=True),
        }
    )
    return check(frame[list(schema.columns)], schema, label=label)


def read_powerplants(path: Path) -> pd.DataFrame:
    """Read the power plants of France in powerplantmatching.

    Parameters
    ----------
    path : Path
        CSV of all Europe, or its lines of France.

    Returns
    -------
    DataFrame
        ``plant_id``, ``name``, ``fuel`` (``Wind``, ``Solar``, ``Hydro``…), ``technology``
        (``Onshore``, ``Offshore``, ``PV``…), ``power_mw``, ``year_in`` (``NA`` when absent, 0,
        or before 1980 for wind and sun, which are errors), ``lon``, ``lat`` (EPSG:4326, some
        approximate).
    """
    label = path.name
    frame = read_csv(
        path,
        {
            "plant_id": ["id"],
            "name": ["Name"],
            "fuel": ["Fueltype"],
            "technology": ["Technology"],
            "power_mw": ["Capacity"],
            "year_in": ["DateIn"],
            "lon": ["lon"],
            "lat": ["lat"],
            "country": ["Country"],
        },
        optional=["country"],
    )
    if "country" in frame:
        frame = frame[frame["country"] == "France"].reset_index(drop=True)
    frame = _numbers(frame, ["power_mw", "year_in", "lon", "lat"], label=label)
    frame["technology"] = frame["technology"].replace({"not found": None})
    recent = frame["fuel"].isin(["Wind", "Solar"])
    first = recent.map({True: _FIRST_WIND_OR_SOLAR_YEAR, False: 1800})
    frame["year_in"] = frame["year_in"].where(frame["year_in"] >= first).round()
    schema = _schema(
        {
            "plant_id": pa.Column(str, unique=True),
            "name": _TEXT,
            "fuel": pa.Column(str),
            "technology": _TEXT,
            "power_mw": pa.Column(float, pa.Check.in_range(0, MAX_POWER_KW / 1000)),
            "year_in": _COUNT_OR_NA,
            "lon": pa.Column(float, pa.Check.in_range(-180, 180)),
            "lat": pa.Column(float, pa.Check.in_range(-90, 90)),
        }
    )
    return check(frame[list(schema.columns)], schema, label=label)


_CONSO = _schema(
    {
        "code": _CODE,
        "year": _YEAR,
        "energy": pa.Column(str, pa.Check.isin(sorted(_ENERGIES.values()))),
        "sector": pa.Column(str, pa.Check.isin(sorted(set(SECTORS.values())))),
        "mwh": _ENERGY,
        "sites": _COUNT_OR_NA,
        "masked": _COUNT_OR_NA,
    },
    unique=["code", "year", "energy", "sector"],
)


def read_conso_communes(path: Path) -> pd.DataFrame:
    """Read the yearly consumption of electricity and gas by commune and sector (Agence ORE).

    Parameters
    ----------
    path : Path
        CSV with labels or names of fields; the sector is ``CODE GRAND SECTEUR``, else
        ``Code catégorie consommation`` (RES, ENT, PRO, TOTAL).

    Returns
    -------
    DataFrame
        ``code``, ``year``, ``energy`` (``electricite``, ``gaz``), ``sector``, ``mwh``,
        ``sites``, ``masked`` (suppressed cells; ``NA`` when the file does not say), summed over
        the operators. A sector that is secret has no line: it is unknown, not 0, and ``total``
        may exceed the sum of the sectors. In a file without any TOTAL (the official one),
        ``total`` is the sum of the sectors, thus a minimum.
    """
    label = path.name
    frame = read_csv(
        path,
        {
            "code": ["Code Commune"],
            "year": ["Année"],
            "energy": ["FILIERE"],
            "sector": [
                "CODE GRAND SECTEUR",
                "Code catégorie consommation (RES,ENT,PRO)",
                "Code catégorie consommation",
            ],
            "mwh": ["Conso totale (MWh)"],
            "sites": ["Nb sites"],
            "masked": ["Nombre de mailles secrétisées"],
        },
        optional=["sites", "masked"],
    ).reindex(columns=list(_CONSO.columns))
    frame["code"] = normalise_codes(frame["code"], label=label)
    frame["energy"] = _canonical(frame["energy"], _ENERGIES, label=label, what="énergie")
    frame["sector"] = _canonical(frame["sector"], SECTORS, label=label, what="secteur")
    frame = _numbers(frame, ["year", "mwh", "sites", "masked"], label=label)
    if not frame["sector"].eq("total").any():
        frame = pd.concat([frame, frame.assign(sector="total")], ignore_index=True)
    keys = ["code", "year", "energy", "sector"]
    sums = frame.groupby(keys, as_index=False, dropna=False)[["mwh", "sites", "masked"]].sum(
        min_count=1
    )
    return check(sums, _CONSO, label=label)
