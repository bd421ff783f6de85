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
# - to read labels and masks yourself, and to say how sure an accuracy is;
# - why images are decoded once and cached as bytes.
#
# **You need** nothing but Python.
#
# **It takes** as long as your machine needs; the page of a built book says how long. The
# first time, images are decoded.
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
from dlcvlib.data import decode, palette
from dlcvlib.data.checks import check
from dlcvlib.data.toy.objects import draw_object
from dlcvlib.data.toy.writing import CLASSIFICATION, CONCEPTS, MINI, OFFICE
from dlcvlib.exercises.data_tour import exercises

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


# %% tags=["hide-input"]
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


# %% tags=["hide-input"]
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

# %% tags=["hide-input"]
report = check(course.root)
rows = [(p.set_name, p.kind, p.path.name, p.reason) for p in report.problems]
problems = pd.DataFrame(rows, columns=["set", "problem", "file", "reason"])
found = f"Problems found: {len(problems)}"
views.table_picture(
    problems.head(12),
    caption=f"{found}; the first are shown." if len(problems) > 12 else f"{found}.",
)

# %% [markdown]
# ## Classification: small images
#
# Problem 1, as the edition of 2023 numbers them, which has all three. *Model A* is
# trained on these from random weights. *Model B* may start from any weights.


# %% tags=["hide-input"]
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
# ### Exercise: from file names to ids
#
# A network knows classes by numbers, its *ids*. Here the class stands in the name of the
# file, before the last underscore: `12_345.png` is image 345 of class 12. Other sets have
# names in its place, as in `file_cabinet_3.jpg`. Write `label_ids(files, train_files)`.
#
# - `files`: names of the images to label. `train_files`: names of all training images.
# - Return a list of integers, one id for each of `files`.
# - If the classes of the training images are numbers, the number is the id. Otherwise the
#   training classes are sorted by name and numbered from 0.

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# `name.rpartition("_")[0]` is what stands before the last underscore.
#
# </details>

# %% [markdown]
# <details><summary>Hint 2</summary>
#
# Which set of names makes sure that an id means the same class in both splits?
#
# </details>


# %% tags=["exercise", "hide-input"]
def label_ids(files, train_files):
    """Class id of each file, by the classes of the training files."""
    of_train, of_files = (
        [name.rpartition("_")[0] for name in names] for names in (train_files, files)
    )
    if all(label.isdigit() for label in of_train):
        return list(map(int, of_files))
    numbers = {label: number for number, label in enumerate(sorted(set(of_train)))}
    return [numbers[label] for label in of_files]


# %%
label_ids = exercises.check(label_ids)

# %%
files = [path.name for path in course.classification.train.files]
agree = np.mean(np.array(label_ids(files, files)) == labels["train"])
Markdown(f"Your ids and the library's agree for {agree:.1%} of {len(files):,} files.")

# %% tags=["hide-input"]
exercises.ask("always_one_answer")

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
# The pre-trained network is then fine-tuned on this set, which has few images of each
# class. A later chapter measures what pre-training is worth here.

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
# standard error is $\sqrt{p(1-p)/n}$. A difference between two settings that is smaller
# than about $2\sqrt{2}$ of these may be chance: half its interval of 95 %.

# %% tags=["hide-input"]
exercises.ask("clear_difference")

# %% [markdown]
# ### Exercise: standard error
#
# Write `standard_error(predicted, labels)`.
#
# - `predicted`, `labels`: arrays (N,) of class ids.
# - Return the standard error of the accuracy, as a share: $\sqrt{p(1-p)/n}$.

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# `predicted == labels` is an array of truth values. Its mean is $p$, its length $n$.
#
# </details>


# %% tags=["exercise", "hide-input"]
def standard_error(predicted, labels):
    """Standard error of an accuracy, as a share."""
    hits = np.equal(predicted, labels)
    return np.sqrt(hits.mean() * (1 - hits.mean()) / hits.size)


# %%
standard_error = exercises.check(standard_error)

# %% tags=["teacher", "hide-input"]
exercises.lines("standard_error")

# %%
truth = labels["val"]
imagined = truth.copy()
imagined[::5] = (imagined[::5] + 1) % len(office.class_names)  # wrong for one in five
error = 100 * standard_error(imagined, truth)
Markdown(
    f"With the {len(truth)} images here, an accuracy of 80 % has a standard error of "
    f"**{error:.1f} points**."
)

# %% [markdown]
# ## Satellite images: a class for every pixel
#
# Problem 3. A mask gives each pixel one of six classes, or *Unknown*. On disk it is an
# image of seven colours.

# %% tags=["hide-input"]
views.table_picture(
    pd.DataFrame(
        {
            "id": range(7),
            "class": palette.CLASS_NAMES,
            "red, green, blue": [", ".join(map(str, rgb)) for rgb in palette.COLOURS],
        }
    ),
    caption="The colours of the course's masks.",
)

