"""The embedded tables: writing them the same to the byte, checking them, loading them.

``data/tables/*.parquet`` and ``manifest.json`` are the project's own results, committed.
Everything that the book shows is read from here.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from utils.catalogue import DATA, load_indicators_catalogue
from utils.communes import fold_name
from utils.errors import (
    CatalogueError,
    TableError,
    TownAmbiguousError,
    TownNotFoundError,
    reason,
)
from utils.peers import ROLE, VARIABLES

__all__ = [
    "INDICATOR_GROUPS",
    "LATEST_POPULATION",
    "TABLES",
    "file_sha256",
    "load_bpe_types",
    "load_brands",
    "load_care_distances",
    "load_chains_of_programme",
    "load_cinemas",
    "load_concentration",
    "load_consumption_regions",
    "load_consumption_secrets",
    "load_contours",
    "load_culture_types",
    "load_departements",
    "load_detector",
    "load_detours",
    "load_energy",
    "load_energy_errors",
    "load_energy_gaps",
    "load_energy_history",
    "load_energy_regions",
    "load_farms",
    "load_indicators",
    "load_manifest",
    "load_naf",
    "load_osm_shops",
    "load_osm_types",
    "load_places",
    "load_reach",
    "load_register_blanks",
    "load_shop_squares",
    "load_signs",
    "load_street_cells",
    "load_street_places",
    "load_street_ranks",
    "load_street_sensitivity",
    "load_street_shapes",
    "load_street_shares",
    "load_structure",
    "load_town",
    "load_towns",
    "load_wind",
    "verify_tables",
    "write_json",
    "write_parquet",
]

TABLES: Final = DATA / "tables"

#: The files of indicators: a source that cannot be had leaves the other groups fresh.
INDICATOR_GROUPS: Final = (
    "territoire",
    "equipements",
    "culture",
    "energie",
    "soins",
    "distances",
)

#: Year of the newest municipal population in ``towns``.
LATEST_POPULATION: Final = 2023

#: Longest text typed that a message quotes, characters.
LONGEST_QUOTE: Final = 80

_HINT: Final = "Reconstruisez les tables avec « pvd data »."


# --------------------------------------------------------------------------- writing


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def _written(path: Path) -> Iterator[Path]:
    """Give a temporary path, which takes the place of ``path`` once it is written whole.

    Raises
    ------
    TableError
        The disk is full, or the folder cannot be written; ``path`` is as it was.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with temporary.open("rb") as stream:
            os.fsync(stream.fileno())
        temporary.replace(path)
    except OSError as error:
        raise TableError(
            f"{path.name} ne peut pas être écrit dans {path.parent} : {reason(error)}.",
            hint="Libérez de la place, ou vérifiez les droits sur ce dossier.",
        ) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_parquet(frame: pd.DataFrame, path: Path) -> None:
    """Write a frame so that the same frame always gives the same bytes, atomically.

    No index, no pandas metadata, dictionary encoding, zstd. A frame with geometries is
    written as GeoParquet (WKB, EPSG:4326 in its metadata).
    """
    with _written(path) as temporary:
        if isinstance(frame, gpd.GeoDataFrame):
            frame.to_parquet(temporary, index=False, compression="zstd")
        else:
            table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
            pq.write_table(
                table,
                temporary,
                compression="zstd",
                compression_level=15,
                row_group_size=5_000_000,
                data_page_size=16 * 1024**2,  # one page a column: the codes repeat,
                max_rows_per_page=5_000_000,  # so a page that holds all is a third of the size
            )


