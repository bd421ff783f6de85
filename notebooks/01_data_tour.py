# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A tour of the data
#
# **You will learn**
#
# - what the four image sets of the course look like, and what each is for;
# - how they are stored in every edition, and how to check that a download is complete;
# - why images are decoded once and cached as bytes.
#
# **You need** nothing but Python.
#
# **It takes** less than a minute on two cores, and a little longer the first
# time, when images are decoded.
#
# Look at the data before training on them: faults are cheaper to find here than after a
# training.

# %%
import numpy as np
import pandas as pd
import torch
from IPython.display import Markdown

import dlcvlib
from dlcvlib import views
from dlcvlib.data import decode
from dlcvlib.data.checks import check
from dlcvlib.data.toy.objects import draw_object
from dlcvlib.data.toy.writing import CLASSIFICATION, CONCEPTS, MINI, OFFICE

# %% tags=["parameters"]
profile = "quick"
seed = 0
data_root = None

# %%
chapter = dlcvlib.open_chapter(globals())
course = chapter.data
Markdown(chapter.in_words)

# %% [markdown]
# ## Four sets
#
# `dlcvlib.data.find` recognises every edition's folder by its contents, since names such
# as `p2_data` meant different sets in different years. Where no course data are found, it
# draws the *toy world*: small stand-ins in the same layout, described below.


# %%
def row(image_set):
    """Counts of one set; None for a missing split or missing labels."""
    validation = len(image_set.val.files) if image_set.val else None
    classes = len(image_set.class_names) or None
    train = len(image_set.train.files)
    return {
        "set": image_set.name,
        "train": train,
        "validation": validation,
        "classes": classes,
    }


# %%
four = (course.classification, course.mini, course.office, course.satellite)
counts = dict.fromkeys(["train", "validation", "classes"], "Int64")
table = pd.DataFrame([row(found) for found in four if found]).astype(counts)
views.table_picture(
    table, caption="Number of images and classes of each set that was found."
)

# %% [markdown]
# ## Is it complete?
#
# A download may be cut short, a csv may name files that do not exist, and a mask may
# hold undocumented colours. `dlcv data check` opens every file and lists such problems.
# Here is its result.

# %%
report = check(course.root)
rows = [(p.set_name, p.kind, p.path.name, p.reason) for p in report.problems]
problems = pd.DataFrame(rows, columns=["set", "problem", "file", "reason"])
views.table_picture(
    problems.head(12),
    caption=f"{len(problems)} problems were found; the first are shown.",
)

# %% [markdown]
# ## Classification: small images
#
# Problem 1. *Model A* is trained on these from random weights. *Model B* may start from
# any weights.


# %%
def some(decoded, count):
    """Images sampled evenly from the set, with their labels."""
    rows = np.linspace(0, len(decoded.names) - 1, count).astype(int)
    titles = (
        []
        if decoded.labels is None
        else [decoded.class_names[decoded.labels[row]] for row in rows]
    )
    return decoded.images[rows], titles


# %%
classification = decode(course.classification, "train")
views.image_grid(
    *some(classification, 30),
    side=64,
    caption="Training images of the classification set, their class below.",
    alt="A grid of thirty small pictures of different objects",
)

# %%
labels = {
    name: decode(course.classification, name).labels.numpy() for name in ("train", "val")
}
views.class_counts(labels, classification.class_names)

# %% [markdown]
# **Notice** whether the classes are balanced. If they are, accuracy is a fair summary,
# and guessing reaches one divided by the number of classes.
#
# ## Mini-ImageNet: images for pre-training
#
# Problem 2 begins with images whose labels are not used. A network learns features from
# them by itself; the course calls this self-supervised pre-training.

# %%
mini = decode(course.mini, "train")
views.image_grid(
    some(mini, 20)[0],
    caption="Mini-ImageNet, for pre-training without labels.",
    alt="A grid of twenty pictures of objects on varied backgrounds",
)

# %% [markdown]
# ## Office: the set to fine-tune on
#
# The pre-trained network is then fine-tuned on this set. It has few images of each class,
# so pre-training should help most here.

# %%
office = decode(course.office, "train", size=128)
views.image_grid(
    *some(office, 20),
    caption="The fine-tuning set, their class below.",
    alt="A grid of twenty pictures of everyday objects, or of their stand-ins",
)

# %%
labels = {
    name: decode(course.office, name, size=128).labels.numpy()
    for name in ("train", "val")
}
views.class_counts(labels, office.class_names)