# %% [markdown]
# ### Exercise: from colours to ids
#
# Write `class_ids(rgb)`.
#
# - `rgb`: uint8 array (…, 3): red, green and blue of each pixel of one mask or several.
# - Return an integer array (…): the id of each pixel.
# - Some pixels are a little off their colour. A channel counts as on (255) from 128 on,
#   else as off (0).
# - Pure red, which is in no table, is *Unknown*.

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Three channels that are on or off make a number from 0 to 7, and a table of eight
# entries gives each its id.
#
# </details>

# %% [markdown]
# <details><summary>Hint 2</summary>
#
# What does the entry of red say, if nobody sets it?
#
# </details>


# %% tags=["exercise", "hide-input"]
def class_ids(rgb):
    """Class id of each pixel of a mask in the course's colours."""
    red, green, blue = np.moveaxis(rgb > 127, -1, 0)
    of_number = np.array([6, 4, 3, 0, 6, 2, 1, 5])
    return of_number[4 * red + 2 * green + blue]


# %%
class_ids = exercises.check(class_ids)

# %% tags=["teacher", "hide-input"]
exercises.lines("class_ids")

# %%
coloured = palette.COLOURS[decode(course.satellite, "val", size=256).masks[0].numpy()]
ids = class_ids(coloured)
present = [palette.CLASS_NAMES[number] for number in np.unique(ids)]
Markdown(f"Your function reads in the first mask: {', '.join(present)}.")

# %%
satellite = decode(course.satellite, "val", size=256)
rows = np.linspace(0, len(satellite.names) - 1, 3).astype(int)
views.mask_pairs(
    satellite.images[rows],
    satellite.masks[rows],
    [satellite.names[row] for row in rows],
)

# %% tags=["hide-input"]
shares = (
    np.bincount(satellite.masks.flatten().numpy(), minlength=7) / satellite.masks.numel()
)
table = pd.DataFrame({"class": satellite.class_names, "share of pixels": shares})
views.table_picture(table, caption="Share of all validation pixels, class by class.")

# %% tags=["hide-input"]
largest, smallest = shares[:6].argmax(), shares[:6].argmin()
most, least = (satellite.class_names[index] for index in (largest, smallest))
Markdown(
    f"**{most}** covers {shares[largest]:.0%} of the pixels and **{least}** "
    f"{shares[smallest]:.1%}. A network that always says {most} has a pixel accuracy of "
    f"{shares[largest]:.0%} and has learnt nothing. The course scores the mean over six "
    f"classes of the intersection over union: here {shares[largest] / 6:.3f}, since that "
    "of five classes is 0."
)

# %% [markdown]
# ## The toy world: how it is made, and why
#
# Each class is a *shape* with a *texture*. The three sets hold different pairs of the
# same shapes and textures, so features that tell them apart in one set are useful in the
# others. In each set every shape and every texture occurs twice, so neither alone is
# enough.

# %% tags=["hide-input"]
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

# %% tags=["hide-input"]
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
# Colours say nothing about the class: they are drawn anew for each image. The views of a
# self-supervised method change them, so it has to find what stays, shape and texture. All
# textures have the same two brightnesses, since brightness would stay as well. A few
# training labels are wrong on purpose.
#
# The landscapes have fields, villages, woods, rivers and quarries. Rivers are thin: what
# does a network keep of them whose grid has cells of 32 pixels? Quarries are rare: does a
# loss that counts all pixels alike find them? Later chapters measure both.
#
# The world is small so that a laptop trains every system of the book in minutes. What
# the chapters claim about it is judged on every build; the chapter on the report shows
# the verdicts.
#
# ## Decode once
#
# A PNG or JPEG file must be decoded before a network can use it, and a training that
# reads the files pays for this again in every epoch. So each set is decoded once, to
# bytes in the order (image, channel, row, column). The bytes are cached on disk and
# mapped into memory, so a set may be larger than the memory.

# %% tags=["hide-input"]
exercises.ask("float_or_byte")

# %% tags=["hide-input"]
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
#
# ## Summary
#
# - Look at the data first: files that are missing, labels, colours, balance.
# - An id means the same class in every split, so the training split numbers the classes.
# - A mask is decoded channel by channel; what is in no table is *Unknown*.
# - An accuracy of n images has a standard error of $\sqrt{p(1-p)/n}$.
# - Images are decoded once and kept as bytes.
#
# **To read on**: the data set of the masks, and how it was labelled
# {cite}`demir2018deepglobe`; the fine-tuning set {cite}`venkateswara2017deep`; label
# errors in test sets, and what they do to a ranking {cite}`northcutt2021pervasive`.
