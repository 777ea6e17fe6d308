"""The open-data package of the tables: CSV, Parquet, GeoJSON, described as a Data Package.

``datapackage.json`` follows the Data Package and Table Schema specifications of Frictionless
Data. What derives from OpenStreetMap is in files of its own, under its own licence. The same
tables give the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd
import shapely
import yaml

from utils import __version__, tables
from utils.catalogue import DATA, Source, load_indicators_catalogue, load_sources
from utils.errors import TableError, reason
from utils.formats import counted, number, typographic
from utils.provenance import repository
from utils.spreadsheet import csv_bytes, neutralised

__all__ = ["NAME", "PackageReport", "write_package"]

#: Name of the package, which also tells an earlier one from another folder.
NAME: Final = "portrait-petites-villes"

OPEN_LICENCE: Final = "LO-2.0"
SHARE_ALIKE: Final = "ODbL-1.0"

#: Licences of what the package holds.
LICENCES: Final[Mapping[str, Mapping[str, str]]] = {
    OPEN_LICENCE: {
        "name": "etalab-2.0",
        "title": "Licence Ouverte 2.0",
        "path": "https://www.etalab.gouv.fr/licence-ouverte-open-licence/",
    },
    SHARE_ALIKE: {
        "name": "ODbL-1.0",
        "title": "Open Database License 1.0",
        "path": "https://opendatacommons.org/licenses/odbl/1-0/",
    },
}

#: Decimals kept of the coordinates in the GeoJSON, degrees: about one metre.
COORDINATE_DECIMALS: Final = 5

#: Year at the end of the name of a column (``pop_2023``).
_YEAR_AT_END: Final = re.compile(r"(?<=_)\d{4}$")
_STATUSES: Final = ("ok", "zero", "absent", "secret")
#: Columns that tell a line from the others, by table; indicators have theirs.
_KEYS: Final[Mapping[str, Sequence[str]]] = {"towns": ("code",)}
_INDICATOR_KEY: Final = ("code", "indicator", "year")
#: Tables of outlines, which the GeoJSON replaces.
_OUTLINES: Final = ("contours_pvd", "contours_departements")
_TITLES: Final[Mapping[str, str]] = {
    "towns": "Communes de 500 à 30 000 habitants et Petites villes de demain",
    "lieux_culture": "Lieux de culture des Petites villes de demain",
    "acces_culture": "Habitants autour de chaque ville, selon la distance à la culture",
    "cinemas": "Histoire des cinémas",
    "concentration_culture": "Concentration des lieux de culture par département",
    "enseignes": "Commerces par commune, famille et classe d’enseigne",
    "chaines_pvd": "Commerces par classe d’enseigne dans l’ensemble du programme",
    "detecteur": "Justesse du repérage des chaînes",
    "carreaux_commerces": "Carrés de 200 m d’au moins trois commerces",
    "osm_commerces": "Commerces d’après OpenStreetMap, villes dont un extrait est fourni",
    "production_energie": "Puissance et énergie renouvelables par commune, filière et année",
    "energie_regions": "Production et facteur de charge des régions",
    "energie_histoire": "Production et consommation des régions depuis 2008",
    "consommation_regions": "Consommation des régions par secteur",
    "consommation_secrets": "Ce que l’on sait du secret des consommations de chaque commune",
    "erreur_energie": "Erreur de l’estimation de l’énergie",
    "ecart_departements": "Énergie estimée et mesurée par département",
    "eolien_communes": "Éolien par commune",
    "parcs_eoliens": "Parcs éoliens",
    "registre_manques": "Ce que le registre des installations électriques ne situe pas",
    "distances_soins": "Habitants de chaque ville selon la distance aux soignants, à vol d’oiseau",
    "osm_acces_soins": "Accès aux soins à pied et à vélo, par maille de 100 m",
    "osm_parts_soins": "Part des habitants selon la durée du trajet vers les soins",
    "osm_lieux_soins": "Lieux de soins des villes dont un extrait est fourni",
    "osm_carte_soins": "Limite, rues et isochrones des villes dont un extrait est fourni",
    "osm_rangs_soins": "Temps à pied et à vélo jusqu’aux trois lieux de soins les plus proches",
    "osm_sensibilite_soins": "Ce que d’autres choix changeraient à l’accès aux soins",
    "osm_detours": "De combien le chemin est plus long que la ligne droite",
}
_GROUPS: Final[Mapping[str, str]] = {
    "territoire": "territoire",
    "equipements": "équipements",
    "culture": "culture",
    "energie": "énergie",
    "soins": "accès aux soins",
    "distances": "distance aux soignants",
}


@dataclass(frozen=True, slots=True)
class PackageReport:
    """What was written: the folder, its files, their bytes, the cells made harmless."""

    folder: Path
    files: int
    size: int
    neutralised: int

    def sentence(self) -> str:
        """Say it in French."""
        cells = counted(self.neutralised, "texte neutralisé", "textes neutralisés")
        return typographic(
            f"Le paquet est dans {self.folder} : {counted(self.files, 'fichier')},"
            f" {number(self.size / 1e6, 1)} Mo ; {cells} pour les tableurs."
        )


@dataclass(slots=True)
class _Resource:
    """A table to write: its frame for CSV, what Parquet has, and what is said of it.

    Parquet has the embedded table as it is (its path), a part of it (a frame), or nothing.
    """

    name: str
    title: str
    frame: pd.DataFrame
    whole: Path | pd.DataFrame | None
    licence: str
    sources: list[Source]
    key: Sequence[str] = ()
    note: str = ""
    table: str = ""


def write_package(folder: Path) -> PackageReport:
    """Write the package in a folder, replaced in one step when it is an earlier package.

    Raises
    ------
    TableError
        The folder holds something else; an embedded table is missing, is not that of its
        manifest, or gives a value for what it says is secret.
    """
    folder = folder.resolve()
    _check_folder(folder)
    faults = tables.verify_tables()
    if faults:
        raise TableError(" ".join(faults), hint="Reconstruisez-les avec « pvd data ».")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".paquet-") as scratch:
            new = Path(scratch) / "new"
            new.mkdir()
            cells = _write(new)
            files = [path for path in new.rglob("*") if path.is_file()]
            size = sum(path.stat().st_size for path in files)
            if folder.exists():
                folder.rename(Path(scratch) / "old")
            new.rename(folder)
    except OSError as error:
        raise TableError(
            f"Le paquet ne peut pas être écrit dans {folder} : {reason(error)}.",
            hint="Donnez un autre dossier par --output, ou libérez de la place.",
        ) from error
    return PackageReport(folder, len(files), size, cells)


def _check_folder(folder: Path) -> None:
    """Refuse to replace what is not an earlier package."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    try:
        known = json.loads((folder / "datapackage.json").read_text(encoding="utf-8"))
        if known["name"] == NAME:
            return
    except (OSError, ValueError, KeyError, TypeError):
        pass
    raise TableError(
        f"« {folder} » existe et n’est pas un paquet de données du livre.",
        hint="Donnez un autre dossier par --output.",
    )


