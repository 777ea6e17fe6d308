"""The notebooks run top to bottom on the embedded tables, with no network, for any town."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
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

#: Where the kernels run.
PLACE = {"metadata": {"path": str(ROOT)}}

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


@pytest.fixture(scope="module", params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request: pytest.FixtureRequest) -> Iterator[tuple[Path, Any]]:
    """Return a notebook and a kernel where its towns run: half of the time is in the imports."""
    client = NotebookClient(nbformat.v4.new_notebook(), kernel_name="python3", resources=PLACE)
    with client.setup_kernel(env={**os.environ, "PVD_OFFLINE": "1", "PVD_MIRROR": ""}):
        yield request.param, client.km


def anew(figures: Path) -> Any:
    """Return a cell that forgets all that the town before has named."""
    return nbformat.v4.new_code_cell(
        "get_ipython().reset(new_session=False)\n"
        f"import os; os.environ['PVD_FIGURES_DIR'] = {str(figures)!r}; del os"
    )


@pytest.mark.slow
@pytest.mark.parametrize("code", CODES)
def test_notebook_runs_for_any_town(notebook: tuple[Path, Any], code: str, tmp_path: Path) -> None:
    path, kernel = notebook
    document: Any = nbformat.read(path, as_version=4)
    first = next(cell for cell in document.cells if cell.cell_type == "code")
    first.source = f'VILLE = "{code}"'
    document.cells.insert(0, anew(tmp_path))
    client = NotebookClient(document, km=kernel, timeout=60, resources=PLACE)
    try:
        client.execute()
    finally:
        client.kc.stop_channels()
    assert list(tmp_path.glob("*.csv"))
    outputs = [output for cell in document.cells for output in cell.get("outputs", [])]
    assert tables.load_town(code)["name"].split("'")[-1] in str(outputs)
    kinds = {kind for output in outputs for kind in output.get("data", {})}
    assert not kinds & FROM_A_CDN, "montrez les tableaux par show_table, le HTML par HtmlBlock"
