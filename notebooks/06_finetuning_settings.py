# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Five ways to fine-tune
#
# **You will learn**
#
# - what a pre-trained backbone is worth, and how to find out: the settings A to E;
# - why a frozen backbone must be frozen whole, its BatchNorm statistics too;
# - when a difference between two accuracies is one.
#
# **You need** the two previous chapters; what they trained is used here.
#
# **It takes** about three minutes on two cores in the `quick` profile, the first
# time.
#
# The second half of problem 2: a backbone is taken to Office-Home, 65 classes of
# things with few images each. It may start from nothing, from a backbone that the
# course supplies, or from our own self-supervised pre-training; and either the whole
# network is trained, or the backbone is frozen and only a classifier on top of it.

# %%
import pandas as pd
from IPython.display import Markdown, display

import dlcvlib
from dlcvlib import embedding, recipes, views
from dlcvlib.course import REPORTED_SETTINGS
from dlcvlib.data import decode

# %% tags=["parameters"]
profile = "quick"
seed = 0
data_root = None
series = "our_byol"

# %%
chapter = dlcvlib.open_chapter(globals())
office = chapter.data.office
Markdown(
    f"{chapter.in_words} Office has {len(office.class_names)} classes, "
    f"{len(office.train.files):,} training and {len(office.val.files):,} validation "
    "images."
)

# %% [markdown]
# ## The settings

# %%
rows = [
    {
        "setting": row,
        "starts from": each.init,
        "trains": each.trains,
        "in words": each.in_words,
    }
    for row, each in (recipes.SETTINGS | recipes.EXTRA).items()
]
views.table_picture(
    pd.DataFrame(rows),
    caption="The course's five settings, and two rows that we add: a frozen random "
    "backbone, which E must beat, and fine-tuning that starts from a trained classifier.",
)

# %% [markdown]
# The editions read them in two ways: *supplied* was a ResNet50 trained with labels on
# Mini-ImageNet until 2024, and the official DINO ResNet50 in 2025.

# %%
readings = [
    {"edition": year, "pixels": each.image_size, "supplied": each.supplied_in_words}
    for year, each in recipes.READINGS.items()
]
views.table_picture(pd.DataFrame(readings), caption="Two readings of one table.")

# %% [markdown]
# ## Training
#
# All rows share network, images, augmentation, optimizer and head: one linear layer
# on the backbone's features. Only start and what is trained differ. Where the
# backbone is frozen, its features are computed once, and the classifier is fitted
# until no gradient is left; there is nothing to tune but the weight decay, which is
# chosen on training images kept out of the fit.

# %%
names = [recipe.name for recipe in recipes.SERIES[series].recipes()]
as_run = views.recipes_overview(recipes.get(name).for_profile(profile) for name in names)
alike = ["network", "pixels", "epochs", "batch", "optimizer"]
views.table_picture(
    as_run[["recipe", "starts from", "trains"]],
    caption=f"What the profile {profile} ran here. All alike: "
    + ", ".join(f"{name} {as_run[name].iloc[0]}" for name in alike)
    + ".",
)

# %%
runs = {
    recipes.get(name).setting: chapter.train(name, recipes.seeds(name, profile))
    for name in names
}

# %% [markdown]
# ## The table

# %%
views.settings_table(list(runs.values()), REPORTED_SETTINGS)

# %% [markdown]
# ## What it says
#
# The sentences below are computed from the records. A difference counts as clear if
# it is larger than twice its standard error over the seeds.

# %%
Markdown(views.settings_in_words(list(runs.values()), REPORTED_SETTINGS))

# %% [markdown]
# **Notice** that two seeds of one setting may differ by more than two settings do.
# A table with one run a row, as the reports have it, cannot tell.
#
# ## What is frozen stays frozen
#
# In settings D and E the classifier is all that may change. BatchNorm layers keep a
# running mean and variance of what they see, and move them in training mode even
# where no weight is trained; so the backbone has to be in evaluation mode as well.
# The records prove it:

# %%
frozen = runs.get("E") or runs["D"]
first, last = (frozen[0].snapshot(epoch)["features"] for epoch in (0, 1))
info = frozen[0].info
Markdown(
    "Largest change of any feature of any validation image: "
    f"**{abs(first - last).max()}**. "
    f"Of {info['parameters']:,} parameters {info['trained_parameters']:,} were trained."
)

# %% [markdown]
# ## Curves: from nothing against from our own pre-training

# %%
pair = [runs[row][0] for row in ("A", "C") if row in runs]
views.curves(pair)

# %% [markdown]
# Compare the first epochs, then the last: a good start may help early, late, or both.
# Whether it ends higher by more than luck is what the table says.
#
# ## Setting C, seen from inside
#
# The editions of 2024 and 2025 ask for t-SNE maps of setting C on the *training* set,
# at the first and the last epoch. Both maps belong to one chain, so they can be
# compared.

# %%
followed = runs["C"][0] if "C" in runs else runs["A"][0]
maps = embedding.embed(followed, "tsne")
epochs = [epoch for epoch in maps.epochs if epoch > 0]
class_names = list(office.class_names)
views.embedding_maps(maps, epochs=(epochs[0], epochs[-1]), class_names=class_names)

# %% [markdown]
# And every epoch between, with the images behind the dots. Click on a class to see it
# alone: with so many classes, colours alone cannot tell them apart.

# %%
images = decode(
    office, "train", recipes.get("our_byol_c").for_profile(profile).image_size
)
views.EmbeddingScrubber(followed, "tsne", images.images, class_names)

# %%
NAMES = {"knn_features": "kNN of features", "knn_map": "kNN of map"}
views.table_picture(maps.quality.rename(columns=NAMES), caption="The maps in numbers.")

# %% [markdown]
# These are images that the network is trained on. Clusters here do not yet mean that
# it knows new images; the table above is about those.
#
# ## The reports' own systems
#
# R1 fine-tuned its BYOL backbone, R3 its DINO backbone. Here are their systems as
# this profile runs them, one seed each.

# %%
for report in ("r1_setting", "r3_setting"):
    theirs = [
        chapter.train(recipe)
        for row, recipe in zip("ABCDE", recipes.SERIES[report].recipes(), strict=False)
    ]
    display(views.settings_table(theirs))

# %% [markdown]
# **Try next**: set `series` to `our_dino`, or give your own weights to settings B and
# D with `dlcv train our_byol_d --weights FILE`.
