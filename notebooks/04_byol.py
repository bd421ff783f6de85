# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # BYOL: learning from images without labels
#
# **You will learn**
#
# - what a *view* of an image is, and why a network that agrees with itself about
#   two views must look at what is in the image;
# - how BYOL keeps that agreement from becoming empty, and what happens when it is
#   not kept;
# - to judge a representation without training a classifier on it for hours.
#
# **You need** the idea of a feature, from the previous chapter.
#
# **It takes** about three minutes on two cores in the `quick` profile, the first
# time.
#
# Problem 2 of the course asks to train a backbone on Mini-ImageNet *without its
# labels*, then to use it on another set. Report R1 took BYOL
# {cite}`grill2020bootstrap`, which needs neither labels nor negative examples.

# %%
import torch
from IPython.display import Markdown

import dlcvlib
from dlcvlib import augment, recipes, views
from dlcvlib.data import decode
from dlcvlib.ssl.byol import byol_loss
from dlcvlib.ssl.schedules import cosine

# %% tags=["parameters"]
profile = "quick"
seed = 0
data_root = None

# %%
chapter = dlcvlib.open_chapter(globals())
mini = decode(chapter.data.mini, "train")
Markdown(f"{chapter.in_words} It learns from {len(mini.names):,} images.")

# %% [markdown]
# ## What the recipes say
#
# R1 names the augmentations, the optimizer and the batch; the rest is open. Beside
# it stands our own recipe, which is made for small sets. First as they are meant
# for a GPU:

# %%
NAMES = ["r1_byol", "our_byol"]
SHOWN = ["network", "views", "epochs", "batch", "optimizer", "momentum"]
as_reported = views.recipes_side_by_side(map(recipes.get, NAMES), SHOWN)
views.table_picture(as_reported, caption="The two recipes, for a GPU.")

# %%
here = [recipes.get(name).for_profile(profile) for name in NAMES]
as_run = views.recipes_side_by_side(here, SHOWN)
views.table_picture(as_run, caption=f"What the profile {profile} ran here.")

# %% [markdown]
# ## Two views of an image
#
# A view is a random crop with random colours, sometimes grey, blurred or
# solarised. What two views of one image still have in common is what the network
# can learn; so the choice of augmentations says what *not* to learn. Every image of a
# batch draws its own parameters, in every view anew.