# --------------------------------------------------------------------------- resources


def _resources() -> Iterator[_Resource]:
    """Give the tables of the package, in the order in which it lists them."""
    manifest = tables.load_manifest()["tables"]
    known = load_sources()
    pvd = set(tables.load_towns(pvd=True)["code"])
    for name in ("towns", *sorted(set(manifest) - {"towns", *_OUTLINES})):
        path = tables.TABLES / manifest[name]["file"]
        frame = pd.read_parquet(path)
        _refuse_told_secrets(frame, name)
        read = [known[one["id"]] for one in manifest[name]["sources"] if one["id"] in known]
        if name.startswith("indicators_"):
            yield from _indicators(name, path, frame, pvd)
            continue
        shown = name.replace("_", "-") if name != "towns" else "communes"
        yield _Resource(
            name=shown,
            title=_TITLES.get(name, name),
            frame=frame,
            whole=path,
            licence=_licence(read),
            sources=read,
            key=_KEYS.get(name, ()),
            table=name,
        )
    yield _dictionary()
    yield _list_of_sources()


def _indicators(name: str, path: Path, frame: pd.DataFrame, pvd: set[str]) -> Iterator[_Resource]:
    """Give one group of indicators, those under another licence apart."""
    group = name.removeprefix("indicators_")
    catalogue, known = load_indicators_catalogue(), load_sources()
    by_licence: dict[str, list[str]] = {}
    for one in frame["indicator"].unique():
        licence = _licence([known[source] for source in catalogue[one].sources])
        by_licence.setdefault(licence, []).append(one)
    for licence, ids in sorted(by_licence.items()):
        whole = frame[frame["indicator"].isin(ids)].reset_index(drop=True)
        used = dict.fromkeys(source for one in ids for source in catalogue[one].sources)
        apart = licence == SHARE_ALIKE
        yield _Resource(
            name=f"indicateurs-{group}{'-osm' if apart else ''}",
            title=f"Indicateurs : {_GROUPS.get(group, group)}"
            f"{' (d’après OpenStreetMap)' if apart else ''}",
            frame=whole[whole["code"].isin(pvd)].reset_index(drop=True),
            whole=whole if len(by_licence) > 1 else path,
            licence=licence,
            sources=[known[source] for source in used],
            key=_INDICATOR_KEY,
            note="CSV : les Petites villes de demain ; Parquet : toutes les communes.",
            table=name,
        )


