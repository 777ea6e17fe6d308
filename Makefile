# Les deux commandes : « make book » et « make test ». Le reste s’en déduit.
# Le premier Python assez récent ; « make PYTHON=… book » en impose un autre.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
  $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin

.PHONY: book pdf test villes check verify data portrait images lab relire sbom doctor bench lock clean venv

book: venv  ## construit le livre dans _book/
	$(BIN)/pvd book

pdf: venv  ## le même livre en un PDF, dans build/ (demande Quarto)
	$(BIN)/pvd pdf

test: venv  ## toute la suite : style, types, tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder

villes: venv  ## exécute les carnets pour trente PVD tirées au hasard (long)
	PVD_VILLES=30 $(BIN)/pytest -q -n 2 --dist loadfile --no-loadscope-reorder tests/test_notebooks.py

check: venv  ## regarde les pages construites dans un vrai navigateur
	$(BIN)/pvd check-site

verify: venv  ## recalcule, et dit figure par figure ce qui diffère du livre construit
	$(BIN)/pvd verify

data: venv  ## reconstruit les tables embarquées, à partir d’un miroir des sources (PVD_MIRROR)
	$(BIN)/pvd data

VILLE ?= 46127
portrait: venv  ## écrit le portrait d’une ville dans portraits/ : make portrait VILLE=46127
	$(BIN)/pvd portrait "$(VILLE)"

images: venv  ## redessine celles du README et des liens partagés, dans theme/
	$(BIN)/python -m utils.stories.images

lab: venv  ## ouvre les carnets
	$(BIN)/jupyter lab notebooks

relire: venv  ## typographie et orthographe de la prose
	$(BIN)/pvd relire

# Un verrou ne dit pas qui demande quoi : l’outil avertit que l’arbre manque, ce qui est voulu.
sbom: venv  ## la liste des logiciels du verrou (CycloneDX), dans artefacts/
	@mkdir -p artefacts
	$(BIN)/python -W "ignore:The Component this BOM is describing:UserWarning" -m cyclonedx_py \
	  requirements requirements.lock --pyproject pyproject.toml --output-reproducible \
	  --of JSON -o artefacts/sbom.json

doctor: venv  ## dit ce qui manque
	$(BIN)/pvd doctor

bench: venv  ## mesure temps et mémoire (tests/benchmarks/)
	$(BIN)/python tests/benchmarks/run.py

venv: $(VENV)/.complet

# L’environnement vient du verrou, empreintes vérifiées ; le témoin dit qu’il est complet.
$(VENV)/.complet: requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "Il faut Python 3.11 ou plus récent, et aucun n’a été trouvé." \
	  "S’il est ailleurs : make PYTHON=/chemin/de/python3.12 …" >&2; exit 2; }
	@if command -v uv >/dev/null; then \
	  { test -x $(BIN)/python || uv venv --quiet --python $(PYTHON) $(VENV); } && \
	  uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock && \
	  uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .; \
	else \
	  { test -x $(BIN)/python || $(PYTHON) -m venv $(VENV); } && \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes \
	    -r requirements.lock && \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps \
	    --no-build-isolation -e .; \
	fi
	@touch $@

lock: venv  ## refait le verrou à partir de pyproject.toml, sans nommer d’index
	$(BIN)/uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header \
	  --quiet --output-file requirements.lock

clean:
	rm -rf $(VENV) _book figures artefacts .quarto build *.egg-info
