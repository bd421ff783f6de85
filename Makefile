# make book | make lab | make test | make bench | make notebooks | make check | make gpu | make gpu-check | make bands |
# make clean
#
#   PROFILE=quick    smoke, quick, gpu, hour or full (dlcvlib/recipes)
#   SEED=0
#   DLCV_DATA=       folder of the course data; without it, what lies in data/, else the toy world
#   GPUS=            graphics cards to train on, one training on each (default: all)
#   CORES=           cores for the chapters, two a chapter (default: all)
#   PYTHON=python3   the Python >= 3.11 that .venv is made with

PROFILE ?= quick
SEED ?= 0
PYTHON ?= python3
CORES ?= $(shell nproc)
GPUS ?= $(shell echo $${CUDA_VISIBLE_DEVICES-$$(nvidia-smi --query-gpu=uuid --format=csv,noheader 2>/dev/null)} | tr , ' ' | wc -w)
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
COMPARED := $(VENV)/.compared
CHECKED := $(abspath runs-gpu-check)
PAGES := book/_build/html
CHAPTERS = $(wildcard notebooks/[0-9][0-9]_*.py)

# Chapters run in notebooks/, so a relative path must not depend on where it is read.
ifneq ($(strip $(DLCV_DATA)),)
override DLCV_DATA := $(abspath $(DLCV_DATA))
export DLCV_DATA
else
unexport DLCV_DATA
endif

# Snakemake's own lock outlives a killed build and then wants unlocking by hand; the kernel's ends with its holder.
LOCK := $(if $(shell command -v flock),flock --nonblock --conflict-exit-code 75 $(VENV)/.book)
SNAKEMAKE = $(LOCK) $(BIN)/snakemake --snakefile notebooks/Snakefile --cores $(CORES) --nolock --rerun-incomplete \
	$(if $(filter-out 0,$(GPUS)),--resources gpu=$(strip $(GPUS))) \
	--keep-going --quiet progress rules host reason --config profile=$(PROFILE) seed=$(SEED) $(if $(DLCV_DATA),'data="$(DLCV_DATA)"') \
	$(if $(OUT),'out="$(OUT)"')

.DEFAULT_GOAL := book
.PHONY: book lab test bench notebooks check gpu gpu-check chapters bands clean
.DELETE_ON_ERROR:

# The new pages take the place of the old ones only when they are complete and checked.
book: chapters
	@rm -rf book/_build/new
	@$(BIN)/sphinx-build -E -W --keep-going -q book book/_build/new
	@$(BIN)/python book/check_pages.py book book/_build/new
	@rm -rf $(PAGES) && mv book/_build/new $(PAGES)
	@echo "The book: $(abspath $(PAGES))/index.html"

chapters: $(INSTALLED)
	@status=0; $(SNAKEMAKE) || status=$$?; \
	[ $$status -ne 75 ] || echo "another make book is at work here: let it end, or end it" >&2; exit $$status

test: $(INSTALLED)
	@OMP_WAIT_POLICY=passive $(BIN)/python -m pytest

# A chapter's .py opens as the notebook it is, and nothing is asked of the network: notebooks/.lab/overrides.json.
lab: $(INSTALLED)
	@$(BIN)/jupyter lab --notebook-dir=notebooks --LabApp.app_settings_dir=$(abspath notebooks/.lab)

# The one table first; on a GPU machine it times the card.
bench: $(COMPARED)
	@$(BIN)/dlcv bench
	@set -e; for file in tests/benchmarks/bench_*.py; do echo "== $$file"; \
	OMP_WAIT_POLICY=passive $(BIN)/python $$file; done

# Whichever side of a pair was changed last is written to the other.
notebooks: $(INSTALLED)
	@$(BIN)/jupytext --sync $(CHAPTERS)

check: $(INSTALLED)
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

# The systems that need no outside weights, in the reports' own settings; each result goes to book/results/. Ours stand
# first, the reports' hundreds of epochs last: make gpu GPU_RECIPES="our_dino our_dino_c" takes only some. Of several cards
# all take part in each training.
ROWS = a b c d e frozen_random lp_ft
SKIPS = 1 2 3 4 random
GPU_RECIPES ?= our_scratch r4_vgg13_bn r2_densenet121 r1_small_cnn mini_labelled \
	our_dino $(ROWS:%=our_dino_%) our_byol $(ROWS:%=our_byol_%) \
	our_deeplabv3plus_ssl our_deeplabv3plus_random our_unet $(SKIPS:%=our_unet_without_%) r3_unet r3_unet_dropped \
	r1_byol $(filter-out %lp_ft %random,$(ROWS:%=r1_setting_%)) r3_dino $(filter-out %lp_ft %random,$(ROWS:%=r3_setting_%))
GPU_SEEDS ?= 3
gpu: $(INSTALLED)
	@$(BIN)/dlcv check --gpu
	@for recipe in $(GPU_RECIPES); do case $$recipe in our_*_*) seeds=$(GPU_SEEDS);; *) seeds=1;; esac; \
	$(if $(filter-out 0 1,$(GPUS)),$(BIN)/torchrun --standalone --nproc-per-node=$(strip $(GPUS)) -m dlcvlib,$(BIN)/dlcv) train $$recipe --profile full --seed $(SEED) --seeds $$seeds --export || exit 1; done

# Every chapter on a GPU with the trainings of PROFILE=quick, from nothing and on the toy world, and whether the results
# lie where they do without a GPU. What .github/workflows/gpu.yml runs.
gpu-check: $(INSTALLED)
	@$(BIN)/dlcv check --gpu
	@rm -rf $(CHECKED)
	@$(BIN)/dlcv data toy $(CHECKED)/toy
	@export DLCV_RUNS=$(CHECKED); given="PROFILE=gpu SEED=0 DLCV_DATA=$(CHECKED)/toy OUT=$(CHECKED)/chapters"; \
	$(MAKE) --no-print-directory chapters $$given && $(MAKE) --no-print-directory bands $$given

# Whether the records of PROFILE=quick or gpu lie in the bands; it trains nothing.
bands: $(INSTALLED)
	@$(BIN)/dlcv runs --bands notebooks/bands.yaml --profile $(PROFILE)

# Run records and data are yours and stay.
clean:
	rm -rf $(CHECKED) book/_build book/chapters notebooks/*.ipynb .snakemake .pytest_cache .mypy_cache .ruff_cache

# Done again when the requirements change; what is there already is kept. The stamp is written last.
$(INSTALLED): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	echo "$(PYTHON) is not Python 3.11 or newer; name one that is: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@[ -x $(BIN)/pip ] || $(PYTHON) -m venv $(VENV)
	@echo "Installing the requirements into $(VENV); PyTorch is large, the first time takes minutes"
	@$(BIN)/pip install -qq --disable-pip-version-check -r requirements.txt
	@$(BIN)/pip install -qq --disable-pip-version-check -e '.[test]'
	@touch $(INSTALLED)

# What the benchmarks compare with. It may change nothing that is installed, torch above all; where it cannot be
# installed, the benchmarks leave it out.
$(COMPARED): $(INSTALLED)
	@$(BIN)/pip list --format freeze --disable-pip-version-check > $(VENV)/installed.txt
	@$(BIN)/pip install -qq --disable-pip-version-check -c $(VENV)/installed.txt -e '.[bench]' && touch $(COMPARED) || \
	echo "The packages to compare with could not be installed; the benchmarks run without them" >&2
