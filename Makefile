# Each of these is enough on a fresh Debian or Ubuntu machine, as root or with sudo:
#   make demo    run the examples, write their pictures to pictures/
#   make test    linters, tests, every example
# and then: make lint, make bench, make soak, make docs, make docs-check, make wheel, make clean.

PYTHON3 ?= python3
VENV := .venv
PYTHON := $(VENV)/bin/python
PIP := $(PYTHON) -m pip --quiet --disable-pip-version-check
SUDO := $(if $(filter 0,$(shell id -u)),,sudo)

SYSTEM_PACKAGES := g++ libcgal-dev libgmp-dev libmpfr-dev python3-dev python3-venv
# One release of torch for everyone who runs these commands; the package itself asks for no
# more than it needs.
TORCH := torch==2.13.0
# Directories too: a file that was deleted changes nothing else.
SOURCES := $(shell find sdot cgal_wrap -name __pycache__ -prune -o -print) meson.build pyproject.toml
EXAMPLES := $(filter-out __main__,$(patsubst examples/%.py,%,$(wildcard examples/*.py)))

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
export MPLBACKEND := Agg

.PHONY: demo test lint pytest examples bench wheel soak mutants sanitize docs docs-check clean

demo: $(VENV)/installed
	@for name in $(EXAMPLES); do \
	    echo "== examples/$$name.py"; $(PYTHON) examples $$name pictures; done
	@echo "== pictures written:"; ls pictures/*.png

test: lint pytest examples

lint: $(VENV)/installed
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	PATH="$(VENV)/bin:$$PATH" cython-lint cgal_wrap  # it calls pycodestyle by name

# A file at a time per processor: what a file compiles, it compiles once.
AT_ONCE := --numprocesses=auto --maxprocesses=8 --dist=loadfile
# Not `python -m pytest`: it would import the sources, which lack the compiled half.
pytest: $(VENV)/installed
	$(VENV)/bin/pytest $(AT_ONCE) tests
	$(VENV)/bin/pytest --quiet --doctest-modules --pyargs sdot

# Two at a time, what each prints in one piece; xargs fails if one of them does.
examples: $(VENV)/installed
	@printf '%s\n' $(EXAMPLES) | xargs -P 2 -I NAME bash -c \
	    'printed=$$($(PYTHON) examples NAME build/pictures 2>&1); code=$$?; \
	    printf "== examples/NAME.py\n%s\n" "$$printed"; exit $$code'

bench: $(VENV)/installed
	$(PYTHON) tests/benchmarks/run.py

# One for this machine, with the libraries it needs inside, tested where none of them can be seen.
wheel: $(VENV)/installed
	@$(PIP) install '.[package]'
	rm -rf build/wheel dist
	$(PIP) wheel --no-deps --wheel-dir build/wheel .
	PATH="$(CURDIR)/$(VENV)/bin:$$PATH" $(VENV)/bin/auditwheel repair --wheel-dir dist build/wheel/*.whl
	@size=$$(stat -c %s dist/*.whl); echo "== $$(ls dist/*.whl): $$size bytes"; test $$size -lt 5000000
	packaging/test_wheel.sh dist/*.whl $(PYTHON3)

soak: $(VENV)/installed
	$(PYTHON) tests/soak.py

# Half an hour at most: what the tests would not notice.
mutants: $(VENV)/installed
	@$(PIP) install 'cosmic-ray>=8.4,<9'
	$(PYTHON) tests/mutants.py

# The compiled code under AddressSanitizer, UndefinedBehaviorSanitizer and libstdc++'s assertions, in
# a build of its own, and the pool of threads under ThreadSanitizer.
SANITIZED := build/sanitized
sanitize: $(VENV)/installed
	@mkdir -p $(SANITIZED)
	$(CXX) -std=c++17 -O1 -g -fsanitize=thread -pthread -Icgal_wrap \
	    tests/cgal_wrap/thread_pool_hammer.cpp -o $(SANITIZED)/hammer
	$(SANITIZED)/hammer
	@$(PIP) install --upgrade --no-deps --target $(SANITIZED)/packages . \
	    -Csetup-args=-Dbuildtype=debugoptimized -Csetup-args=-Db_ndebug=true \
	    -Csetup-args=-Db_sanitize=address,undefined -Csetup-args=-Db_lundef=false \
	    -Csetup-args=-Dcpp_args=-D_GLIBCXX_ASSERTIONS
	@export PYTHONPATH=$(CURDIR)/$(SANITIZED)/packages \
	    LD_PRELOAD="$$($(CXX) -print-file-name=libasan.so) $$($(CXX) -print-file-name=libstdc++.so)" \
	    ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1; \
	    cd tests && $(CURDIR)/$(PYTHON) -c 'import sdot; assert "$(SANITIZED)" in sdot.__file__, \
	        f"tests would run on {sdot.__file__}: an editable installation comes before all paths"'; \
	    cd .. && $(VENV)/bin/pytest --deselect tests/cgal_wrap/test_thread_pool.py \
	    tests/cgal_wrap tests/solver tests/property

# Runs the code in its pages and every example; what has not changed is not run again.
docs: $(VENV)/installed
	$(VENV)/bin/sphinx-build -W --keep-going -q docs docs/_build/html
	@echo "docs/_build/html/index.html"

# Every page in a browser, at two widths, in light and in dark.
docs-check: docs
	@command -v chromium > /dev/null || { $(SUDO) apt-get -qq update; \
	    $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes \
	        --no-install-recommends chromium > /dev/null; }
	@$(PIP) install 'playwright>=1.49' 'axe-playwright-python>=0.1.4'
	$(PYTHON) docs/check_site.py

clean:
	rm -rf $(VENV) build pictures docs/_build docs/generated docs/gallery docs/sg_execution_times.rst \
	    .pytest_cache .mypy_cache .ruff_cache .hypothesis

# ---- installation: each stamp is made once, the last one again when a source changes ----

$(VENV)/installed: $(VENV)/created $(SOURCES)
	@echo "== installing sdot and its test requirements into $(VENV)"
	@$(PIP) install '.[jax,plot,test,docs]' '$(TORCH)'
	@touch $@

$(VENV)/created:
	@missing=(); if command -v dpkg-query > /dev/null; then \
	    for package in $(SYSTEM_PACKAGES); do \
	        dpkg-query -W -f '$${Status}' $$package 2> /dev/null | grep -q 'ok installed' \
	            || missing+=($$package); done; \
	else echo "not a Debian system: install CGAL, GMP and MPFR with their headers yourself"; fi; \
	if [ $${#missing[@]} -gt 0 ]; then \
	    echo "== installing $${missing[*]}"; \
	    $(SUDO) apt-get -qq update; \
	    $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes \
	        --no-install-recommends "$${missing[@]}" > /dev/null; fi
	@$(PYTHON3) -c 'import sys; v = sys.version_info; v >= (3, 11) or sys.exit( \
	    f"sdot needs Python 3.11 or later, and $(PYTHON3) is {v[0]}.{v[1]}; name another: make PYTHON3=python3.12")'
	@$(PYTHON3) -m venv $(VENV)
	@touch $@
