# Typed at the top of a checkout; `make` alone lists what there is.

EDITION ?= base
PLUGIN ?= wireguard:$(if $(filter live,$(EDITION)),live,latest)
CONFIG_DIR ?= /etc/wireguard
LOG_LEVEL ?= info
BASE ?= debian:trixie-slim
INSTALL ?=
VERSION ?=
REPOSITORY ?=
ARCHES ?= amd64 arm64
export INSTALL BASE PLUGIN EDITION CONFIG_DIR LOG_LEVEL

SOURCES := $(addprefix plugin/,Dockerfile build.sh exercise.py exercise_commands.py rootfs.py) \
	$(shell find wgplugin -name '*.py') requirements.lock requirements-commands.lock
VENV := .venv/.up-to-date
PYTHON := .venv/bin/python
LAB := python3 -m tests.lab
RELEASES := 28.5 26.1 20.10
# yes: all tests on all releases
EVERYWHERE ?=
# Each on a machine of its own; the longest come early.
MACHINES := $(foreach tests,live all without-ipv6,$(RELEASES:%=test-%-$(tests)))
RUN := $(if $(filter yes,$(EVERYWHERE)),$(MACHINES),$(filter-out test-26.1-without-ipv6,$(MACHINES)))
# Twice as many as processors, as tests wait, but a machine takes up to 3 GB.
AT_ONCE ?= $(if $(filter 1,$(shell nproc)),2,4)
BENCH_DOCKER := 28.5
BENCH ?= attach growth peers crowded runs transfer start memory size enable
BENCH_LIVE ?= live-rest live-join live-runs live-routes live-edit
BENCH_SHARED ?= shared-attach shared-crowd shared-transfer
BENCH_PORTS ?= ports-requests ports-transfer
BENCH_HUB ?= hub
EFFORT ?= 1
DOCKER_ANSWERS := docker info >/dev/null 2>&1

# install PACKAGE, or say that it is missing; need COMMAND, which is in PACKAGE.
install = if [ "$(INSTALL)" = yes ]; then apt-get update -qq && apt-get install -qq -y --no-install-recommends $(1); \
	else echo "missing: apt-get install $(1), or run again with INSTALL=yes"; exit 1; fi
need = command -v $(1) >/dev/null || { $(call install,$(2)); }

# build ROOTFS.tar COMMANDS.tar [ARCH]
build = mkdir -p build; if $(DOCKER_ANSWERS); then plugin/build.sh $(1); \
	else echo "no Docker answers here: building in the lab"; $(LAB) build -- plugin/build.sh $(1); fi

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo bench test lab $(RELEASES:%=test-%) $(MACHINES) check fuzz test-host soak rootfs plugin install uninstall release lint-workflows lock clean docker tools

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | while IFS='	' read -r target text; do \
		printf '  make %-14s %s\n' "$$target" "$$text"; done
	@printf '\n  EDITION=%s PLUGIN=%s CONFIG_DIR=%s LOG_LEVEL=%s\n' '$(EDITION)' '$(PLUGIN)' \
		'$(CONFIG_DIR)' '$(LOG_LEVEL)'
	@printf '  INSTALL=yes lets demo and test install the packages they miss (apt-get, as root)\n'

demo: ## show two containers talking through WireGuard (by itself in the lab, if need be)
	@demo/run.sh

test: tools $(VENV) ## all tests: the quick ones, then real Docker and WireGuard in the lab
	@echo "running the quick tests and making the lab; each shows its output when it is done"
	@$(MAKE) --jobs --output-sync=target --no-print-directory check lab
	@echo "testing on Docker $(RELEASES); each machine shows its output when it is done"
	@$(MAKE) --jobs=$(AT_ONCE) --keep-going --output-sync=target --no-print-directory $(RUN)

lab: rootfs
	@$(LAB) prepare $(addprefix --docker ,$(RELEASES))

# On the newest release all is tried but plugins with planted faults, which show that the tests for leaks
# find them. On the others is tried what Docker may do otherwise there; 26.1 calls the plugin as 20.10
# does. LESS is left out of all tests, LIVE are those of the live edition.
PLANTED := tests/e2e/leaks/test_planted_leaks.py $(wildcard tests/e2e/live/leaks/test_planted_*.py) \
	tests/e2e/live/leaks/shared/test_planted_faults.py
