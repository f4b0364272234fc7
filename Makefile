# The portal's commands. `make` alone lists them.

PYTHON ?= python3
PORT ?= 8000

# Never .venv/bin/<script>: its first line cannot hold a path with a space. (djade is a binary.)
RUN = .venv/bin/python

# What a production environment sets, for the checks that want one.
PRODUCTION = DEBUG=0 ALLOWED_HOSTS=portal.example.org MEDIA_ROOT=.local/media \
	SECRET_KEY=only-for-make-check-0123456789-abcdefghijklmnopqrstuvwxyz-ABCDEFG \
	DATABASE_URL=postgresql://portal@database.example.org/portal \
	CELERY_BROKER_URL=redis://broker.example.org/0

COMPILE = $(RUN) -m uv pip compile --quiet --universal --generate-hashes --no-emit-index-url \
	--python-version 3.11 --custom-compile-command "make lock" $(if $(UPGRADE),--upgrade)

# $(call install,lock file,copy of the lock file that was installed last)
define install
	@cmp -s $(1) $(2) || { \
		echo "Installing $(1) into .venv ..." && \
		$(RUN) -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $(1) && \
		cp $(1) $(2); }
endef

.PHONY: help demo test check lock bench screenshots messages clean environment runtime development

help: ## List the commands
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

demo: runtime ## Start the demonstration on http://127.0.0.1:8000/ (make demo PORT=8001 for another port)
	@PORT="$(PORT)" exec $(RUN) -m portal.demo

test: development ## Run every test, in parallel (ARGS="-k name" to choose)
	@DEBUG=1 $(RUN) -m pytest -n auto $(ARGS)

check: development ## Check style, types, templates, migrations and the production settings
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	DEBUG=1 $(RUN) -m mypy portal usecases
	find templates portal usecases -name '*.html' -exec .venv/bin/djade --check {} +
	DEBUG=1 $(RUN) manage.py makemigrations --check --dry-run
	$(PRODUCTION) $(RUN) manage.py check --deploy --fail-level WARNING

bench: development ## Measure speed and memory against other libraries
	@DEBUG=1 $(RUN) -m tests.bench $(ARGS)

screenshots: development ## Take pictures of the demonstration into .local/screenshots (ARGS=--readme renews the README's)
	@DEBUG=1 PORT="$(PORT)" $(RUN) -m tests.screenshots $(ARGS)

lock: development ## Write the lock files anew (UPGRADE=1 takes the newest versions)
	$(COMPILE) pyproject.toml -o requirements.lock
	$(COMPILE) --extra dev --extra bench -c requirements.lock pyproject.toml -o tests/requirements.lock

messages: development ## Bring the French and Danish texts up to date (wants GNU gettext)
	DEBUG=1 $(RUN) manage.py makemessages -l fr -l da --no-location --no-wrap --no-obsolete \
		--ignore .venv --ignore .local --ignore tests
	DEBUG=1 $(RUN) manage.py compilemessages --ignore .venv --ignore .local

clean: ## Remove everything these commands made, the demonstration's data included
	@if [ -x $(RUN) ] && [ -e .local ]; then $(RUN) -m portal.postgres_keeper remove .local/postgres; fi
	rm -rf .local .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis

# Made anew when its Python has gone or has become another version.
environment:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Python 3.11 or newer is needed, and '$(PYTHON)' is $$($(PYTHON) -V 2>&1)." >&2; \
		echo "Name another one: make PYTHON=/path/to/python3.12 ..." >&2; exit 1; }
	@$(RUN) -c 'import pip' 2>/dev/null || { \
		echo "Creating .venv ..." && rm -rf .venv && $(PYTHON) -m venv .venv; }

runtime: environment
	$(call install,requirements.lock,.venv/runtime.lock)

development: environment
	$(call install,tests/requirements.lock,.venv/development.lock)
