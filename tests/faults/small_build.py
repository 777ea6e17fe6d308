"""Build a small synthetic set of tables as ``pvd data`` does, to be hurt in many ways.

``python small_build.py build FOLDER EDITION`` builds; the exit status and the message are those
of ``pvd``; with ``nobody`` after it, as a user without rights.
``python small_build.py kills FOLDER COUNT SEED`` builds again and again in a child that is killed
(SIGKILL) at a random moment, then at each step of the last phase, looks at what is left each
time, and prints what it saw as JSON.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from utils import build, tables
from utils.build import BuildReport, Workshop
from utils.catalogue import load_indicators_catalogue
from utils.errors import PvdError

#: A user who owns nothing.
NOBODY = 65534

NAMES = ("petite", "moyenne", "grande")
ROWS = {"petite": 500, "moyenne": 5_000, "grande": 20_000}


def frame(name: str, edition: int) -> pd.DataFrame:
    """Return a synthetic table; each edition has its own numbers."""
    draw = np.random.default_rng(edition)
    return pd.DataFrame({"code": np.arange(ROWS[name]), "value": draw.random(ROWS[name])})


def builder(name: str, edition: int) -> Callable[[Workshop], pd.DataFrame]:
    return lambda _: frame(name, edition)


def make(folder: Path, edition: int) -> BuildReport:
    """Build every table of an edition in a folder."""
    build.BUILDERS = {name: builder(name, edition) for name in NAMES}
    return build.build_tables(folder=folder)


# -- killed ----------------------------------------------------------------------------


def in_a_child(action: Callable[[], object], delay: float | None = None) -> None:
    """Run something in a child; kill it after a delay, when one is given."""
    child = os.fork()
    if child == 0:
        action()
        os._exit(0)
    if delay is not None:
        time.sleep(delay)
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def killed_at_step(folder: Path, edition: int, step: int) -> None:
    """Build, and die just before the given renaming of the last phase."""
    plain, count = Path.replace, 0

    def replace(self: Path, target: Path) -> Path:
        nonlocal count
        if not self.name.endswith(".part"):
            count += 1
            if count == step:
                os.kill(os.getpid(), signal.SIGKILL)
        return plain(self, target)

    Path.replace = replace
    make(folder, edition)


def state(folder: Path, known: dict[str, dict[str, str]]) -> str:
    """Say which edition is in a folder; a table of neither edition is an error."""
    held = []
    for name in NAMES:
        digest = tables.file_sha256(folder / f"{name}.parquet")
        editions = [edition for edition, sums in known.items() if sums[name] == digest]
        if not editions:
            raise SystemExit(f"{name} n’est d’aucune édition")
        held.append(editions[0])
    if not tables.verify_tables(folder):
        return f"édition {held[0]}"
    return "à refaire, et dite telle"


def kills(folder: Path, count: int, seed: int) -> dict[str, object]:
    """Kill builds; return the states met, and whether a last build sets everything right."""
    load_indicators_catalogue()  # read once for all the children
    known: dict[str, dict[str, str]] = {}
    took = 0.0
    for edition in (1, 2):
        start = time.monotonic()
        in_a_child(lambda edition=edition: make(folder, edition))
        took = time.monotonic() - start
        known[str(edition)] = {
            name: tables.file_sha256(folder / f"{name}.parquet") for name in NAMES
        }
    draw = random.Random(seed)
    met: Counter[str] = Counter()
    for attempt in range(count):
        moment = draw.uniform(0, 1.1 * took)
        in_a_child(lambda attempt=attempt: make(folder, 1 + attempt % 2), moment)
        met[state(folder, known)] += 1
    for step in range(1, len(NAMES) + 2):
        in_a_child(lambda: make(folder, 1))
        in_a_child(lambda step=step: killed_at_step(folder, 2, step))
        met[state(folder, known)] += 1
    in_a_child(lambda: make(folder, 2))
    return {
        "met": dict(met),
        "in the end": state(folder, known),
        "left": sorted(path.name for path in folder.iterdir()),
    }


if __name__ == "__main__":
    command, place, *rest = sys.argv[1:]
    try:
        if command == "build":
            if "nobody" in rest and os.geteuid() == 0:
                with tempfile.TemporaryDirectory() as scratch:
                    make(Path(scratch) / "tables", 1)  # so that all is imported
                os.setuid(NOBODY)
            make(Path(place), int(rest[0]))
        else:
            print(json.dumps(kills(Path(place), int(rest[0]), int(rest[1]))))
    except PvdError as error:
        print(f"Erreur : {error.message}\n{error.hint}", file=sys.stderr)
        sys.exit(error.exit_code)