def _dictionary() -> _Resource:
    """Return the definitions of the indicators as a table."""
    rows = [
        {
            "indicator": one.id,
            "libelle": one.label,
            "unite": one.unit,
            "decimales": one.decimals,
            "definition": one.definition,
            "theme": one.theme,
            "denominateur": one.denominator,
            "unite_du_taux": one.rate_unit,
            "secret": one.secrecy,
            "manques": one.gaps,
            "sources": " + ".join(one.sources),
            "annees": " ".join(str(year) for year in one.years),
        }
        for one in load_indicators_catalogue().values()
    ]
    frame = pd.DataFrame(rows)
    title = "Définition des indicateurs"
    return _Resource("indicateurs", title, frame, None, OPEN_LICENCE, [], key=("indicator",))


def _list_of_sources() -> _Resource:
    """Return the sources of the package as a table: who to cite, and how."""
    used = _ids_used()
    rows = [
        {
            "source": one.id,
            "titre": one.title,
            "producteur": one.producer,
            "millesime": str(one.vintage),
            "licence": one.licence,
            "page": one.landing,
            "attribution": one.attribution,
        }
        for one in load_sources().values()
        if one.id in used
    ]
    title = "Sources, avec l’attribution que chacune demande"
    return _Resource("sources", title, pd.DataFrame(rows), None, OPEN_LICENCE, [], key=("source",))


def _ids_used() -> set[str]:
    entries = tables.load_manifest()["tables"].values()
    read = {one["id"] for entry in entries for one in entry["sources"]}
    return read | {name for one in load_indicators_catalogue().values() for name in one.sources}


def _licence(read: Sequence[Source]) -> str:
    """Return the licence of what derives from some sources: that of OpenStreetMap spreads."""
    return SHARE_ALIKE if any(one.licence == SHARE_ALIKE for one in read) else OPEN_LICENCE


def _refuse_told_secrets(frame: pd.DataFrame, name: str) -> None:
    """Stop when a line said secret or absent has a value."""
    if "status" not in frame or "value" not in frame:
        return
    told = frame["status"].isin(["secret", "absent"]) & frame["value"].notna()
    if told.any():
        raise TableError(
            f"La table {name} donne une valeur à {int(told.sum())} lignes secrètes ou absentes.",
            hint="Le paquet n’est pas écrit : reconstruisez la table avec « pvd data ».",
        )


