# make demo    the main job: every guide beside NUTS on the yacht data, a table and a picture
# make test    lint and tests; make test-all adds the full product of combinations and the slow ones
# make notebooks    run the tutorials whose code has changed, and keep them in tutorials/runs
# make docs    the site in build/site, with those runs; `python -m zoo docs` opens it

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
READY = $(VENV)/ready
READY_DOCS = $(VENV)/ready-docs
# a path file instead of an import hook: editors read it, and a clone named zoo next to it does not hide the package
EDITABLE = --config-settings editable_mode=compat
# processes that tests begin load bytecode, instead of compiling every file again
TESTED = OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE= $(BIN)/python
NO_DOCS = the site needs Sphinx and what else the extra 'docs' names, and pip cannot install it: \
	without a network, name a folder of wheels, PIP_NO_INDEX=1 PIP_FIND_LINKS=folder make docs

demo: $(READY)
	$(BIN)/python -m zoo compare

test: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(TESTED) -m pytest -n 2 --dist loadfile --no-loadscope-reorder --durations=40

test-all: $(READY)
	$(TESTED) -m pytest -n 2 -m "" -o faulthandler_timeout=3600

notebooks: $(READY_DOCS)
	$(BIN)/python docs/site/run_lessons.py

docs: $(READY_DOCS)
	$(BIN)/codespell *.md docs zoo guides tutorials benchmarks/*.md
	$(BIN)/sphinx-lint --ignore docs/api docs zoo guides tutorials
	$(BIN)/sphinx-build -j 2 --quiet --fail-on-warning --keep-going -c docs/site -d build/trees . build/site
	$(BIN)/python docs/site/check_links.py build/site

clean:
	rm -rf $(VENV) build *.egg-info results.json zoo.png fit tutorials/*.ipynb docs/api

$(READY): setup.cfg pyproject.toml constraints.txt
	@echo "installing into $(VENV), a minute or two"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -c constraints.txt $(EDITABLE) -e ".[test]"
	touch $(READY)

$(READY_DOCS): $(READY)
	@$(BIN)/python -m pip install --quiet -c constraints.txt $(EDITABLE) -e ".[docs]" \
		|| { echo "$(NO_DOCS)" >&2; exit 1; }
	touch $(READY_DOCS)

.PHONY: demo test test-all notebooks docs clean