def write_json(content: Mapping[str, Any], path: Path) -> None:
    """Write sorted, indented JSON, atomically."""
    text = json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
    with _written(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


# --------------------------------------------------------------------------- manifest


def load_manifest(folder: Path = TABLES) -> dict[str, Any]:
    """Return ``manifest.json``: for each table its rows, checksum, sources, code and gaps."""
    path = folder / "manifest.json"
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise TableError(f"Le manifeste {path} n’existe pas.", hint=_HINT) from error
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise TableError(f"Le manifeste {path} est illisible : {error}.", hint=_HINT) from error
    if not isinstance(content, dict) or not isinstance(content.get("tables"), dict):
        raise TableError(f"Le manifeste {path} ne décrit aucune table.", hint=_HINT)
    return content


def verify_tables(folder: Path = TABLES) -> list[str]:
    """Compare each embedded table with the manifest; return one French sentence a fault."""
    faults = []
    for name, entry in sorted(load_manifest(folder)["tables"].items()):
        path = folder / entry["file"]
        if not path.is_file():
            faults.append(f"La table {name} manque ({path.name}).")
        elif file_sha256(path) != entry["sha256"]:
            faults.append(f"La table {name} n’est pas celle du manifeste ({path.name}).")
    return faults


def _path(name: str) -> Path:
    path = TABLES / f"{name}.parquet"
    if not path.is_file():
        raise TableError(f"La table embarquée {name} manque ({path}).", hint=_HINT)
    _check_intact(path, path.stat().st_mtime_ns)
    return path


@lru_cache(maxsize=64)
def _check_intact(path: Path, _changed_ns: int) -> None:
    """Refuse a table that is not, to the byte, that of the manifest: damaged or half built."""
    entry = load_manifest(path.parent)["tables"].get(path.stem)
    if entry and file_sha256(path) != entry["sha256"]:
        raise TableError(
            f"La table embarquée {path.stem} est abîmée : ce n’est pas celle du manifeste.",
            hint="Reprenez la table versionnée (git checkout data/tables), ou reconstruisez-la"
            " avec « pvd data ».",
        )


# --------------------------------------------------------------------------- loading


@lru_cache(maxsize=1)
def _towns() -> pd.DataFrame:
    return pd.read_parquet(_path("towns"))


def load_towns(*, pvd: bool = False) -> pd.DataFrame:
    """Load the towns of the universe, or the PVD only, one line a town, sorted by code.

    Returns
    -------
    DataFrame
        ``code``, ``name``, ``departement``, ``departement_name``, ``region``,
        ``region_name``, ``epci``, ``epci_name``, ``pop_2006`` … ``pop_2023`` (inhabitants),
        ``area_km2``, ``density`` (1 to 7), ``aav``, ``aav_name``, ``aav_category``,
        ``aav_size``, ``lon``, ``lat`` (centroid, EPSG:4326), ``epsg`` (local projected CRS),
        ``pvd``, ``pvd_signed``, ``acv``.
    """
    towns = _towns()
    return (towns[towns["pvd"]] if pvd else towns).reset_index(drop=True).copy()


@lru_cache(maxsize=1)
def _populations() -> pd.DataFrame:
    towns = _towns()
    years = [column for column in towns.columns if re.fullmatch(r"pop_\d{4}", column)]
    long = towns.melt("code", years, var_name="year", value_name="population")
    long["year"] = long["year"].str.removeprefix("pop_").astype("int64")
    return long.sort_values(["code", "year"], ignore_index=True)


def load_indicators(
    ids: str | Iterable[str] | None = None,
    *,
    codes: Iterable[str] | None = None,
    years: Iterable[int] | None = None,
    rates: bool = False,
) -> pd.DataFrame:
    """Load indicators of the whole universe, or of some towns and years.

    Parameters
    ----------
    ids : str or iterable of str, optional
        Identifiers of ``data/indicators.yml``; all when not given.
    codes, years : iterable, optional
        Towns and years to keep.
    rates : bool
        Add ``population`` (inhabitants that year, or in the nearest year known) and
        ``rate``: the value over its denominator, times the scale of the catalogue (``NaN``
        for an indicator without denominator).

    Returns
    -------
    DataFrame
        ``code``, ``indicator``, ``year``, ``value``, ``status`` (``ok``, ``zero``,
        ``absent``, ``secret``), sorted by indicator, year and code.

    Raises
    ------
    CatalogueError
        An identifier is not in the catalogue.
    """
    catalogue = load_indicators_catalogue()
    wanted = [ids] if isinstance(ids, str) else list(ids) if ids is not None else list(catalogue)
    unknown = [i for i in wanted if i not in catalogue]
    if unknown:
        near = difflib.get_close_matches(unknown[0], catalogue, n=3)
        raise CatalogueError(
            f"L’indicateur « {unknown[0]} » n’est pas dans data/indicators.yml.",
            hint=f"Vouliez-vous dire : {', '.join(near)} ?" if near else "",
        )
    groups = sorted({str(catalogue[i].build["table"]) for i in wanted})
    kept = {"indicator": wanted}
    if codes is not None:
        kept["code"] = list(codes)
    parts = []
    for group in groups:
        table = _indicator_group(group)
        mask = np.ones(len(table), dtype=bool)
        for column, values in kept.items():
            mask &= _is_in(table, column, values)
        if years is not None:
            mask &= np.isin(table["year"].to_numpy(), [int(year) for year in years])
        parts.append(_spelled(table.filter(mask)))
    frame = pa.concat_tables(parts).to_pandas(ignore_metadata=True)
    frame = frame.sort_values(["indicator", "year", "code"], ignore_index=True)
    return _with_rates(frame) if rates else frame


@lru_cache(maxsize=len(INDICATOR_GROUPS))
def _indicator_group(group: str) -> pa.Table:
    """Return a file of indicators, its texts kept as numbers of a dictionary."""
    words = ["code", "indicator", "status"]
    return pq.read_table(_path(f"indicators_{group}"), read_dictionary=words).combine_chunks()


def _spelled(table: pa.Table) -> pa.Table:
    """Return a table of indicators, its texts written in full."""
    for place, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type):
            table = table.set_column(place, field.name, table[place].cast(pa.large_string()))
    return table


