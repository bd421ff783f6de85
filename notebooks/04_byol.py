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
# - what BYOL does against a *collapse*, a network with the same output for every image,
#   and what SimSiam leaves out of it;
# - to write its loss, its moving average and its schedule, and to train with them;
# - to judge a representation without training a classifier on it for hours.
#
# **You need** the idea of a feature, from the previous chapter.
#
# **It takes** as long as your machine needs; the page of a built book says how long.
#
# A *backbone* is a network without its last layer: it maps an image to a vector, its
# *features*. Problem 2 of the course asks to train a backbone on Mini-ImageNet *without
# its labels*, then to use it on another set. This is *self-supervised* learning: the task
# is made from the images themselves. Some methods need pairs of different images that
# are to get different features, *negative examples*. Report R1 took BYOL
# {cite}`grill2020bootstrap`, which needs neither labels nor negative examples.

# %%
import numpy as np
import torch
from IPython.display import Markdown
from torch import nn
from torch.nn import functional

import dlcvlib
from dlcvlib import augment, recipes, views
from dlcvlib.data import decode
from dlcvlib.exercises.byol import exercises
from dlcvlib.ssl import byol, ema, monitors, schedules, simsiam
from dlcvlib.ssl.mlp import mlp

# %% tags=["parameters"]
profile = "quick"
seed = 0
data_root = None

# %% tags=["hide-input"]
chapter = dlcvlib.open_chapter(globals())
mini = decode(chapter.data.mini, "train")
Markdown(f"{chapter.in_words} It learns from {len(mini.names):,} images.")

# %% tags=["hide-input"]
Markdown(chapter.findings("04"))

# %% [markdown]
# ## What the recipes say
#
# R1 names the random changes of the images (*augmentations*), the optimizer and the
# batch size; the rest is open. Our own recipe is made for small sets. First, both with
# their settings for a GPU:

# %% tags=["hide-input"]
NAMES = ["r1_byol", "our_byol"]
SHOWN = ["network", "views", "epochs", "batch", "optimizer", "momentum"]
as_reported = views.recipes_side_by_side(map(recipes.get, NAMES), SHOWN)
views.table_picture(as_reported, caption="The two recipes, for a GPU.")

# %% [markdown]
# ## Two views of an image
#
# A view is a random crop with random colours, sometimes grey, blurred or
# *solarised* (bright pixels inverted). The network is trained to find what two views of
# an image have in common, and to ignore whatever the augmentations change. Crop and
# colours are drawn for each image and each view separately.

