# make demo    the main job: every guide beside NUTS on the yacht data, a table and a picture
# make test    lint and tests; make test-all adds the full product of combinations and the slow ones
# make notebooks    the tutorials as executed notebooks

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
READY = $(VENV)/ready
# a path file instead of an import hook: editors read it, and a clone named zoo next to it does not hide the package
EDITABLE = --config-settings editable_mode=compat

demo: $(READY)
	$(BIN)/python -m zoo compare

test: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile

test-all: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 -m ""

notebooks: $(READY)
	$(BIN)/python -m pip install --quiet -c constraints.txt $(EDITABLE) -e ".[notebooks]"
	cd tutorials && ../$(BIN)/jupytext --to ipynb --set-kernel python3 --execute *.py

clean:
	rm -rf $(VENV) build *.egg-info results.json zoo.png fit tutorials/*.ipynb

$(READY): setup.cfg pyproject.toml constraints.txt
	@echo "installing into $(VENV), a minute or two"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -c constraints.txt $(EDITABLE) -e ".[test]"
	touch $(READY)

.PHONY: demo test test-all notebooks clean
