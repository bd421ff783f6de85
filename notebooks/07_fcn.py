# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # FCN: a class for every pixel
#
# **You will learn**
#
# - how a classifier becomes a network that labels every pixel;
# - what a stride of 32 costs, class by class, and what skip connections change;
# - to compute the course's mean IoU, and to read it class by class.
#
# **You need** convolution and pooling, from the chapter on classification.
#
# **It takes** as long as your machine needs; the page of a built book says how long.
#
# Problem 3 of the course: satellite images of 512 by 512 pixels, six classes of land
# cover, and *Unknown*. To give every pixel its class is called *semantic segmentation*;
# the classes of all pixels of an image are its *mask*, or *label map*. All editions until
# 2024 grade the fully convolutional network {cite}`long2015fully`, FCN32s. It is made
# from VGG16 {cite}`simonyan2015very`, a classifier of 13 convolutions and 3 fully
# connected layers.

# %%
import pandas as pd
import torch
from IPython.display import Markdown
from torch.nn import functional

import dlcvlib
from dlcvlib import metrics, models, recipes, views
from dlcvlib.data import decode, palette
from dlcvlib.exercises.fcn import exercises

# %% tags=["parameters"]
profile = "quick"
seed = 0
data_root = None

# %% tags=["hide-input"]
chapter = dlcvlib.open_chapter(globals())
tiles = decode(chapter.data.satellite, "val")
names = [name.partition("_")[0] for name in tiles.names]
Markdown(
    f"{chapter.in_words} There are {len(chapter.data.satellite.train.files):,} training "
    f"and {len(names)} validation images, also called *tiles*."
)

# %% tags=["hide-input"]
Markdown(chapter.findings("07", folded=True))

# %% tags=["hide-input"]
views.mask_pairs(tiles.images[:3], tiles.masks[:3], names[:3])

# %% [markdown]
# ## The score
#
# The course scores the mean *intersection over union* (IoU), with the pixels of all
# images pooled. For each of the six land classes,
#
# $$ \mathrm{IoU}_c = \frac{\text{pixels predicted as } c \text{ and of class } c}
#  {\text{pixels predicted as } c \text{ or of class } c}, $$
#
# and the score is the mean of the six. *Unknown* has no IoU of its own, but its pixels
# count: a land class predicted there is wrong.
#
# ### Exercise: the course's mean IoU
#
# Write `mean_iou(pred, target)`. Both are label maps, predicted and true: tensors of
# whole numbers (uint8) of shape (N, H, W), a class number from 0 to 6 for each pixel of
# N images; 6 is *Unknown*. Return the score as a number. A class that is in neither map
# has an IoU of 0 / 0: the course's script leaves it at that, and its mean is `nan`, "not
# a number".
#
# <details>
# <summary>Hint 1</summary>
#
# For one class, `pred == number` and `target == number` are two maps of true and false.
# Count the pixels where both hold, and those where at least one does.
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# `&` and `|` join two such maps pixel by pixel. How many classes go into the mean?
#
# </details>
#
# <details>
# <summary>Hint 3</summary>
#
# Count over all N images at once. Tensors divide 0 by 0 without an error; with Python's
# own numbers, it raises one.
#
# </details>


# %% tags=["exercise", "hide-input"]
def mean_iou(pred, target):
    """Mean IoU of the six land classes, with the pixels of all images pooled."""
    scores = []
    for number in range(6):
        both = ((pred == number) & (target == number)).sum()
        either = ((pred == number) | (target == number)).sum()
        scores.append(both / either)
    return sum(scores) / len(scores)


# %%
mean_iou = exercises.check(mean_iou)

# %% tags=["teacher", "hide-input"]
exercises.lines("mean_iou")

# %% [markdown]
# ### How low is low?
#
# A score is judged beside that of a guess. The simplest calls every pixel by the most
# frequent class.

# %%
share = metrics.area_share(tiles.masks)
commonest = share[: palette.UNKNOWN].argmax().item()
guess = torch.full_like(tiles.masks, commonest)

# %% tags=["hide-input"]
exercises.ask(
    "one_class_guess",
    result=f"Calling every pixel **{palette.CLASS_NAMES[commonest]}** is right for "
    f"{share[commonest]:.1%} of them, and scores a mean IoU of "
    f"**{mean_iou(guess, tiles.masks):.3f}**.",
)