def _is_in(table: pa.Table, column: str, values: Sequence[str]) -> NDArray[np.bool_]:
    """Tell which lines have one of some words, by looking at the dictionary only."""
    words = table[column].combine_chunks()
    hit = pc.is_in(words.dictionary, value_set=pa.array(values, words.dictionary.type))
    mask: NDArray[np.bool_] = hit.to_numpy(zero_copy_only=False)[words.indices.to_numpy()]
    return mask


def _with_rates(frame: pd.DataFrame) -> pd.DataFrame:
    catalogue = load_indicators_catalogue()
    scale = {i: catalogue[i].scale for i in frame["indicator"].unique() if catalogue[i].denominator}
    population = _populations()
    population = population[population["code"].isin(frame["code"].unique())].dropna()
    pairs = frame[["code", "year"]].drop_duplicates().astype({"year": "int64"})
    nearest = pd.merge_asof(
        pairs.sort_values("year"),
        population.sort_values("year"),
        on="year",
        by="code",
        direction="nearest",
    )
    frame = frame.astype({"year": "int64"}).merge(nearest, on=["code", "year"], how="left")
    factor = frame["indicator"].map(scale).astype("float64")
    frame["rate"] = factor * frame["value"] / frame["population"]
    return frame


#: Structural variables that are columns of ``towns`` -> how they are read there.
_OF_TOWNS: Final[Mapping[str, str]] = {
    "population": f"pop_{LATEST_POPULATION}",
    "grille_densite": "density",
    "taille_aav": "aav_size",
    ROLE: "aav_category",
    "latitude": "lat",
    "longitude": "lon",
}


