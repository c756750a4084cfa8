PYTHON ?= python3
BIN := .venv/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Tests start hundreds of processes; without this each would compile every module again.
unexport PYTHONDONTWRITEBYTECODE
# The .venv and the checkout are what is meant, whatever the caller's pip, Python, locale or git hook.
export PIP_USER := 0
export PYTHONUTF8 := 1
unexport PIP_TARGET PIP_PREFIX PIP_ROOT PYTHONHOME PYTHONSAFEPATH GIT_DIR GIT_WORK_TREE \
  GIT_INDEX_FILE GIT_COMMON_DIR GIT_OBJECT_DIRECTORY GIT_PREFIX

.DEFAULT_GOAL := help
.PHONY: .say-test help demo serve seed psql migrate rollback reset migration release test prove bench check lint types \
  imports guards format build docs picture hooks clean

help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

# --- try it ---

demo: .venv/app  ## Index this checkout, or REPO=…, over HTTP and watch it end
	@$(BIN)/index-jobs demo

serve: .venv/app  ## Run Postgres and the API until Ctrl-C (PORT, DATA_DIR, DATABASE_URL)
	@exec $(BIN)/index-jobs serve

seed: .venv/app  ## Fill the database with users, finished, failed and stuck jobs to look at
	@$(BIN)/index-jobs seed

psql: .venv/app  ## Open psql on the database
	@exec $(BIN)/index-jobs psql

# --- the schema ---

migrate: .venv/app  ## Apply what is pending
	@$(BIN)/index-jobs migrate

rollback: .venv/app  ## Take the newest COUNT migrations back (1)
	@$(BIN)/index-jobs rollback

reset: .venv/app  ## Empty a development database: remove its data and schema, then migrate
	@$(BIN)/index-jobs reset

migration: .venv/app  ## Stamp what changed in db/ into the unreleased migration, or a new one: name=…
	@$(BIN)/python -m db.tools.stamp migration "$(name)" $(if $(EMPTY),--empty) $(if $(BREAKING),--breaking)

release: check  ## Freeze the migrations, date the changelog, set the version: VERSION=1.2.3
	@$(BIN)/python -m db.tools.stamp release "$(or $(VERSION),$(error say VERSION=1.2.3))"

# --- change it ---

test: .say-test check  ## Run everything a change must pass, on throwaway servers
	@$(BIN)/pytest -n 4 --dist loadfile --no-loadscope-reorder --durations 10 --durations-min 5

.say-test:
	@echo 'make test: lint, types, imports and drift of the migrations, then every test on throwaway' >&2
	@echo 'servers. It usually takes up to 10 minutes on 2 cores; the slowest tests are listed at the end.' >&2

prove: check .venv/prove  ## Run the extended versions of the tests; writes docs/prove.md
	@$(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder --prove --junit-xml=dist/prove.xml
	@$(BIN)/python -m bench.late_worker
	@$(BIN)/python -m tests.support.prove_report dist/prove.xml

bench: .venv/prove  ## Measure what must be fast, into docs/performance.md (ONLY=poll, ROWS, BEFORE)
	@$(BIN)/python -m bench --only "$(ONLY)" --rows "$(or $(ROWS),1000000)" $(if $(BEFORE),--before "$(BEFORE)")

check: lint types imports guards  ## What needs no database: drift of the migrations, lint, types, imports
	@$(BIN)/python -m db.tools.stamp check

lint: .venv/test  ## Lint, and check the format
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check . || { echo 'run: make format'; exit 1; }

types: .venv/test  ## Check the types
	@$(BIN)/mypy --no-error-summary

imports: .venv/test  ## Check which packages import which
	@said=$$($(BIN)/lint-imports --no-logo --no-cache) || { echo "$$said"; exit 1; }

guards: .venv/test  ## Look for dangers in the unreleased migrations and the Python, by squawk and bandit
	@$(BIN)/python -m tests.support.guards

format: .venv/test  ## Format the Python files
	@$(BIN)/ruff check --quiet --fix . ; $(BIN)/ruff format --quiet .

build: .venv/test  ## Build the wheel and the source archive into dist/
	@$(BIN)/python -m build --outdir dist .

docs: .venv/test  ## Write what is made from the schema: documents, TypeScript types, catalogue.json
	@$(BIN)/python -m db.tools.docs

picture: .venv/test  ## Take the picture of the page in the README
	@$(BIN)/python -m tests.browser.picture

hooks: .venv/test  ## Have git run make check before each commit
	@mkdir -p "$$(git rev-parse --git-path hooks)"
	@printf '%s\n' '#!/bin/sh' '# what is checked is the working tree: in db and supabase it has to be what is committed' \
	  'if { git ls-files -o --exclude-standard db supabase; git diff --name-only -- db supabase; } | grep .' \
	  'then echo "git add these first"; exit 1; fi' 'exec make check' \
	  > "$$(git rev-parse --git-path hooks)/pre-commit"
	@chmod +x "$$(git rev-parse --git-path hooks/pre-commit)"

clean:  ## Remove what was built, and the data in .run
	@$(PYTHON) -m cli.dev.lock .run
	@rm -rf .venv .run dist build

# --- what the others need ---

# this package with EXTRAS; on a terminal one line shows what pip is doing
install = { $(BIN)/pip install --progress-bar off -e '.[$(EXTRAS)]'; echo "exit $$?"; } | { while read -r word rest; do \
  case $$word in exit) code=$$rest;; Collecting|Downloading|Building|Installing) \
  [ -t 2 ] && printf '\r\033[K    %s %.60s' "$$word" "$$rest" >&2;; esac; done; \
  [ -t 2 ] && printf '\r\033[K' >&2; exit "$$code"; }

.venv/app: EXTRAS := embedded,indexer
.venv/app: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("error: Python 3.11 or newer is needed, and $(PYTHON) is %d.%d: name a newer one, such as make PYTHON=python3.11" % sys.version_info[:2])'
	@echo '  … dependencies (a minute, the first time)' >&2; $(PYTHON) -m venv .venv
	@$(install) && touch $@

.venv/test: EXTRAS := embedded,indexer,test
.venv/test: pyproject.toml .venv/app
	@echo '  … dependencies of the tests (a minute or two, the first time)' >&2
	@$(install) && touch $@

.venv/prove: EXTRAS := prove
.venv/prove: pyproject.toml .venv/test
	@echo '  … dependencies of make prove' >&2
	@$(install) && touch $@
