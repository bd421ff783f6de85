# make book | make lab | make student | make test | make test-changed | make bench | make notebooks | make check | make gpu |
# make gpu-check | make bands | make chapters | make faults | make clean
#
#   PROFILE=quick    smoke, quick, gpu, hour or full (dlcvlib/recipes)
#   SEED=0
#   DLCV_DATA=       folder of the course data; without it, what lies in data/, else the toy world
#   GPUS=            graphics cards to train on, one training on each (default: all)
#   CORES=           cores for the chapters, two a chapter (default: all)
#   OUT=             folder of the executed chapters, for make chapters (default: book/chapters); archive of make student
#   TORCH=           cpu: PyTorch without CUDA's 3 GB, when .venv is made (default: what pip chooses)
#   PYTHON=python3   the Python >= 3.11 that .venv is made with

PROFILE ?= quick
SEED ?= 0
PYTHON ?= python3
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
GPUS ?= $(shell echo $${CUDA_VISIBLE_DEVICES-$$(nvidia-smi --query-gpu=uuid --format=csv,noheader 2>/dev/null)} | tr , ' ' | wc -w)
VENV := .venv
# Not the scripts in .venv/bin: their first line does not bear every path of a checkout.
RUN := $(VENV)/bin/python -m
INSTALLED := $(VENV)/.installed
COMPARED := $(VENV)/.compared

# A setting as it was given, for the shell one word: make would expand a `$$` in it, the shell cut it at a space.
given = '$(subst ','\'',$(value $1))'
# The environment that make hands on must hold a path as it was given, too.
override DLCV_DATA := $(value DLCV_DATA)
override DLCV_RUNS := $(value DLCV_RUNS)
override DLCV_HOME := $(value DLCV_HOME)
override OUT := $(value OUT)
override PYTHON := $(value PYTHON)
override TORCH := $(value TORCH)
override TORCH_INDEX := $(value TORCH_INDEX)
export DLCV_DATA DLCV_RUNS DLCV_HOME

MACHINE = --cores $(call given,CORES) --gpus '$(strip $(GPUS))'
CHAPTERS = --profile $(call given,PROFILE) --seed $(call given,SEED) --out $(call given,OUT) $(MACHINE)

.DEFAULT_GOAL := book
.PHONY: book lab student test test-changed faults bench notebooks check gpu gpu-check chapters bands clean
.DELETE_ON_ERROR:

book: $(INSTALLED)
	@$(RUN) book.build $(CHAPTERS)

chapters: $(INSTALLED)
	@$(RUN) book.build --chapters-only $(CHAPTERS)

# A worker for each core; a file's tests stay together for what they share, the longest files (tests/conftest.py) first.
PYTEST = $(RUN) pytest -n logical --maxprocesses 8 --dist loadfile --no-loadscope-reorder
test: $(INSTALLED)
	@$(PYTEST)

# The tests whose Python code changed since they last passed here, as pytest-testmon saw them run; the first time, all.
test-changed: $(INSTALLED)
	@TESTMON_DATAFILE=$(VENV)/.testmondata $(PYTEST) --testmon

# The long form of tests/faults: about half an hour of kills, damaged files, full disks and crowds.
faults: $(INSTALLED)
	@$(VENV)/bin/python tests/faults/campaign.py

# The reader's edition in notebooks/mine/: what the reader wrote stays.
lab: $(INSTALLED)
	@$(RUN) book.lab

# The edition for a class, without solutions, as one archive.
student: $(INSTALLED)
	@$(RUN) dlcvlib exercises handout $(if $(OUT),$(call given,OUT),book/_build/student.zip)

# The one table first; on a GPU machine it times the card.
bench: $(COMPARED)
	@$(RUN) dlcvlib bench
	@set -e; for file in tests/benchmarks/bench_*.py; do echo "== $$file"; \
	OMP_WAIT_POLICY=passive $(VENV)/bin/python $$file; done

notebooks: $(INSTALLED)
	@$(RUN) book.notebooks

check: $(INSTALLED)
	@$(RUN) ruff format --check .
	@$(RUN) ruff check .
	@$(RUN) mypy

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
DLCV = $(RUN) $(if $(filter-out 0 1,$(GPUS)),torch.distributed.run --standalone --nproc-per-node=$(strip $(GPUS)) -m) dlcvlib
gpu: $(INSTALLED)
	@$(RUN) dlcvlib check --gpu
	@for recipe in $(GPU_RECIPES); do case $$recipe in our_*_*) seeds=$(GPU_SEEDS);; *) seeds=1;; esac; \
	$(DLCV) train $$recipe --profile full --seed $(call given,SEED) --seeds $$seeds --export || exit 1; done

# Every chapter on a GPU with the trainings of PROFILE=quick, from nothing and on the toy world, and whether the results
# lie where they do without a GPU. What .github/workflows/gpu.yml runs.
gpu-check: $(INSTALLED)
	@$(RUN) book.gpu_check $(MACHINE)

# Whether the records of PROFILE=quick or gpu lie in the bands; it trains nothing.
bands: $(INSTALLED)
	@$(RUN) dlcvlib runs --bands notebooks/bands.yaml --profile $(call given,PROFILE)

# Run records and data are yours and stay, and so does whatever these commands did not write. Works without .venv.
AT_LEAST = -c 'import sys; sys.exit(sys.version_info < (3, 11))'
TOO_OLD = { echo $(call given,PYTHON)" is not Python 3.11 or newer; name one that is: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
clean:
	@python=$(VENV)/bin/python; "$$python" $(AT_LEAST) 2>/dev/null || python=$(call given,PYTHON); \
	"$$python" $(AT_LEAST) || $(TOO_OLD); "$$python" -m book.clean

# Done again when the requirements change; what is there already is kept. The stamp is written last.
$(INSTALLED): requirements.txt pyproject.toml
	@$(call given,PYTHON) $(AT_LEAST) || $(TOO_OLD)
	@$(RUN) pip --version >/dev/null 2>&1 || $(call given,PYTHON) -m venv $(VENV)
	@echo "Installing the requirements into $(VENV); PyTorch is large, the first time takes minutes"
	@$(RUN) book.install --torch $(call given,TORCH) --index $(call given,TORCH_INDEX)
	@touch $(INSTALLED)

# What the benchmarks compare with. It may change nothing that is installed, torch above all; where it cannot be
# installed, the benchmarks leave it out.
$(COMPARED): $(INSTALLED)
	@$(RUN) pip list --format freeze --disable-pip-version-check > $(VENV)/installed.txt
	@$(RUN) pip install -qq --disable-pip-version-check -c $(VENV)/installed.txt -e '.[bench]' && touch $(COMPARED) || \
	echo "The packages to compare with could not be installed; the benchmarks run without them" >&2