def load_structure() -> pd.DataFrame:
    """Load what a town is compared on, one line a town of the universe.

    Returns
    -------
    DataFrame
        Index ``code``; one column a variable of :data:`utils.peers.VARIABLES`, in its own
        unit, missing values as they are.
    """
    towns = _towns().set_index("code")
    columns = {name: towns[column] for name, column in _OF_TOWNS.items()}
    columns["densite_population"] = towns[_OF_TOWNS["population"]] / towns["area_km2"]
    asked = [variable.id for variable in VARIABLES if variable.id not in columns]
    lines = load_indicators(asked, rates=True)
    rated = [i for i in asked if load_indicators_catalogue()[i].denominator]
    lines["read"] = lines["rate"].where(lines["indicator"].isin(rated), lines["value"])
    wide = lines.pivot(index="code", columns="indicator", values="read").assign(**columns)
    frame = wide[[variable.id for variable in VARIABLES]]
    numeric = [variable.id for variable in VARIABLES if variable.id != ROLE]
    return frame.astype(dict.fromkeys(numeric, "float64")).rename_axis("code")


def load_departements() -> gpd.GeoDataFrame:
    """Load the outlines of the départements: ``code``, ``geometry`` (EPSG:4326)."""
    return gpd.read_parquet(_path("contours_departements"))


def load_contours() -> gpd.GeoDataFrame:
    """Load the outlines of the PVD: ``code``, ``geometry`` (EPSG:4326, geography of 2018)."""
    return gpd.read_parquet(_path("contours_pvd"))


def load_places() -> pd.DataFrame:
    """Load the places of culture of the PVD, duplicates across sources resolved.

    Returns
    -------
    DataFrame
        ``code``, ``kind`` (BASILIC), ``group`` (``vivant``, ``patrimoine``, ``autre``),
        ``name``, ``lon``, ``lat`` (EPSG:4326), ``precise`` (the point is an address),
        ``sources`` (joined by ``"+"``), ``screens``, ``seats``, ``art_et_essai`` (cinemas).
    """
    return pd.read_parquet(_path("lieux_culture"))


def load_reach() -> pd.DataFrame:
    """Load the inhabitants around each PVD by straight distance to culture.

    Returns
    -------
    DataFrame
        ``code``, ``kind`` (:data:`utils.culture.REACHED`), ``inhabitants`` (around the town),
        ``within_5``, ``within_10``, ``within_20`` (of them, by kilometres). No overseas town.
    """
    return pd.read_parquet(_path("acces_culture"))


def load_cinemas() -> pd.DataFrame:
    """Load the yearly history of cinemas: :func:`utils.culture.cinema_history`.

    ``group`` is ``pvd``, ``petites`` (other towns of the universe) or ``ailleurs``.
    """
    return pd.read_parquet(_path("cinemas"))


def load_concentration() -> pd.DataFrame:
    """Load how concentrated culture is: :func:`utils.culture.concentration`, and ``group``."""
    return pd.read_parquet(_path("concentration_culture"))


def load_care_distances() -> pd.DataFrame:
    """Load how far the inhabitants of each PVD with squares are from care, as the crow flies.

    Returns
    -------
    DataFrame
        ``code``, ``kind``, ``age`` (``tous``, then :data:`utils.care.AGES`), ``persons``,
        ``median_km``, ``within_0.5``… (%), as :func:`utils.care.distances_by_commune` says.
    """
    return pd.read_parquet(_path("distances_soins"))


def load_detours() -> pd.DataFrame:
    """Load how much longer streets are than straight lines (:func:`utils.care.detours`)."""
    return pd.read_parquet(_path("osm_detours"))


def load_street_cells() -> pd.DataFrame:
    """Load inhabitants and minutes in cells of 100 m (EPSG:2154) of the towns with streets.

    Returns
    -------
    DataFrame
        ``code``, ``x``, ``y``, ``persons``, ``imputed_persons``, ``edge_walk``, ``edge_bike``
        (persons whose time the edge may change), ages, then ``walk_doctor``…
        (minutes), ``leave_walk`` (minutes to the edge of the extract), ``straight_doctor``…
        (metres). Derived from OpenStreetMap (ODbL), as all that begins with ``osm_``.
    """
    return pd.read_parquet(_path("osm_acces_soins"))


