# Everything a person types. `make help` lists it. Nothing is needed but make and Python >= 3.11.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Some containers ask Python to keep no bytecode: each process would compile every module anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup run run-full demo test test-full media-matrix fuzz check fix lock stats \
	bench-encode bench-upload bench-fanout bench-chaos bench-fleet bench-sandbox bench-early clean

help: ## List the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

# --- Set-up: each stamp is made again when what it depends on has changed ----------------------

$(VENV)/python: # a virtual environment of a Python that is new enough
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Reelay needs Python 3.11 or newer; set PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
		{ echo "Python cannot make virtual environments; on Debian: apt install python3-venv"; exit 1; }
	@touch $@

$(VENV)/product: requirements.txt | $(VENV)/python
	$(BIN)/pip install --quiet --require-hashes -r requirements.txt
	@touch $@

$(VENV)/tools: requirements-dev.txt | $(VENV)/product
	$(BIN)/pip install --quiet --require-hashes -r requirements-dev.txt
	@touch $@

setup: $(VENV)/product ## Install what the product needs, and build the web client
	@$(BIN)/python manage.py build_web

# --- Use -----------------------------------------------------------------------------------------

run: setup ## Start Reelay with everything in var/ (PORT=8000)
	@$(BIN)/python manage.py migrate --verbosity 0
	@exec $(BIN)/python manage.py serve

run-full: setup $(VENV)/tools ## The same on PostgreSQL and Redis of its own, in var/full
	@$(BIN)/python -m tests.services run

demo: setup ## Fill a fresh instance with people, posts and clips
	@$(BIN)/python manage.py migrate --verbosity 0
	@$(BIN)/python manage.py demo

# --- Tests and checks ----------------------------------------------------------------------------

test: $(VENV)/tools ## The tests, on the embedded stack
	$(BIN)/python -m pytest -n 4 --dist loadfile --no-loadscope-reorder --reruns 1 -m "not full and not browser and not matrix and not hostile"

test-full: $(VENV)/tools setup ## All tests, on PostgreSQL, Redis and Chromium (installed if missing)
	$(BIN)/python -m tests.services test

media-matrix: $(VENV)/tools ## Encode and decode every kind of source; writes docs/sources.md
	$(BIN)/python -m tests.matrix

fuzz: $(VENV)/tools ## Damaged and hostile files, COUNT of them or SECONDS long
	$(BIN)/python -m tests.hostile.fuzz $(or $(COUNT),5000) $(or $(SECONDS),600)

check: $(VENV)/tools ## Formatting, lint, types, import contracts, deployment settings; writes nothing
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/lint-imports
	$(BIN)/python manage.py makemigrations --check --dry-run
	@DEBUG=false SECRET_KEY=$$($(BIN)/python -c 'import secrets; print(secrets.token_hex(40))') \
		ALLOWED_HOSTS=check.example $(BIN)/python manage.py check --deploy --fail-level WARNING

fix: $(VENV)/tools ## Let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: $(VENV)/tools ## Pin requirements*.in anew, with hashes
	$(BIN)/pip install --quiet uv
	for set in requirements requirements-dev requirements-web; do \
		$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 \
			--generate-hashes --no-strip-extras $$set.in -o $$set.txt || exit 1; done

stats: ## Sizes of files and functions, against the habits of CONTRIBUTING.md
	@$(PYTHON) bench/stats.py

# --- Benchmarks: a table, and one JSON object as the last line -----------------------------------

bench-encode: setup $(VENV)/tools ## CPU, bytes and VMAF beside MediaCMS's and PeerTube's commands
	$(BIN)/python -m bench.encode

bench-upload: setup $(VENV)/tools ## Uploads beside a bare asyncio sink
	$(BIN)/python -m bench.upload

bench-fanout: setup $(VENV)/tools ## Live messages beside picows and a stock Channels consumer
	$(BIN)/python -m bench.fanout

bench-chaos: setup $(VENV)/tools ## Encoding under kill -9, with both engines (a quarter of an hour)
	$(BIN)/python -m bench.chaos

bench-fleet: setup $(VENV)/tools ## Two workers on one video, 64 simulated ones, a claim
	$(BIN)/python -m bench.fleet

bench-early: setup $(VENV)/tools ## From the last byte to a whole video, encoded while it arrived (ten minutes)
	$(BIN)/python -m bench.early

bench-sandbox: $(VENV)/tools ## What limits and bubblewrap add to a call of FFmpeg
	$(BIN)/python -m bench.sandbox

clean: ## Remove what set-up made; var/ stays
	rm -rf $(VENV) web/node_modules web/dist static