# --------------------------------------------------------------------------- files


def _write(folder: Path) -> int:
    """Write every file of the package; return how many cells were made harmless."""
    columns: Mapping[str, str] = yaml.safe_load((DATA / "columns.yml").read_text("utf-8"))
    described: list[dict[str, Any]] = []
    resources = list(_resources())
    cells = 0
    for one in resources:
        plain = _plain(one)
        csv = folder / f"{one.name}.csv"
        csv.write_bytes(csv_bytes(plain))
        cells += neutralised(plain)[1]
        about = _about(one)
        schema = _schema(one, plain, columns)
        described.append({**about, **_table_file(csv), "name": one.name, "schema": schema})
        if one.whole is not None:
            parquet = folder / f"{one.name}.parquet"
            if isinstance(one.whole, Path):
                shutil.copyfile(one.whole, parquet)
            else:
                tables.write_parquet(one.whole, parquet)
            described.append({**about, **_file(parquet, "parquet"), "name": f"{one.name}-parquet"})
    outlines = folder / "communes-pvd.geojson"
    outlines.write_text(_geojson(), encoding="utf-8")
    described.append(_outlines(outlines))
    (folder / "README.md").write_text(_readme(described, cells), encoding="utf-8")
    (folder / "LICENCES.md").write_text(_licences(described), encoding="utf-8")
    tables.write_json(_descriptor(described), folder / "datapackage.json")
    return cells


def _plain(resource: _Resource) -> pd.DataFrame:
    """Return the frame as the CSV has it: whole numbers without point, dates, booleans, WKT."""
    frame = resource.frame.copy()
    if "geometry" in frame:
        frame["geometry"] = shapely.to_wkt(
            shapely.from_wkb(frame["geometry"]), rounding_precision=COORDINATE_DECIMALS
        )
    for name in frame.columns:
        column = frame[name]
        known = column.dropna()
        if (
            column.dtype == object
            and len(known)
            and known.map(lambda one: isinstance(one, bool)).all()
        ):
            frame[name] = column.astype("boolean")
        whole = column.dtype.kind == "f" and (known == known.round()).all() and len(known) > 0
        if whole and resource.key != _INDICATOR_KEY:
            frame[name] = column.astype("Int64")
    return frame


def _type(column: pd.Series) -> str:
    if pd.api.types.is_bool_dtype(column.dtype):
        return "boolean"
    if pd.api.types.is_integer_dtype(column.dtype):
        return "integer"
    if pd.api.types.is_float_dtype(column.dtype):
        return "number"
    return "date" if pd.api.types.is_datetime64_any_dtype(column.dtype) else "string"


def _described(resource: _Resource, name: str, columns: Mapping[str, str]) -> str:
    """Return what ``columns.yml`` says of a column; empty when it says nothing."""
    asked = (f"{resource.table or resource.name}.{name}", name, _YEAR_AT_END.sub("*", name))
    return next((columns[key] for key in asked if key in columns), "")


def _schema(resource: _Resource, frame: pd.DataFrame, columns: Mapping[str, str]) -> dict[str, Any]:
    """Return the Table Schema of a CSV."""
    fields = []
    for name in map(str, frame.columns):
        field: dict[str, Any] = {"name": name, "type": _type(frame[name])}
        if told := _described(resource, name, columns):
            field["description"] = typographic(told)
        constraints: dict[str, Any] = {}
        if name in resource.key:
            constraints["required"] = True
        if name == "status":
            constraints |= {"enum": list(_STATUSES)}
        if name == "code" and resource.table:
            constraints |= {"pattern": "[0-9][0-9AB][0-9]{3}"}
        if constraints:
            field["constraints"] = constraints
        fields.append(field)
    schema: dict[str, Any] = {"fields": fields, "missingValues": [""]}
    if resource.key:
        schema["primaryKey"] = list(resource.key)
    if "indicator" in frame and resource.name != "indicateurs":
        target = {"resource": "indicateurs", "fields": ["indicator"]}
        schema["foreignKeys"] = [{"fields": ["indicator"], "reference": target}]
    return schema


