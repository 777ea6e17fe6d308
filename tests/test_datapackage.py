"""The open-data package: valid, secret where it must be, licensed file by file, the same again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import shapely
import yaml
from frictionless import Package

from utils import datapackage, tables
from utils.catalogue import DATA, load_indicators_catalogue
from utils.errors import TableError
from utils.formats import typographic

# What frictionless's own libraries warn of is not this project's.
pytestmark = pytest.mark.filterwarnings("default")

#: Rows of each CSV that the quick test validates.
FEW = 2000


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("paquet") / "livre"
    report = datapackage.write_package(folder)
    assert report.files == len(list(folder.iterdir()))
    assert report.size == sum(path.stat().st_size for path in folder.iterdir())
    return folder


def descriptor(package: Path) -> dict:
    return json.loads((package / "datapackage.json").read_text(encoding="utf-8"))


def test_the_package_is_valid_for_frictionless(package: Path) -> None:
    report = Package(package / "datapackage.json").validate(limit_rows=FEW)
    assert report.errors == []
    assert [(task.name, task.errors) for task in report.tasks if not task.valid] == []


@pytest.mark.slow
def test_every_row_is_valid_and_a_second_package_is_the_same(package: Path, tmp_path: Path) -> None:
    assert Package(package / "datapackage.json").validate().valid
    again = tmp_path / "livre"
    datapackage.write_package(again)
    before = {path.name: path.read_bytes() for path in package.iterdir()}
    assert {path.name: path.read_bytes() for path in again.iterdir()} == before


def test_every_file_is_described_with_its_checksum_and_its_licence(package: Path) -> None:
    resources = descriptor(package)["resources"]
    texts = {"README.md", "LICENCES.md", "datapackage.json"}
    assert {one["path"] for one in resources} | texts == {p.name for p in package.iterdir()}
    for one in resources:
        content = (package / one["path"]).read_bytes()
        assert one["bytes"] == len(content)
        assert one["hash"] == f"sha256:{hashlib.sha256(content).hexdigest()}"
        assert one["licenses"][0]["name"] in {"etalab-2.0", "ODbL-1.0"}
    licences = (package / "LICENCES.md").read_text(encoding="utf-8")
    assert all(f"`{one['path']}`" in licences for one in resources)


def test_every_column_is_described_and_every_description_serves(package: Path) -> None:
    known = yaml.safe_load((DATA / "columns.yml").read_text(encoding="utf-8"))
    tabular = [one for one in descriptor(package)["resources"] if "schema" in one]
    fields = [(one["name"], field) for one in tabular for field in one["schema"]["fields"]]
    silent = [f"{name}.{field['name']}" for name, field in fields if not field.get("description")]
    assert silent == [], "à décrire dans data/columns.yml"
    shown = {field["description"] for _, field in fields}
    unused = [key for key, told in known.items() if typographic(told) not in shown]
    assert unused == [], "colonnes qui n’existent plus"


def test_every_table_has_a_title_and_a_shape_is_a_text(package: Path) -> None:
    titles = {one["name"]: one["title"] for one in descriptor(package)["resources"]}
    assert not [name for name, title in titles.items() if "_" in title]
    assert len(set(titles.values())) == len({name.removesuffix("-parquet") for name in titles})
    shapes = pd.read_csv(package / "osm-carte-soins.csv")["geometry"]
    assert shapely.is_valid(shapely.from_wkt(shapes)).all()


def test_what_is_not_known_is_empty_and_never_zero(package: Path) -> None:
    read = {"code": str, "value": str, "status": str}
    for path in [*package.glob("indicateurs-*.csv"), package / "enseignes.csv"]:
        frame = pd.read_csv(path, dtype=read, keep_default_na=False)
        hidden = frame["status"].isin(["secret", "absent"])
        assert hidden.any(), path.name
        assert (frame.loc[hidden, "value"] == "").all()
        assert (frame.loc[frame["status"] == "zero", "value"].astype(float) == 0).all()


def test_csv_and_parquet_say_the_same(package: Path) -> None:
    pvd = tables.load_towns(pvd=True)["code"]
    whole = pd.read_parquet(package / "indicateurs-energie.parquet")
    part = pd.read_csv(package / "indicateurs-energie.csv", dtype={"code": str})
    kept = whole[whole["code"].isin(pvd)].reset_index(drop=True)
    pd.testing.assert_frame_equal(part, kept, check_dtype=False)
    towns = pd.read_csv(package / "communes.csv", dtype={"code": str})
    assert len(towns) == len(tables.load_towns())
    assert "01306" in set(towns["code"])


def test_outlines_are_those_of_the_programme(package: Path) -> None:
    features = json.loads((package / "communes-pvd.geojson").read_text("utf-8"))["features"]
    codes = [one["properties"]["code"] for one in features]
    assert codes == list(tables.load_towns(pvd=True)["code"])
    gourdon = features[codes.index("46127")]
    shape = shapely.geometry.shape(gourdon["geometry"])
    town = tables.load_town("46127")
    assert shape.contains(shapely.Point(town["lon"], town["lat"]))
    assert shape.exterior.is_ccw


# -- licences and secrets ---------------------------------------------------------------


def lines(status: str = "ok") -> pd.DataFrame:
    """Return synthetic lines of two indicators of one town."""
    names = ["revenu_median", "evolution_population"]
    return pd.DataFrame(
        {"code": "46127", "indicator": names, "year": 2021, "value": 1.0, "status": status}
    )


def test_what_derives_from_openstreetmap_is_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    catalogue = dict(load_indicators_catalogue())
    catalogue["revenu_median"] = replace(
        catalogue["revenu_median"], sources=("filosofi_communes", "osm_corse")
    )
    monkeypatch.setattr(datapackage, "load_indicators_catalogue", lambda: catalogue)
    resources: Iterator = datapackage._indicators(
        "indicators_territoire", Path("table.parquet"), lines(), {"46127"}
    )
    found = {one.name: (one.licence, list(one.frame["indicator"])) for one in resources}
    assert found == {
        "indicateurs-territoire": ("LO-2.0", ["evolution_population"]),
        "indicateurs-territoire-osm": ("ODbL-1.0", ["revenu_median"]),
    }


def test_a_secret_that_would_be_told_stops_the_package() -> None:
    datapackage._refuse_told_secrets(lines(), "essai")
    with pytest.raises(TableError, match="2 lignes secrètes"):
        datapackage._refuse_told_secrets(lines("secret"), "essai")


# -- folders ---------------------------------------------------------------------------


def test_another_folder_is_never_replaced(tmp_path: Path, package: Path) -> None:
    (tmp_path / "thèse.odt").write_text("trois ans")
    (tmp_path / "datapackage.json").write_text('{"name": "autre"}')
    with pytest.raises(TableError, match="n’est pas un paquet"):
        datapackage.write_package(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["datapackage.json", "thèse.odt"]
    datapackage._check_folder(package)
    datapackage._check_folder(tmp_path / "nouveau")


def test_a_file_in_the_way_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "fichier").write_text("pas un dossier")
    with pytest.raises(TableError, match="fichier"):
        datapackage.write_package(tmp_path / "fichier" / "paquet")