# %% [markdown]
# The library counts once, in a *confusion table*: entry (t, p) is the number of pixels of
# class t that were predicted as p. Tables of several batches can be added, so the pixels
# of all images are pooled, however they come. From the table:

# %%
views.source(
    metrics.IoU._scores,
    shapes={"confusion": "(7, 7)", "hits": "(7,)", "union": "(7,)"},
)

# %% [markdown]
# ## The cost of a stride
#
# VGG16 pools five times, and each pooling halves height and width. Its last features are
# therefore a grid with one position for every 32nd pixel in each direction: the network
# has a *stride* of 32, and a *cell* of 32 by 32 pixels belongs to each position. Scores
# for the pixels in between are *interpolated*: computed from those of the nearest
# positions, weighted by their distance (*bilinear* interpolation).
#
# To see what this alone costs, take an *ideal* network: its scores are the true share of
# each class in every cell. Other scores may fit a little better after the interpolation,
# so its IoU is an estimate of what a stride allows, not a bound.
#
# ### Exercise: a mask through a grid
#
# Write `through_a_grid(masks, stride)`. The masks are uint8 (N, H, W), class numbers from
# 0 to 6, and `stride` divides H and W. Return what the ideal network predicts, uint8
# (N, H, W): the share of each class in each cell, interpolated to the pixels as
# `functional.interpolate(..., mode="bilinear")` does, and at each pixel the class with
# the highest score.
#
# <details>
# <summary>Hint 1</summary>
#
# `functional.one_hot(masks.long(), 7)` is 1 at a pixel's own class and 0 at the others;
# its shape is (N, H, W, 7). Which order of axes do the layers of torch expect?
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# The share of a class in a cell is the mean of its zeros and ones there:
# `functional.avg_pool2d`.
#
# </details>
#
# <details>
# <summary>Hint 3</summary>
#
# First interpolate all seven maps, then choose: `argmax` over the axis of the classes.
#
# </details>


# %% tags=["exercise", "hide-input"]
def through_a_grid(masks, stride):
    """Masks as predicted by the ideal network of this stride."""
    one_hot = functional.one_hot(masks.long(), 7).movedim(-1, 1)  # (N, 7, H, W)
    cells = functional.avg_pool2d(one_hot.float(), stride)  # (N, 7, H/stride, W/stride)
    size = masks.shape[-2:]
    return functional.interpolate(cells, size, mode="bilinear").argmax(1).byte()


# %%
through_a_grid = exercises.check(through_a_grid)

# %%
STRIDES = [32, 16, 8, 4]
drawn = {
    stride: torch.cat([through_a_grid(one[None], stride) for one in tiles.masks])
    for stride in STRIDES
}

# %% tags=["hide-input"]
rows = []
for stride, masks in drawn.items():
    score = metrics.course_iou(masks, tiles.masks)
    rows.append(
        {
            "stride": stride,
            "mean IoU": score.mean_of_present,
            **dict(zip(palette.CLASS_NAMES, score.per_class, strict=False)),
            "borders": metrics.boundary_iou(masks, tiles.masks, 3).mean_of_present,
        }
    )
table = pd.DataFrame(rows)

# %% tags=["hide-input"]
ideal = table.loc[0, "mean IoU"]
bounds = {"low": 0.7, "fair": 0.85, "good": 0.95, "high": 1.01}
exercises.ask(
    "ideal_stride",
    right=next(key for key, bound in bounds.items() if ideal < bound),
    result=views.table_picture(
        table,
        caption="IoU of the ideal network of each stride on these masks. "
        "Borders are the pixels at most 3 away from another class.",
    ),
)

# %% tags=["hide-input"]
coloured = torch.from_numpy(palette.COLOURS)[
    torch.stack([tiles.masks[0], *(drawn[stride][0] for stride in STRIDES)]).long()
]
views.image_grid(
    coloured.movedim(-1, 1),
    ["truth", *(f"stride {stride}" for stride in STRIDES)],
    caption="One mask, and what is left of it on grids of different strides.",
    alt="A land cover mask, and the same drawn by way of a coarse, then finer grids",
    side=120,
    columns=5,
)

