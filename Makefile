# SPDX-License-Identifier: Apache-2.0
# Everything runs in .venv, which the first target makes and later ones reuse (.ci/setup has the rules).

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python

# Debian packages: what the program runs at run time, and what the tests check it against.
RUNTIME_PACKAGES := openssh-client openssl
SERVER_PACKAGES := cryptsetup-bin exim4-daemon-light grub-common ipmitool krb5-admin-server krb5-kdc krb5-user ldap-utils mariadb-server openipmi openssh-server postgresql redis-server rsyslog rsyslog-gnutls \
  samba samba-ad-provision samba-dsdb-modules samba-vfs-modules slapd smbclient winbind
BUILD_PACKAGES := gcc libldap-dev libsasl2-dev python3-dev
TEST_PACKAGES := $(RUNTIME_PACKAGES) $(SERVER_PACKAGES) $(BUILD_PACKAGES) age asciinema chromium fish mandoc mawk pamtester poppler-utils \
  printer-driver-cups-pdf prometheus screen ssss systemd tmux vim xdotool xterm xvfb zsh

# What decoding, splitting and printing are compared with; .ci/peers fetches the rest. A Node.js from elsewhere has npm.
BENCH_PACKAGES := libgfshare-bin libzbar0 qrencode zbar-tools $(if $(shell command -v npm),,npm)

# Other browsers that the recovery page runs in.
BROWSER_PACKAGES := firefox-esr webkit2gtk-driver xvfb

# Test folders whose files import their neighbours by bare name, as pytest and a script's own folder let them.
NEIGHBOURS := tests/servers:tests/vectors

.DEFAULT_GOAL := help
.PHONY: help demo test check bench performance faults fleet collection load mysql differences long browsers kit-wheels clean setup-runtime setup-dev setup-bench

help:  ## show these targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 17

demo: setup-runtime  ## the whole life of a set, on this machine and nothing else
	$(VENV)/bin/breakglass demo

test: setup-dev  ## every test but the benchmarks
	@.ci/token
	$(PY) -m pytest -n 3 --dist worksteal --ignore=tests/benchmarks

check: setup-dev  ## format, lint, types, layers
	$(PY) -m ruff format --check
	$(PY) -m ruff check
	MYPYPATH=$(NEIGHBOURS) $(PY) -m mypy --explicit-package-bases
	$(VENV)/bin/lint-imports

bench: setup-bench  ## measure against what else there is; writes bench-results.md, five more tables and docs/performance/*.json
	$(PY) -m tests.benchmarks
	$(PY) -m tests.benchmarks.peers
	$(PY) -m tests.benchmarks.costs
	$(PY) -m tests.benchmarks.degradation --quick degradation-results.md
	$(PY) -m tests.benchmarks.log_cost log-cost-results.md
	$(PY) -m tests.benchmarks.guided guided-results.md
	$(PY) -m tests.benchmarks.growth growth-results.md

performance: setup-dev  ## draw the tables and plots of docs/performance.md from docs/performance/*.json
	$(PY) -m tests.benchmarks.performance

faults: setup-dev  ## break a rotation at every step on every server; writes fault-table.md
	printf '| target | step | fault | credential alive after it | what people did |\n|---|---|---|---|---|\n' > fault-table.md
	BREAKGLASS_FAULT_TABLE=$(CURDIR)/fault-table.md BREAKGLASS_FAULT_WHOLE=1 $(PY) -m pytest -n 2 --dist worksteal -k Faults tests/servers

fleet: setup-dev  ## issue, hand out, rehearse and rotate 200 sets, killed on the way; writes fleet-results.md
	$(PY) -m tests.benchmarks.fleet_run fleet-results.md

collection: setup-dev  ## 50 terminals, 100,000 records and two collectors at PostgreSQL, killed on the way; writes collection-results.md
	$(PY) -m tests.benchmarks.collection_run collection-results.md

load: setup-dev  ## a load drill against PostgreSQL under pgbench, rsyslog and a collection; writes docs/performance/load.json
	$(PY) -m tests.benchmarks.load_run docs/performance/load.json

mysql: setup-dev  ## fetch a MySQL server, which Debian's stable release lacks, and run the tests that need one
	.ci/mysql
	$(PY) -m pytest -n 2 --dist loadfile tests/servers/test_mysql_server.py tests/servers/test_mysql_faults.py

witness: setup-dev  ## fetch a C2SP witness that others wrote, and let it cosign a log
	.ci/witness
	$(PY) -m pytest tests/servers/test_witness.py

differences: setup-dev  ## look for what recover.py and recover.html answer differently, in 100,000 cases
	$(PY) -m tests.browsers.differences 100000

long: setup-dev  ## go all the way with the properties, pages and kills that make test goes a part of
	BREAKGLASS_LONG=1 $(PY) -m pytest -n 2 --dist worksteal tests/properties tests/browsers tests/end_to_end/test_crash_matrix.py

browsers: setup-browsers  ## run recover.html in Firefox and WebKit
	$(PY) -m tests.browsers.others

kit-wheels: setup-runtime  ## fetch and build what breakglass kit takes wheels from, into dist/wheelhouse
	EXTRAS='$(EXTRAS)' .ci/kit-wheels

clean:  ## remove what these targets made
	rm -rf $(VENV) .peers build dist bench-results.md peers-results.md degradation-results.md log-cost-results.md guided-results.md
	rm -rf growth-results.md fault-table.md fleet-results.md collection-results.md
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

setup-runtime:
	@PYTHON='$(PYTHON)' .ci/setup runtime $(RUNTIME_PACKAGES)

setup-dev:
	@PYTHON='$(PYTHON)' .ci/setup dev $(TEST_PACKAGES)

setup-browsers: setup-dev
	@PYTHON='$(PYTHON)' .ci/setup dev $(BROWSER_PACKAGES)

setup-bench: setup-dev
	@PYTHON='$(PYTHON)' .ci/setup bench $(BENCH_PACKAGES)
	@PYTHON='$(PYTHON)' .ci/peers
