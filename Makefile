# A hotline on one machine. `make run` installs what is missing and starts everything under var/.
.PHONY: help run stop test check bench lock
.DEFAULT_GOAL := help

SHELL := /bin/bash
PYTHON_HERE := .venv/bin/python

help: ## what can be made
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 16

run: ## install what is missing, start the hotline; Ctrl-C stops it
	@deploy/setup.sh run
	@exec $(PYTHON_HERE) -m deploy.onebox run

stop: ## end every process that `make run` started
	@if [ -x $(PYTHON_HERE) ]; then exec $(PYTHON_HERE) -m deploy.onebox stop; fi

test: ## all four tiers: unit, storage, asterisk, browser; for some only: make test ARGS=tests/unit
	@deploy/setup.sh test
	@exec $(PYTHON_HERE) -m pytest $(ARGS)

check: ## lint, formatting, types, import rules; Python and browser application
	@deploy/setup.sh test
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	@if [ -f callcenter/web/app/package.json ]; then \
	    if [ -x .venv/node/bin/node ]; then PATH="$$PWD/.venv/node/bin:$$PATH"; fi; \
	    cd callcenter/web/app && npm run check; fi

bench: ## this hotline beside app_queue and Dial(), as tables; quickly: make bench ARGS=--quick
	@deploy/setup.sh test
	@exec $(PYTHON_HERE) -m tests.bench $(ARGS)

lock: ## renew the lock files from pyproject.toml
	@exec deploy/lock.sh