# %% tags=["hide-input"]
coarsest = table.loc[0, list(palette.CLASS_NAMES[: palette.UNKNOWN])].astype(float)
lost, kept = coarsest.idxmin(), coarsest.idxmax()
Markdown(
    f"The class with the lowest IoU at a stride of {STRIDES[0]} is **{lost}**, with "
    f"{coarsest[lost]:.3f}. How wide are its parts in the image above?"
)

# %% [markdown]
# ## The networks
#
# A fully connected layer needs features of one size. Seen as a *convolution* whose kernel
# is as large as these features, it gives the same numbers, and on a larger image it gives
# a map of them. FCN32s turns VGG16's fully connected layers into convolutions; the last,
# of 1 by 1, computes a score for each class at each position. The scores of a pixel's
# classes are called its *logits*; the class with the highest is the prediction. To
# *upsample* is to make a map larger: FCN32s upsamples by 32 at once. FCN8s also computes
# scores from the features of two earlier poolings, at strides of 16 and 8, and adds them
# while it upsamples in three steps. A path that goes past layers in this way is a *skip
# connection*.

# %% tags=["hide-input"]
views.diagram.fcn()

# %% [markdown]
# The features of VGG16 without its classifier are a *backbone*. `pools` returns its maps
# after each pooling, and `coarse_scores` what the converted layers make of the last.

# %%
views.source(models.fcn.FCN32s.forward)

# %%
views.source(models.fcn.FCN8s.forward)

# %% [markdown]
# ### Exercise: a bilinear kernel
#
# The upsampling itself can be learnt. A *transposed convolution* with a stride of $f$
# sets the kernel, times the score, at every $f$-th pixel of the output, and adds where
# kernels overlap. FCN begins with the kernel that interpolates bilinearly: twice as wide
# as the factor, and from its middle it falls linearly to 0 on all sides.
#
# Write `bilinear_kernel(channels, factor)` for an even factor. Return its weights,
# float32 (channels, channels, 2 factor, 2 factor): from each class to itself the kernel,
# and from one class to another 0. In one direction the weight at a distance of $d$ output
# pixels from the kernel's middle is $1 - d / f$; in two, the product of both.
#
# <details>
# <summary>Hint 1</summary>
#
# The kernel has $2f$ weights in a direction, numbered from 0. Where is its middle: on a
# weight, or between two?
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# `torch.outer(line, line)` is the table of all products.
#
# </details>


# %% tags=["exercise", "hide-input"]
def bilinear_kernel(channels, factor):
    """Weights of a transposed convolution that interpolates each class bilinearly."""
    distance = (torch.arange(2 * factor) - (factor - 0.5)).abs()
    line = 1 - distance / factor  # (2 factor,)
    kernel = torch.zeros(channels, channels, 2 * factor, 2 * factor)
    for channel in range(channels):
        kernel[channel, channel] = torch.outer(line, line)
    return kernel


# %%
bilinear_kernel = exercises.check(bilinear_kernel)

# %% tags=["teacher", "hide-input"]
exercises.lines("bilinear_kernel")

# %% [markdown]
# The kernel and `functional.interpolate` agree where four scores surround a pixel:

# %%
scores = torch.rand(1, 1, 6, 6)
kernel = bilinear_kernel(1, 8)
enlarged = functional.conv_transpose2d(scores, kernel, stride=8, padding=4)
expected = functional.interpolate(scores, scale_factor=8, mode="bilinear")
inside = (..., slice(4, -4), slice(4, -4))
Markdown(f"Largest difference: {(enlarged - expected)[inside].abs().max().item():.0e}.")

# %% [markdown]
# ### Exercise: one skip connection of FCN8s
#
# Write `fuse(coarse, fine, upsample)`. Both are class scores: `coarse` (N, C, h, w) and,
# from the pooling layer before, `fine` (N, C, H, W). `upsample` is a function that
# enlarges scores by 2; its result can have more rows and columns than `fine`, because
# sizes are rounded up. The surplus is at the bottom and at the right. Return the scores
# that FCN8s goes on with, (N, C, H, W).
#
# <details>
# <summary>Hint 1</summary>
#
# Both have scores of the same classes. What does one do with two scores of one class?
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# `scores[..., :H, :W]` keeps the first H rows and W columns.
#
# </details>