def load_street_shares() -> pd.DataFrame:
    """Load the shares of inhabitants by minutes (:func:`utils.access.curves`), by ``code``."""
    return pd.read_parquet(_path("osm_parts_soins"))


def load_street_places() -> pd.DataFrame:
    """Load the care placed around these towns: ``code, kind, source, lon, lat``."""
    return pd.read_parquet(_path("osm_lieux_soins"))


def load_street_shapes() -> gpd.GeoDataFrame:
    """Load the pictures of these towns: ``code, layer, mode, kind, minutes, geometry``."""
    return gpd.read_parquet(_path("osm_carte_soins"))


def load_street_sensitivity() -> pd.DataFrame:
    """Load what other choices would give: ``code, mode, kind, variant, share`` (%)."""
    return pd.read_parquet(_path("osm_sensibilite_soins"))


def load_street_ranks() -> pd.DataFrame:
    """Load the minutes to the nearest places: ``code, mode, kind, rank, median_min, share``.

    As :func:`utils.access.ranks` says them.
    """
    return pd.read_parquet(_path("osm_rangs_soins"))


def load_signs() -> pd.DataFrame:
    """Load the shops by class of sign: ``code``, ``famille``, ``classe``, ``value``, ``status``.

    Towns of the départements that the copy of Sirene covers only; ``famille`` is a key of
    :data:`utils.commerce.FAMILIES` or ``ensemble``, ``classe`` one of
    :data:`utils.brands.CLASSES`; a cell of one or two shops is ``secret`` (NaN).
    """
    return pd.read_parquet(_path("enseignes"))


def load_chains_of_programme() -> pd.DataFrame:
    """Load the shops by class over the PVD that Sirene covers.

    ``famille`` (or a key of :data:`utils.commerce.CHAIN_TRADES`, whose shops are of a family
    too), ``classe``, ``value``, ``towns`` (number of PVD).
    """
    return pd.read_parquet(_path("chaines_pvd"))


def load_shop_squares() -> pd.DataFrame:
    """Load the 200 m squares with three shops or more (:func:`utils.commerce.count_squares`).

    ``code``, ``lon``, ``lat`` (middle, WGS 84), ``value`` (shops), ``located`` (shops of the
    commune that have a point); the PVD of the départements that the copy of Sirene covers.
    """
    return pd.read_parquet(_path("carreaux_commerces"))


def load_osm_shops() -> pd.DataFrame:
    """Load the shops of the towns that an extract of OpenStreetMap holds (ODbL).

    ``code``, ``famille``, ``classe`` (:data:`utils.brands.CLASSES`, ``chaine`` where the tag
    ``brand`` is set), ``lon``, ``lat`` (WGS 84), ``near`` (a town hall or a place of worship
    within :data:`utils.commerce.CORE_M`), ``source``.
    """
    return pd.read_parquet(_path("osm_commerces"))


def load_detector() -> pd.DataFrame:
    """Load how good the detector of chains is: :func:`utils.brands.detector_scores`, ``part``."""
    return pd.read_parquet(_path("detecteur"))


def load_energy() -> pd.DataFrame:
    """Load the renewable energy of the towns by filière.

    Returns
    -------
    DataFrame
        ``code``, ``year``, ``filiere`` (of the register, ``eolien_en_mer`` apart),
        ``installations``, ``power_kw``, ``energy_mwh``, ``method``
        (:data:`utils.energy.METHODS`), ``rank`` (among the communes of the region),
        ``rank_total`` (the same for all renewable filières together).
    """
    return pd.read_parquet(_path("production_energie"))