OLDER := $(PLANTED) $(addprefix tests/e2e/,documents leaks/test_limits.py test_bad_input.py \
	test_providers.py test_security.py)
LESS_28.5 := $(PLANTED)
LESS_26.1 := $(OLDER) $(addprefix tests/e2e/,faults leaks test_install.py test_refusals.py test_registry.py)
LESS_20.10 := $(OLDER) $(addprefix tests/e2e/faults/test_,full_disk.py plugin_disabled.py plugin_dies.py)
LIVE_28.5 := .
LIVE_26.1 := test_refusals.py test_setting_up.py test_status.py
LIVE_20.10 := $(LIVE_26.1) hub/test_reach.py pools shared/test_one_key.py ports/test_second_network.py \
	leaks/test_changes.py leaks/test_order.py leaks/shared/test_dockerd.py

# in_lab RELEASE,EDITION,TESTS[,OPTIONS]: run tests in the lab
in_lab = $(LAB) run --docker $(1) --timeout 4500 --env DOCKER_TESTS=yes --env EDITION=$(2) $(4) -- \
	python3 -m pytest -p no:cacheprovider --durations 10 $(3) \
	$(if $(filter yes,$(EVERYWHERE)),,$(addprefix --ignore ,$(LESS_$(1))))
live_tests = $(addprefix tests/e2e/live/,$(if $(filter yes,$(EVERYWHERE)),.,$(LIVE_$(1))))

$(RELEASES:%=test-%): test-%: test-%-all test-%-live test-%-without-ipv6

$(RELEASES:%=test-%-all): test-%-all: rootfs
	@$(call in_lab,$*,$(EDITION),tests/e2e)

# With EDITION=live they are among all tests.
$(RELEASES:%=test-%-live): test-%-live: rootfs
	@$(if $(filter base,$(EDITION)),$(call in_lab,$*,live,$(call live_tests,$*)))

$(RELEASES:%=test-%-without-ipv6): test-%-without-ipv6: rootfs
	@status=0; for edition in $(if $(filter base,$(EDITION)),base live,$(EDITION)); do \
		$(call in_lab,$*,$$edition,tests/e2e/without_ipv6,--kernel-arg ipv6.disable=1) \
			|| status=$$?; done; exit $$status

check: $(VENV) ## ruff, mypy and the quick tests
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy
	$(PYTHON) -m pytest --ignore tests/e2e --hypothesis-profile=ci

fuzz: $(VENV) ## the tests that make up their input, with new input for each run; check repeats one
	$(PYTHON) -m pytest --ignore tests/e2e -m hypothesis

test-host: rootfs docker ## the tests for Docker on this host's own Docker and WireGuard (as root)
	DOCKER_TESTS=yes EDITION=$(EDITION) python3 -m pytest tests/e2e

bench: tools rootfs ## measure speed, size and memory, here and in the lab: bench/results
	@BENCH_COMMIT=$$(git describe --always --dirty || echo unknown) && export BENCH_COMMIT \
		&& $(LAB) build --env BENCH_COMMIT -- python3 -m bench start size enable \
			--effort $(EFFORT) --name "This machine, natively" --to bench/results/native.json \
		&& $(LAB) run --docker $(BENCH_DOCKER) --env BENCH_COMMIT -- python3 -m bench \
			--effort $(EFFORT) --name "The lab" --lab $(BENCH) \
			--to bench/results/lab.json --profile bench/profile.txt \
		&& $(LAB) run --docker $(BENCH_DOCKER) --env BENCH_COMMIT -- python3 -m bench \
			--effort $(EFFORT) --name "The lab, live edition" --lab $(BENCH_LIVE) \
			--to bench/results/live.json \
		&& $(LAB) run --docker $(BENCH_DOCKER) --env BENCH_COMMIT -- python3 -m bench \
			--effort $(EFFORT) --name "The lab, shared networks" --lab $(BENCH_SHARED) \
			--to bench/results/shared.json \
		&& $(LAB) run --docker $(BENCH_DOCKER) --env BENCH_COMMIT -- python3 -m bench \
			--effort $(EFFORT) --name "The lab, published ports" --lab $(BENCH_PORTS) \
			--to bench/results/ports.json \
		&& $(LAB) run --docker $(BENCH_DOCKER) --env BENCH_COMMIT -- python3 -m bench \
			--effort $(EFFORT) --name "The lab, a hub" --lab $(BENCH_HUB) \
			--to bench/results/hub.json
	@python3 -m bench --page bench/results/native.json bench/results/lab.json \
		bench/results/live.json bench/results/shared.json bench/results/ports.json \
		bench/results/hub.json \
		--before bench/results/before-live.json

