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
# - what a stride of 32 loses, thin things first, and how skips recover it;
# - to read the course's mean IoU, class by class.
#
# **You need** convolution and pooling, from the chapter on classification.
#
# **It takes** about a minute on two cores in the `quick` profile, the first time.
#
# Problem 3 of the course: satellite images of 512 by 512 pixels, seven classes of land
# cover. All editions until 2024 grade the fully convolutional network
# {cite}`long2015fully` with a stride of 32, on top of VGG16.

# %%
import pandas as pd
import torch
from IPython.display import Markdown
from torch.nn import functional

import dlcvlib
from dlcvlib import metrics, models, recipes, views
from dlcvlib.data import decode, palette

# %% tags=["parameters"]
profile = "quick"
seed = 0
data_root = None

# %%
chapter = dlcvlib.open_chapter(globals())
tiles = decode(chapter.data.satellite, "val")
names = [name.partition("_")[0] for name in tiles.names]
Markdown(
    f"{chapter.in_words} There are {len(chapter.data.satellite.train.files):,} training "
    f"and {len(names)} validation images."
)

# %%
views.mask_pairs(tiles.images[:3], tiles.masks[:3], names[:3])

# %% [markdown]
# ## The score
#
# The course scores the mean *intersection over union* (IoU), with the pixels of all
# images pooled. For each of the six land classes,
#
# $$ \mathrm{IoU}_c = \frac{\text{predicted and true}}{\text{predicted or true}}, $$
#
# and the score is the mean of the six. *Unknown* has no IoU of its own, but its pixels
# count: a land class predicted there is wrong.

# %%
share = metrics.area_share(tiles.masks)
guess = torch.full_like(tiles.masks, share[: palette.UNKNOWN].argmax().item())
Markdown(
    f"Calling every pixel **{palette.CLASS_NAMES[guess.flatten()[0]]}** is right for "
    f"{share.max():.0%} of them, and scores a mean IoU of "
    f"**{metrics.course_iou(guess, tiles.masks).mean_of_present:.3f}**."
)

# %% [markdown]
# ## The cost of a stride
#
# A network with a *stride* of 32 computes scores for every 32nd pixel in each direction.
# The scores in between are interpolated. To see the best that such a network can reach,
# take a *perfect* one: it knows the share of each class in every cell of 32 by 32 pixels,
# and its scores are interpolated.


# %%
def through_a_grid(masks, stride):
    """Masks as predicted by a perfect network of this stride."""
    one_hot = functional.one_hot(masks.long(), len(palette.CLASS_NAMES)).movedim(-1, 1)
    cells = functional.avg_pool2d(one_hot.float(), stride)
    size = masks.shape[-2:]
    return functional.interpolate(cells, size, mode="bilinear").argmax(1).byte()


# %%
STRIDES = [32, 16, 8, 4]
drawn = {
    stride: torch.cat([through_a_grid(one[None], stride) for one in tiles.masks])
    for stride in STRIDES
}
coloured = torch.from_numpy(palette.COLOURS)[
    torch.stack([tiles.masks[0], *(drawn[stride][0] for stride in STRIDES)]).long()
]
views.image_grid(
    coloured.movedim(-1, 1),
    ["truth", *(f"stride {stride}" for stride in STRIDES)],
    caption="One mask, and what is left of it on grids of different strides.",
    alt="A land cover mask, and the same with borders blurred less and less",
    side=120,
    columns=5,
)

# %%
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
views.table_picture(
    pd.DataFrame(rows),
    caption="The best IoU that a network of each stride can reach on these masks. "
    "Borders are the pixels at most 3 away from another class.",
)

# %% [markdown]
# **Notice** which class a coarse grid loses first. How wide are its parts in the image
# above?

# %% [markdown]
# ## The networks
#
# FCN32s turns VGG16's fully connected layers into convolutions and upsamples the scores
# by 32 at once. FCN8s adds the scores of two finer maps while upsampling: these are
# *skip connections*. R5 gives the exact sizes:

# %%
sizes = {
    name: sum(part.numel() for part in models.build(name, 7).parameters())
    for name in ("vgg16_fcn32s", "vgg16_fcn8s")
}
Markdown("; ".join(f"`{name}`: **{size:,}** parameters" for name, size in sizes.items()))

# %%
views.network(recipes.get("r5_fcn32s"))

# %%
views.network(recipes.get("r5_fcn8s"))

# %% [markdown]
# **Notice** the two lines from the backbone to the scores: at 1/16 and 1/8 of the image's
# size, scores of finer maps are added. This is the only difference between FCN32s and
# FCN8s.
#
# ## The recipes

# %%
NAMES = ["r1_fcn32s", "r2_fcn32s", "r4_fcn32s", "r5_fcn32s", "r5_fcn8s"]
SHOWN = ["network", "starts from", "tiles", "epochs", "batch", "optimizer", "schedule"]
reported = views.recipes_side_by_side(map(recipes.get, NAMES[2:]), SHOWN)
views.table_picture(reported, caption="Three of the reports' recipes, for a GPU.")

# %%
here = [recipes.get(name).for_profile(profile) for name in ("r5_fcn32s", "our_fcn8s")]
as_run = views.recipes_side_by_side(here, [*SHOWN, "augmentation", "loss"])
views.table_picture(as_run, caption=f"What the profile {profile} ran here.")

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

# %%
views.iou_table([*systems, *ours])

# %%
Markdown(views.iou_in_words(ours))

# %% [markdown]
# **Notice** the class that the perfect network of stride 32 lost above. What do the
# trained ones keep of it?

# %%
views.iou_curves([ours[0][0], ours[1][0]])

# %% [markdown]
# ## Masks, early and late

# %%
views.predicted_masks(ours[0][0], tiles.images, tiles.masks, names)

# %%
views.predicted_masks(ours[1][0], tiles.images, tiles.masks, names)

# %% [markdown]
# Both networks side by side, at every stored epoch, for the three images of 2025. Drag
# the slider. Switch on *errors* to hatch the wrong pixels, or *outlines* to see how the
# borders sharpen.

# %%
pair = [runs[0] for runs in ours]
three = [name for name in ("0013", "0065", "0104") if name in names] or None
views.MaskScrubber(pair, tiles.images, tiles.masks, names, shown=three)

# %% [markdown]
# **Notice** where the two differ. Which of them follows a river, and do both find the
# villages?
#
# **Try next**: give `through_a_grid` a stride of 64, or `mode="nearest"`. The network of
# the next chapter has a skip connection at *every* level.