# %% [markdown]
# **Notice** how few validation images there are. With $n$ images and an accuracy $p$ the
# standard error is $\sqrt{p(1-p)/n}$. Differences between settings that are smaller than
# this may be chance.

# %%
count = len(labels["val"])
error = 100 * np.sqrt(0.8 * 0.2 / count)
Markdown(
    f"With the {count} images here, an accuracy of 80 % has a standard error of "
    f"**{error:.1f} points**."
)

# %% [markdown]
# ## Satellite images: a class for every pixel
#
# Problem 3. A mask gives each pixel one of six classes, or *Unknown*.

# %%
satellite = decode(course.satellite, "val", size=256)
rows = np.linspace(0, len(satellite.names) - 1, 3).astype(int)
views.mask_pairs(
    satellite.images[rows],
    satellite.masks[rows],
    [satellite.names[row] for row in rows],
)

# %%
shares = (
    np.bincount(satellite.masks.flatten().numpy(), minlength=7) / satellite.masks.numel()
)
table = pd.DataFrame({"class": satellite.class_names, "share of pixels": shares})
views.table_picture(table, caption="Share of all validation pixels, class by class.")

# %%
largest, smallest = shares[:6].argmax(), shares[:6].argmin()
most, least = (satellite.class_names[index] for index in (largest, smallest))
Markdown(
    f"**{most}** covers {shares[largest]:.0%} of the pixels and **{least}** "
    f"{shares[smallest]:.1%}. A network that always says {most} has a pixel accuracy of "
    f"{shares[largest]:.0%} and has learnt nothing. That is why the course scores the "
    "mean over classes of the intersection over union."
)

# %% [markdown]
# ## The toy world: how it is made, and why
#
# Each class is a *shape* with a *texture*. The three sets hold different pairs of the
# same shapes and textures, so features that tell them apart in one set are useful in the
# others. In each set every shape and every texture occurs twice, so neither alone is
# enough.

# %%
SETS = {"classification": CLASSIFICATION, "Mini": MINI, "Office": OFFICE}
pairs = [
    {"shape": concept.shape, "texture": concept.texture, "set": name}
    for name, kind in SETS.items()
    for concept in CONCEPTS[kind]
]
table = pd.DataFrame(pairs).groupby(["shape", "set"])["texture"].agg(", ".join).unstack()
views.table_picture(
    table.rename_axis(columns=None).reset_index(),
    caption="The two textures of each shape, in each of the sets.",
)

# %%
drawn = [
    draw_object(concept, 64, np.random.default_rng([seed, k, each]))
    for each in range(2)
    for k, concept in enumerate(CONCEPTS[MINI][:8])
]
views.image_grid(
    torch.from_numpy(np.stack(drawn)).permute(0, 3, 1, 2),
    [concept.name for concept in CONCEPTS[MINI][:8]] * 2,
    columns=8,
    caption="Two images of each of eight classes. Colours, position, size, light and "
    "noise are drawn anew for each image.",
    alt="Two rows of eight shapes with textures, in different colours",
)

# %% [markdown]
# Colours say nothing about the class, but they fill most of an image. A network with
# random weights therefore sees colours first, and a self-supervised method has something
# to learn: its views change the colours, so it must find what stays. All textures have
# the same two brightnesses, since brightness would stay as well. A few training labels
# are wrong, as in real data.
#
# The landscapes have fields, villages, woods, rivers and quarries. Rivers are thin, so a
# network that works on a grid of 32 pixels loses them; quarries are rare, so a loss that
# counts all pixels alike neglects them.
#
# The world is small so that a laptop trains every system of the book in minutes. What
# the chapters claim about it is judged on every build; the chapter on the report shows
# the verdicts.
#
# ## Decode once
#
# A PNG or JPEG file must be decoded before a network can use it. For a small network
# this takes longer than the training step itself. So each set is decoded once, to bytes
# in the order (image, channel, row, column). The bytes are cached on disk and mapped into
# memory, so a set may be larger than the memory.

# %%
decoded = {
    "classification": classification,
    "mini": mini,
    "office": office,
    "satellite (val)": satellite,
}
table = pd.DataFrame(
    {
        "set": name,
        "shape": " x ".join(map(str, one.images.shape)),
        "megabytes": one.images.nbytes / 1e6,
    }
    for name, one in decoded.items()
)
views.table_picture(table, caption="Every set as one array of bytes, mapped from disk.")

# %% [markdown]
# **Try next**: put the course's data into `data/`, or set `DLCV_DATA` to their folder,
# and run this chapter again. The next chapter trains on the first set.
