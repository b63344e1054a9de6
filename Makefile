# Two commands set everything up: `make demo` and `make test`. Both need Python 3.11+, pip and nothing else.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
# --no-compile: Python compiles what is imported; to compile all that is installed takes most of a minute.
PIP    := $(BIN)/pip install --quiet --disable-pip-version-check --no-compile -c constraints.txt
# Python must keep what it has compiled, also where the environment forbids it: else every process compiles PyTorch.
export PYTHONDONTWRITEBYTECODE :=
# Many tests wait for real trainings and terminals: one worker more than there are cores keeps the cores busy.
PYTEST_WORKERS ?= $(shell echo $$(( 1 + $$(getconf _NPROCESSORS_ONLN) )))

.PHONY: demo test lint benchmark campaign frameworks soak slurm smoke record clean

demo: $(VENV)/.demo  ## a real training of half a minute, with the dashboard on it
	$(BIN)/guard run sample_runs/digits/config.yaml --watch

test: $(VENV)/.test  ## the whole test suite
	$(BIN)/python -m pytest -n $(PYTEST_WORKERS) --dist worksteal $(PYTEST_ARGS)

lint: $(VENV)/.lint  ## style, types, import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

benchmark: $(VENV)/.demo  ## costs as ratios against a floor in the same process
	$(BIN)/python -m benchmarks
	$(BIN)/python benchmarks/dashboard.py

campaign: $(VENV)/.test $(VENV)/.frameworks  ## every trial of the campaigns of faults: kill -9, safe stops, resumes and more
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.faults --full
	$(BIN)/python -m pytest -n auto -m campaign

frameworks: $(VENV)/.test $(VENV)/.frameworks  ## Ultralytics, W&B, MLflow, tensorboardX: gigabytes, in an environment of their own
	$(BIN)/python -m pytest -n 2 -m campaign tests/frameworks

soak: $(VENV)/.test  ## ten minutes of the dashboard over a hundred trainings that come and go
	GUARD_SOAK_SECONDS=600 $(BIN)/python -m pytest -n 0 tests/soak

slurm: $(VENV)/.test  ## a Slurm of this one machine: jobs, warnings, preemption, two hosts (needs slurm-wlm and munge)
	$(BIN)/python -m pytest -n 2 -m 'campaign or not campaign' tests/slurm

smoke: $(VENV)/.smoke  ## the built wheel, alone, in an environment without torch
	$(VENV)/smoke/bin/guard --version
	$(VENV)/smoke/bin/guard ls sample_runs
	$(VENV)/smoke/bin/guard watch --once sample_runs
	! $(VENV)/smoke/bin/python -c 'import torch' 2>/dev/null

record: $(VENV)/.demo  ## make the recorded runs below sample_runs/ anew
	$(BIN)/python sample_runs/record.py

clean:
	rm -rf $(VENV) dist build

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "guard needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V 2>&1). Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
	  { rm -rf $(VENV); echo "cannot make $(VENV); on Debian and Ubuntu: apt install python3-venv"; exit 1; }

$(VENV)/.demo: $(BIN)/python pyproject.toml constraints.txt
	@echo "installing guard and PyTorch into $(VENV) ..."
	@$(PIP) -e '.[demo]'
	@touch $@

$(VENV)/.test: $(BIN)/python pyproject.toml constraints.txt
	@echo "installing guard, PyTorch and the test tools into $(VENV) ..."
	@$(PIP) -e '.[test]'
	@touch $@

$(VENV)/.lint: $(VENV)/.test
	@$(PIP) -e '.[lint]'
	@touch $@

# `===`: of several indexes the builds of torch and torchvision that belong together.
$(VENV)/.frameworks: $(BIN)/python pyproject.toml
	@echo "installing Ultralytics, W&B, MLflow and tensorboardX into $(VENV)/frameworks ..."
	@$(PYTHON) -m venv $(VENV)/frameworks
	@$(VENV)/frameworks/bin/pip install --quiet --disable-pip-version-check \
	  torch===2.13.0 torchvision===0.28.0 tensorboardX==2.6.5 ultralytics==8.4.190 wandb==0.31.0 mlflow-skinny==3.17.2 \
	  -e '.[ultralytics,wandb,mlflow,tensorboard]'
	@touch $@

$(VENV)/.smoke: $(BIN)/python pyproject.toml constraints.txt $(wildcard runner/guardrun/*.py runner/guardrun/*/*.py tui/guardtui/*.py tui/guardtui/*/*.py)
	@rm -rf $(VENV)/smoke $(VENV)/wheel
	@$(BIN)/pip wheel --quiet --disable-pip-version-check --no-deps -c constraints.txt -w $(VENV)/wheel .
	@$(PYTHON) -m venv $(VENV)/smoke
	@$(VENV)/smoke/bin/pip install --quiet --disable-pip-version-check -c constraints.txt $(VENV)/wheel/guardrun-*.whl
	@touch $@
