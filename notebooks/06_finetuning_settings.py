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
# - to measure what a pre-trained backbone gains, with the settings A to E;
# - why the BatchNorm statistics of a frozen backbone must be frozen too;
# - when a difference between two accuracies is larger than chance.
#
# **You need** the two previous chapters; what they trained is used here.
#
# **It takes** one or two minutes on two cores in the `quick` profile, the first
# time.
#
# The second half of problem 2: a backbone is fine-tuned on Office-Home, classes of
# objects with few images each. It starts from random weights, from a backbone that the
# course supplies, or from our own self-supervised pre-training. Either the whole network
# is trained, or the backbone is frozen and only a classifier on top is trained.

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
# The *supplied* backbone depends on the edition: until 2024 a ResNet50 trained with
# labels on Mini-ImageNet, in 2025 the official DINO ResNet50.

# %%
readings = [
    {"edition": year, "pixels": each.image_size, "supplied": each.supplied_in_words}
    for year, each in recipes.READINGS.items()
]
views.table_picture(pd.DataFrame(readings), caption="Two readings of one table.")

# %% [markdown]
# ## Training
#
# All rows share network, images, augmentation, optimizer and head, one linear layer on
# the backbone's features. They differ in the initial weights and in what is trained. For
# a frozen backbone the features are computed once, and the classifier is fitted until it
# converges. Only its weight decay is tuned, on training images that are left out of the
# fit.

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
# The sentences below are computed from the records. A difference is called clear if it
# is larger than twice its standard error over the seeds.

# %%
Markdown(views.settings_in_words(list(runs.values()), REPORTED_SETTINGS))

# %% [markdown]
# **Notice** that two seeds of one setting may differ by more than two settings do. A
# table with one run for each row, as in the reports, cannot show this.
#
# ## A frozen backbone does not change
#
# In settings D and E only the classifier may change. In training mode BatchNorm layers
# update a running mean and variance, even if no weight is trained. So a frozen backbone
# has to be in evaluation mode too. The records show that its features do not change:

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
# ## Curves: random weights against our own pre-training

# %%
pair = [runs[row][0] for row in ("A", "C") if row in runs]
views.curves(pair)

# %% [markdown]
# Compare the first epochs, then the last: pre-training may help early, late, or both. The
# table above says if the difference at the end is larger than chance.
#
# ## Features of setting C
#
# The editions of 2024 and 2025 ask for t-SNE maps of setting C on the *training* set,
# at the first and the last epoch. Both maps belong to one chain (each epoch starts from
# the map before), so they can be compared.

# %%
followed = runs["C"][0] if "C" in runs else runs["A"][0]
maps = embedding.embed(followed, "tsne")
epochs = [epoch for epoch in maps.epochs if epoch > 0]
class_names = list(office.class_names)
views.embedding_maps(maps, epochs=(epochs[0], epochs[-1]), class_names=class_names)

# %% [markdown]
# All epochs in between, with the image of each dot. Click on a class to see it alone,
# since there are more classes than colours that one can tell apart.

# %%
images = decode(
    office, "train", recipes.get("our_byol_c").for_profile(profile).image_size
)
views.EmbeddingScrubber(followed, "tsne", images.images, class_names)

# %%
NAMES = {"knn_features": "kNN of features", "knn_map": "kNN of map"}
views.table_picture(maps.quality.rename(columns=NAMES), caption="The maps in numbers.")

# %% [markdown]
# The network is trained on these images. Clusters here do not mean that it classifies
# new images well; for those, see the table above.
#
# ## The reports' own systems
#
# R1 fine-tuned its BYOL backbone, R3 its DINO backbone. Here are their systems as
# this profile runs them. Where a profile makes their settings equal to ours, the row is
# the same run as above, and the caption says so.

# %%
for report in ("r1_setting", "r3_setting"):
    theirs = [
        chapter.train(recipe, recipes.seeds(recipe.name, profile))
        for row, recipe in zip("ABCDE", recipes.SERIES[report].recipes(), strict=False)
    ]
    display(views.settings_table(theirs))

# %% [markdown]
# **Try next**: set `series` to `our_dino`, or give your own weights to settings B and
# D with `dlcv train our_byol_d --weights FILE`.
