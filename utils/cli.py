"""The command line, ``pvd``: one French sentence an error, exit status 2."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from utils import __version__
from utils.errors import BookError, FleetError, NetworkError, PvdError
from utils.formats import counted

if TYPE_CHECKING:
    from utils.build import one_town

# Each command imports the modules that it needs: to say the version, or that a town is not known,
# nothing must wait for the libraries of maps and notebooks.

ROOT = Path(__file__).resolve().parent.parent

app = typer.Typer(
    help="Le portrait ouvert et reproductible des petites villes de France.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)
export = typer.Typer(help="Sortir les données du livre.", no_args_is_help=True)
app.add_typer(export, name="export")
out = Console()
err = Console(stderr=True)


@app.command("data")
def data(
    only: Annotated[
        list[str] | None, typer.Option("--table", help="Ne reconstruire que cette table.")
    ] = None,
    diff: Annotated[
        bool, typer.Option("--diff", help="Dire ensuite ce qui a bougé, en Markdown.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option(help="Avec --diff : fichier du rapport, au lieu de l’écran.")
    ] = None,
) -> None:
    """Reconstruire les tables embarquées à partir des sources."""
    from utils import build, changes, tables

    with tempfile.TemporaryDirectory(prefix="pvd-avant-") as before:
        reference = changes.keep_committed(tables.TABLES, Path(before)) if diff else ""
        report = build.build_tables(
            only=only or (), progress=lambda name: err.print(f"Table {name}…", highlight=False)
        )
        moved = ""
        if diff:
            moved = changes.report(
                Path(before), tables.TABLES, reference=reference, failed=report.failed
            )
    if output and diff:
        output.write_text(moved, encoding="utf-8")
    elif diff:
        typer.echo(moved)
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
    """Lister les sources : millésime, licence, où se trouve leur fichier."""
    from utils import reach
    from utils.catalogue import load_sources

    table = Table("Identifiant", "Titre", "Producteur", "Millésime", "Licence", "Fichier")
    for name, source in load_sources().items():
        told = (source.title, source.producer, source.vintage, source.licence)
        table.add_row(name, *told, reach.origin(source))
    out.print(table)
    out.print(" ".join(reach.measure().sentences()), highlight=False, soft_wrap=True)


@app.command("fetch")
def fetch(source: Annotated[str, typer.Argument(help="Identifiant de data/sources.yml.")]) -> None:
    """Obtenir le fichier d’une source : cache, miroir, puis producteur."""
    from utils import sources

    out.print(str(sources.fetch(source)), soft_wrap=True, markup=False, highlight=False)


@app.command("town")
def town(query: Annotated[str, typer.Argument(help="Nom ou code Insee.")]) -> None:
    """Trouver une petite ville par son nom ou son code."""
    from utils import tables

    line = tables.load_town(query)
    out.print(f"{line['name']} ({line['code']}), {line['departement_name']}", highlight=False)


@app.command("portrait")
def portrait(
    query: Annotated[str | None, typer.Argument(help="Nom ou code Insee.")] = None,
    formats: Annotated[
        str, typer.Option("--format", help="html, pdf, ou les deux séparés par une virgule.")
    ] = "html,pdf",
    output: Annotated[Path, typer.Option(help="Dossier des portraits.")] = ROOT / "portraits",
    every: Annotated[
        bool, typer.Option("--all", help="Toutes les Petites villes de demain.")
    ] = False,
    jobs: Annotated[
        int, typer.Option(help="Villes faites en même temps, avec --all ; -1 : une par cœur.")
    ] = 1,
) -> None:
    """Écrire le portrait d’une ville, ou de toutes, en HTML et en PDF."""
    from utils import portrait_export, tables

    if every == (query is not None):
        raise BookError(
            "Il faut une ville, ou --all, mais pas les deux.",
            hint="Par exemple : pvd portrait 46127, ou pvd portrait --all --jobs 2.",
        )
    asked = [form.strip() for form in formats.split(",")]
    if query is not None:
        for path in portrait_export.export(query, formats=asked, folder=output, again=True):
            out.print(str(path), soft_wrap=True, markup=False, highlight=False)
        return
    codes = list(tables.load_towns(pvd=True)["code"])
    with Progress(console=err, transient=True) as bar:
        task = bar.add_task("Portraits", total=len(codes))
        report = portrait_export.export_all(
            codes,
            formats=asked,
            folder=output,
            jobs=jobs,
            progress=lambda done: bar.update(task, completed=done),
        )
    out.print(report.sentence(), highlight=False, soft_wrap=True)
    for code, reason in sorted(report.failed.items()):
        err.print(f"{code} : {reason}", style="red", markup=False, soft_wrap=True)
    if report.failed:
        raise typer.Exit(2)


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
    ask: Annotated[
        bool,
        typer.Option("--overpass", help="Demander les rues d’une ville au service Overpass."),
    ] = False,
    squares: Annotated[
        Path | None,
        typer.Option(
            "--carreaux", help="Carreaux de 200 m de l’Insee : Parquet, gpkg, csv ou zip d’un csv."
        ),
    ] = None,
    relief: Annotated[
        Path | None,
        typer.Option(help="Relief (GeoTIFF) : la marche d’une ville compte alors la pente."),
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
    from utils import fleet, sources

    if every == (query is not None):
        raise FleetError(
            "Dites pour quelles villes : une, ou --all, toutes celles des extraits.",
            hint="Exemples : pvd access 01306 ; pvd access --all --osm corse-latest.osm.pbf",
        )
    if query is not None:
        found = _access_of_one(query, osm or [], modes, squares=squares, relief=relief, ask=ask)
        _print_access(found, as_json=as_json)
        return
    if ask or relief is not None:
        raise FleetError(
            "--overpass et --relief sont pour une seule ville, pas pour --all.",
            hint="Donnez des extraits régionaux : --osm corse-latest.osm.pbf.",
        )
    report = fleet.run(
        osm or [],
        fleet.Bases.at_hand(squares=squares),
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


def _access_of_one(
    query: str,
    osm: list[Path],
    modes: str,
    *,
    squares: Path | None,
    relief: Path | None,
    ask: bool,
) -> one_town.TownAccess:
    """Measure the access of one town."""
    from utils import fleet, sources, tables
    from utils.build import one_town

    if len(osm) > 1:
        raise NetworkError(
            "Une ville se calcule sur un seul extrait OpenStreetMap.",
            hint="Réunissez-les d’abord, par exemple avec « osmium merge ».",
        )
    if ask and osm:
        raise NetworkError(
            "Les rues viennent d’un extrait (--osm) ou du service Overpass (--overpass), pas des"
            " deux.",
            hint="Donnez une seule de ces options.",
        )
    if ask and sources.is_offline():
        raise NetworkError(
            "PVD_OFFLINE interdit le réseau : le service Overpass n’est pas interrogé.",
            hint="Donnez un extrait (--osm extrait.osm.pbf), ou retirez PVD_OFFLINE.",
        )
    return one_town.measure(
        tables.load_town(query),
        osm=osm[0] if osm else None,
        fetch=sources.fetch,
        modes=fleet.read_modes(modes),
        squares=squares,
        relief=relief,
        overpass_cache=sources.cache_folder() / "overpass" if ask else None,
    )


def _print_access(found: one_town.TownAccess, *, as_json: bool) -> None:
    """Print the access of one town, as sentences and a table, or as JSON."""
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
    from utils import book, tables

    faults = tables.verify_tables()
    if faults:
        raise BookError(" ".join(faults), hint="Reconstruisez-les avec « pvd data ».")
    report = book.build_book(
        ROOT, output=output, progress=lambda page: err.print(f"Page {page}…", highlight=False)
    )
    out.print(report.sentence(), highlight=False, soft_wrap=True)


@app.command("pdf")
def build_the_pdf(
    output: Annotated[Path, typer.Option(help="Le fichier à écrire.")] = ROOT
    / "build"
    / "portrait-des-petites-villes.pdf",
) -> None:
    """Construire le livre en un PDF (avec Quarto)."""
    from utils import book

    path = book.build_pdf(
        ROOT, output=output, progress=lambda page: err.print(f"Page {page}…", highlight=False)
    )
    out.print(f"Le PDF est construit : {path}", highlight=False, soft_wrap=True)


@app.command("verify")
def verify_everything(
    site: Annotated[
        str, typer.Option(help="Dossier ou adresse d’un livre publié, avec quoi comparer.")
    ] = str(ROOT / "_book"),
    from_sources: Annotated[
        bool,
        typer.Option(
            "--sources/--no-sources",
            help="Recalculer d’abord les tables depuis les fichiers que l’on peut obtenir.",
        ),
    ] = True,
) -> None:
    """Recalculer, et dire table par table et figure par figure ce qui diffère."""
    from utils import verify

    findings = verify.verify(
        ROOT,
        site,
        from_sources=from_sources,
        tell=lambda line: out.print(line, highlight=False, markup=False, soft_wrap=True),
        progress=lambda line: err.print(line, highlight=False),
    )
    out.print(verify.summary(findings), highlight=False, soft_wrap=True)
    if any(finding.verdict == verify.DIFFERENT for finding in findings):
        raise typer.Exit(1)


@export.command("paquet")
def export_package(
    output: Annotated[Path, typer.Option(help="Dossier du paquet.")] = Path("paquet"),
) -> None:
    """Écrire le paquet de données ouvertes : CSV, Parquet, GeoJSON, datapackage.json."""
    from utils import datapackage

    report = datapackage.write_package(output)
    out.print(report.sentence(), highlight=False, soft_wrap=True, markup=False)


@app.command("check-site")
def check_site(
    folder: Annotated[Path, typer.Argument(help="Dossier du site construit.")] = ROOT / "_book",
    artefacts: Annotated[Path, typer.Option(help="Où garder les captures.")] = ROOT / "artefacts",
) -> None:
    """Vérifier les pages construites, dans un vrai navigateur."""
    from utils import sitecheck

    raise typer.Exit(sitecheck.run(folder, artefacts))


@app.command("check-links")
def check_links() -> None:
    """Vérifier que les adresses nommées par les sources et le livre répondent."""
    from utils import links

    addresses = links.named_addresses(ROOT)
    if silent := links.without_address():
        err.print(
            f"{counted(len(silent), 'source')} sans adresse : {', '.join(silent)}.", highlight=False
        )
    dead = links.check_links(addresses)
    for sentence in dead:
        err.print(sentence, style="red", markup=False, highlight=False, soft_wrap=True)
    out.print(f"Adresses vérifiées : {len(addresses)}, dont mortes : {len(dead)}.", highlight=False)
    raise typer.Exit(1 if dead else 0)


@app.command("relire")
def proofread(
    correct: Annotated[
        bool, typer.Option("--corriger", help="Corriger les espaces et les apostrophes.")
    ] = False,
) -> None:
    """Relire la prose du livre : typographie française, puis orthographe."""
    from utils import prose

    if correct:
        for path in prose.correct(ROOT):
            out.print(f"Corrigé : {path.relative_to(ROOT)}", highlight=False)
    faults = prose.proofread(ROOT)
    for fault in faults:
        err.print(fault, markup=False, highlight=False, soft_wrap=True)
    out.print(f"Fautes : {len(faults)}.", highlight=False)
    raise typer.Exit(1 if faults else 0)


@export.command("tableau")
def export_dashboard(
    output: Annotated[Path, typer.Option(help="Dossier à écrire.")],
) -> None:
    """Écrire les données et les scripts du tableau de bord."""
    from utils import dashboard

    count = dashboard.write_dashboard(output)
    out.print(
        f"Tableau de bord écrit dans {output} : {counted(count, 'ville')}.",
        highlight=False,
        soft_wrap=True,
        markup=False,
    )


@app.command("doctor")
def diagnose() -> None:
    """Dire ce qui est installé, ce qui manque et ce que cela apporterait."""
    from utils import doctor

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
