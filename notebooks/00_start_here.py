# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Start here
#
# **You will learn**
#
# - to check that this machine has what the book needs, and to fix what it lacks;
# - the four steps from images on disk to a figure;
# - how an exercise of this book works, with two that every training relies on;
# - which chapter answers which question of your edition.
#
# **You need** nothing.
#
# **It takes** as long as your machine needs; the page of a built book says how long. The
# first time, the images of the *toy world* are drawn: small stand-ins for the course's
# data.

# %%
import json
import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
from IPython.display import Markdown

import dlcvlib
from dlcvlib import environment, recipes, runs, views
from dlcvlib.course import EDITIONS, QUESTIONS
from dlcvlib.exercises.start import exercises
from dlcvlib.files import atomic

# %% tags=["parameters"]
profile = "quick"
seed = 0
data_root = None

# %%
chapter = dlcvlib.open_chapter(globals())
Markdown(chapter.in_words)

# %% [markdown]
# ## Is everything there?
#
# The table is that of `dlcv check` in a terminal. **OK**: as it should be. **--**:
# missing, and the book works without it. **FAIL**: has to be fixed first.

# %% tags=["hide-input"]
checks = pd.DataFrame(environment.check(data_root))
checks["cure"] = checks["cure"].where(checks["status"] != "OK", "")
views.table_picture(
    checks[["status", "name", "detail", "cure"]],
    caption="What the machine that made this page has, and what it lacks.",
)

# %% [markdown]
# ## Four steps from images to a figure
#
# 1. **Data.** `dlcvlib.data.find` recognises the sets of any edition by the contents of
#    their folders. Without the course's data it draws the toy world, in the same layout.
# 2. **Recipe.** The settings of each system in the reports are data, not code.
#    `dlcvlib.recipes` holds its network, its optimizer and all else that decides the
#    result.
# 3. **Run record.** `dlcvlib.train(name, …)` trains a recipe and writes a folder with the
#    history, the weights and snapshots of some epochs. A finished training is returned
#    at once.
# 4. **View.** `dlcvlib.views` draws figures from run records. So a laptop shows what a
#    GPU trained.

# %% tags=["hide-input"]
recipe = recipes.get("our_deeplabv3plus")
record = runs.path_of(chapter.runs, profile, recipe.name, seed)
Markdown(
    f"The recipe `{recipe.name}`, say, has its record in "
    f"`{Path(*record.parts[-4:])}`. `dlcv train {recipe.name} --profile {profile}` "
    "makes it, `dlcv runs` lists all that there are, and `dlcv predict` writes with one "
    "of them what is handed in."
)

# %% [markdown]
# ## How an exercise works
#
# An exercise states what a function takes and returns. Hints are folded below it. Write
# the function in the cell below the hints, then run that cell and the next one:
# `exercises.check` tries your function and says what it found. Until yours is right, the
# chapter goes on with the library's. In the printed book one solution stands folded in
# the cell.
#
# Some pictures stand behind a *question*. Choose first, and look then. In a study of
# physics classes, those who only watched a demonstration learnt hardly anything from it,
# and those who predicted its result did {cite}`crouch2004classroom`.

# %% tags=["hide-input"]
exercises.ask("interrupted")

# %% [markdown]
# ### Exercise: a file that appears whole
#
# A training may be killed at any moment, also while it writes its record. Whoever reads
# half of a record would take it for a whole one. Write `whole_file(path, write)`.
#
# - `path`: a `pathlib.Path` in a folder that exists. There may be an old file.
# - `write`: a function. Called with a file that is open for writing bytes, it writes the
#   content. It may raise an error midway.
# - Afterwards the new content is at `path`, and nothing else is in the folder. Until then
#   the old file (or none) is there, whole.
# - If `write` raises, the old file stays, nothing is left behind, and the error is raised
#   on. The same holds if the kernel is interrupted.

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Write to another name first. `Path.replace` then gives the file its name in one step, if
# both names are on one disk.
#
# </details>

# %% [markdown]
# <details><summary>Hint 2</summary>
#
# The file has to be closed before it gets its name: until then some bytes are in memory.
#
# </details>

# %% [markdown]
# <details><summary>Hint 3</summary>
#
# `except BaseException:` catches an interrupt, too. A bare `raise` in it raises the same
# error on.
#
# </details>


# %% tags=["exercise", "hide-input"]
def whole_file(path, write):
    """Write a file by a function, so that it appears whole or not at all."""
    unfinished = path.parent / f".{path.name}.{os.getpid()}.part"
    try:
        with unfinished.open("wb") as file:
            write(file)
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