def load_energy_regions() -> pd.DataFrame:
    """Load power, energy and load factor of each region, summed over all its communes.

    Returns
    -------
    DataFrame
        ``region``, ``name``, ``population``, ``area_km2``, ``filiere``, ``communes``,
        ``communes_total`` (ranked, all filières together), ``installations``, ``power_kw``,
        ``energy_mwh``, ``odre_mwh`` (published), ``factor`` (0 to 1), ``method``.
    """
    return pd.read_parquet(_path("energie_regions"))


def load_energy_history() -> pd.DataFrame:
    """Load the yearly production of the regions: ``region, year, filiere, gwh``.

    ``filiere`` is ``consommation`` for the net consumption; the overseas have no line.
    """
    return pd.read_parquet(_path("energie_histoire"))


def load_consumption_regions() -> pd.DataFrame:
    """Load the consumption of the regions, summed over their communes.

    ``region``, ``year``, ``energy``, ``sector``, ``mwh``, ``communes``, ``unknown`` (communes
    that lack the sector), ``population``.
    """
    return pd.read_parquet(_path("consommation_regions"))


def load_consumption_secrets() -> pd.DataFrame:
    """Load what is known of the secrecy of the consumption of the towns.

    ``code``, ``energy``, ``unknown_mwh`` (published without a sector, NaN when none is),
    ``masked`` (suppressed cells, NA when the producer does not say).
    """
    return pd.read_parquet(_path("consommation_secrets"))


def load_energy_errors() -> pd.DataFrame:
    """Load estimate and truth of the communes of the Lot.

    ``code``, ``filiere``, ``power_kw``, ``power_before_kw`` (2024), ``injected_mwh``,
    ``estimated_mwh``.
    """
    return pd.read_parquet(_path("erreur_energie"))


def load_energy_gaps() -> pd.DataFrame:
    """Load the estimate of départements and what Enedis measured, where it carries it all.

    ``region``, ``departement``, ``filiere``, ``network_mwh``, ``estimated_mwh``, ``coverage``
    (share of the region's production that the network carries).
    """
    return pd.read_parquet(_path("ecart_departements"))


def load_register_blanks() -> pd.DataFrame:
    """Load what the register does not place, by derived region and filière.

    ``region``, ``filiere``, ``lines``, ``power_kw``, then ``no_commune_lines``,
    ``no_region_lines`` and the same in ``_kw``.
    """
    return pd.read_parquet(_path("registre_manques"))


def load_wind() -> pd.DataFrame:
    """Load the wind of every commune of France that has some, farms at sea apart.

    ``code``, ``name``, ``filiere``, ``installations``, ``power_kw``, ``energy_mwh``,
    ``method``, ``lon``, ``lat`` (middle of the commune, EPSG:4326).
    """
    return pd.read_parquet(_path("eolien_communes"))


def load_farms() -> pd.DataFrame:
    """Load the wind farms that have a position.

    ``name``, ``code``, ``at_sea``, ``power_kw``, ``year_in``, ``energy_mwh``, ``method``,
    ``register_km`` (to the nearest commune with wind in the register), ``placed`` (false where
    the position cannot be right), ``lon``, ``lat`` (EPSG:4326, some approximate).
    """
    return pd.read_parquet(_path("parcs_eoliens"))


def load_brands() -> pd.DataFrame:
    """Load the brands, supplement included: ``brand, wikidata, key, value, names, scope``.

    The names of ``data/brands_generic.csv`` tell no brand, and are left out.
    """
    supplement = _load_csv("brands_supplement.csv").drop(columns="source")
    frame = pd.concat([_load_csv("brands.csv"), supplement], ignore_index=True)
    generic = set(_load_csv("brands_generic.csv")["name"])
    frame["names"] = [
        "|".join(name for name in names.split("|") if name not in generic)
        for names in frame["names"]
    ]
    return frame[frame["names"] != ""].reset_index(drop=True)


def load_naf() -> pd.DataFrame:
    """Load the activities that are shops: ``data/naf_commerce.csv`` (all columns ``str``)."""
    return _load_csv("naf_commerce.csv")


