# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Classification: from scratch, and from a pre-trained network
#
# **You will learn**
#
# - to read a training recipe: network, optimizer, schedule, augmentation, loss;
# - what pre-training is worth, measured on the same images;
# - to read learning curves and a confusion matrix, and to look at the mistakes
#   themselves.
#
# **You need** the idea of a convolution and of gradient descent, and the first
# chapter's data.
#
# **It takes** a few minutes on two cores in the `quick` profile, the first time.
# What is trained is kept in run records, so the second time it takes seconds.
#
# Problem 1 of the course asks for two systems: *model A*, trained from scratch,
# and *model B*, for which anything goes. Three of the student reports solved it,
# each with its own pair. All six are here, and a seventh of our own.

# %%
import pandas as pd
import torch
from IPython.display import Markdown
from torchvision.transforms import v2

import dlcvlib
from dlcvlib import augment, models, recipes, views
from dlcvlib.course import REPORTED
from dlcvlib.data import decode

# %% tags=["parameters"]
profile = "quick"
seed = 0
data_root = None

# %%
chapter = dlcvlib.open_chapter(globals())
course = chapter.data
images = decode(course.classification, "val")
Markdown(chapter.in_words)

# %% [markdown]
# ## The systems
#
# A recipe is everything that decides a training's result except the seed, the
# data and the machine. Here they are as the reports give them.

# %%
MODEL_A = ["r1_small_cnn", "r2_densenet121", "r4_vgg13_bn", "our_scratch"]
MODEL_B = ["r1_resnet50", "r2_convnext", "r4_beit"]
as_reported = views.recipes_overview(map(recipes.get, MODEL_A + MODEL_B))
NETWORK = [
    "recipe",
    "report",
    "network",
    "starts from",
    "pixels",
    "epochs",
    "batch",
]
views.table_picture(
    as_reported[NETWORK],
    caption="As the reports have it: what is trained, how long, at which size.",
)

# %%
TRAINING = ["recipe", "optimizer", "schedule", "augmentation", "loss"]
views.table_picture(
    as_reported[TRAINING],
    caption="As the reports have it: how it is trained. We chose what is left open.",
)

# %% [markdown]
# Some of these networks need a GPU for hours. The next table holds what this page
# really ran. In the profiles `smoke` and `quick` every heavy family stands in its
# *reduced network*: the same kinds of layers, few of them, on images of 32 pixels.
# It keeps its optimizer, schedule, augmentation and loss; a learning rate is
# changed where so few steps would otherwise move nothing.

# %%
as_run = views.recipes_overview(
    recipes.get(name).for_profile(profile) for name in MODEL_A + MODEL_B
)
changed = ["recipe", "network", "pixels", "epochs", "batch", "optimizer"]
views.table_picture(
    as_run[changed], caption=f"What the profile {profile} ran on this page."
)

# %% [markdown]
# ## What a network sees
#
# Augmentation shows the network another version of each image at every epoch, so
# that it cannot learn the pixels by heart. Every image of a batch draws its own
# parameters: one draw for a whole batch, as torchvision's transforms make it when
# they are handed one, gives far less variety.

