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
# - whether this machine has what the book needs, and the cure for what it lacks;
# - the one way that leads from images on disk to every figure;
# - which chapter answers which question of your edition.
#
# **You need** nothing.
#
# **It takes** seconds, and a little longer the first time, when the toy world is drawn.

# %%
from pathlib import Path

import pandas as pd
from IPython.display import Markdown

import dlcvlib
from dlcvlib import environment, recipes, runs, views
from dlcvlib.course import EDITIONS, QUESTIONS

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
# The same as `dlcv check` says in a terminal. **OK** is as it should be; **--** is
# missing, and the book goes on without it; **FAIL** has to be mended first.

# %%
checks = pd.DataFrame(environment.check(data_root))
checks["cure"] = checks["cure"].where(checks["status"] != "OK", "")
views.table_picture(
    checks[["status", "name", "found", "cure"]],
    caption="What the machine that made this page has, and what it lacks.",
)

# %% [markdown]
# ## The one way through
#
# Every figure of this book comes about in four steps.
#
# 1. **Data.** `dlcvlib.data.find` recognises the sets of any edition by what lies in
#    their folders. Without the course's data it draws the *toy world*, stand-ins in
#    the same layout.
# 2. **Recipe.** Each system of the reports is data, not code: `dlcvlib.recipes`
#    holds its network, its optimizer and whatever else decides the result.
# 3. **Record.** `dlcvlib.train(name, …)` trains a recipe, goes on with a training that
#    was interrupted, or returns at once what is there: a folder with the history, the
#    weights and snapshots of every few epochs.
# 4. **View.** `dlcvlib.views` draws figures from records, and from nothing else. So a
#    laptop shows what a GPU has made.

# %%
recipe = recipes.get("our_deeplabv3plus")
record = runs.path_of(chapter.runs, profile, recipe.name, seed)
Markdown(
    f"The recipe `{recipe.name}`, say, has its record in "
    f"`{Path(*record.parts[-4:])}`. `dlcv train {recipe.name} --profile {profile}` "
    "makes it, `dlcv runs` lists all that there are, and `dlcv predict` writes with one "
    "of them what is handed in."
)

# %% [markdown]
# ## Profiles
#
# A recipe is read for a *profile*: the same system, as large as the machine bears.
# `smoke` is for tests, `quick` for the toy world on two cores, `gpu` the same trainings
# on a GPU, to check that they come out alike there, `hour` for the course's data on two
# cores, and `full` is the report's own setting, for a GPU.

# %%
settings = views.recipes_overview(recipe.for_profile(name) for name in recipes.PROFILES)
settings.insert(0, "profile", recipes.PROFILES)
views.table_picture(
    settings[["profile", "network", "tiles", "epochs", "batch", "starts from"]],
    caption=f"{recipe.title} in every profile.",
)

# %% [markdown]
# ## Which chapter answers what


# %%
def title(name):
    """The first heading of a chapter; its name where this copy does not have it."""
    file = Path(f"{name}.py")
    if not file.is_file():
        return name
    lines = file.read_text(encoding="utf-8").splitlines()
    return next(line.removeprefix("# # ") for line in lines if line.startswith("# # "))


# %%
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
# **Notice** what the table says of your edition, and begin there: each chapter says at
# its top what it needs.
#
# **Try next**: the tour of the data, or `make lab` and any chapter that you like.
