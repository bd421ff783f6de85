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
# - what a *view* of an image is, and what a network learns by giving two views of an
#   image similar features;
# - how BYOL prevents a *collapse*, a network with the same output for every image, and
#   how SimSiam does it with less;
# - to judge a representation without training a classifier on it for hours.
#
# **You need** the idea of a feature, from the previous chapter.
#
# **It takes** about a minute on two cores in the `quick` profile, the first time.
#
# Problem 2 of the course asks to train a backbone on Mini-ImageNet *without its
# labels*, then to use it on another set. Report R1 took BYOL
# {cite}`grill2020bootstrap`, which needs neither labels nor negative examples.

# %%
import inspect
import textwrap

import torch
from IPython.display import Markdown

import dlcvlib
from dlcvlib import augment, recipes, views
from dlcvlib.data import decode
from dlcvlib.ssl.byol import byol_loss
from dlcvlib.ssl.schedules import cosine
from dlcvlib.ssl.simsiam import SimSiam, simsiam_loss

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
# R1 names the augmentations, the optimizer and the batch size; the rest is open. Our
# own recipe is made for small sets. First, both with their settings for a GPU:

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
# solarised. The network can learn what two views of an image have in common; whatever
# the augmentations change, it learns to ignore. Parameters are drawn for each image
# and each view separately.

# %%
recipe = recipes.get("our_byol").for_profile(profile)
chosen = mini.images[:: len(mini.names) // 8][:8]
views.image_grid(
    chosen,
    caption="Eight images, each of another class, as stored on disk.",
    alt="A row of eight images",
    columns=len(chosen),
)


# %%
def as_seen(view, images):
    """Return a view without normalisation, as uint8 images."""
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
    caption=f"Two views of each, {recipe.views[0].size} pixels wide, the input of BYOL.",
    alt="Two rows of crops of the same eight images in strange colours",
    columns=len(chosen),
)

# %% [markdown]
# What do both views of an image share? Only that can be predicted from one view for the
# other, so only that is learnt. On photographs colour helps to tell classes apart, so the
# recipes for the real images change it less.
#
# ## The loss
#
# An *online* network maps the first view to a projection and *predicts* from it the
# *target* network's projection of the second view, and the other way round. Both are
# normalised to length 1, so their squared distance is
#
# $$ L = (2 - 2\cos(p_1, z_2)) + (2 - 2\cos(p_2, z_1)). $$
#
# It lies between 0, for equal directions, and 8, for opposite ones. $z$ takes no
# gradient.

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
# ## The target is a moving average
#
# The target network takes no gradient. Its weights $\xi$ are an exponential moving
# average (EMA) of the online weights $\theta$:
# $\xi \leftarrow m\,\xi + (1 - m)\,\theta$. The momentum $m$ rises along half a
# cosine to 1, so that the target changes less and less.

# %%
momenta = cosine(*recipe.momentum, epochs=recipe.epochs, steps_per_epoch=1)
steps = [1, len(momenta) // 2, len(momenta)]
Markdown(
    "Momentum at the epochs "
    + ", ".join(f"{step}: **{momenta[step - 1]:.4f}**" for step in steps)
    + ". With momentum m the target averages about 1 / (1 - m) steps: "
    f"{1 / (1 - momenta[0]):.0f} at the start."
)

# %% [markdown]
# ## Training
#
# `chapter.train` loads the record or trains, as before. Training uses no labels; the
# *monitors* do, where there are any: after every epoch held-out images are classified
# by their nearest neighbours among the features of others (kNN), and by a linear
# classifier (probe).

# %%
ours, report = chapter.train("our_byol"), chapter.train("r1_byol")
views.monitors([ours, report])

# %% [markdown]
# How to read the panels:
#
# - **loss**: no measure of quality. It is lowest when the output is the same for every
#   image.
# - **kNN** and **probe**: accuracy for classes that training was not told.
# - **std**: the standard deviation of l2-normalised vectors, times the square root of
#   their dimension: 1 if their directions are uniform, 0 if all are equal.
# - **RankMe**: the effective number of dimensions that the features use.
# - **drift**: the relative distance between online and target weights.
#
# ## Breaking it
#
# The same output for every image would make the loss 0. The predictor and the target
# network prevent it. Here both are removed: one network is compared with itself.

# %%
broken = chapter.train("byol_without_predictor")
views.monitors([ours, broken], ["BYOL", "without predictor and target"])

# %%
last, whole = broken.info["last"], ours.info["last"]
verdict = broken.info["collapse"] or "It did not collapse within these few epochs."
Markdown(
    f"Its loss is {last['train_loss']:.3f}, that of unchanged BYOL "
    f"{whole['train_loss']:.3f}; the std of its projections is "
    f"{last['output_spread']:.3f} against {whole['output_spread']:.3f}. "
    f"The record says: *{verdict}*."
)

# %% [markdown]
# **Notice** that the worse network has the lower loss.
#
# ## SimSiam: BYOL without the moving average
#
# SimSiam {cite}`chen2021simsiam` has no target network. One encoder makes the
# projections $z$ of both views, a predictor makes $p$ from each, and the loss is
#
# $$ L = -\tfrac{1}{2}\cos(p_1, \mathrm{sg}(z_2))
#       - \tfrac{1}{2}\cos(p_2, \mathrm{sg}(z_1)). $$
#
# The stop-gradient $\mathrm{sg}$ (`detach` in PyTorch) treats $z$ as a constant, as
# BYOL treats its target. This is the whole training step in the library:

# %%
source = textwrap.dedent(inspect.getsource(SimSiam.loss))
Markdown(f"```python\n{source}```")

# %% [markdown]
# The loss is BYOL's on another scale. On the same four batches of vectors:

# %%
torch.manual_seed(seed)
p1, p2, z1, z2 = torch.randn(4, 256, 64)
of_byol, of_simsiam = byol_loss(p1, p2, z1, z2), simsiam_loss(p1, p2, z1, z2)
Markdown(
    f"BYOL's loss is {of_byol:.4f}, and 4 + 4 times SimSiam's is "
    f"{4 + 4 * of_simsiam:.4f}."
)

# %% [markdown]
# Now it is trained twice: with the stop-gradient, and for a few epochs without it.
# Without it, gradients move both sides of the comparison towards each other.

# %%
simsiam = chapter.train("our_simsiam")
unstopped = chapter.train("simsiam_without_stop_gradient")
named = {"BYOL": ours, "SimSiam": simsiam, "SimSiam, no stop-gradient": unstopped}
views.monitors(list(named.values()), list(named))


# %%
def in_words(name, run):
    """Return the figures of a run's last epoch as an item of a list."""
    before, last = run.info["before"], run.info["last"]
    return (
        f"- **{name}**: kNN {before['knn']:.1%} before training and "
        f"{last['knn']:.1%} after epoch {last['epoch']}, std of the projections "
        f"{last['output_spread']:.3f}. "
        f"{(run.info['collapse'] or 'no collapse').capitalize()}."
    )


# %%
Markdown("\n".join(in_words(name, run) for name, run in named.items()))

# %% [markdown]
# **Notice** that SimSiam has no curve in the panel *drift*, since there is no second
# network, and that its two runs differ in nothing but `detach`.
#
# ## Neighbours of an image
#
# Which images does the network consider similar? For a few held-out images, the
# nearest ones in feature space, early and late.

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
# The next chapter has a target network but no predictor.
