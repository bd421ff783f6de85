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
# - which chapter answers which question of your edition.
#
# **You need** nothing.
#
# **It takes** seconds. The first time it takes a little longer, because the images of the
# *toy world* are drawn: small stand-ins for the course's data.

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
# The table is that of `dlcv check` in a terminal. **OK**: as it should be. **--**:
# missing, and the book works without it. **FAIL**: has to be fixed first.

# %%
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
#    history, the weights and snapshots of some epochs. An interrupted training is
#    resumed, and a finished one is returned at once.
# 4. **View.** `dlcvlib.views` draws figures from run records. So a laptop shows what a
#    GPU trained.

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
# A *profile* is a size to train at: it changes some settings of a recipe to fit a
# machine. `smoke` is for tests and `quick` for the toy world on two cores. `gpu` repeats
# `quick` on a GPU, to check that the results agree. `hour` is for the course's data on
# two cores. `full` is the report's own setting, for a GPU.

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
    """First heading of a chapter; its file name if the file is missing."""
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
# **Notice** the column of your edition, and begin with its chapters. Each chapter says
# at its top what it needs.
#
# **Try next**: the tour of the data, or `make lab` and any chapter.
