"""The command line, ``pvd``: one French sentence an error, exit status 2."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from utils import __version__, book, build, doctor, fleet, sitecheck, sources, tables
from utils.build import one_town
from utils.catalogue import load_sources
from utils.errors import BookError, FleetError, NetworkError, PvdError

ROOT = Path(__file__).resolve().parent.parent

app = typer.Typer(
    help="Le portrait ouvert et reproductible des petites villes de France.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)
out = Console()
err = Console(stderr=True)


@app.command("data")
def data(
    only: Annotated[
        list[str] | None, typer.Option("--table", help="Ne reconstruire que cette table.")
    ] = None,
) -> None:
    """Reconstruire les tables embarquées à partir des sources."""
    report = build.build_tables(
        only=only or (), progress=lambda name: err.print(f"Table {name}…", highlight=False)
    )
    for name in report.written:
        out.print(f"{name} : réécrite.")
    for name in report.unchanged:
        out.print(f"{name} : inchangée.")
    for name, reason in report.failed.items():
        err.print(f"{name} : laissée telle quelle. {reason}", style="red", markup=False)
    if not report.ok:
        raise typer.Exit(2)


@app.command("sources")
def list_sources() -> None:
    """Lister les sources, leur millésime et leur licence."""
    table = Table("Identifiant", "Titre", "Producteur", "Millésime", "Licence")
    for name, source in load_sources().items():
        table.add_row(name, source.title, source.producer, str(source.vintage), source.licence)
    out.print(table)


@app.command("fetch")
def fetch(source: Annotated[str, typer.Argument(help="Identifiant de data/sources.yml.")]) -> None:
    """Obtenir le fichier d’une source : cache, miroir, puis producteur."""
    out.print(str(sources.fetch(source)), soft_wrap=True, markup=False, highlight=False)


@app.command("town")
def town(query: Annotated[str, typer.Argument(help="Nom ou code Insee.")]) -> None:
    """Trouver une petite ville par son nom ou son code."""
    line = tables.load_town(query)
    out.print(f"{line['name']} ({line['code']}), {line['departement_name']}", highlight=False)


@app.command("access")
def access_to_care(
    query: Annotated[
        str | None, typer.Argument(metavar="VILLE", help="Nom ou code Insee d’une ville.")
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Toutes les Petites villes de demain des extraits.")
    ] = False,
    osm: Annotated[
        list[Path] | None,
        typer.Option("--osm", help="Extrait OpenStreetMap (.osm.pbf) ; option répétable."),
    ] = None,
    modes: Annotated[str, typer.Option(help="À pied, à vélo : walk, bike ou walk,bike.")] = (
        "walk,bike"
    ),
    jobs: Annotated[int, typer.Option(min=1, help="Processus sur cette machine.")] = 1,
    scheduler: Annotated[
        str, typer.Option(help="Adresse d’un planificateur Dask, par exemple tcp://hôte:8786.")
    ] = "",
    output: Annotated[
        Path | None, typer.Option(help="Dossier des résultats ; le même reprend le calcul.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Le résultat d’une ville en JSON.")
    ] = False,
) -> None:
    """Calculer l’accès aux soins, à pied et à vélo, d’une ville ou de toutes celles d’extraits."""
    if every == (query is not None):
        raise FleetError(
            "Dites pour quelles villes : une, ou --all, toutes celles des extraits.",
            hint="Exemples : pvd access 01306 ; pvd access --all --osm corse-latest.osm.pbf",
        )
    if query is not None:
        _access_of_one(query, osm or [], modes, as_json=as_json)
        return
    report = fleet.run(
        osm or [],
        fleet.Bases.at_hand(),
        output or sources.cache_folder() / "acces",
        modes=fleet.read_modes(modes),
        jobs=jobs,
        scheduler=scheduler,
        progress=lambda said: err.print(said, highlight=False, markup=False, soft_wrap=True),
    )
    out.print(report.sentence(), highlight=False, markup=False, soft_wrap=True)
    for code, reason in report.failed.items():
        err.print(f"{code} : {reason}", style="red", markup=False, soft_wrap=True)
    if not report.ok:
        raise typer.Exit(2)


def _access_of_one(query: str, osm: list[Path], modes: str, *, as_json: bool) -> None:
    """Print the access of one town, as sentences and a table, or as JSON."""
    if len(osm) > 1:
        raise NetworkError(
            "Une ville se calcule sur un seul extrait OpenStreetMap.",
            hint="Réunissez-les d’abord, par exemple avec « osmium merge ».",
        )
    found = one_town.measure(
        tables.load_town(query),
        osm=osm[0] if osm else None,
        fetch=sources.fetch,
        modes=fleet.read_modes(modes),
    )
    if as_json:
        out.print_json(json.dumps(found.as_dict(), ensure_ascii=False, allow_nan=False))
        return
    for sentence in found.sentences():
        out.print(sentence, highlight=False, soft_wrap=True, markup=False)
    shares = found.shares()
    table = Table(*shares.columns)
    for row in shares.itertuples(index=False):
        table.add_row(*map(str, row))
    out.print(table)


@app.command("book")
def build_the_book(
    output: Annotated[Path, typer.Option(help="Dossier du site.")] = ROOT / "_book",
) -> None:
    """Construire le livre à partir des tables embarquées."""
    faults = tables.verify_tables()
    if faults:
        raise BookError(" ".join(faults), hint="Reconstruisez-les avec « pvd data ».")
    report = book.build_book(
        ROOT, output=output, progress=lambda page: err.print(f"Page {page}…", highlight=False)
    )
    out.print(report.sentence(), highlight=False, soft_wrap=True)


@app.command("check-site")
def check_site(
    folder: Annotated[Path, typer.Argument(help="Dossier du site construit.")] = ROOT / "_book",
    artefacts: Annotated[Path, typer.Option(help="Où garder les captures.")] = ROOT / "artefacts",
) -> None:
    """Vérifier les pages construites, dans un vrai navigateur."""
    raise typer.Exit(sitecheck.run(folder, artefacts))


@app.command("doctor")
def diagnose() -> None:
    """Dire ce qui est installé, ce qui manque et ce que cela apporterait."""
    for finding in doctor.diagnose(ROOT):
        mark = "✓" if finding.ok else "✗"
        out.print(f"{mark} {finding.sentence}", highlight=False, soft_wrap=True, markup=False)


@app.command("version")
def version() -> None:
    """Afficher la version."""
    out.print(__version__)


def main() -> None:
    """Run the command line; an expected error is one sentence, and exit status 2."""
    try:
        app()
    except PvdError as error:
        err.print(f"Erreur : {error.message}", style="red", markup=False, soft_wrap=True)
        if error.hint:
            err.print(error.hint, markup=False, soft_wrap=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
