"""A small synthetic book, sound or with one fault, for the tests of the build."""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_raw_cell

CONFIG = """
project:
  type: book
lang: fr
book:
  title: "Petit livre"
  chapters:
    - part: "Une partie"
      chapters:
        - index.qmd
        - chapters/deux.qmd
    - part: "Une autre"
      chapters:
        - notebooks/03_carnet.ipynb
  page-footer:
    left: "Sous [licence](https://example.org)."
crossref:
  fig-prefix: figure
  tbl-prefix: tableau
  sec-prefix: section
execute:
  enabled: true
  daemon: false
format:
  html:
    theme: none
    code-fold: true
    html-math-method: mathml
"""

PUBLISH = """
import os
from pathlib import Path
from IPython.display import Markdown

def publish(name):
    folder = Path(os.environ["PVD_FIGURES_DIR"])
    (folder / f"{name}.svg").write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" width="500" height="50" viewBox="0 0 500 50">'
        '<rect width="500" height="50" fill="teal"/></svg>')
    (folder / f"{name}.csv").write_text("a,b\\n1,2\\n")
    (folder / "report.json").write_text("{}")
    here = os.path.relpath(folder)
    return Markdown(f'''::: {{#fig-{name}}}

![]({here}/{name}.svg){{fig-alt="Un « rectangle » de 500 [pixels]" width="500"}}

Source : synthétique. [Données]({here}/{name}.csv){{download="{name}.csv"}}

La légende de {name}.
:::
''')
"""

INDEX = f"""---
title: "Petit livre"
---

Voir @fig-a, @tbl-b, @sec-suite, [la suite](chapters/deux.qmd#sec-suite),
[une ville](chapters/deux.html?ville=46127#sec-suite) et @fig-carnet.
Deux et deux font `{{python}} 2 + 2`.

```{{python}}
#| include: false
{PUBLISH}
```

```{{python}}
#| code-summary: "Le code de la figure"
publish("a")
```

```{{python}}
#| echo: false
long = "x" * 300
f"{{long}}"
```

```{{python}}
#| echo: false
from IPython.display import HTML
wide = "<td>une case</td>" * 60
HTML(f"<table><tr>{{wide}}</tr></table><script>window.table = '<table class=\\"a\\">';</script>")
```

```{{python}}
#| echo: false
Markdown('''::: {{#tbl-b}}

| ville | habitants |
|:--|--:|
| Une | 1 |

Source : synthétique.

La légende du tableau.
:::
''')
```
"""

SECOND = """---
title: "Deux"
---

## La suite {#sec-suite}

Le nombre $x^2$.

::: {.callout-note}
À noter.
:::

```{python}
print("un mot imprimé")
```
"""


def write_book(
    root: Path, *, index: str = "", second: str = "", cells: tuple[str, ...] = (), config: str = ""
) -> Path:
    """Write the sources of the small book, with text or cells of code added."""
    for name in ("chapters", "notebooks"):
        (root / name).mkdir(parents=True)
    (root / "_quarto.yml").write_text(CONFIG + config, encoding="utf-8")
    (root / "index.qmd").write_text(f"{INDEX}\n{index}\n", encoding="utf-8")
    (root / "chapters" / "deux.qmd").write_text(f"{SECOND}\n{second}\n", encoding="utf-8")
    notebook = new_notebook(
        cells=[
            new_raw_cell('---\ntitle: "Carnet"\n---'),
            new_markdown_cell("Du texte, puis @fig-carnet."),
            new_code_cell(PUBLISH),
            new_code_cell('publish("carnet")'),
            *map(new_code_cell, cells),
        ],
        metadata={
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}
        },
    )
    nbformat.write(notebook, root / "notebooks" / "03_carnet.ipynb")
    return root