soak: tools rootfs $(VENV) ## the long tests: a storm of containers, thousands of calls, power cuts (in the lab)
	@$(LAB) run --docker 28.5 --timeout 7200 --env DOCKER_TESTS=yes --env SOAK=yes \
		--env SOAK_CONTAINERS --env SOAK_AT_ONCE --env SOAK_CYCLES -- \
		python3 -m pytest -p no:cacheprovider -s tests/soak
	@$(LAB) run --docker 28.5 --timeout 7200 --env DOCKER_TESTS=yes --env SOAK=yes \
		--env SOAK_CONTAINERS --env SOAK_AT_ONCE --env SOAK_CYCLES --env EDITION=live -- \
		python3 -m pytest -p no:cacheprovider -s tests/soak/test_shared.py
	POWER_CUTS=$${POWER_CUTS:-5} $(PYTHON) -m pytest -s tests/power_cut

# The plugin's root file system, and that of the commands.
rootfs: build/rootfs.tar build/commands.tar ## what is installed: build/rootfs.tar, build/commands.tar

build/rootfs.tar build/commands.tar &: $(SOURCES)
	@$(call build,build/rootfs.tar build/commands.tar)

# For machines of one kind: amd64 or arm64. Of a pattern, one run of the recipe makes both.
build/rootfs-%.tar build/commands-%.tar: $(SOURCES)
	@$(call build,build/rootfs-$*.tar build/commands-$*.tar $*)

plugin: rootfs docker ## make the plugin PLUGIN from the root file system (docker plugin create)
	@plugin/create.sh '$(PLUGIN)' '$(EDITION)' build/rootfs.tar

install: ## install PLUGIN and enable it, with the configurations of CONFIG_DIR; and docker wireguard
	@plugin/needs.sh docker wireguard config_dir
	@$(MAKE) --no-print-directory --silent rootfs
	@plugin/install.sh build/rootfs.tar
	@plugin/install_command.sh build/commands.tar

uninstall: docker ## disable PLUGIN and remove it; its networks must be removed before
	@plugin/uninstall.sh
	@plugin/uninstall_command.sh

release: docker ## push both editions, for ARCHES, to REPOSITORY as VERSION
	@plugin/releasable.sh '$(VERSION)' '$(REPOSITORY)'
	@$(MAKE) --no-print-directory --silent $(ARCHES:%=build/rootfs-%.tar)
	@plugin/release.sh '$(VERSION)' '$(REPOSITORY)' $(ARCHES)

lint-workflows: ## actionlint for .github/workflows (needs Go)
	go run github.com/rhysd/actionlint/cmd/actionlint@v1.7.12

lock: ## renew the lock files: requirements*.lock (needs uv)
	uv pip compile --quiet --upgrade --universal --generate-hashes --no-header --no-annotate \
		pyproject.toml --output-file requirements.lock
	uv pip compile --quiet --upgrade --universal --generate-hashes --no-header --no-annotate \
		pyproject.toml --group dev --output-file requirements-dev.lock
	uv pip compile --quiet --upgrade --universal --generate-hashes --no-header --no-annotate \
		pyproject.toml --extra commands --output-file requirements-commands.lock

clean: ## remove what was built here (not the lab's cache: python3 -m tests.lab clean)
	rm -rf build .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis

tools:
	@$(call need,wg,wireguard-tools)
	@$(call need,ip,iproute2)

docker:
	@plugin/needs.sh docker

$(VENV): requirements-dev.lock
	@python3 -c 'import ensurepip' 2>/dev/null || { $(call install,python3-venv); }
	python3 -m venv .venv
	$(PYTHON) -m pip --quiet install --require-hashes -r requirements-dev.lock
	@touch $@