def _load_csv(name: str) -> pd.DataFrame:
    return pd.read_csv(DATA / name, dtype=str, keep_default_na=False)


def load_bpe_types() -> pd.DataFrame:
    """Load the correspondence of BPE types, ``data/bpe_types.csv`` (all columns ``str``)."""
    return _load_csv("bpe_types.csv")


def load_osm_types() -> pd.DataFrame:
    """Load the tags of OpenStreetMap that are shops, and their family: ``osm``, ``famille``."""
    return _load_csv("osm_types.csv")


def load_culture_types() -> pd.DataFrame:
    """Load the classes of places of culture, ``data/culture_types.csv`` (all columns ``str``)."""
    return _load_csv("culture_types.csv")


# --------------------------------------------------------------------------- one town

#: A code of commune, that the first zero may lack.
_CODE = re.compile(r"\d[\dAaBb]?\d{3}")
_QUERY = re.compile(r"^(?P<name>.*?)\s*(?:\(\s*(?P<departement>\d[0-9AaBb]\d?)\s*\))?$", re.DOTALL)


def load_town(query: str) -> pd.Series:
    """Find one town of the universe by its name or its code.

    Parameters
    ----------
    query : str
        ``"46127"``, ``"Gourdon"``, ``"gourdon (46)"``; case, accents, hyphens and
        apostrophes do not count, ``St`` is ``Saint``.

    Returns
    -------
    Series
        The town's line of :func:`load_towns`.

    Raises
    ------
    TownAmbiguousError
        Several towns have that name; the message lists them.
    TownNotFoundError
        None has; the message suggests the nearest names.
    """
    towns = _towns()
    # Half a character, which a terminal may give, is no letter of a name.
    text = query.encode("utf-8", "replace").decode().strip()
    shown = text if len(text) <= LONGEST_QUOTE else f"{text[:LONGEST_QUOTE]}…"
    by_code = towns[towns["code"] == text.upper().zfill(5)]
    if len(by_code) == 1:
        return by_code.iloc[0].copy()
    parts = _QUERY.match(text)
    name = fold_name(parts["name"] if parts else text)
    departement = (parts["departement"] or "").upper() if parts else ""
    folded = towns["name"].map(fold_name)
    found = towns[(folded == name) & (not departement or towns["departement"] == departement)]
    if len(found) == 1:
        return found.iloc[0].copy()
    if len(found) > 1:
        matches = _labels(found)
        raise TownAmbiguousError(
            f"Plusieurs communes s’appellent « {shown} » : {', '.join(matches)}.",
            hint=f"Précisez le code ou le département, par exemple"
            f" « {found['name'].iloc[0]} ({found['departement'].iloc[0]}) ».",
            matches=matches,
        )
    if _CODE.fullmatch(text):
        raise TownNotFoundError(
            f"Aucune petite ville du livre n’a le code « {shown} ».",
            hint="La commune a plus de 30 000 habitants, moins de 500, ou ce code est inconnu :"
            " le livre couvre les communes de 500 à 30 000 habitants et toutes les Petites villes"
            " de demain.",
        )
    near = difflib.get_close_matches(name, folded.unique(), n=4, cutoff=0.6) if name else []
    suggestions = _labels(towns[folded.isin(near)].head(6))
    raise TownNotFoundError(
        f"Aucune petite ville du livre ne s’appelle « {shown} ».",
        hint=f"Noms voisins : {', '.join(suggestions)}."
        if suggestions
        else "Le livre couvre les communes de 500 à 30 000 habitants"
        " et toutes les Petites villes de demain : essayez le code Insee.",
        suggestions=suggestions,
    )


def _labels(towns: pd.DataFrame) -> Sequence[str]:
    return [f"{name} ({code})" for name, code in zip(towns["name"], towns["code"], strict=True)]