def _about(resource: _Resource) -> dict[str, Any]:
    about: dict[str, Any] = {
        "title": typographic(resource.title),
        "licenses": [dict(LICENCES[resource.licence])],
    }
    if resource.note:
        about["description"] = typographic(resource.note)
    if resource.sources:
        about["sources"] = [_credit(one) for one in resource.sources]
    return about


def _credit(source: Source) -> dict[str, str]:
    """Return a source as a Data Package credits it."""
    credit = {"title": f"{source.attribution} (millésime {source.vintage})"}
    return {**credit, "path": source.landing} if source.landing else credit


def _file(path: Path, kind: str) -> dict[str, Any]:
    content = path.read_bytes()
    return {
        "path": path.name,
        "format": kind,
        "type": "table" if kind == "csv" else "file",
        "bytes": len(content),
        "hash": f"sha256:{hashlib.sha256(content).hexdigest()}",
    }


def _table_file(path: Path) -> dict[str, Any]:
    return {
        **_file(path, "csv"),
        "profile": "tabular-data-resource",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        "dialect": {"delimiter": ",", "lineTerminator": "\n", "header": True},
    }


def _geojson() -> str:
    """Return the outlines of the PVD and what identifies them (RFC 7946), a line a town."""
    shapes = tables.load_contours().set_index("code").geometry
    towns = tables.load_towns(pvd=True)
    population = f"pop_{tables.LATEST_POPULATION}"
    columns = ["code", "name", "departement", "region_name", "epci_name", population]
    lines = []
    for values in towns[columns].astype(object).to_numpy().tolist():
        known = dict(zip(columns, values, strict=True))
        shape = shapely.orient_polygons(shapes[known["code"]], exterior_cw=False)
        geometry = _rounded(shapely.geometry.mapping(shape))
        properties = {key: None if pd.isna(value) else value for key, value in known.items()}
        feature = {"type": "Feature", "properties": properties, "geometry": geometry}
        lines.append(json.dumps(feature, ensure_ascii=False, separators=(",", ":")))
    return '{"type":"FeatureCollection","features":[\n' + ",\n".join(lines) + "\n]}\n"


def _rounded(node: Any) -> Any:  # noqa: ANN401 — nested lists of numbers
    """Round the coordinates of a geometry."""
    if isinstance(node, dict):
        return {
            key: _rounded(value) if key == "coordinates" else value for key, value in node.items()
        }
    if isinstance(node, float):
        return round(node, COORDINATE_DECIMALS)
    return [_rounded(one) for one in node]


def _outlines(path: Path) -> dict[str, Any]:
    known = load_sources()
    read = [known[one["id"]] for one in tables.load_manifest()["tables"]["contours_pvd"]["sources"]]
    return {
        "name": "communes-pvd",
        "title": "Contours des Petites villes de demain",
        "description": typographic("Géographie de 2018, simplifiée ; WGS 84."),
        **_file(path, "geojson"),
        "mediatype": "application/geo+json",
        "encoding": "utf-8",
        "licenses": [dict(LICENCES[_licence(read)])],
        "sources": [_credit(one) for one in read],
    }


def _descriptor(resources: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "profile": "data-package",
        "name": NAME,
        "title": "Portrait des petites villes : les tables",
        "description": "Indicateurs, lieux de culture et commerces des petites villes de France,"
        " calculés à partir de données publiques. Lire README.md.",
        "version": __version__,
        "homepage": repository(),
        "keywords": ["petites villes de demain", "commerces", "culture", "énergie", "santé"],
        "licenses": [dict(one) for one in _licences_used(resources)],
        "resources": list(resources),
    }


def _licences_used(resources: Sequence[Mapping[str, Any]]) -> list[Mapping[str, str]]:
    named = {one["licenses"][0]["name"] for one in resources}
    return [one for one in LICENCES.values() if one["name"] in named]


