"""The notebooks run top to bottom on the embedded tables, with no network, for any town."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from utils import tables

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))

#: Drawn once for all among the PVD, so that a failure can be reproduced; ``PVD_VILLES`` says
#: how many (30 before a release).
DRAWN = int(os.environ.get("PVD_VILLES", "3"))
RANDOM = random.Random(20260427).sample(list(tables.load_towns(pvd=True)["code"]), DRAWN)

#: Types of output for which Quarto adds scripts of a CDN to the page.
FROM_A_CDN = {"text/html", "application/javascript", "application/vnd.jupyter.widget-view+json"}

CODES = ["46127", "52247", "97602", "2B096", *RANDOM]


def test_there_is_a_notebook() -> None:
    assert NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_committed_clean(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert not cell.outputs
            assert cell.execution_count is None
    first = next(cell for cell in notebook.cells if cell.cell_type == "code")
    assert first.source.strip() == 'VILLE = "46127"'


@pytest.mark.slow
@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs_for_any_town(path: Path, code: str, tmp_path: Path) -> None:
    notebook: Any = nbformat.read(path, as_version=4)
    first = next(cell for cell in notebook.cells if cell.cell_type == "code")
    first.source = f'VILLE = "{code}"'
    client = NotebookClient(
        notebook, timeout=60, kernel_name="python3", resources={"metadata": {"path": str(ROOT)}}
    )
    client.execute(
        env={**os.environ, "PVD_FIGURES_DIR": str(tmp_path), "PVD_OFFLINE": "1", "PVD_MIRROR": ""}
    )
    assert list(tmp_path.glob("*.csv"))
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert tables.load_town(code)["name"].split("'")[-1] in str(outputs)
    kinds = {kind for output in outputs for kind in output.get("data", {})}
    assert not kinds & FROM_A_CDN, "montrez les tableaux par show_table, le HTML par HtmlBlock"