# %% tags=["exercise", "hide-input"]
def fuse(coarse, fine, upsample):
    """Coarse scores, upsampled and cropped, added to finer ones."""
    height, width = fine.shape[-2:]
    return upsample(coarse)[..., :height, :width] + fine


# %%
fuse = exercises.check(fuse)

# %% [markdown]
# With it, the path of one image through an untrained FCN8s, step by step. It is the
# *reduced* network: the same layers with a part of the channels, for two cores.

# %%
network = models.build("vgg16_fcn8s", 7, form="reduced").eval()
image = tiles.images[:1] / 255  # (1, 3, H, W)
with torch.no_grad():
    _, _, pool3, pool4, pool5 = network.pools(image)
    scores32 = network.coarse_scores(pool5)
    scores16 = fuse(scores32, network.score_pool4(pool4), network.upscore2)
    scores8 = fuse(scores16, network.score_pool3(pool3), network.upscore_pool4)
    logits = network(image)

# %% tags=["hide-input"]
steps = {
    "the image": image,
    "features after the fifth pooling": pool5,
    "scores at a stride of 32": scores32,
    "scores at a stride of 16": scores16,
    "scores at a stride of 8": scores8,
    "logits": logits,
}
views.table_picture(
    pd.DataFrame(
        [
            {"tensor": name, "shape": " × ".join(map(str, tensor.shape))}
            for name, tensor in steps.items()
        ]
    ),
    caption="Shapes of the reduced FCN8s that this page trains: "
    "images × channels × height × width.",
)

# %% [markdown]
# The full networks are those of report R5, whose exact sizes they have:

# %% tags=["hide-input"]
sizes = {
    name: sum(part.numel() for part in models.build(name, 7).parameters())
    for name in ("vgg16_fcn32s", "vgg16_fcn8s")
}
Markdown("; ".join(f"`{name}`: **{size:,}** parameters" for name, size in sizes.items()))

# %% tags=["hide-input"]
views.network(recipes.get("r5_fcn32s"))

# %% tags=["hide-input"]
views.network(recipes.get("r5_fcn8s"))

# %% [markdown]
# **Notice** the two lines from the backbone to the scores: at 1/16 and 1/8 of the image's
# size, FCN8s adds the scores of finer maps. It also upsamples in other steps: FCN32s at
# once, with one transposed convolution of 64 by 64 pixels, FCN8s by 2, 2 and 8, with
# kernels of 4, 4 and 16. The large kernel has more weights than all that FCN8s adds.
#
# ## A training loop
#
# The loss is the cross-entropy of the chapter on classification, once for each pixel, and
# the mean over all pixels of the batch. Everything else is a classifier's training loop.
# Here it runs for a few seconds on images of 64 by 64 pixels:


# %%
def to_tensors(split):
    """Images (N, 3, 64, 64), about -2 to 2, and masks (N, 64, 64) of class numbers."""
    small = decode(chapter.data.satellite, split, 64)
    return (small.images / 255 - 0.5) / 0.25, small.masks.long()