# --------------------------------------------------------------------------- texts


def _readme(resources: Sequence[Mapping[str, Any]], cells: int) -> str:
    towns = tables.load_towns()
    lines = [
        "# Portrait des petites villes : les tables\n",
        f"{number(len(towns))} communes de 500 à 30 000 habitants et les"
        f" {number(int(towns['pvd'].sum()))} Petites villes de demain : des indicateurs calculés"
        " à partir de données publiques, leur définition et leurs sources. Le livre qui en est"
        f" tiré, son code et ses carnets : {repository()}.\n",
        "## Fichiers\n",
        "| Fichier | Contenu | Licence | Poids |\n|:---|:---|:---|---:|",
    ]
    for one in resources:
        size = f"{number(one['bytes'] / 1024)} Kio"
        title = f"{one['title']}. {one.get('description', '')}".strip()
        lines.append(f"| `{one['path']}` | {title} | {one['licenses'][0]['title']} | {size} |")
    lines += [
        "\n`datapackage.json` décrit chaque fichier (poids, empreinte SHA-256, colonnes, types,"
        " licence, sources) selon les spécifications Data Package et Table Schema :"
        " `frictionless validate datapackage.json` le vérifie.\n",
        "## Lire les valeurs\n",
        "Dans les tables d’indicateurs, `status` dit ce qu’est chaque valeur : `ok` ; `zero`, un"
        " vrai zéro ; `absent`, la source ne couvre pas cette commune ou cette année ; `secret`,"
        " le producteur la protège ou le livre la protège. Une valeur absente ou secrète est"
        " vide, jamais zéro. Les définitions sont dans `indicateurs.csv`.\n",
        "Les codes de communes sont des textes de cinq caractères : un tableur à qui l’on ne dit"
        " rien perd le zéro de 01306.\n",
        "## Forme des CSV\n",
        "UTF-8 sans marque, virgule, point décimal, dates ISO, fins de ligne LF. Un texte qui"
        " commence par =, +, -, @, une tabulation ou un retour à la ligne, et qui n’est pas un"
        " nombre, est précédé d’une apostrophe, comme l’OWASP le recommande, pour qu’aucun"
        f" tableur ne l’exécute : {counted(cells, 'cellule')} ici. Les nombres, et les fichiers"
        " Parquet, ne sont pas touchés.\n",
        "## Citer\n",
        "« Portrait des petites villes », version"
        f" {__version__}, puis les producteurs : `sources.csv` donne l’attribution que chacun"
        " demande. Les licences sont dans `LICENCES.md`.\n",
        "## Publier sur data.gouv.fr\n",
        "Titre, description et mots-clés : ceux de `datapackage.json`. Couverture spatiale :"
        " France, granularité communale. Fréquence : à chaque nouveau millésime des sources."
        " Licence du jeu : Licence Ouverte 2.0 ; les fichiers d’une autre licence sont à déposer"
        " dans un jeu à part. Chaque fichier se dépose tel quel, avec la description du tableau"
        " ci-dessus.",
    ]
    return typographic("\n".join(lines)) + "\n"


def _licences(resources: Sequence[Mapping[str, Any]]) -> str:
    """Write which licence holds for which file, and who is to be credited."""
    parts = ["# Licences, fichier par fichier\n"]
    for licence in _licences_used(resources):
        own = [one for one in resources if one["licenses"][0]["name"] == licence["name"]]
        credits_ = dict.fromkeys(c["title"] for one in own for c in one.get("sources", ()))
        parts.append(f"## {licence['title']}\n\n<{licence['path']}>\n")
        parts.append("\n".join(f"- `{one['path']}`" for one in own) + "\n")
        parts.append("À créditer :\n\n" + "\n".join(f"- {credit}" for credit in credits_) + "\n")
        if licence["name"] == SHARE_ALIKE:
            parts.append(
                "Une base de données dérivée de ces fichiers se partage sous la même licence.\n"
            )
    return typographic("\n".join(parts))