# %%
recipe = recipes.get("our_byol").for_profile(profile)
chosen = mini.images[:: len(mini.names) // 8][:8]
views.image_grid(
    chosen,
    caption="Eight images as stored on disk.",
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
    alt="Two rows of crops of the same eight images, with changed colours or none",
    columns=len(chosen),
)

# %% [markdown]
# What do both views of an image share? Only that can be predicted from one view for the
# other. Do they share the colours?

# %% tags=["hide-input"]
on_page, on_gpu = (
    each.views[0].augmentation["grey"]["probability"]
    for each in (recipe, recipes.get("our_byol"))
)
Markdown(
    "The classes of the toy world do not differ in colour; those of photographs may. "
    f"Our recipe makes {on_page:.0%} of the views grey on this page, and {on_gpu:.0%} "
    "with its settings for a GPU."
)

# %% [markdown]
# ## Two networks
#
# BYOL has two networks of the same architecture.
#
# - The *online* network is the one that is trained. Its backbone makes features of a
#   view; a small network behind it, the *projector*, maps them to a shorter vector, the
#   *projection*. A second small network, the *predictor*, makes a *prediction* $p$ of
#   that.
# - The *target* network has a backbone and a projector, and no predictor. Its projection
#   $z$ is what is to be predicted. It is not trained: its weights are an average of
#   past online weights.
#
# The online network sees one view and predicts the target's projection of the other. To
# predict it, $p$ has to hold what both views share.

# %%
views.diagram.byol(recipe)

# %% [markdown]
# ## The loss
#
# A prediction counts by its direction alone. The cosine of the angle between two vectors
# is the scalar product of both, divided by their lengths. So the squared distance of two
# vectors that were scaled to length 1 is $2 - 2\cos(p, z)$. The views of an image are $1$
# and $2$, and each is predicted from the other:
#
# $$ L = (2 - 2\cos(p_1, z_2)) + (2 - 2\cos(p_2, z_1)). $$
#
# It lies between 0, for equal directions, and 8, for opposite ones. The loss of a batch
# is the mean over its images. $z$ takes no gradient: for the loss it is a constant.
#
# ### Exercise: the loss
#
# Write `byol_loss(p1, p2, z1, z2)`. All four are (N, D) float tensors, a row for each of
# N images. Return the loss of the batch as a tensor without axes, so that
# `backward()` can be called on it.
#
# <details><summary>Hint 1</summary>
#
# `functional.normalize(p, dim=1)` scales each row to length 1. For such rows,
# the cosine is the sum of their products, and the squared distance the sum of
# their squared differences.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `z.detach()` has the same values as `z` and no gradient.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# First compute two tensors (N,), one for each direction; then add them; then take the
# mean.
#
# </details>


# %% tags=["exercise", "hide-input"]
def byol_loss(p1, p2, z1, z2):
    """Return the squared distance of unit vectors, both directions, mean of the batch.

    p1, p2: (N, D) predictions from the first and the second view.
    z1, z2: (N, D) the target's projections of both; they take no gradient.
    """
    unit_vectors = [functional.normalize(each, dim=1) for each in (p1, p2, z1, z2)]
    p1, p2, z1, z2 = unit_vectors
    forth = (p1 - z2.detach()).square().sum(1)  # (N,)
    back = (p2 - z1.detach()).square().sum(1)  # (N,)
    return (forth + back).mean()


# %%
byol_loss = exercises.check(byol_loss)

# %% tags=["teacher", "hide-input"]
exercises.lines("byol_loss")

# %%
torch.manual_seed(seed)
directions = functional.normalize(torch.randn(256, 64), dim=1)  # (N, D)
other, third = directions.roll(1, 0), directions.roll(2, 0)
cases = {
    "equal": byol_loss(directions, directions, directions, directions),
    "random": byol_loss(directions, other, third, directions),
    "opposite": byol_loss(directions, directions, -directions, -directions),
}

# %% tags=["hide-input"]
in_one_line = ", ".join(f"{name}: **{loss:.2f}**" for name, loss in cases.items())
exercises.ask(
    "random_directions",
    result=f"The loss of 256 pairs of directions in 64 dimensions, {in_one_line}.",
)

# %% [markdown]
# The same in the library:

# %% tags=["teacher"]
views.source(
    byol.byol_loss,
    shapes={"p1": "(N, D)", "z2": "(N, D)", "forth": "(N,)", "back": "(N,)"},
)

# %% [markdown]
# ## The target is a moving average
#
# The target's weights $\xi$ are an *exponential moving average* (EMA) of the online
# weights $\theta$: after each training step
#
# $$ \xi \leftarrow m\,\xi + (1 - m)\,\theta. $$
#
# The number $m$, a little below 1, is called the *momentum*.

# %%
momentum = 0.996
weights = momentum ** torch.arange(3000, dtype=torch.float64)  # of steps, newest first
shares = weights.cumsum(0) / weights.sum()

# %% tags=["hide-input"]
half = (shares < 0.5).sum().item() + 1
exercises.ask(
    "averaged_steps",
    result=f"The weights sum to {weights.sum():.0f} times that of the newest step, which "
    f"is 1 / (1 - m). The last {half} steps have half of the whole weight, the last "
    f"{weights.sum():.0f} have {shares[round(weights.sum().item()) - 1]:.0%}.",
)

# %% [markdown]
# ### Exercise: the moving average
#
# Write `update_ema(target, online, momentum)`, one such step. Both are networks of the
# same architecture; `target.parameters()` and `online.parameters()` have the same order.
# Change the parameters of `target` *in place* and nothing else; return nothing. Buffers,
# such as the running means of batch normalisation, are no parameters: they stay.
#
# <details><summary>Hint 1</summary>
#
# `zip(target.parameters(), online.parameters())` gives pairs of tensors of one shape.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `tensor.copy_(value)` writes into a tensor; methods that end in `_` work in place.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# PyTorch records what is computed from parameters that require a gradient. Where no
# gradient is wanted, compute within `with torch.no_grad():`.
#
# </details>


# %% tags=["exercise", "hide-input"]
def update_ema(target, online, momentum):
    """Move each parameter of `target` towards that of `online`, in place."""
    with torch.no_grad():
        pairs = zip(target.parameters(), online.parameters(), strict=True)
        for average, current in pairs:
            average.copy_(momentum * average + (1 - momentum) * current)


# %%
update_ema = exercises.check(update_ema)

# %% tags=["teacher", "hide-input"]
exercises.lines("update_ema")

# %% tags=["teacher"]
views.source(ema.update_ema)

# %% [markdown]
# ### Exercise: the schedule
#
# The momentum rises to 1 along half a cosine, so that the target changes less and less.
# Other trainings let the *learning rate* fall in the same way, after a *warm-up*, some
# first epochs in which it rises along a straight line. For the $T$ steps after the
# warm-up,
#
# $$ v(t) = v_\mathrm{final} + \frac{v_\mathrm{base} - v_\mathrm{final}}{2}
#    \left(1 + \cos\frac{\pi t}{T}\right), \qquad t = 0, \dots, T - 1. $$
#
# Write `cosine(base, final, epochs, steps_per_epoch, warmup_epochs=0, start=0.0)`.
# Return one value per step, `epochs * steps_per_epoch` in all, as an array or a list. The
# warm-up is a part of the epochs: evenly spaced values from `start` to `base`, both
# included. Then the formula follows.
#
# <details><summary>Hint 1</summary>
#
# `np.linspace(start, base, n)` gives n values, both ends included.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# $T$ is the number of all steps less that of the warm-up. `np.concatenate` joins arrays.
#
# </details>


# %% tags=["exercise", "hide-input"]
def cosine(base, final, epochs, steps_per_epoch, warmup_epochs=0, start=0.0):
    """Return a value per step: a straight warm-up, then half a cosine towards `final`."""
    rising = np.linspace(start, base, warmup_epochs * steps_per_epoch)
    left = epochs * steps_per_epoch - len(rising)
    angles = np.linspace(0, np.pi, left, endpoint=False)
    return np.concatenate([rising, final + (base - final) * (1 + np.cos(angles)) / 2])


# %%
cosine = exercises.check(cosine)

# %%
momenta = cosine(*recipe.momentum, epochs=recipe.epochs, steps_per_epoch=1)

# %% tags=["hide-input"]
steps = [1, len(momenta) // 2, len(momenta)]
Markdown(
    "Momentum at the epochs "
    + ", ".join(f"{step}: **{momenta[step - 1]:.4f}**" for step in steps)
    + f". At the start the target averages about {1 / (1 - momenta[0]):.0f} steps."
)

# %% tags=["teacher"]
views.source(schedules.cosine)

# %% [markdown]
# ## Is it still alive?
#
# If all images get the same projection, the network has *collapsed*. A number shows it
# early: scale the projections of some images to length 1, take the standard deviation
# over the images in each dimension, then the mean of these, times $\sqrt{D}$. For
# directions that are evenly distributed in $D$ dimensions, each entry has a standard
# deviation of about $1/\sqrt{D}$, so the number is about 1. If all are equal, it is 0.
#
# ### Exercise: the standard deviation of directions
#
# Write `output_std(outputs)` for outputs (N, D), a float tensor with a row per image.
# Return one number. Use the sample standard deviation, with N - 1, as torch does.
#
# <details><summary>Hint 1</summary>
#
# What has to be equal in a collapse, the entries of one row or the rows? Axis 0 is that
# of the images.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# A tensor has the method `std`, with the axis as its argument.
#
# </details>


# %% tags=["exercise", "hide-input"]
def output_std(outputs):
    """Return the std of directions over images, mean of the dimensions, times sqrt(D).

    outputs: (N, D) float.
    """
    per_dimension = functional.normalize(outputs, dim=1).std(0)  # (D,)
    return per_dimension.mean() * outputs.shape[1] ** 0.5


# %%
output_std = exercises.check(output_std)

# %% tags=["teacher"]
views.source(monitors.normalized_std)

# %% [markdown]
# ## A training in twenty lines
#
# Now all parts are there. A tiny network and a few dozen steps show that they work
# together:


# %%
def tiny_network():
    """Backbone and projector: views (N, 3, H, W) to projections (N, 32)."""
    convolutions = [nn.Conv2d(3, 16, 3, stride=2), nn.BatchNorm2d(16), nn.ReLU()]
    convolutions += [nn.Conv2d(16, 32, 3, stride=2), nn.BatchNorm2d(32), nn.ReLU()]
    return nn.Sequential(
        *convolutions, nn.AdaptiveAvgPool2d(1), nn.Flatten(), mlp(32, 64, 32)
    )


def two_views(images):
    """Return two random views, each (N, 3, 32, 32), of uint8 images (N, 3, H, W)."""
    view = recipe.views[0]
    return [augment.prepare(images, 32, view.augmentation) for _ in range(2)]


# %%
torch.manual_seed(seed)
online, predictor = tiny_network(), mlp(32, 64, 32)
target = ema.frozen_copy(online)
optimizer = torch.optim.Adam([*online.parameters(), *predictor.parameters()], lr=2e-3)
losses, deviations = [], []
for momentum in cosine(0.95, 1.0, epochs=5, steps_per_epoch=10):
    rows = torch.randperm(len(mini.images))[:64]
    first, second = two_views(mini.images[rows])  # (64, 3, 32, 32) each
    z_online = online(first)  # (64, 32)
    p1, p2 = predictor(z_online), predictor(online(second))
    with torch.no_grad():
        z1, z2 = target(first), target(second)
    loss = byol_loss(p1, p2, z1, z2)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    update_ema(target, online, momentum)
    losses.append(loss.item())
    deviations.append(float(output_std(z_online.detach())))

# %% tags=["hide-input"]
Markdown(
    f"In {len(losses)} steps the loss went from {losses[0]:.2f} to {losses[-1]:.2f}, and "
    f"the standard deviation of the projections from {deviations[0]:.2f} to "
    f"{deviations[-1]:.2f}."
)

# %% [markdown]
# ## Training
#
# `chapter.train` does the same; it also resumes after an interruption, records what it
# did, and scales from a laptop to several GPUs. A record that is there is loaded.
#
# Training uses no labels. The *monitors* do, where there are any: after every epoch they
# measure the features on images that were left out of the training.
#
# - **loss**: no measure of quality. It is lowest, 0, if the output is the same for every
#   image.
# - **kNN**: accuracy if an image gets the class of the images with the nearest features
#   (its *k nearest neighbours*).
# - **probe**: accuracy of a linear classifier that is trained on the features.
# - **std**: what `output_std` computes, of projections.
# - **RankMe**: the effective number of dimensions that the features use, between 1 and
#   all.
# - **drift**: the distance between online and target weights, divided by the length of
#   the online ones.

# %%
ours, report = chapter.train("our_byol"), chapter.train("r1_byol")
as_run = views.runs_side_by_side(
    [report, ours], [*SHOWN, "starts from", "images", "machine"]
)
views.table_picture(
    as_run, caption=f"The two as the profile {profile} ran them, by their records."
)

# %%
views.monitors([ours, report])

# %% [markdown]
# ## Breaking it
#
# The same output for every image would make the loss 0. The predictor and the target
# network are there to prevent it. Here both are removed: one network is compared with
# itself.

# %%
broken = chapter.train("byol_without_predictor")
whole, alone = views.at_equal_epochs([ours, broken])

# %% tags=["hide-input"]
both = {"byol": whole, "collapsed": alone}
told = {"byol": "BYOL", "collapsed": "the network without both"}
lower = min(both, key=lambda name: both[name]["train_loss"])
higher = max(both, key=lambda name: both[name]["knn"])
exercises.ask(
    "lower_loss",
    right=lower,
    result=f"After epoch {alone['epoch']:.0f}, the last of both, {told[lower]} has "
    f"the lower loss, and {told[higher]} the higher kNN accuracy: "
    + "; ".join(
        f"{told[name]} has a loss of {row['train_loss']:.3f}, a kNN accuracy of "
        f"{row['knn']:.1%} and a std of {row['output_spread']:.3f}"
        for name, row in both.items()
    )
    + ".",
)

# %%
views.monitors([ours, broken], ["BYOL", "without predictor and target"])

# %% tags=["hide-input"]
Markdown(views.collapse_in_words(broken))

# %% [markdown]
# ## SimSiam: BYOL without the moving average
#
# SimSiam {cite}`chen2021simsiam` has no target network. One *encoder*, backbone and
# projector, makes the projections $z$ of both views, a predictor makes $p$ from each,
# and the loss is
#
# $$ L = -\tfrac{1}{2}\cos(p_1, \mathrm{sg}(z_2))
#       - \tfrac{1}{2}\cos(p_2, \mathrm{sg}(z_1)). $$
#
# The *stop-gradient* $\mathrm{sg}$ (`detach` in PyTorch) treats $z$ as a constant, as
# BYOL treats its target.

# %%
views.diagram.simsiam(recipes.get("our_simsiam").for_profile(profile))

# %% [markdown]
# This is the whole training step in the library:

# %%
views.source(simsiam.SimSiam.loss, shapes={"z1": "(N, out)", "p1": "(N, out)"})

# %% [markdown]
# The loss is BYOL's on another scale. On the same four batches of vectors:

# %%
torch.manual_seed(seed)
p1, p2, z1, z2 = torch.randn(4, 256, 64)
of_byol = byol_loss(p1, p2, z1, z2)
of_simsiam = simsiam.simsiam_loss(p1, p2, z1, z2)
Markdown(
    f"BYOL's loss is {of_byol:.4f}, and 4 + 4 times SimSiam's is "
    f"{4 + 4 * of_simsiam:.4f}."
)

# %% [markdown]
# Now it is trained twice: with the stop-gradient, and for a few epochs without it.
# Without it, gradients move both sides of the comparison towards each other.

# %%
stopped = chapter.train("our_simsiam")
unstopped = chapter.train("simsiam_without_stop_gradient")
named = {"BYOL": ours, "SimSiam": stopped, "SimSiam, no stop-gradient": unstopped}
views.monitors(list(named.values()), list(named))


# %%
def in_words(name, run, row):
    """Return the figures of a run at one epoch, and its verdict, as an item of a list."""
    return (
        f"- **{name}**: kNN {run.info['before']['knn']:.1%} before training and "
        f"{row['knn']:.1%} after epoch {row['epoch']:.0f}, std of the projections "
        f"{row['output_spread']:.3f}. {views.collapse_in_words(run)}"
    )


# %% tags=["hide-input"]
rows = views.at_equal_epochs(list(named.values()))
items = [in_words(*each, row) for each, row in zip(named.items(), rows, strict=True)]
Markdown("\n".join(["At the last epoch that all three have:", "", *items]))

# %% [markdown]
# **Notice** that SimSiam has no curve in the panel *drift*, since there is no second
# network, and that its two recipes differ in `detach` and in the number of epochs alone.
#
# ## Neighbours of an image
#
# Which images does the network consider similar? For a few images that were left out of
# the training, those with the nearest features, early and late.

# %%
views.neighbours(ours, mini.images, queries=4)

# %% tags=["hide-input"]
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
# ## Summary
#
# - BYOL learns features from pairs of views: the online network predicts the target
#   network's projection of the other view.
# - Its loss compares directions, in both orders of the views, and reaches the online
#   network alone.
# - The target is no second training: it is a moving average of the online weights, over
#   about $1 / (1 - m)$ steps.
# - A constant output makes the loss 0. So the loss is no measure of quality; kNN, probe
#   and the standard deviation of projections are.
# - SimSiam leaves the moving average out: its targets come from the network that is
#   trained, behind a stop-gradient.
#
# To read on: {cite}`grill2020bootstrap` for the method and its ablations,
# {cite}`chen2021simsiam` for what the moving average is not needed for, and
# {cite}`tian2021understanding` for why the predictor keeps BYOL from the constant output.
#
# The next chapter has a target network but no predictor.
