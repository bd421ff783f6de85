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
# - how much pre-training improves the accuracy, measured on the same images;
# - to read learning curves and a confusion matrix, and to look at the mistakes.
#
# **You need** the idea of a convolution and of gradient descent, and the first
# chapter's data.
#
# **It takes** a few minutes on two cores in the `quick` profile, the first time. The
# results are stored in run records, so the second time it takes seconds.
#
# Problem 1 of the course asks for two systems: *model A*, trained from scratch, that is
# from random weights, and *model B*, which may be pre-trained. Three of the student
# reports solved it, each with its own pair. All six are here, and a seventh of our own.

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
# A *recipe* holds the settings of a training: all that decides its result except the
# seed, the data and the machine. These are the recipes of the reports.

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
# Some of these networks need a GPU for hours. The next table shows what this page ran.
# The profiles `smoke` and `quick` take a *reduced network* of every large family: fewer
# layers of the same kinds, on images of 32 pixels. Optimizer, schedule, augmentation and
# loss stay. The learning rate is changed where it is too low for so few steps.

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
# Augmentation shows the network another version of each image at every epoch, so that
# it cannot memorise the pixels. Each image of a batch gets its own random parameters.
# torchvision's transforms, applied to a batch, draw one set of parameters for the whole
# batch, which gives far less variety.

# %%
chosen = images.images[:: len(images.names) // 12][:12]
views.image_grid(
    chosen,
    caption="Twelve validation images as they lie on disk.",
    alt="A row of twelve small images, one of each of twelve classes",
)


# %%
def as_seen(recipe_name):
    """Augmented images before normalisation, as uint8."""
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
# R4's model B also mixes *pairs* of images. Mixup averages two images and their labels
# with a random weight. Cutmix pastes a rectangle of one image into the other and weights
# the labels by area. With the report's $\alpha = 0.1$ most mixtures are almost one of the
# two images. The figure uses $\alpha = 1$, so that the mixing is visible.

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
# In a convolutional classifier each stage halves height and width and usually doubles
# the channels. The last layer is linear and maps the features to the classes.

# %%
views.network(recipes.get("r4_vgg13_bn").for_profile(profile))

# %%
views.network(recipes.get("r2_densenet121").for_profile(profile))

# %%
views.network(recipes.get("r1_resnet50").for_profile(profile))

# %%
views.network(recipes.get("r4_beit").for_profile(profile))

# %% [markdown]
# The same as a table, layer by layer, for R4's model A. Most parameters are in the late
# layers. Most multiplications are in the early layers, whose maps are large.

# %%
recipe = recipes.get("r4_vgg13_bn").for_profile(profile)
network = models.build(recipe.model, 50, form=recipe.form)
layers = models.layer_table(network, recipe.image_size)
views.table_picture(layers, caption="R4's model A, layer by layer, as this page runs it.")

# %% [markdown]
# ## Training
#
# `dlcvlib.train` loads or trains: it returns a finished record at once, resumes an
# interrupted training, and trains only what is missing. Interrupting the kernel is safe;
# run the cell again to resume.

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
# On which data is model B pre-trained? The reports took ImageNet weights. Where these
# are missing or do not fit the reduced network, the backbone is pre-trained here with the
# labels of Mini-ImageNet. The table says which weights each system started from.

# %%
origins = [
    {"system": run.info["recipe"]["title"], **run.info["start"]} for run in pretrained
]
columns = [
    column
    for column in ("system", "from", "title", "because")
    if any(column in row for row in origins)
]
views.table_picture(
    pd.DataFrame(origins)[columns],
    caption="Where each model B of this page started from.",
)

# %% [markdown]
# ## Accuracy

# %%
views.accuracy_table(scratch + pretrained)


# %%
def best_of(runs):
    """Title and accuracy of the best run, and the highest reported accuracy."""
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
# Has every network learnt something? Guessing reaches an accuracy of one divided by the
# number of classes. A network within two standard errors of that has learnt nothing
# measurable.

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
# A network listed here had too few steps on this page. ConvNeXt and transformers assume
# least about images, so they need the most steps. The reports start them from
# pre-training on very large data sets.
#
# **Notice** that a difference smaller than about two standard errors may be chance: with
# another validation set of the same size its sign could change. And the result of a
# reduced network says nothing about the full network of the report.
#
# ## Curves
#
# The gap between training and validation accuracy shows overfitting. Augmentation and
# label smoothing make the training task harder, so the training curve can also lie
# *below* the validation curve.

# %%
views.curves(scratch)

# %%
views.curves(pretrained)

# %% [markdown]
# ## Mistakes
#
# A confusion matrix counts every pair of true and predicted class. Look for pairs off
# the diagonal that are large in *both* directions: the network confuses these classes.
# Large in one direction only means that it prefers one of them.

# %%
strongest = max(scratch + pretrained, key=lambda run: run.info["last"]["val_accuracy"])
views.confusion(strongest, class_names=images.class_names)

# %% [markdown]
# These are wrong predictions with the highest confidence. Some images are hard, some are
# ambiguous, and in real data some are labelled wrongly.

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
