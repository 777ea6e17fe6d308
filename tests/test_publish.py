"""Publishing: files, report, Markdown, source line, alternative texts."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from utils import charts, publish
from utils.errors import BookError

CODES = [f"{i:05d}" for i in range(21)]


@dataclass
class StubSource:
    """A source of the catalogue, made up."""

    attribution: str
    landing: str = ""
    licence: str = "Licence Ouverte 2.0"
    vintage: str = "2018"


SOURCES = {
    "bpe_2018": StubSource("Insee, BPE 2018.", "https://www.insee.fr/fr/statistiques/1"),
    "osm": StubSource("© contributeurs d'OpenStreetMap [ODbL]", licence="ODbL"),
}


@pytest.fixture(autouse=True)
def house(tmp_path, monkeypatch):
    """Publish under a temporary folder, with made-up sources, from notebooks/."""
    (tmp_path / "notebooks").mkdir()
    monkeypatch.setenv("PVD_FIGURES_DIR", str(tmp_path / "figures"))
    for name in ("PVD_DOCUMENT", "QUARTO_DOCUMENT_FILE", "JPY_SESSION_NAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(publish, "_source", SOURCES.__getitem__)
    monkeypatch.chdir(tmp_path / "notebooks")
    return tmp_path / "figures"


@pytest.fixture
def figure_and_frame():
    frame = pd.DataFrame({"label": ["Bouche", "Livres"], "value": [1.5, np.nan]})
    return charts.bars(frame, decimals=1)


def published(pair, **changes):
    options = {
        "id": "commerces-gourdon",
        "caption": 'Commerces à Gourdon : "tous" [types]',
        "alt": 'Deux barres : "Bouche" 1,5 ; Livres n. d.',
        "sources": ["bpe_2018"],
    }
    return publish.publish(pair, **(options | changes))


def test_markdown_is_a_quarto_figure_with_its_caption_last(figure_and_frame):
    block = published(figure_and_frame, note="Types : 2 *choisis*", geography="géographie 2018")
    figure, _, origin = str(block).partition('\n\n::: {.content-visible when-format="html"}')
    lines = [line for line in figure.split("\n") if line]
    assert "D’où vient cette figure\u202f?" in origin
    assert lines[0] == "::: {#fig-commerces-gourdon}"
    assert lines[-1] == ":::"
    assert lines[-2] == 'Commerces à Gourdon\u00a0: \\"tous\\" \\[types\\].'
    assert lines[1] == (
        "![](../figures/commerces-gourdon.svg)"
        '{fig-alt="Deux barres\u00a0: \\"Bouche\\" 1,5\u202f; Livres n. d." width="499"}'
    )
    assert "Types\u00a0: 2 \\*choisis\\*." in lines[2]
    assert lines[3].startswith(
        "Source\u00a0: [Insee, BPE 2018](<https://www.insee.fr/fr/statistiques/1>)\u202f; "
        "géographie 2018\u202f; calculs des auteurs."
    )
    assert "(../figures/commerces-gourdon.csv)" in lines[3]
    assert block._repr_markdown_() == str(block)


def test_files_and_report_agree(figure_and_frame, house, monkeypatch):
    monkeypatch.setenv("QUARTO_DOCUMENT_FILE", "01_commerces.ipynb")
    published(figure_and_frame, tables=["indicators"], sources=["bpe_2018", "osm"])
    entry = json.loads((house / "report.json").read_text("utf-8"))["figures"]["commerces-gourdon"]
    for kind in ("image", "csv"):
        content = (house / entry[kind]["file"]).read_bytes()
        assert sha256(content).hexdigest() == entry[kind]["sha256"]
    assert entry["function"] == "utils.charts.bars"
    assert entry["notebook"] == "01_commerces.ipynb"
    assert entry["tables"] == ["indicators"]
    assert [one["id"] for one in entry["sources"]] == ["bpe_2018", "osm"]
    assert entry["sources"][0]["vintage"] == "2018"
    assert entry["kind"] == "figure"
    assert entry["alt"].startswith("Deux barres")
    csv = (house / "commerces-gourdon.csv").read_bytes()
    assert csv == b"label,value\nBouche,1.5\nLivres,\n"
    pd.testing.assert_frame_equal(
        pd.read_csv(BytesIO(csv)), figure_and_frame[1].reset_index(drop=True), check_dtype=False
    )


def test_publishing_again_changes_nothing(figure_and_frame, house):
    def everything():
        return {path.name: path.read_bytes() for path in house.iterdir()}

    published(figure_and_frame)
    before = everything()
    published(figure_and_frame)
    assert everything() == before
    assert set(before) - {".report.lock"} == {
        "commerces-gourdon.svg", "commerces-gourdon.csv", "report.json",
    }  # fmt: skip


def test_a_heavy_drawing_becomes_a_png(figure_and_frame, house, monkeypatch):
    published(figure_and_frame)
    monkeypatch.setattr(publish, "MAX_SVG_BYTES", 10)
    block = published(figure_and_frame)
    assert "commerces-gourdon.png" in str(block)
    assert (house / "commerces-gourdon.png").read_bytes().startswith(b"\x89PNG")
    assert not (house / "commerces-gourdon.svg").exists()


def test_an_id_belongs_to_one_document(figure_and_frame, house, monkeypatch):
    monkeypatch.setenv("PVD_DOCUMENT", "a.ipynb")
    published(figure_and_frame)
    before = (house / "commerces-gourdon.csv").read_bytes()
    figure_and_frame[1].loc[0, "value"] = 9
    monkeypatch.setenv("PVD_DOCUMENT", "b.ipynb")
    with pytest.raises(BookError, match=r"déjà celui d’une figure de a\.ipynb"):
        published(figure_and_frame)
    assert (house / "commerces-gourdon.csv").read_bytes() == before


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"alt": "  "}, "n’a pas de texte de remplacement"),
        ({"caption": ""}, "n’a pas de légende"),
        ({"id": "Été 1"}, "n’est pas utilisable"),
        ({"id": "../a"}, "n’est pas utilisable"),
        ({"sources": []}, "pas de source"),
    ],
)
def test_what_lacks_is_refused_and_leaves_nothing(figure_and_frame, house, changes, message):
    with pytest.raises(BookError, match=message):
        published(figure_and_frame, **changes)
    assert not house.exists() or not list(house.iterdir())


def test_several_writers_lose_no_entry(house):
    def one(i):
        frame = pd.DataFrame({"nom": ["a"], "n": [i]})
        publish.publish_table(frame, id=f"table-{i}", caption="T", sources=["osm"])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(one, range(12)))
    report = json.loads((house / "report.json").read_text("utf-8"))["figures"]
    assert len(report) == 12


def test_source_line_names_each_source_once():
    line = publish.source_line(["osm", "bpe_2018", "osm"])
    assert line.startswith(
        "Sources\u00a0: © contributeurs d’OpenStreetMap \\[ODbL\\]\u202f; [Insee"
    )
    assert line.count("OpenStreetMap") == 1
    assert publish.source_line(["bpe_2018"], geography="BPE 2018").count("BPE 2018") == 1
    assert line.endswith("calculs des auteurs.")


def test_default_folder_is_at_the_root_whatever_the_current_one(monkeypatch, root, tmp_path):
    monkeypatch.delenv("PVD_FIGURES_DIR")
    monkeypatch.setattr(publish, "_ROOT", tmp_path / "projet")
    assert publish.figures_dir() == tmp_path / "projet" / "figures"
    assert Path(publish.__file__).resolve().parent.parent == root


def test_works_without_ipython():
    code = (
        "import sys; sys.modules['IPython'] = None\n"
        "from utils.publish import MarkdownBlock\n"
        "print(MarkdownBlock('x')._repr_markdown_())"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "x\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("- un", "\\- un"), ("1. un", "1\\. un"), ("# a_b", "\\# a\\_b"), ("a\nb", "a b"),
        ("<i> $x$ @fig |", "\\<i\\> \\$x\\$ \\@fig \\|"), ("12 villes", "12 villes"),
    ],
)  # fmt: skip
def test_markdown_escapes(text, expected):
    assert publish._markdown(text) == expected


# -- tables ----------------------------------------------------------------------------


def test_table_in_french(house):
    frame = pd.DataFrame(
        {
            "Ville": ["Gourdon", "L'Isle|Adam"],
            "année": [2018, 2024],
            "Habitants": [3995, 1234567],
            "Taux": [1.25, np.nan],
            "PVD": [True, False],
            "Signature": pd.to_datetime(["2021-03-12", None]),
        }
    )
    block = publish.publish_table(
        frame, id="essai", caption="Un tableau", sources=["bpe_2018"], decimals={"Taux": 1}
    )
    table, _, origin = str(block).partition('\n\n::: {.content-visible when-format="html"}')
    assert "D’où vient ce tableau\u202f?" in origin
    lines = table.split("\n")
    assert lines[0] == "::: {#tbl-essai}"
    assert lines[2] == "| Ville | année | Habitants | Taux | PVD | Signature |"
    assert re.fullmatch(r"\|:-+\|-+:\|-+:\|-+:\|:-+\|:-+\|", lines[3])
    assert lines[4] == "| Gourdon | 2018 | 3\u202f995 | 1,3 | oui | 12/03/2021 |"
    assert lines[5] == (
        "| L’Isle\\|Adam | 2024 | 1\u202f234\u202f567 | n.\u00a0d. | non | n.\u00a0d. |"
    )
    assert [line for line in lines if line][-2:] == ["Un tableau.", ":::"]
    report = json.loads((house / "report.json").read_text("utf-8"))["figures"]
    assert report["essai"]["kind"] == "table"
    assert (house / "essai.csv").exists()


def test_a_table_shown_in_passing_has_no_number_and_leaves_no_file(house):
    text = str(publish.show_table(pd.DataFrame({"Ville": ["A|B"], "km": [1.26]}), decimals=1))
    assert "| A\\|B | 1,3 |" in text
    assert ":::" not in text
    assert not house.exists()
    assert "Aucune ligne" in str(publish.show_table(pd.DataFrame({"Ville": []})))


def test_html_is_an_output_of_its_own_in_a_live_session_only(monkeypatch):
    block = publish.HtmlBlock.of("<p>ici</p>")
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    assert block._repr_html_() is None
    assert "```{=html}\n<p>ici</p>\n```" in block._repr_markdown_()
    monkeypatch.setenv("JPY_SESSION_NAME", "01_commerces.ipynb")
    assert block._repr_html_() == "<p>ici</p>"


def test_an_empty_table_is_refused():
    with pytest.raises(BookError, match="aucune ligne"):
        publish.publish_table(pd.DataFrame({"a": []}), id="a", caption="b", sources=["osm"])


# -- alternative texts -----------------------------------------------------------------


def strip(labels):
    frame = pd.DataFrame(
        [(label, code, float(i)) for label in labels for i, code in enumerate(CODES)],
        columns=["label", "code", "value"],
    )
    return charts.strip_against(frame, town="00018", town_name="Gourdon")[1]


def test_describe_strip_gives_values_and_rank():
    text = publish.describe_strip(strip(["Boulangeries"]), town_name="Gourdon", decimals=0)
    assert text == (
        "Gourdon parmi 20 villes comparables, 1\u00a0bande de distribution. "
        "Boulangeries\u00a0: 18, médiane 10, 3e valeur la plus élevée sur 21."
    )


def test_describe_strip_keeps_short_and_says_missing():
    frame = strip([f"Type {i}" for i in range(9)])
    frame.loc[(frame["label"] == "Type 3") & frame["is_town"], "value"] = np.nan
    text = publish.describe_strip(frame, town_name="Gourdon")
    assert text.count("médiane") == 6
    assert "Type 3\u00a0: n.\u00a0d." in text
    assert len(text) < 600


def test_describe_evolution():
    frame = pd.DataFrame(
        {"year": [2009, 2018, 2009, 2018], "series": ["A", "A", "B", "B"],
         "value": [1200, 1300, np.nan, np.nan]}
    )  # fmt: skip
    assert publish.describe_evolution(frame, unit="commerces") == (
        "Évolution de 2\u00a0séries entre 2009 et 2018 (commerces). "
        "A\u00a0: de 1\u202f200 en 2009 à 1\u202f300 en 2018\u202f; B\u00a0: n.\u00a0d."
    )


def test_describe_bars_scatter():
    bars = pd.DataFrame({"label": ["a", "b"], "group": ["g", "h"], "value": [1, np.nan]})
    assert "a (g)\u00a0: 1\u202f; b (h)\u00a0: n.\u00a0d." in publish.describe_bars(bars)
    many = pd.DataFrame({"label": [f"b{i}" for i in range(13)], "value": range(13)})
    assert "La plus longue\u00a0: b12\u00a0: 12." in publish.describe_bars(many)
    frame = pd.DataFrame({"code": CODES, "value": np.arange(21.0)})
    frame["is_town"] = frame["code"] == "00010"
    points = frame.assign(x=np.arange(21.0), y=-np.arange(21.0))
    text = publish.describe_scatter(points, x_what="Âge", y_what="Revenu", town_name="Gourdon")
    assert "corrélation des rangs \u22121,00" in text
    assert "Gourdon\u00a0: 10 et \u221210,0." in text


def test_describe_map():
    frame = pd.DataFrame(
        {"code": ["1", "2", "3"], "name": ["A", "B", "C"], "value": [5, 1, np.nan]}
    )
    text = publish.describe_map(frame, what="habitants")
    assert text == (
        "Carte de France\u00a0: habitants, 3\u00a0villes. De 1 (B) à 5 (A), médiane 3\u202f; "
        "1 sans valeur connue."
    )
    places = pd.DataFrame({"lon": [1, 2, 3], "lat": 1, "category": ["cinéma", "musée", "musée"]})
    assert publish.describe_map(
        places, what="lieux de culture", noun="lieu", nouns="lieux", town_name="Le Puy"
    ) == ("Carte du Puy\u00a0: lieux de culture, 3\u00a0lieux. musée 2 et cinéma 1.")
    only = pd.DataFrame({"code": ["46127"]})
    assert publish.describe_map(only, what="limites", town_name="Gourdon") == (
        "Carte de Gourdon\u00a0: limites."
    )
