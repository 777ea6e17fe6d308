"""Building a book: what passes, what fails and how it is said, with Quarto and without."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from utils import book
from utils.errors import BookError
from utils.stories.catalogue_pages import data_date

CONFIG = """
project:
  type: book
  output-dir: _book
lang: fr
book:
  title: "Petit livre"
  chapters:
    - index.qmd
    - part: "Suite"
      chapters:
        - deux.qmd
execute:
  enabled: true
format:
  html:
    html-math-method: mathml
"""
INDEX = """---
title: "Un"
---

Voir [la suite](deux.qmd), et @fig-point.

```{python}
#| echo: false
from pathlib import Path
from IPython.display import Markdown

Path("point.svg").write_text(
    '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><circle r="4"/></svg>'
)
Markdown('::: {#fig-point}\\n\\n![](point.svg){fig-alt="Un point"}\\n\\nUn point.\\n\\n:::')
```
"""
TWO = "---\ntitle: Deux\n---\n\nRetour : [un](index.qmd).\n"


@pytest.fixture
def project(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a small synthetic book."""

    def write(index: str = INDEX, two: str = TWO) -> Path:
        root = tmp_path / "livre"
        root.mkdir(exist_ok=True)
        (root / "_quarto.yml").write_text(CONFIG, encoding="utf-8")
        (root / "index.qmd").write_text(index, encoding="utf-8")
        (root / "deux.qmd").write_text(two, encoding="utf-8")
        return root

    return write


QUARTO = pytest.param(
    "",
    id="quarto",
    marks=[
        pytest.mark.slow,
        pytest.mark.skipif(shutil.which("quarto") is None, reason="quarto n’est pas installé"),
    ],
)


@pytest.fixture(params=[QUARTO, pytest.param("non", id="aperçu")])
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("PVD_QUARTO", request.param)
    return "aperçu" if request.param else "quarto"


def test_a_good_book_is_built_and_replaces_the_old_one(
    kind: str, project: Callable[..., Path], tmp_path: Path
) -> None:
    output = tmp_path / "site"
    output.mkdir()
    (output / "ancien.html").write_text("ancien", encoding="utf-8")
    root = project()
    report = book.build_book(root, output=output)
    assert report.kind == kind
    assert report.pages == 2
    assert {p.name for p in root.iterdir()} == {"_quarto.yml", "index.qmd", "deux.qmd"}
    assert not (output / "ancien.html").exists()
    text = (output / "index.html").read_text(encoding="utf-8")
    assert 'alt="Un point"' in text
    assert ("Aperçu" in text) == (kind == "aperçu")
    assert str(output) in report.sentence()
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".livre")] == []


@pytest.mark.parametrize(
    ("index", "two", "message"),
    [
        (INDEX.replace("from pathlib", "1 / 0\nfrom pathlib"), TWO, "ZeroDivisionError"),
        (INDEX.replace("@fig-point", "@fig-rien"), TWO, "fig-rien"),
        (INDEX.replace("](deux.qmd)", "](trois.html)"), TWO, "trois.html"),
        (INDEX, TWO + '\n![](absente.png){fig-alt="x"}\n', "absente.png"),
        (INDEX + "\n![](point.svg)\n", TWO, "texte de remplacement"),
    ],
    ids=["cellule", "référence", "lien", "image", "texte de remplacement"],
)
def test_a_fault_fails_and_leaves_the_old_book(
    kind: str, project: Callable[..., Path], tmp_path: Path, index: str, two: str, message: str
) -> None:
    output = tmp_path / "site"
    output.mkdir()
    (output / "index.html").write_text("ancien", encoding="utf-8")
    with pytest.raises(BookError, match=message):
        book.build_book(project(index, two), output=output)
    assert (output / "index.html").read_text(encoding="utf-8") == "ancien"


def test_the_log_of_quarto_is_read() -> None:
    log = (
        "Executing 'index.ipynb'\n  Cell 1/2...Done\n"
        "[IPKernelApp] WARNING | Kernel is running over TCP without encryption.\n"
        "WARN: Invalid URI '52 % des villes' in attribute 'alt' of element 'IMG'\n"
        "WARN: Unable to resolve link target: trois.qmd\n"
        "[WARNING] Could not fetch resource x.png\n"
        "Output created: _book/index.html\n"
    )
    faults = book.faults_of_log(log)
    assert len(faults) == 2
    assert "trois.qmd" in faults[0]


def test_offline_says_why_there_is_no_quarto(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PVD_QUARTO", raising=False)
    monkeypatch.setenv("PVD_OFFLINE", "1")
    assert book._install_quarto() == (
        None,
        "Quarto manque, et PVD_OFFLINE interdit de l’installer.",
    )


def test_the_committed_variables_are_those_of_the_tables() -> None:
    root = Path(book.__file__).resolve().parent.parent
    committed = yaml.safe_load((root / "_variables.yml").read_text(encoding="utf-8"))
    assert committed == {"date-donnees": data_date()}
