# Two commands do everything: `make finetune` and `make test`. Each sets up what it needs.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
INSTALL := $(BIN)/uv pip install --quiet --python $(BIN)/python

.PHONY: help venv finetune fonts-demo test parity e2e lint bench docs-settings lock clean

help:  ## say what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t14

venv: $(READY)  ## make .venv from requirements.lock

# uv installs the locked, hashed packages in seconds; it comes from pip like the rest. It
# brings its own certificates; those of a company's proxy are known to the system alone.
$(READY): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "strokejax needs Python 3.11 or newer; name one: make PYTHON=python3.12"; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'uv>=0.5'
	$(INSTALL) --require-hashes -r requirements.lock || \
	  UV_SYSTEM_CERTS=1 $(INSTALL) --require-hashes -r requirements.lock
	$(INSTALL) --no-deps --no-build-isolation --editable .
	touch $@

finetune: $(READY)  ## run the main job on built-in data: 63 strokes, about 3 minutes
	$(BIN)/python -m strokejax.launch --config=configs/finetune.py

fonts-demo: $(READY)  ## draw, train small, index and identify fonts, about 2 minutes
	rm -rf runs/demo && mkdir -p runs/demo/fonts
	cp $(VENV)/lib/python*/site-packages/font_*/files/*.[ot]tf runs/demo/fonts
	$(BIN)/python -m strokejax.launch --config=configs/fonts.py:demo \
	  --config.data.root=runs/demo/fonts --workdir=runs/demo/run
	$(BIN)/strokejax fonts make runs/demo/fonts --out runs/demo/pictures --count 2
	$(BIN)/strokejax fonts index runs/demo/fonts --model runs/demo/run
	$(BIN)/strokejax fonts identify runs/demo/pictures/picture-0000[0-3]-000.png \
	  --model runs/demo/run --draw runs/demo/answers.png
	$(BIN)/strokejax evaluate runs/demo/pictures/labels.tsv --model runs/demo/run
	@echo "runs/demo/answers.png shows the answers, each in its own font"

test: $(READY)  ## run all tests
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder \
	  --ignore=tests/e2e

parity: $(READY)  ## hold the code against PyTorch (installs its CPU build if missing)
	$(BIN)/python -c 'import torch' 2>/dev/null || $(BIN)/python -m pip install --quiet 'torch==2.13.0'
	$(BIN)/python -c 'import pytorch_metric_learning' 2>/dev/null || \
	  $(BIN)/python -m pip install --quiet 'pytorch-metric-learning==2.9.0'
	$(BIN)/python -m pytest tests/parity

e2e: $(READY)  ## draw in a real browser (installs Debian's chromium if it may)
	command -v chromium >/dev/null || \
	  { test "$$(id -u)" = 0 && command -v apt-get >/dev/null && \
	    apt-get -qq update && apt-get -qq install -y chromium >/dev/null; } || \
	  echo "there is no chromium: the tests that draw are skipped"
	$(BIN)/python -m pytest tests/e2e

lint: $(READY)  ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

bench: $(READY)  ## print the tables of benchmarks/ that need no real data
	$(BIN)/python benchmarks/raster.py
	$(BIN)/python benchmarks/latency.py

docs-settings: $(READY)  ## write docs/settings.md from the settings of all jobs
	$(BIN)/python docs/write_settings.py

lock: $(READY)  ## resolve requirements.lock anew, for Python 3.11 and later
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-header --no-annotate --extra test --extra serve \
	  --extra tensorboard \
	  pyproject.toml requirements-build.in --output-file requirements.lock

clean:  ## remove .venv and caches
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis
