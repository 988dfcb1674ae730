# Everything runs from .venv, which is made from requirements.lock; the lab does the rest (`python -m lab --help`).
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
STACK ?= dev
VENV := .venv
RUN := $(VENV)/bin

# Hundreds of modules of Pulumi's SDKs are imported by each of many processes: compiled once, not every time.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help up down preview render test unit plans sbom chaos bench lint lock proto browser promtool checkov preflight

help: ## This list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 10

up: preflight $(VENV)/installed ## Stand the stack up on this machine: make up [STACK=dev]
	@$(RUN)/python -m lab up --stack $(STACK)

down: ## Remove the lab and everything it made, whichever checkout brought it up
	@$(PYTHON) -m lab down

preview: $(VENV)/installed ## What an update of the stack would make, without any cluster: make preview [STACK=dev|prod]
	@$(RUN)/python -m lab preview --stack $(STACK)

render: $(VENV)/installed ## The stack's objects as YAML: make render STACK=dev OUT=dir [SET="KEY=VALUE ..."]
	@$(RUN)/python -m lab render --stack $(STACK) --out '$(OUT)' $(addprefix --set=,$(SET))

test: preflight browser promtool checkov ## Lint, types, unit tests, plans, then the cluster tests in a lab of their own, dev and prod
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=line lint unit plans
	@$(RUN)/pytest --durations=25 tests/cluster
	@$(RUN)/pytest --durations=15 --stack=prod tests/cluster

unit: $(VENV)/installed promtool ## The unit tests alone: seconds, no lab
	@$(RUN)/pytest tests/unit

plans: $(VENV)/installed checkov ## Previews and rendered objects of both stacks, and what the checkers say of them: no lab
	@$(RUN)/pytest tests/preview tests/render

sbom: preflight $(VENV)/installed ## What the app's image is made of, as CycloneDX: make sbom [OUT=.lab/sbom/app.cdx.json]
	@$(RUN)/python -m lab sbom --out '$(OUT)'
OUT := .lab/sbom/app.cdx.json

chaos: preflight $(VENV)/installed ## Faults under load in the prod stack, as a table: make chaos [ONLY=network-cut,redis-kill]
	@$(RUN)/python -m tests.chaos --only '$(ONLY)'

bench: preflight $(VENV)/installed ## The speed figures, measured in the lab: make bench [ONLY=program,burst]
	@$(RUN)/python -m tests.bench $(ONLY)

lint: $(VENV)/installed $(RUN)/actionlint ## Style, types, the direction of imports, and the workflows of .github
	@$(RUN)/ruff check .
	@$(RUN)/ruff format --check .
	@$(RUN)/mypy
	@$(RUN)/lint-imports
	@$(RUN)/actionlint -shellcheck= -pyflakes=

lock: $(VENV)/installed ## Pin the dependencies of pyproject.toml anew, hashes included
	@$(RUN)/pip install --quiet 'uv>=0.9'
	@$(RUN)/uv pip compile $(LOCK_FLAGS) --python-version 3.11 --extra app --extra program --extra test pyproject.toml -o requirements.lock
	@$(RUN)/uv pip compile $(LOCK_FLAGS) --python-version 3.13 --extra app pyproject.toml -o app/requirements.lock
	@$(RUN)/uv pip compile $(LOCK_FLAGS) --python-version 3.11 tests/render/requirements.in -o tests/render/requirements.lock
LOCK_FLAGS := --quiet --generate-hashes --no-header --no-emit-index-url --no-emit-find-links

proto: $(VENV)/installed ## Write the Python modules of the gRPC services anew
	@$(RUN)/python -m grpc_tools.protoc -I. --python_out=. --pyi_out=. --grpc_python_out=. app/character/character.proto

# The page's tests look at it in a real browser, and at its Korean in a font that has it.
browser:
	@[ "$$(dpkg-query --show --showformat='$${db:Status-Status} ' $(BROWSER) 2>/dev/null)" = "installed installed " ] || \
		{ apt-get update --quiet=2 && apt-get install --yes --quiet=2 --no-install-recommends $(BROWSER); }
BROWSER := chromium fonts-noto-cjk

# The alerts' tests are run by Prometheus' own tool. Of its package only that: installed, it would start a server.
promtool: $(VENV)/installed
	@[ -x $(RUN)/promtool ] || { \
		apt-get update --quiet=2 && package=$$(apt-cache search --names-only '^promtool$$' | grep -q . && echo promtool || echo prometheus) && \
		download=$$(mktemp -d) && chmod 755 $$download && \
		(cd $$download && apt-get download --quiet=2 --option APT::Sandbox::User=root $$package) && dpkg-deb --extract $$download/*.deb $$download && \
		install $$download/usr/bin/promtool $(RUN)/promtool && rm -r $$download; }

# A new environment has none; otherwise it is built when its pins change.
$(RUN)/actionlint: .github/actionlint/go.mod .github/actionlint/go.sum | $(VENV)/installed
	@CGO_ENABLED=0 GOFLAGS=-trimpath GOWORK=off go build -C $(<D) -ldflags='-s -w' -o $(CURDIR)/$@ github.com/rhysd/actionlint/cmd/actionlint
	@touch $@

# Rendered manifests are checked by checkov, which goes with none of the versions that the project uses.
checkov: $(VENV)-checkov/installed
$(VENV)-checkov/installed: tests/render/requirements.lock
	@echo "installing checkov into $(VENV)-checkov, about a minute ..."
	@$(PYTHON) -m venv --clear $(VENV)-checkov
	@$(VENV)-checkov/bin/pip install --quiet --disable-pip-version-check --no-compile --require-hashes -r tests/render/requirements.lock
	@touch $@

preflight:
	@$(PYTHON) -m lab.preflight

# An interrupted install leaves no marker, so the next call begins again. A link is replaced: what it leads to is not ours.
$(VENV)/installed: requirements.lock pyproject.toml
	@echo "installing the Python environment into $(VENV), under a minute ..."
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || apt-get install --yes --no-install-recommends python3-venv
	@[ ! -L $(VENV) ] || rm $(VENV)
	@$(PYTHON) -m venv --clear $(VENV)
	@$(RUN)/pip install --quiet --disable-pip-version-check --no-compile --require-hashes -r requirements.lock
	@$(RUN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
