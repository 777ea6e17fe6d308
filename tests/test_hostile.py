"""Hostile input: whatever a file, a name or a number holds, a sentence or a sound result.

A corpus of damaged and malicious files is given to every reader; hypothesis writes more. No
failure may be anything but a :class:`PvdError` with its French sentence.
"""

from __future__ import annotations

import csv
import io
import itertools
import json
import random
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pypandoc
import pytest
from bs4 import BeautifulSoup
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from utils import catalogue, charts, publish, tables
from utils.catalogue import load_sources
from utils.errors import ArchiveError, LayoutError, PvdError, TownError
from utils.readers import READERS, osm, sirene, territory
from utils.readers._base import read_archive_member, read_csv, read_json, to_dates, to_numbers
from utils.spreadsheet import FORMULA_STARTS, csv_bytes, neutralised

# What the parsers warn of on such files is not this project's.
pytestmark = pytest.mark.filterwarnings("ignore")


def archive(members: dict[str, bytes]) -> bytes:
    """Return a zip archive."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in members.items():
            opened.writestr(name, content)
    return stream.getvalue()


def workbook(sheet: bytes | None = None) -> bytes:
    """Return a workbook of Excel; the XML of its sheet may be given."""
    stream = io.BytesIO()
    book = Workbook()
    book.active.title = "APL 2023"
    book.active.append(["CODGEO", "Code commune", "AAV2020"])
    book.active.append(["46127", "=1+1", "<b>"])
    book.save(stream)
    if sheet is None:
        return stream.getvalue()
    with zipfile.ZipFile(stream) as opened:
        members = {name: opened.read(name) for name in opened.namelist()}
    return archive({**members, "xl/worksheets/sheet1.xml": sheet})


def parquet(**columns: list[object]) -> bytes:
    """Return a Parquet file."""
    stream = io.BytesIO()
    pq.write_table(pa.table(columns), stream)
    return stream.getvalue()


_NAMES = ["a", *"bcdefgh"]
#: A thousand million « ha » for who resolves the entities.
LAUGHS = (
    b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha">'
    + b"".join(
        f'<!ENTITY {new} "{f"&{old};" * 10}">'.encode() for old, new in itertools.pairwise(_NAMES)
    )
    + b"]><worksheet><sheetData><row><c><v>&h;</v></c></row></sheetData></worksheet>"
)
SPY = (
    b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
    b'<worksheet><sheetData><row><c t="str"><v>CODGEO&a;</v></c></row></sheetData></worksheet>'
)

CORPUS: dict[str, bytes] = {
    "vide": b"",
    "blancs": b" \n\n \n",
    "zéros": bytes(1000),
    "bruit": random.Random(1).randbytes(5000),
    "page web": b"<!DOCTYPE html><html><body>Service indisponible</body></html>",
    "marque seule": b"\xef\xbb\xbf",
    "utf-16": "CODGEO;b\n1;2\n".encode("utf-16"),
    "demi-caractère": b"code;nom\n01001;\xed\xa0\x80\n",
    "guillemet ouvert": b'code;nom\n"1;2\n3;4\n',
    "ligne sans fin": b"a" * 2_000_000,
    "retours seuls": b"code;nom\r1;2\r",
    "nul dans un champ": b"code;nom\n01\x00001;x\n",
    "cinq mille colonnes": b";".join([b"x"] * 5000) + b"\n" + b";".join([b"1"] * 5000),
    "formules": b"CODGEO;nom\n=cmd|' /C calc'!A0;@SUM(1+1)\n",
    "balises": b"CODGEO;nom\n<script>alert(1)</script>;<img src=x onerror=alert(1)>\n",
    "json : message": b'{"error": "non"}',
    "json : liste de nombres": b"[1, 2, 3]",
    "json : rien": b"null",
    "json : abîme": b"[" * 100_000,
    "json : abîme d’objets": b'{"a":' * 100_000,
    "json : nombre énorme": b'[{"code": ' + b"9" * 6000 + b"}]",
    "json : infini": b'[{"code": "01001", "nom": "x", "type": "commune-actuelle",'
    b' "population": 1e999}]',
    "json : demi-caractère": b'[{"code": "\\ud800", "nom": "\\udfff", "type": "x"}]',
    "json : listes": b'[{"code": ["01001"], "nom": {"a": 1}, "type": "commune-actuelle"}]',
    "geojson : rien": b'{"type": "FeatureCollection", "features": [{"type": "Feature",'
    b' "properties": null, "geometry": null}]}',
    "geojson : lettres": b'{"type": "FeatureCollection", "features": [{"type": "Feature",'
    b' "properties": {"code": "01001"}, "geometry": {"type": "Polygon",'
    b' "coordinates": [[["a", "b"]]]}}]}',
    "zip : vide": archive({}),
    "zip : csv vide": archive({"a.csv": b""}),
    "zip : dehors": archive({"../../x.csv": b"CODGEO;b\n1;2\n"}),
    "zip : bombe": archive({"a.csv": bytes(3 << 20)}),
    "zip : coupé": archive({"a.csv": b"CODGEO;b\n1;2\n"})[:-30],
    "zip : bruit": b"PK\x03\x04" + random.Random(2).randbytes(500),
    "xlsx : rien": archive({"[Content_Types].xml": b"", "xl/workbook.xml": b""}),
    "xlsx : autre": workbook(),
    "xlsx : feuille coupée": workbook(b"<worksheet><sheetData><row><c>"),
    "xlsx : entités": workbook(LAUGHS),
    "xlsx : fichier du système": workbook(SPY),
    "xlsx : bombe": workbook(b"<worksheet>" + b" " * (3 << 20)),
    "parquet : coupé": b"PAR1" + bytes(100) + b"PAR1",
    "parquet : autre": parquet(code=["01001"], value=[float("inf")]),
    "parquet : sans ligne": parquet(),
    "gpkg : coupé": b"SQLite format 3\x00" + bytes(100),
}


#: Characters that a terminal obeys.
CONTROLS = {chr(code) for code in [*range(9), *range(11, 32), *range(127, 160)]}


def refused_or_sound(read: Callable[[Path], object], path: Path) -> None:
    """Read a file: a result, or a sentence."""
    said = "un résultat"
    try:
        read(path)
    except PvdError as error:
        said = error.message
    assert said.strip()
    assert not set(said) & CONTROLS
    assert len(said) < 10_000


@pytest.mark.parametrize("name", READERS)
def test_every_reader_answers_the_corpus_by_a_sentence(name: str, tmp_path: Path) -> None:
    suffix = load_sources()[name].format
    for number, content in enumerate(CORPUS.values()):
        path = tmp_path / f"{number}.{suffix}"
        path.write_bytes(content)
        refused_or_sound(READERS[name], path)


OTHERS: dict[str, Callable[[Path], object]] = {
    "osm": osm.read_osm,
    "sirene, enseignes": lambda path: sirene.read_shop_signs(
        path, codes=["46127"], activities=["47.11D"]
    ),
}


@pytest.mark.parametrize("name", OTHERS)
def test_the_readers_of_large_files_answer_the_corpus_by_a_sentence(
    name: str, tmp_path: Path
) -> None:
    for number, content in enumerate(CORPUS.values()):
        path = tmp_path / f"{number}.{'osm.pbf' if name == 'osm' else 'parquet'}"
        path.write_bytes(content)
        refused_or_sound(OTHERS[name], path)


def mutated(content: bytes, draw: random.Random) -> bytes:
    """Damage a file a little, as a transfer or a producer would, or as an enemy would."""
    body = bytearray(content)
    for _ in range(draw.randint(1, 6)):
        if not body:
            break
        place = draw.randrange(len(body))
        kind = draw.randrange(6)
        if kind == 0:
            body[place] = draw.randrange(256)
        elif kind == 1:
            del body[place : place + draw.randrange(1, 50)]
        elif kind == 2:
            body[place:place] = draw.choice(_BITS)
        elif kind == 3:
            other = draw.randrange(len(body))
            body[place : place + 20] = body[other : other + 20]
        elif kind == 4:
            body = body[:place]
        else:
            lines = bytes(body).split(b"\n")
            draw.shuffle(lines)
            body = bytearray(b"\n".join(lines))
    return bytes(body)


_BITS = (
    b";", b",", b"\n", b'"', b"\0", b"\xed\xa0\x80", b"1e999", b"-", b"=1+1", b"9" * 400,
    b"NaN", b"inf", b"null", b"<b>", b"\r", b"|", b"s", b"{", b"]", "é".encode(),
)  # fmt: skip

#: Lines of a real file that are damaged, and times.
HEAD_LINES, TIMES = 15, 12


@pytest.mark.mirror
@pytest.mark.parametrize("name", [n for n in READERS if load_sources()[n].mirror])
def test_every_reader_answers_a_damaged_real_file_by_a_sentence(
    name: str, mirror: Path, tmp_path: Path
) -> None:
    real = mirror / str(load_sources()[name].mirror)
    if real.suffix not in {".csv", ".json"} or not real.is_file():
        pytest.skip("ni CSV ni JSON dans le miroir")
    if real.suffix == ".csv":
        with real.open("rb") as stream:
            head = b"".join(stream.readline() for _ in range(HEAD_LINES))
    else:
        content = json.loads(real.read_bytes())
        few = content[:HEAD_LINES] if isinstance(content, list) else content
        head = json.dumps(few).encode()[:500_000]
    draw = random.Random(name)
    for number in range(TIMES):
        path = tmp_path / f"{number}{real.suffix}"
        path.write_bytes(mutated(head, draw))
        refused_or_sound(READERS[name], path)


# -- parsers ---------------------------------------------------------------------------

_COLUMNS = {"code": ["code"], "value": ["valeur", "value"]}
_hostile_text = st.text(st.characters(), max_size=60)


@given(
    st.one_of(st.binary(max_size=300), _hostile_text.map(lambda t: t.encode("utf-8", "replace")))
)
def test_any_bytes_are_a_table_or_a_sentence(content: bytes) -> None:
    try:
        frame = read_csv(b"code;valeur\n" + content, _COLUMNS, name="essai")
    except LayoutError:
        return
    assert list(frame.columns) == ["code", "value"]


@given(st.binary(max_size=200))
def test_any_header_is_read_or_refused_by_a_sentence(content: bytes) -> None:
    with pytest.raises(LayoutError):
        read_csv(content, {"introuvable": ["une colonne que personne n’a"]}, name="essai")


@example("\ud800")
@given(st.one_of(_hostile_text, st.from_regex(r"[-+0-9eE.,s \u202f]{1,400}", fullmatch=True)))
def test_any_text_is_a_finite_number_a_blank_or_a_sentence(text: str) -> None:
    try:
        (number,) = to_numbers(pd.Series([text], dtype=object), label="essai")
    except LayoutError:
        return
    assert np.isnan(number) or np.isfinite(number)


@pytest.mark.parametrize("text", ["1e999", "-1e999", "inf", "9" * 400, "Infinity"])
def test_a_number_too_large_is_refused(text: str) -> None:
    with pytest.raises(LayoutError, match="pas un nombre"):
        to_numbers(pd.Series(["1", text]), label="essai")


@given(_hostile_text)
@example("\ud800")
def test_any_text_is_a_date_a_blank_or_a_sentence(text: str) -> None:
    try:
        (date,) = to_dates(pd.Series([text], dtype=object), label="essai")
    except LayoutError:
        return
    assert pd.isna(date) or 0 < date.year < 10_000


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["code", "nom", "type", "commune", "population", "anciensCodes"]),
            st.one_of(
                st.none(),
                st.booleans(),
                st.integers(),
                st.floats(),
                st.text(max_size=5),
                st.lists(st.one_of(st.text(max_size=5), st.integers()), max_size=2),
                st.dictionaries(st.text(max_size=2), st.integers(), max_size=1),
                st.sampled_from(["commune-actuelle", "01001", "\ud800"]),
            ),
        ),
        max_size=4,
    )
)
def test_any_json_of_communes_is_read_or_refused_by_a_sentence(
    tmp_path: Path, records: list[dict[str, object]]
) -> None:
    path = tmp_path / "communes.json"
    path.write_text(json.dumps(records), encoding="utf-8")
    refused_or_sound(territory.read_cog_communes, path)


def test_half_a_character_in_json_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('["\\ud83d\\ude00"]')
    assert read_json(path) == ["😀"]
    path.write_text('["\\ud83d"]')
    with pytest.raises(LayoutError, match="JSON"):
        read_json(path)


# -- archives --------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["../../evil.csv", "/etc/evil.csv", "C:\\evil.csv"])
def test_a_member_is_read_without_a_file_of_its_name(name: str, tmp_path: Path) -> None:
    path = tmp_path / "a" / "archive.zip"
    path.parent.mkdir()
    path.write_bytes(archive({name: b"a;b\n1;2\n"}))
    assert read_archive_member(path, r"\.csv$") == b"a;b\n1;2\n"
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == ["archive.zip"]


def test_a_bomb_is_refused_unopened(tmp_path: Path) -> None:
    path = tmp_path / "bombe.zip"
    path.write_bytes(archive({"a.csv": bytes(50 << 20)}))
    assert path.stat().st_size < 100_000
    with pytest.raises(ArchiveError, match="anormalement gros"):
        read_archive_member(path, r"\.csv$")
    path = tmp_path / "bombe.xlsx"
    path.write_bytes(workbook(b"<worksheet>" + b" " * (50 << 20)))
    with pytest.raises(ArchiveError, match="anormalement gros"):
        territory.read_aav(path)


def test_a_workbook_reads_no_file_of_the_system(tmp_path: Path) -> None:
    path = tmp_path / "espion.xlsx"
    path.write_bytes(workbook(SPY))
    with pytest.raises(PvdError) as caught:
        territory.read_aav(path)
    assert "root:" not in str(caught.value)


# -- formulas --------------------------------------------------------------------------

_cell = st.one_of(
    _hostile_text,
    st.sampled_from(["=1+1", "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "-12,5"]),
    st.tuples(st.sampled_from(list(FORMULA_STARTS)), _hostile_text).map("".join),
)


@given(st.lists(_cell, min_size=1, max_size=5), st.floats(allow_nan=False, allow_infinity=False))
def test_no_cell_of_an_exported_csv_is_a_formula(cells: list[str], value: float) -> None:
    frame = pd.DataFrame({"nom": pd.Series(cells, dtype=object), "valeur": value})
    read = list(csv.reader(io.StringIO(csv_bytes(frame).decode(), newline="")))[1:]
    for (text, number), before in zip(read, cells, strict=True):
        plain_number = text.lstrip("+-").replace(",", ".").replace(".", "", 1).isdigit()
        assert not text or text[0] not in FORMULA_STARTS or plain_number
        lines = re.sub("[\ud800-\udfff]", "\ufffd", re.sub("\r\n?", "\n", before))
        assert text in {lines, f"'{lines}"}
        assert float(number) == value


def test_numbers_dates_and_plain_texts_are_untouched() -> None:
    frame = pd.DataFrame(
        {
            "nom": ["L'Île-d'Yeu", "-12,5", "+3", "'déjà"],
            "valeur": [-1.5, 2.0, np.nan, 0.0],
            "date": pd.to_datetime(["2021-03-12", None, None, None]),
            "oui": [True, False, True, False],
        }
    )
    same, count = neutralised(frame)
    assert count == 0
    pd.testing.assert_frame_equal(same, frame)
    changed, count = neutralised(pd.DataFrame({"nom": ["=1", "=1", "x", None]}))
    assert count == 2
    assert changed["nom"].tolist()[:3] == ["'=1", "'=1", "x"]


def test_half_a_character_does_not_stop_an_export() -> None:
    frame = pd.DataFrame({"nom": pd.Series(["a\ud800b"], dtype=object)})
    assert csv_bytes(frame).decode() == "nom\na\ufffdb\n"


# -- names -----------------------------------------------------------------------------

NASTY = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "`{=html}`<b onclick=x>",
    "[x](javascript:alert(1))",
    "{{< include /etc/passwd >}}",
    "a | b \\| c",
    "$\\input{/etc/passwd}$",
    "@fig-autre ::: {.x}",
    '=HYPERLINK("http://x")',
]


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], BeautifulSoup]:
    """Turn what a cell publishes into the HTML of a page."""
    monkeypatch.setenv("PVD_FIGURES_DIR", str(tmp_path))
    for name in ("PVD_DOCUMENT", "QUARTO_DOCUMENT_FILE", "JPY_SESSION_NAME"):
        monkeypatch.delenv(name, raising=False)

    def made(text: str) -> BeautifulSoup:
        return BeautifulSoup(pypandoc.convert_text(text, "html5", "markdown"), "html.parser")

    return made


@pytest.mark.parametrize("name", NASTY)
def test_a_name_is_only_text_in_a_page(name: str, page: Callable[[str], BeautifulSoup]) -> None:
    frame = pd.DataFrame({"Ville": [name], "Habitants": [3]})
    block = publish.publish_table(frame, id="essai", caption=name, sources=["bpe_2018"], note=name)
    drawn = charts.bars(pd.DataFrame({"label": [name, "b"], "value": [1.0, 2.0]}), decimals=0)
    block = f"{block}\n\n" + str(
        publish.publish(drawn, id="essai-figure", caption=name, alt=name, sources=["bpe_2018"])
    )
    soup = page(block)
    assert not soup.find_all(["script", "b"])
    for tag in soup.find_all(True):
        assert not [key for key in tag.attrs if key.startswith("on")]
        assert not str(tag.get("href", "")).startswith("javascript:")
    if "{{<" not in name and "`" not in name and "$" not in name:
        assert "alert(1)" in soup.get_text() or "alert" not in name
    svg = (Path(publish.figures_dir()) / "essai-figure.svg").read_text(encoding="utf-8")
    assert "<script" not in svg
    assert "onerror=alert(1)>" not in svg


@settings(max_examples=20)  # each looks for near names among sixteen thousand
@given(st.text(st.characters(categories=["Cs", "L", "P", "S", "Cc"]), max_size=30))
def test_any_typed_text_is_a_town_or_a_sentence(text: str) -> None:
    try:
        tables.load_town(text)
    except TownError as error:
        str(error).encode()


def test_a_long_text_is_not_repeated_whole() -> None:
    with pytest.raises(TownError) as caught:
        tables.load_town("x" * 5000)
    assert len(str(caught.value)) < 500


# -- catalogues ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "",
        "- a\n- b\n",
        "a: [1\n",
        "a: !!python/object/apply:os.system ['echo']\n",
        "a: &a [*a]\n",
        "\ud800",
        "é: {title: x}\n",
        "essai: {title: x, url: 'file:///etc/passwd'}\n",
        "essai: null\n",
    ],
)
def test_a_hostile_catalogue_is_a_sentence(text: str, tmp_path: Path) -> None:
    path = tmp_path / "sources.yml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(catalogue.CatalogueError):
        catalogue.load_sources(path)
