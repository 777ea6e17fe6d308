"""Places of culture: BASILIC, cinemas, Muséofile, libraries, festivals.

Official layouts in, tidy frames out; ``code`` is ``NaN`` where the source does not say it.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pandera.pandas as pa

from utils.communes import normalise_codes
from utils.errors import LayoutError
from utils.readers._base import check, read_csv, to_bool, to_numbers

__all__ = [
    "read_basilic",
    "read_bibliotheques",
    "read_cinemas",
    "read_festivals",
    "read_museofile",
]

#: BASILIC: a place of no commune (mobile, abroad).
NO_COMMUNE = "99999"

_CODE_OR_NA = pa.Column(str, pa.Check.str_length(5, 5), nullable=True)
_TEXT = pa.Column(str, nullable=True)
_COUNT_OR_NA = pa.Column("Int64", pa.Check.ge(0), nullable=True)
_LON_LAT = {
    "lon": pa.Column(float, pa.Check.in_range(-180, 180), nullable=True),
    "lat": pa.Column(float, pa.Check.in_range(-90, 90), nullable=True),
}


def _schema(
    columns: dict[str, pa.Column], *, unique: list[str] | None = None
) -> pa.DataFrameSchema:
    return pa.DataFrameSchema(columns, coerce=True, strict=True, unique=unique)


def _tidy(frame: pd.DataFrame, schema: pa.DataFrameSchema, *, label: str) -> pd.DataFrame:
    """Order the columns as the schema says, and check them."""
    return check(frame[list(schema.columns)], schema, label=label)


def _split_point(point: pd.Series, *, label: str) -> pd.DataFrame:
    """Split ``"45.790491, 4.797411"`` (latitude first) into ``lon``, ``lat``."""
    parts = point.str.split(",", n=1, expand=True).reindex(columns=[0, 1])
    return pd.DataFrame(
        {"lon": to_numbers(parts[1], label=label), "lat": to_numbers(parts[0], label=label)}
    )


def _capitalise(text: pd.Series) -> pd.Series:
    """Give the first letter its capital: ``saison`` and ``Saison`` are one period."""
    return text.str[:1].str.upper() + text.str[1:]


_BASILIC = _schema({"code": _CODE_OR_NA, "kind": pa.Column(str), "name": _TEXT, **_LON_LAT})


def read_basilic(path: Path) -> pd.DataFrame:
    """Read BASILIC, the places of culture of the ministère de la Culture.

    Parameters
    ----------
    path : Path
        CSV with labels (``Type équipement ou lieu``) or with names of fields
        (``type_equipement_ou_lieu``).

    Returns
    -------
    DataFrame
        One line a place: ``code`` (``NaN`` for ``99999``, no commune), ``kind``, ``name``,
        ``lon``, ``lat`` (EPSG:4326; ``NaN`` when unknown or mobile, « MF Mobile »). Where the
        file has ``Demographie_AP``, only the places « Actif » are kept.
    """
    label = path.name
    frame = read_csv(
        path,
        {
            "code": ["code_insee"],
            "kind": ["Type équipement ou lieu"],
            "name": ["Nom"],
            "lon": ["Longitude"],
            "lat": ["Latitude"],
            "state": ["Demographie_AP"],
        },
        optional=["name", "state"],
    )
    if "state" in frame:
        active = frame["state"].str.lower().eq("actif")
        frame = frame[active.fillna(False)].reset_index(drop=True)
    if "name" not in frame:
        frame["name"] = pd.Series(pd.NA, index=frame.index, dtype="str")
    frame["code"] = normalise_codes(frame["code"].replace({NO_COMMUNE: None}), label=label)
    for column in ("lon", "lat"):
        mobile = frame[column].str.match(r"(?i)mf\b", na=False)
        frame[column] = to_numbers(frame[column].mask(mobile), label=label)
    return _tidy(frame, _BASILIC, label=label)


_CINEMA_COLUMNS = {
    "cnc_id": ["N°AUTO", "NAutoC"],
    "year": ["year", "année"],
    "code": ["DEPCOM", "CODE COMMUNE", "code INSEE"],
    "name": ["NomEtab", "NOM ETABLISSEMENT", "nom"],
    "screens": ["ECRANS"],
    "seats": ["FAUTEUILS"],
    "art_et_essai": ["AE", "ART ET ESSAI"],
    "genre": ["GENRE"],
}
#: Categories of classified cinemas (code du cinéma, art. D. 212-91), written so until 2016.
_ART_ET_ESSAI = dict.fromkeys(["A", "B", "C", "D", "E"], "OUI")
_CINEMAS = _schema(
    {
        "cnc_id": pa.Column(str),
        "year": pa.Column("int16", pa.Check.in_range(1990, 2100)),
        "code": _CODE_OR_NA,
        "name": _TEXT,
        "screens": _COUNT_OR_NA,
        "seats": _COUNT_OR_NA,
        "art_et_essai": pa.Column("boolean", nullable=True),
        "genre": _TEXT,
    },
    unique=["cnc_id", "year"],
)


def read_cinemas(path: Path, *, year: int | None = None) -> pd.DataFrame:
    """Read the active cinemas of the CNC, one line a cinema and a year.

    Parameters
    ----------
    path : Path
        CSV; the same column had several names over the years, and a file of several years
        has them all: they are coalesced.
    year : int, optional
        Year of a file that does not say it (the one of the last year).

    Returns
    -------
    DataFrame
        ``cnc_id``, ``year``, ``code``, ``name``, ``screens``, ``seats``, ``art_et_essai``
        (classified; the categories A to E count as classified), ``genre`` (``FIXE``,
        ``ITINERANT``…). Itinerant circuits have a line in the commune of their head office.

    Raises
    ------
    LayoutError
        A column has none of its names, or ``art_et_essai`` has an unknown value.
    """
    label = path.name
    raw = path.read_bytes()
    # A first reading finds the columns, or says which is missing; a second takes every alias.
    frame = read_csv(raw, _CINEMA_COLUMNS, name=label, optional=["year"] if year else [])
    if "year" not in frame:
        frame["year"] = str(year)
    aliases = {f"{wanted}/{a}": [a] for wanted, names in _CINEMA_COLUMNS.items() for a in names}
    found = read_csv(raw, aliases, name=label, optional=list(aliases))
    for column in found:
        wanted = str(column).partition("/")[0]
        frame[wanted] = frame[wanted].fillna(found[column])
    frame["code"] = normalise_codes(frame["code"], label=label)
    for column in ("year", "screens", "seats"):
        frame[column] = to_numbers(frame[column], label=label)
    frame["art_et_essai"] = _classified(frame["art_et_essai"], label=label)
    return _tidy(frame, _CINEMAS, label=label)


def _classified(column: pd.Series, *, label: str) -> pd.Series:
    values = to_bool(column.replace(_ART_ET_ESSAI))
    wrong = column[values.isna() & column.notna()]
    if len(wrong):
        raise LayoutError(
            f"Dans {label}, classement art et essai inconnu : « {wrong.iloc[0]} ».",
            hint="Valeurs acceptées : OUI, NON, ou une catégorie de A à E.",
        )
    return values


_MUSEOFILE = _schema(
    {
        "museum_id": pa.Column(str, unique=True),
        "name": pa.Column(str),
        "postcode": _TEXT,
        "city": _TEXT,
        "departement": _TEXT,
        **_LON_LAT,
    }
)


def read_museofile(path: Path) -> pd.DataFrame:
    """Read Muséofile, the « Musées de France » (only them).

    Parameters
    ----------
    path : Path
        CSV of the ministère de la Culture, separator ``|``, quoted fields on several lines.

    Returns
    -------
    DataFrame
        ``museum_id``, ``name``, ``postcode`` (five digits; ``NaN`` when unreadable), ``city``,
        ``departement`` (name, as written), ``lon``, ``lat`` (EPSG:4326). The file has no
        commune code.
    """
    label = path.name
    frame = read_csv(
        path,
        {
            "museum_id": ["Identifiant"],
            "name": ["Nom_officiel"],
            "postcode": ["Code_postal"],
            "city": ["Ville"],
            "departement": ["Departement"],
            "point": ["Coordonnees"],
        },
        separator="|",
    )
    frame = frame.join(_split_point(frame["point"], label=label))
    frame["postcode"] = _postcode(frame["postcode"])
    return _tidy(frame, _MUSEOFILE, label=label)


def _postcode(column: pd.Series) -> pd.Series:
    """Keep five digits, lost zero put back: ``2300`` -> ``02300``, ``81003 cedex`` -> ``81003``."""
    return column.str.extract(r"^(\d{4,5})\b")[0].str.zfill(5)


_BIBLIOTHEQUES = _schema(
    {
        "library_id": pa.Column(str, unique=True),
        "name": _TEXT,
        "kind": _TEXT,
        "postcode": _TEXT,
        "city": _TEXT,
        "departement": _TEXT,
        **_LON_LAT,
    }
)


def read_bibliotheques(path: Path) -> pd.DataFrame:
    """Read the public libraries of the ministère de la Culture.

    Returns
    -------
    DataFrame
        ``library_id``, ``name``, ``kind`` (« Bâtiment ouvert », « Bibliobus »,
        « Lieu uniquement administratif »…), ``postcode``, ``city``, ``departement`` (code:
        ``01``, ``2A``, ``971``; ``69M``, the Métropole de Lyon, is ``69``), ``lon``, ``lat``
        (EPSG:4326). The file has no commune code.
    """
    label = path.name
    frame = read_csv(
        path,
        {
            "library_id": ["Code_bib"],
            "name": ["nom_de_l_etablissement", "nom"],
            "kind": ["type_adresse"],
            "postcode": ["CP", "code_postal"],
            "city": ["Ville"],
            "departement": ["code_departement"],
            "lon": ["Longitude"],
            "lat": ["Latitude"],
        },
    )
    frame["kind"] = frame["kind"].replace({"0": None})
    frame["postcode"] = _postcode(frame["postcode"])
    frame["departement"] = frame["departement"].str.replace(r"^69[DM]$", "69", regex=True)
    frame["departement"] = frame["departement"].str.zfill(2)
    for column in ("lon", "lat"):
        frame[column] = to_numbers(frame[column], label=label)
    return _tidy(frame, _BIBLIOTHEQUES, label=label)


_FESTIVALS = _schema(
    {
        "festival_id": _TEXT,
        "name": pa.Column(str),
        "code": _CODE_OR_NA,
        "departement": _TEXT,
        "discipline": _TEXT,
        "period": _TEXT,
        **_LON_LAT,
    }
)


def read_festivals(path: Path) -> pd.DataFrame:
    """Read the festivals of the ministère de la Culture.

    Parameters
    ----------
    path : Path
        CSV, with labels or with names of fields. The commune is in ``Identifiant``
        (``FEST_81222_5299``), else in ``Code Insee commune``.

    Returns
    -------
    DataFrame
        ``festival_id`` (not unique: 13 lines of 2022 share one or lack it), ``name``, ``code``
        (``NaN`` when neither column has one), ``departement`` (name), ``discipline``,
        ``period``, ``lon``, ``lat`` (EPSG:4326, centre of the commune).
    """
    label = path.name
    frame = read_csv(
        path,
        {
            "festival_id": ["Identifiant"],
            "name": ["Nom du festival"],
            "insee": ["Code Insee commune"],
            "departement": ["Département principal de déroulement"],
            "discipline": ["Discipline dominante"],
            "period": ["Période principale de déroulement du festival"],
            "point": ["Géocodage xy"],
        },
        optional=["insee"],
    )
    in_id = frame["festival_id"].str.extract(r"^FEST_\s*(\d{4,5}|2[AB]\d{3})_", expand=False)
    codes = in_id if "insee" not in frame else in_id.fillna(frame["insee"])
    frame["code"] = normalise_codes(codes, label=label)
    frame["festival_id"] = frame["festival_id"].where(
        frame["festival_id"].str.startswith("FEST_", na=False)
    )
    for column in ("departement", "period"):
        frame[column] = _capitalise(frame[column])
    frame = frame.join(_split_point(frame["point"], label=label))
    return _tidy(frame, _FESTIVALS, label=label)