# %%
chosen = images.images[:: len(images.names) // 12][:12]
views.image_grid(
    chosen,
    caption="Twelve validation images as they lie on disk.",
    alt="A row of twelve small images, one of each of twelve classes",
)


# %%
def as_seen(recipe_name):
    """Augmented pixels before normalisation, back as bytes for the eye."""
    recipe = recipes.get(recipe_name)
    plain = {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}
    seen = augment.prepare(chosen, 64, recipe.augmentation, **plain)
    return (seen * 255).round().clamp(0, 255).byte()


# %%
torch.manual_seed(seed)
views.image_grid(
    as_seen("r1_small_cnn"),
    caption="R1: now and then a flip or a rotation by up to 15 degrees.",
    alt="The same images, some mirrored, some turned a little with black corners",
)

# %%
views.image_grid(
    as_seen("r2_densenet121"),
    caption="R2: AutoAugment's operations on colour and shape, then random erasing.",
    alt="The same images in strange colours, sheared, some with a black rectangle",
)

# %% [markdown]
# R4's model B also mixes *pairs* of images. Mixup averages two images and their
# labels; cutmix pastes a rectangle of one into the other and weighs the labels by
# area. With the report's $\alpha = 0.1$ most mixtures are nearly pure; below,
# $\alpha = 1$ shows what they do.

# %%
pixels = chosen.float() / 255
labels = torch.arange(len(pixels))
mixed = [
    mix(pixels, labels)[0][:6]
    for mix in (v2.MixUp(num_classes=12), v2.CutMix(num_classes=12))
]
views.image_grid(
    (torch.cat(mixed) * 255).byte(),
    ["mixup"] * len(mixed[0]) + ["cutmix"] * len(mixed[1]),
    caption="Mixup lays two images over each other, cutmix pastes one into the other.",
    alt="Six transparent double images, then six images with a pasted rectangle",
)

# %% [markdown]
# ## The networks, drawn
#
# A convolutional classifier trades extent for channels: each stage halves height
# and width and doubles what is known about a position. The last layer only reads off
# the class.

# %%
views.network(recipes.get("r4_vgg13_bn").for_profile(profile))

# %%
views.network(recipes.get("r2_densenet121").for_profile(profile))

# %%
views.network(recipes.get("r1_resnet50").for_profile(profile))

# %%
views.network(recipes.get("r4_beit").for_profile(profile))

# %% [markdown]
# The same as a table, layer by layer, for R4's model A. Notice where the
# parameters are, and where the multiplications: the late layers hold most of the
# former, the early ones, on large images, do most of the latter.

# %%
recipe = recipes.get("r4_vgg13_bn").for_profile(profile)
network = models.build(recipe.model, 50, form=recipe.form)
layers = models.layer_table(network, recipe.image_size)
views.table_picture(layers, caption="R4's model A, layer by layer, as this page runs it.")

# %% [markdown]
# ## Training
#
# `dlcvlib.train` is load-or-train: a finished record is returned at once, a
# half-done one is resumed, and only what is missing is trained. Interrupting the
# kernel is safe; run the cell again to resume.

# %%
scratch = [
    dlcvlib.train(name, profile=profile, seed=seed, data=course) for name in MODEL_A
]

# %% [markdown]
# `chapter.train(name)` is the same call, with the profile, the seed and the data of
# the chapter.

# %%
pretrained = [chapter.train(name) for name in MODEL_B]

# %% [markdown]
# Model B deserves a second look: *what* is it pre-trained on? The reports took
# ImageNet weights. Where those cannot be had, or do not fit the reduced network,
# the backbone is pre-trained here with the labels of Mini-ImageNet. Nothing
# starts from random weights in silence.

# %%
origins = [
    {"system": run.info["recipe"]["title"], **run.info["start"]} for run in pretrained
]
kept = [
    column
    for column in ("system", "from", "title", "because")
    if any(column in row for row in origins)
]
views.table_picture(
    pd.DataFrame(origins)[kept],
    caption="Where each model B of this page started from.",
)

# %% [markdown]
# ## Accuracy

# %%
views.accuracy_table(scratch + pretrained)


# %%
def best_of(runs):
    """Title and accuracy of the best run, and the best that the reports state."""
    best = max(runs, key=lambda run: run.info["best"]["val_accuracy"]).info
    reported = max(REPORTED.get(run.info["recipe"]["name"], 0) for run in runs)
    return best["recipe"]["title"], best["best"]["val_accuracy"], reported


# %%
title_a, accuracy_a, reported_a = best_of(scratch)
title_b, accuracy_b, reported_b = best_of(pretrained)
Markdown(
    f"Best from scratch: **{title_a}** with {accuracy_a:.1%}. "
    f"Best pre-trained: **{title_b}** with {accuracy_b:.1%}, a difference of "
    f"{100 * (accuracy_b - accuracy_a):+.1f} points; in the reports it was "
    f"{100 * (reported_b - reported_a):+.1f}."
)

# %% [markdown]
# Has every network learnt at all? Guessing would be right once in as many times
# as there are classes; what lies within two standard errors of that has learnt
# nothing yet.

# %%
number, chance = len(images.names), 1 / len(images.class_names)
limit = chance + 2 * (chance * (1 - chance) / number) ** 0.5
guessing = [
    run.info["recipe"]["title"]
    for run in scratch + pretrained
    if run.info["best"]["val_accuracy"] < limit
]
Markdown(f"No better than guessing so far: **{', '.join(guessing) or 'none'}**.")

# %% [markdown]
# A network listed here is not a bad one: this page gave it too few steps.
# ConvNeXt and transformers know least about images before they begin, so they
# need the most of them, which is why the reports start them from very large
# pre-trainings.
#
# **Notice** that a difference smaller than about two standard errors may be luck:
# with another validation set of the same size it could turn round. And a stand-in
# in its reduced network says nothing of the report's own network.
#
# ## Curves
#
# The gap between training and validation is overfitting; where augmentation or
# label smoothing makes the training task harder than the test, the training curve
# can even lie *below*.

# %%
views.curves(scratch)

# %%
views.curves(pretrained)

# %% [markdown]
# ## Mistakes
#
# A confusion matrix counts every pair of true and predicted class. Off the
# diagonal, look for pairs that stand out in *both* directions: classes that the
# network cannot tell apart, rather than one that it prefers.

# %%
strongest = max(scratch + pretrained, key=lambda run: run.info["last"]["val_accuracy"])
views.confusion(strongest, class_names=images.class_names)

# %% [markdown]
# The images that the network is surest of and wrong about tell more than the
# average does: some are hard, some are ambiguous, and in real data some are
# labelled wrongly.

# %%
views.most_confused(strongest, images.images, class_names=images.class_names)

# %% [markdown]
# **Try next**: change a recipe. `recipes.changed` applies your changes after the
# profile's and merges nested settings. Does VGG13 learn faster or slower with a tenth
# of its learning rate?
#
# ```python
# rate = recipes.get("r4_vgg13_bn").for_profile(profile).optimizer.learning_rate
# slower = recipes.changed(
#     "r4_vgg13_bn",
#     name="vgg13_slower",
#     profile=profile,
#     optimizer={"learning_rate": rate / 10},
# )
# chapter.train(slower)
# ```
#
# `dlcv train r4_vgg13_bn --set optimizer.learning_rate=1e-4` does the same in a
# terminal. The next chapter looks at the features of model A's second-last layer.
