"""Verifying: the same is said the same, a change is found and measured, a doubt is explained."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest
from misbehaving_server import MisbehavingServer, running
from typer.testing import CliRunner

from utils import build, cli, tables, verify
from utils.errors import BookError, ChecksumError, OfflineError, PvdError, SourceError
from utils.reproducibility import REPORT, figures_digest
from utils.verify import DIFFERENT, SAME, UNKNOWN, Finding, Published

# -- a published site ------------------------------------------------------------------

CSV = b"ville,valeur\nGourdon,1.5\nCorte,\n"


def report_of(csv: bytes = CSV, **changes: object) -> dict[str, object]:
    """Return the report of a site of one figure, synthetic."""
    told = {"file": "figures/essai.csv", "sha256": hashlib.sha256(csv).hexdigest()}
    entry = {"csv": told, "notebook": "index.qmd", **changes}
    return {"figures": {"essai": entry}, "tables": {}}


def site_of(folder: Path, report: object, csv: bytes = CSV) -> Path:
    (folder / "figures").mkdir(parents=True)
    (folder / "figures" / "essai.csv").write_bytes(csv)
    (folder / REPORT).write_text(json.dumps(report), encoding="utf-8")
    return folder


def test_a_site_in_a_folder_gives_its_csv(tmp_path: Path) -> None:
    site = site_of(tmp_path / "site", report_of())
    assert Published(str(site)).csv("essai") == CSV
    assert Published(f"{site}/index.html").csv("essai") == CSV


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[MisbehavingServer]:
    for name in ("http_proxy", "https_proxy", "all_proxy", "PVD_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with running() as one:
        yield one


def test_a_site_at_an_address_gives_its_csv(server: MisbehavingServer) -> None:
    server.files[f"/livre/{REPORT}"] = json.dumps(report_of()).encode()
    server.files["/livre/figures/essai.csv"] = CSV
    assert Published(f"{server.address}/livre/").csv("essai") == CSV


def test_an_address_that_does_not_answer_is_a_sentence(
    server: MisbehavingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BookError, match="ne peut pas être lu"):
        Published(f"{server.address}/absent")
    server.files[f"/livre/{REPORT}"] = b"[" * 100_000
    with pytest.raises(BookError, match="mal formé"):
        Published(f"{server.address}/livre")
    monkeypatch.setattr(verify, "MAX_BYTES", 1000)
    with pytest.raises(BookError, match="trop gros"):
        Published(f"{server.address}/livre")
    monkeypatch.setenv("PVD_OFFLINE", "1")
    with pytest.raises(OfflineError, match="PVD_OFFLINE"):
        Published(f"{server.address}/livre")


@pytest.mark.parametrize(
    "report",
    [
        None, [], {}, {"figures": []}, {"figures": {}, "tables": []},
        {"figures": {"a": 3}, "tables": {}}, {"figures": {}, "tables": {"a": None}},
    ],
)  # fmt: skip
def test_a_malformed_report_is_refused(report: object, tmp_path: Path) -> None:
    with pytest.raises(BookError, match="mal formé"):
        Published(str(site_of(tmp_path / "site", report)))


@pytest.mark.parametrize(
    "file",
    ["../secret.csv", "/etc/passwd", "figures/../../secret.csv", "file:///etc/passwd", "..\\s",
     "lien.csv", "figures/absent.csv", 3, None, "\0"],
)  # fmt: skip
def test_a_report_reads_nothing_outside_its_site(file: object, tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_bytes(CSV)
    told = {"file": file, "sha256": hashlib.sha256(CSV).hexdigest()}
    report = {"figures": {"essai": {"csv": told}}, "tables": {}}
    site = site_of(tmp_path / "site", report)
    (site / "lien.csv").symlink_to(tmp_path / "secret.csv")
    with pytest.raises(BookError):
        Published(str(site)).csv("essai")


def test_a_csv_that_is_not_that_of_the_report_is_refused(tmp_path: Path) -> None:
    site = site_of(tmp_path / "site", report_of(csv=b"autre"), csv=CSV)
    with pytest.raises(ChecksumError, match="n’est pas celui"):
        Published(str(site)).csv("essai")


def test_a_folder_without_a_book_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(BookError, match="pas de fichier") as caught:
        Published(str(tmp_path))
    assert "make book" in caught.value.hint


# -- figures ---------------------------------------------------------------------------

CHAPTER = """---
title: "Essai"
---

