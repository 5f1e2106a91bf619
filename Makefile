# Every target is a short name for a playbook or a test run; `make help` lists them.
ENV ?= devlocal
ARGS ?=
PLAYBOOK = .venv/bin/ansible-playbook -i inventories/$(ENV)
LOCK = .venv/bin/uv pip compile --quiet --generate-hashes --no-header --no-annotate --no-emit-index-url

.DEFAULT_GOAL := help
.PHONY: help dev watch init down status logs clean test test-changed test-all bench lint packages docs digests lock venv test-venv

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo '  ENV=ci chooses another environment, ARGS="-e key=value" is handed to ansible-playbook'

dev: venv  ## everything up: database, edge, and the application live
	@$(PLAYBOOK) playbooks/setup.yml $(ARGS)

watch: venv  ## devlocal only: the working tree through the edge, each edit at once, until Ctrl-C
	@.venv/bin/python tools/watch $(ENV) $(ARGS)

init: venv  ## write a first block x-echobase into your Compose file: FROM=compose.yml
	@.venv/bin/ansible-playbook playbooks/init.yml -e init_from=$(or $(FROM),compose.yml) $(ARGS)

down: venv  ## stop and remove everything but the data
	@$(PLAYBOOK) playbooks/teardown.yml $(ARGS)

status: venv  ## one screen: who serves, versions, health, database, releases
	@$(PLAYBOOK) playbooks/status.yml $(ARGS)

logs: venv  ## follow the logs of every container of the environment
	@.venv/bin/python tools/logs $(ENV)

clean: venv  ## remove all but the data; the data too with CONFIRM=<exact volume name>
	@$(PLAYBOOK) playbooks/clean.yml $(if $(CONFIRM),-e durable_db_confirm=$(CONFIRM)) $(ARGS)
	@rm -rf .cache .ansible tests/output
	@echo 'removed. .venv stays; delete the folder to be rid of it too'

test: test-venv  ## the short tests of everything, in environment test; SUITES="unit e2e" chooses
	@.venv/bin/python tests/run.py $(SUITES)

test-changed: test-venv  ## the long tests of the areas whose files changed; SECONDS=900 ends it after about that time
	@.venv/bin/python tests/run.py --changed $(if $(SECONDS),--until $(SECONDS)) $(SUITES)

test-all: test-venv  ## everything: every engine and major version, every kill; over an hour
	@.venv/bin/python tests/run.py --all $(SUITES)

bench: test-venv  ## the long load and comparison runs, about 40 minutes; BENCH="throughput switching" chooses
	@PYTHONPATH=.collections:apps:tests:tests/load .venv/bin/python -m bench $(BENCH)

lint: test-venv  ## the linters alone
	@.venv/bin/python tests/run.py lint

packages: test-venv  ## the packages of the collection's code: layers, sizes, and which imports which
	@.venv/bin/python tools/packages

docs: test-venv  ## write anew what is made from the collection: roles' READMEs, playbooks, the inventory, names and ports, Grafana's dashboards
	@PYTHONPATH=.collections:tools .venv/bin/python -m reference
	@PYTHONPATH=.collections:tools .venv/bin/python -m dashboards

digests: venv  ## ask the registry for the digests of the makers' images, and pin them; REGISTRY=registry.example.com asks your own
	@PYTHONPATH=.collections .venv/bin/python tools/digests $(if $(REGISTRY),--registry $(REGISTRY))

lock: test-venv  ## resolve the Python requirements anew, with hashes
	$(LOCK) --universal --python-version 3.11 requirements.in -o requirements.txt
	$(LOCK) --universal --python-version 3.11 --constraint requirements.txt roles/managed_python/files/requirements.in -o roles/managed_python/files/requirements.txt
	$(LOCK) --universal --python-version 3.11 requirements-dev.in -o requirements-dev.txt
	$(LOCK) --python-version 3.13 --python-platform x86_64-unknown-linux-gnu apps/requirements.in -o apps/requirements.txt
	$(LOCK) --python-version 3.13 --python-platform x86_64-unknown-linux-gnu images/emulator/requirements.in -o images/emulator/requirements.txt
	$(LOCK) --python-version 3.13 --python-platform x86_64-unknown-linux-gnu images/frontend/requirements.in -o images/frontend/requirements.txt
	$(LOCK) --python-version 3.13 --python-platform x86_64-unknown-linux-gnu images/console-builder/requirements.in -o images/console-builder/requirements.txt
	$(LOCK) --python-version 3.13 --python-platform x86_64-unknown-linux-gnu bench/image/requirements.in -o bench/image/requirements.txt

venv:
	@tools/venv run

test-venv:
	@tools/venv test