# %%
whole_file = exercises.check(whole_file)

# %% tags=["teacher", "hide-input"]
exercises.lines("whole_file")

# %% tags=["teacher"]
views.source(atomic.whole_file)

# %% [markdown]
# ### Exercise: load or train
#
# Write `load_or_train(folder, seed, train)` with it.
#
# - `folder`: a `Path` that exists. `seed`: an integer.
# - `train`: a function. `train(seed)` takes hours and returns the record, a dictionary of
#   numbers.
# - Return the record of this seed, as a dictionary. Train only if the folder holds no
#   whole record of it, and store what was trained, as JSON.
# - The process may have been killed while it wrote: a record that is cut short counts as
#   none.

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# A name such as `seed3.json` keeps the seeds apart.
#
# </details>

# %% [markdown]
# <details><summary>Hint 2</summary>
#
# `json.loads` raises a `ValueError` for half of a record; reading a file that is missing
# raises a `FileNotFoundError`.
#
# </details>


# %% tags=["exercise", "hide-input"]
def load_or_train(folder, seed, train):
    """Record of a seed, trained only if the folder holds no whole one."""
    path = folder / f"record_of_{seed}.json"
    try:
        return json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        trained = train(seed)
        whole_file(path, lambda file: file.write(json.dumps(trained).encode()))
        return trained


# %%
load_or_train = exercises.check(load_or_train)

# %% tags=["teacher", "hide-input"]
exercises.lines("load_or_train")

# %%
calls = []


def train_slowly(seed):
    """Stand-in of a training: notes that it was called."""
    calls.append(seed)
    return {"seed": seed, "accuracy": 0.5}


with TemporaryDirectory() as folder:
    for one in (0, 1, 0, 1, 1):
        load_or_train(Path(folder), one, train_slowly)
calls

# %% [markdown]
# Five calls, and the list holds the seeds that were trained. `dlcvlib.train` works in the
# same way. Its record is a folder, and a checkpoint in it holds the last completed epoch.
#
# ## Profiles
#
# A *profile* is a size to train at: it changes some settings of a recipe to fit a
# machine. `smoke` is for tests and `quick` for the toy world on two cores. `gpu` repeats
# `quick` on a GPU, to check that the results agree. `hour` is for the course's data on
# two cores. `full` is the report's own setting, for a GPU.

# %% tags=["hide-input"]
exercises.ask("same_recipe")

# %% tags=["hide-input"]
settings = views.recipes_overview(recipe.for_profile(name) for name in recipes.PROFILES)
settings.insert(0, "profile", recipes.PROFILES)
views.table_picture(
    settings[["profile", "network", "tiles", "epochs", "batch", "starts from"]],
    caption=f"{recipe.title} in every profile.",
)

# %% [markdown]
# ## Which chapter answers what


# %% tags=["hide-input"]
def title(name):
    """First heading of a chapter; its file name if the file is missing."""
    file = Path(f"{name}.py")
    if not file.is_file():
        return name
    lines = file.read_text(encoding="utf-8").splitlines()
    return next(line.removeprefix("# # ") for line in lines if line.startswith("# # "))


# %% tags=["hide-input"]
rows = [
    {"question": question.text, "chapter": title(question.chapter)}
    | {str(year): "•" if year in question.editions else "" for year in EDITIONS}
    for question in QUESTIONS
]
views.table_picture(
    pd.DataFrame(rows),
    caption="The questions of the reports, the chapter that answers each, and the "
    "editions that ask it. Those of 2021 and 2022 on pre-training and fine-tuning "
    "stand in homework 4.",
)

# %% [markdown]
# **Notice** the column of your edition, and begin with its chapters. Each chapter says
# at its top what it needs.
#
# **Try next**: the tour of the data, or `make lab` and any chapter.
#
# ## Summary
#
# - Data, recipe, run record, view: a recipe makes a record, a record makes a figure.
# - A file is written under another name and renamed, so that it is whole or not there.
# - A record that is there is not trained again; half of one counts as none.
# - A profile changes sizes, not the method. Numbers of two profiles are not compared.
# - Predict first, then look.
#
# **To read on**: habits that keep a project usable {cite}`wilson2017good`; what file
# systems promise, and what programs wrongly expect {cite}`pillai2014all`; what makes
# results of machine learning repeatable {cite}`pineau2021improving`.