```{python}
import pandas as pd
from utils.publish import publish_table

frame = pd.DataFrame({"ville": ["Gourdon", "Corte"], "valeur": [1.5, None]})
for name in ("same", "close", "changed", "new", "tampered", "away"):
    publish_table(frame, id=name, caption="Essai", sources=["bpe_2018"])
```
"""


def book_of(folder: Path, chapter: str) -> Path:
    folder.mkdir()
    config = 'book:\n  title: "x"\n  chapters: [index.qmd]\n'
    (folder / "_quarto.yml").write_text(config, encoding="utf-8")
    (folder / "index.qmd").write_text(chapter, encoding="utf-8")
    return folder


def verdicts(book: Path, published: Path) -> dict[str, tuple[str, str]]:
    found = verify.verify_figures(book, Published(str(published)), data=tables.DATA)
    return {one.name: (one.verdict, one.detail.replace("\u00a0", " ")) for one in found}


@pytest.mark.filterwarnings("default")  # of the kernel's own libraries
def test_figures_are_compared_by_their_values(tmp_path: Path) -> None:
    book = book_of(tmp_path / "livre", CHAPTER)
    texts = {"same": CSV, "close": CSV.replace(b"1.5", b"1.5000000001")}
    texts["changed"] = CSV.replace(b"1.5", b"3.0")
    site = site_of(tmp_path / "site", None)
    entries = {}
    for name, text in {**texts, "tampered": CSV, "away": CSV}.items():
        (site / f"{name}.csv").write_bytes(text)
        told = {"file": f"{name}.csv", "sha256": hashlib.sha256(text).hexdigest()}
        entries[name] = {"csv": told, "notebook": "index.qmd"}
    (site / "tampered.csv").write_bytes(CSV + b"Ussel,2.0\n")
    (site / "away.csv").unlink()
    (site / REPORT).write_text(json.dumps({"figures": entries, "tables": {}}), encoding="utf-8")
    found = verdicts(book, site)
    assert found["same"] == (SAME, "")
    assert found["close"] == (SAME, "aux arrondis près")
    assert found["new"] == (UNKNOWN, "le site publié ne l’a pas")
    assert found["tampered"] == (
        DIFFERENT,
        "le CSV publié n’est pas celui que dit le rapport publié",
    )
    assert found["away"][0] == UNKNOWN
    verdict, detail = found["changed"]
    assert verdict == DIFFERENT
    assert detail.startswith("1 ligne sur 2, n° 1, dans valeur")
    assert "50" in detail
    assert not [path for path in book.iterdir() if path.name not in {"_quarto.yml", "index.qmd"}]


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("figures", [{"essai": report_of()["figures"]["essai"]}, {}])  # type: ignore[index]
def test_a_chapter_that_fails_is_a_difference(figures: dict[str, object], tmp_path: Path) -> None:
    """It runs offline, on tables that are there: no source can be the cause."""
    site = site_of(tmp_path / "site", {"figures": figures, "tables": {}})
    book = book_of(tmp_path / "livre", "```{python}\n1 / 0\n```\n")
    found = verdicts(book, site)
    verdict, detail = found.pop("index.qmd")
    assert verdict == DIFFERENT
    assert "ZeroDivisionError" in detail
    assert found == dict.fromkeys(figures, (DIFFERENT, "index.qmd échoue avant elle"))


def test_a_figure_that_nobody_publishes_any_more_differs(tmp_path: Path) -> None:
    site = site_of(tmp_path / "site", report_of())
    book = book_of(tmp_path / "livre", "Du texte.\n")
    assert verdicts(book, site)["essai"] == (DIFFERENT, "aucun chapitre ne la publie plus")


# -- tables ----------------------------------------------------------------------------

Builders = Callable[..., None]


@pytest.fixture
def committed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Builders:
    """Commit one synthetic table, drawn from one file; then change what builds it."""
    source = tmp_path / "source.csv"

    def set_to(value: float = 1.0, *, file: str = "a", failure: str = "") -> None:
        source.write_text(file)

        def builder(shop: build.Workshop) -> pd.DataFrame:
            if failure:
                raise SourceError(failure)
            shop.path("bpe_2018")
            return pd.DataFrame({"code": ["01001", "46127"], "value": [0.0, value]})

        monkeypatch.setattr(build, "BUILDERS", {"essai": builder})

    set_to()
    folder = tmp_path / "tables"
    assert build.build_tables(fetch=lambda _: source, folder=folder).ok
    monkeypatch.setattr(tables, "TABLES", folder)
    monkeypatch.setattr(
        tables.load_manifest, "__defaults__", (folder,)
    )  # the folder that the default names
    return set_to


def verified(tmp_path: Path, published: Published | None = None) -> Finding:
    new = tmp_path / "new"
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir()
    (finding,) = verify.verify_tables(
        new, fetch=lambda _: tmp_path / "source.csv", published=published
    )
    assert tables.verify_tables(new) == [], "what the chapters will read is whole"
    return finding


def test_tables_are_compared_by_their_values(committed: Builders, tmp_path: Path) -> None:
    assert verified(tmp_path) == Finding("table", "essai", SAME, "à l’octet")
    committed(1 + 1e-9)
    assert verified(tmp_path) == Finding("table", "essai", SAME, "aux arrondis près")
    committed(1.1)
    finding = verified(tmp_path)
    assert finding.verdict == DIFFERENT
    assert "n° 2, dans value" in finding.detail


def test_another_file_proves_nothing_against_the_table(committed: Builders, tmp_path: Path) -> None:
    committed(1.1, file="b")
    finding = verified(tmp_path)
    assert finding.verdict == UNKNOWN
    assert "bpe_2018" in finding.detail
    assert pd.read_parquet(tmp_path / "new" / "essai.parquet")["value"].tolist() == [0, 1]


def test_a_source_out_of_reach_is_the_reason(committed: Builders, tmp_path: Path) -> None:
    committed(failure="L’Insee ne répond pas.")
    assert verified(tmp_path) == Finding("table", "essai", UNKNOWN, "L’Insee ne répond pas.")


def test_a_site_built_on_other_tables_differs(committed: Builders, tmp_path: Path) -> None:
    report = {"figures": {}, "tables": {"essai": {"sha256": "0" * 64}}}
    site = site_of(tmp_path / "site", report)
    assert verified(tmp_path, Published(str(site))).verdict == DIFFERENT
    shutil.rmtree(site)
    site_of(site, {"figures": {}, "tables": {}})
    assert verified(tmp_path, Published(str(site))).verdict == UNKNOWN


def test_the_reviewer_knows_what_is_compared(tmp_path: Path) -> None:
    report = {"figures": {}, "tables": {}, "commit": {"hash": "a" * 40}}
    here = {"code": {"figures": figures_digest(cli.ROOT)}}
    for more, told in (
        (here, "révision aaaaaaaaaaaa"),
        (here, "sont ceux d’ici."),
        ({"code": {"figures": "autre"}}, "un écart peut en venir"),
        ({"code": ["mal formé"], "commit": None}, "révision inconnue"),
    ):
        site = site_of(tmp_path / "site", {**report, **more})
        assert told in verify.origin(Published(str(site)), cli.ROOT).replace("\u00a0", " ")
        shutil.rmtree(site)


# -- words and status ------------------------------------------------------------------


@pytest.mark.parametrize(("verdict", "status"), [(SAME, 0), (UNKNOWN, 0), (DIFFERENT, 1)])
def test_only_a_difference_fails(
    verdict: str, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    findings = [Finding("figure", "essai", verdict, "deux\nlignes"), Finding("table", "t", SAME)]
    monkeypatch.setattr(verify, "verify", lambda *_, **__: findings)
    done = CliRunner().invoke(cli.app, ["verify", "--site", "x"])
    assert done.exit_code == status
    assert "1 table : 1 identique, 0 qui diffère, 0 non vérifiable" in done.stdout.replace(
        "\u00a0", " "
    )
    assert "échec" not in verify.summary(findings)
    broken = [*findings, Finding("chapitre", "index.qmd", DIFFERENT, "pourquoi")]
    assert verify.summary(broken).endswith("1\u00a0chapitre en échec.")
    assert findings[0].sentence() == f"figure essai\u00a0: {verdict} (deux lignes)"


def test_without_a_book_verify_says_what_to_do(tmp_path: Path) -> None:
    done = CliRunner().invoke(cli.app, ["verify", "--site", str(tmp_path)])
    assert isinstance(done.exception, PvdError)