# %%
recipe = recipes.get("our_byol").for_profile(profile)
chosen = mini.images[:: len(mini.names) // 8][:8]
views.image_grid(
    chosen,
    caption="Eight images, each of another class, as they lie on disk.",
    alt="A row of eight images",
    columns=len(chosen),
)


# %%
def as_seen(view, images):
    """A view before normalisation, back as bytes for the eye."""
    plain = {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}
    seen = augment.prepare(images, view.size, view.augmentation, **plain)
    return (seen * 255).round().clamp(0, 255).byte()


# %%
torch.manual_seed(seed)
both = [view for view in recipe.views for _ in range(view.count)]
pairs = torch.cat([as_seen(view, chosen) for view in both])
views.image_grid(
    pairs,
    ["first view"] * len(chosen) + ["second view"] * len(chosen),
    caption=f"Two views of each, {recipe.views[0].size} pixels wide, as BYOL sees them.",
    alt="Two rows of crops of the same eight images in strange colours",
    columns=len(chosen),
)

# %% [markdown]
# **Notice** what survives: hardly a colour, seldom the whole shape, most often a
# texture. On photographs colour helps to tell classes apart, so the recipes for the
# real images change it less.
#
# ## The loss
#
# An *online* network turns the first view into a projection and *predicts* from it
# the projection that a *target* network makes of the second view, and the other way
# round. Both are brought to length 1, so their squared distance is
#
# $$ L = (2 - 2\cos(p_1, z_2)) + (2 - 2\cos(p_2, z_1)). $$
#
# It lies between 0, for equal directions, and 8, for opposite ones. No gradient goes
# into $z$.

# %%
directions = torch.nn.functional.normalize(torch.randn(256, 64), dim=1)
cases = {
    "equal": byol_loss(directions, directions, directions, directions),
    "random": byol_loss(
        directions, directions.roll(1, 0), directions.roll(2, 0), directions
    ),
    "opposite": byol_loss(directions, directions, -directions, -directions),
}
Markdown(
    ", ".join(f"{name} directions: {abs(value):.2f}" for name, value in cases.items())
)

# %% [markdown]
# ## The target follows
#
# The target is not trained. Its weights $\xi$ are a moving average of the online
# weights $\theta$: $\xi \leftarrow m\,\xi + (1 - m)\,\theta$. The momentum $m$ rises
# along half a cosine to 1, so that the target comes to rest at the end.

# %%
momenta = cosine(*recipe.momentum, epochs=recipe.epochs, steps_per_epoch=1)
steps = [1, len(momenta) // 2, len(momenta)]
Markdown(
    "Momentum at the epochs "
    + ", ".join(f"{step}: **{momenta[step - 1]:.4f}**" for step in steps)
    + f". With m the target averages about 1 / (1 - m) steps: {1 / (1 - momenta[0]):.0f} "
    "at the start."
)

# %% [markdown]
# ## Training
#
# `chapter.train` is load-or-train here too. Labels take no part in it; where there
# are any, they serve the *monitors*: at every epoch held-out images are classified
# by their nearest neighbours among the features of others (kNN), and by a linear
# classifier (probe).

# %%
ours, report = chapter.train("our_byol"), chapter.train("r1_byol")
views.monitors([ours, report])

# %% [markdown]
# How to read the panels:
#
# - **loss**: it says little. It is lowest of all when the network says the same of
#   every image.
# - **kNN** and **probe**: what the features know of classes they were never told.
# - **spread**: the standard deviation of unit vectors, times the square root of
#   their length: 1 if they point everywhere, 0 if they are all alike.
# - **RankMe**: how many directions the features really use.
# - **drift**: how far the target is behind.
#
# ## Breaking it
#
# Saying the same of every image would make the loss 0 at once. What keeps BYOL from
# it are the predictor and the target that follows. Here both are taken out: one
# network is asked to agree with itself.

# %%
broken = chapter.train("byol_without_predictor")
views.monitors([ours, broken], ["BYOL", "without predictor and target"])

# %%
last, whole = broken.info["last"], ours.info["last"]
verdict = broken.info["collapse"] or "It did not collapse within these few epochs."
Markdown(
    f"Its loss is {last['train_loss']:.3f}, that of whole BYOL "
    f"{whole['train_loss']:.3f}; its projections have a spread of "
    f"{last['output_spread']:.3f} against {whole['output_spread']:.3f}. "
    f"The record says: *{verdict}*."
)

# %% [markdown]
# **Notice** that the lower loss belongs to the worse network. Whoever watches the
# loss alone would choose it.
#
# ## Neighbours of an image
#
# What does the network hold for alike? For a few held-out images, the nearest ones
# in feature space, early and late.

# %%
views.neighbours(ours, mini.images, queries=4)

# %%
before, after = ours.info["before"], ours.info["last"]
Markdown(
    f"Over all held-out images, kNN accuracy went from {before['knn']:.1%} before "
    f"training to {after['knn']:.1%}, the linear probe from {before['probe']:.1%} to "
    f"{after['probe']:.1%}; chance is {1 / ours.info['data']['classes']:.1%}."
)

# %% [markdown]
# **Try next**: remove `grey` from our recipe's views. Which neighbours does the
# network find then?
#
# ```python
# in_colour = recipes.changed(
#     "our_byol",
#     name="byol_in_colour",
#     profile=profile,
#     views={"augmentation": {"grey": None}},
# )
# chapter.train(in_colour)
# ```
#
# The next chapter avoids the collapse without a predictor.
