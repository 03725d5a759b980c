# Each target prepares .venv by itself. `make run` and `make test` are the whole set-up.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && echo $$p && exit; \
	done; echo python3)
BOOTSTRAP = $(PYTHON) -m backend.devtools.bootstrap

.DEFAULT_GOAL := help
.PHONY: help run test lint shell stack bench package mongo-native lock

help: ## say what each target does
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

run: ## start everything on this machine with demo data: http://127.0.0.1:8000 (PORT=...)
	@$(BOOTSTRAP) run

test: ## every test (ARGS="tests/backend -k hold" for some; MONGO_SERVER=native for the other server)
	@$(BOOTSTRAP) test $(ARGS)

lint: ## format, lint, types, layers, migrations, templates, translations, production stack
	@$(BOOTSTRAP) lint

shell: ## the desktop shell, against the running server
	@$(BOOTSTRAP) shell $(ARGS)

stack: ## the production shape on this machine: nginx with TLS, gunicorn, Redis, MongoDB
	@$(BOOTSTRAP) stack

bench: ## the benchmarks, into var/bench.json
	@$(BOOTSTRAP) bench $(ARGS)

package: ## the shell for tills: bundle, installer and ZIP, into dist/ (VERSION=1.2.3)
	@$(BOOTSTRAP) package $(if $(VERSION),--version $(VERSION)) $(ARGS)

mongo-native: ## build the native development MongoDB (needs cargo and cmake, about 6 minutes)
	@$(BOOTSTRAP) mongo-native

lock: ## resolve and lock the requirements again (ARGS=--upgrade for newer versions)
	@sh backend/devtools/lock.sh $(ARGS)