# %%
torch.manual_seed(seed)
images, masks = to_tensors("train")
val_images, val_masks = to_tensors("val")
network = models.build("vgg16_fcn8s", 7, form="reduced")
optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
history = []
for epoch in range(4):
    network.train()
    for rows in torch.randperm(len(images)).split(8):
        logits = network(images[rows])  # (8, 7, 64, 64)
        loss = functional.cross_entropy(logits, masks[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    network.eval()
    with torch.no_grad():
        predicted = network(val_images).argmax(1)  # (N, 64, 64)
    history.append((epoch + 1, loss.item(), float(mean_iou(predicted, val_masks))))

# %% tags=["hide-input"]
views.table_picture(
    pd.DataFrame(history, columns=["epoch", "loss of the last batch", "mean IoU"]),
    caption="The loop above. Each row is one epoch, a pass over all training images.",
)

# %% [markdown]
# `chapter.train` does the same with the settings of a *recipe*, and it augments, resumes
# where it was interrupted, stores a record, and scales to a GPU or several.
#
# ## The recipes

# %% tags=["hide-input"]
NAMES = ["r1_fcn32s", "r2_fcn32s", "r4_fcn32s", "r5_fcn32s", "r5_fcn8s"]
SHOWN = ["network", "starts from", "tiles", "epochs", "batch", "optimizer", "schedule"]
reported = views.recipes_side_by_side(map(recipes.get, NAMES[2:]), SHOWN)
views.table_picture(reported, caption="Three of the reports' recipes, for a GPU.")

# %% [markdown]
# ## Training
#
# The reports' systems with one seed each, and ours with several. Where this profile makes
# the settings of several reports equal, they are trained once and stand in one row.

# %%
systems = [chapter.train(name) for name in NAMES]
ours = [
    chapter.train(name, recipes.seeds(name, profile))
    for name in ("our_fcn32s", "our_fcn8s")
]

# %% tags=["hide-input"]
RAN = [*SHOWN, "augmentation", "loss", "images", "machine"]
as_run = views.runs_side_by_side([systems[NAMES.index("r5_fcn32s")], ours[1][0]], RAN)
views.table_picture(
    as_run, caption=f"The two as the profile {profile} ran them, by their records."
)

# %% tags=["hide-input"]
gains = {}
for kind, name in (("thin", lost), ("large", kept)):
    means = [
        sum(run.info["best"][f"iou_{name.lower()}"] for run in runs) / len(runs)
        for runs in ours
    ]
    gains[kind] = means[1] - means[0]
alike = abs(gains["thin"] - gains["large"]) <= 0.02
exercises.ask(
    "skips_gain",
    right="same" if alike else max(gains, key=gains.get),
    result=f"From FCN32s to FCN8s, as the mean of {len(ours[0])} seeds, the IoU of "
    f"**{lost}**, which survives the coarse grid worst, changes by "
    f"{gains['thin']:+.3f}, and that of **{kept}**, which survives it best, by "
    f"{gains['large']:+.3f}.",
)

# %% tags=["hide-input"]
views.iou_table([*systems, *ours])

# %% [markdown]
# A difference stands with its interval of 95 % over the seeds, and is called *clear* if
# the interval excludes 0. Seeds are *paired* if both networks have the same: then each
# seed gives one difference. Of twenty differences that are chance alone, one is called
# clear on average, so a single class says little.

# %% tags=["hide-input"]
Markdown(views.iou_in_words(ours))

# %% tags=["hide-input"]
views.iou_curves([ours[0][0], ours[1][0]])

# %% [markdown]
# ## Masks, early and late

# %% tags=["hide-input"]
views.predicted_masks(ours[0][0], tiles.images, tiles.masks, names)

# %% tags=["hide-input"]
views.predicted_masks(ours[1][0], tiles.images, tiles.masks, names)

# %% [markdown]
# Both networks side by side, at every stored epoch, for the three images of 2025. Drag
# the slider. Switch on *errors* to hatch the wrong pixels, or *outlines* to compare the
# borders.

# %% tags=["hide-input"]
pair = [runs[0] for runs in ours]
three = [name for name in ("0013", "0065", "0104") if name in names] or None
views.MaskScrubber(pair, tiles.images, tiles.masks, names, shown=three)

# %% [markdown]
# Where do the two differ? Does one of them follow a river, and do both find the villages?
#
# ## Summary
#
# - Semantic segmentation is classification of every pixel, with the same loss.
# - The course's score pools the pixels of all images; *Unknown* has no IoU of its own.
# - Convolutions in place of fully connected layers turn a classifier's answer into a map.
# - A stride draws the map on a coarse grid; the ideal network shows what that alone does.
# - FCN8s adds the scores of finer maps: two skip connections.
#
# **Read on**: {cite}`long2015fully` is the paper; {cite}`dumoulin2016guide` draws every
# kind of convolution, the transposed one too; {cite}`everingham2015pascal` tells where
# the IoU of classes comes from, and how to compare two systems by it.
#
# **Try next**: give `through_a_grid` a stride of 64, or `mode="nearest"`. The network of
# the next chapter has a skip connection at *every* level.
