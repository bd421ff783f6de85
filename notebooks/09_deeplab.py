# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # DeepLab: seeing far without losing the place
#
# **You will learn**
#
# - how atrous convolution sees far without pooling;
# - what the focal loss does to a rare class;
# - what a pre-trained backbone is worth for segmentation.
#
# **You need** the two previous chapters.
#
# **It takes** about three minutes on two cores in the `quick` profile, the first time.
#
# The best systems of four reports are DeepLabs {cite}`chen2018encoder` or close
# relatives: the backbone keeps a stride of 8 or 16, its last layers are *atrous*, and
# a pyramid of rates looks at every place from several distances at once.

# %%
import torch
from IPython.display import Markdown
from torch import nn

import dlcvlib
from dlcvlib import augment, models, recipes, views
from dlcvlib.data import decode

# %% tags=["parameters"]
profile = "quick"
seed = 0
data_root = None

# %%
chapter = dlcvlib.open_chapter(globals())
tiles = decode(chapter.data.satellite, "val")
names = [name.partition("_")[0] for name in tiles.names]
Markdown(f"{chapter.in_words} The networks are judged on {len(names)} validation images.")

# %% [markdown]
# ## Holes that see far
#
# A 3x3 convolution with rate $r$ reads nine places that lie $r$ apart. Its cost is that
# of rate 1; its reach is $2r + 1$. Below, what one output position reads through each
# of DeepLab's rates, drawn on an image: the nine places lie on a grid of stride 8.

# %%
STRIDE, RATES = 8, (1, 12, 24, 36)


def places_read(rate):
    """An image with the pixels under the nine places that its centre reads."""
    pixels, middle = tiles.images[0].clone(), tiles.images.shape[-1] // 2
    for row in (-rate, 0, rate):
        for column in (-rate, 0, rate):
            top, left = middle + row * STRIDE, middle + column * STRIDE
            if 0 <= top < len(pixels[0]) and 0 <= left < len(pixels[0]):
                pixels[:, top : top + STRIDE, left : left + STRIDE] = 255
    return pixels


# %%
views.image_grid(
    torch.stack([places_read(rate) for rate in RATES]),
    [f"rate {rate}" for rate in RATES],
    caption="What the centre reads at each rate. At large rates most places lie outside "
    "of a small image: there the convolution is one of a single pixel.",
    alt="The same image four times with nine white squares, ever farther apart",
    side=150,
    columns=4,
)


# %%
def reach(rate):
    """How many positions one output of an atrous convolution depends on, measured."""
    layer = nn.Conv2d(1, 1, 3, padding=rate, dilation=rate, bias=False)
    image = torch.zeros(1, 1, 101, 101, requires_grad=True)
    layer(image)[0, 0, 50, 50].backward()
    touched = image.grad[0, 0].nonzero()
    return (touched.max() - touched.min() + 1).item(), len(touched)


measured = {rate: reach(rate) for rate in RATES}
Markdown(
    "; ".join(
        f"rate {rate}: reaches **{wide}** positions with {weights} weights"
        for rate, (wide, weights) in measured.items()
    )
)

# %% [markdown]
# ## The network
#
# DeepLabV3+ over ResNet50: the last stage keeps the resolution of the one before, the
# pyramid (ASPP) looks from several distances, and a small decoder fetches the borders
# from the first stage.

# %%
views.network(recipes.get("r3_deeplabv3plus"))

# %% [markdown]
# ## The recipes

# %%
NAMES = ["r1_deeplabv3", "r2_resnet101_fcn", "r3_deeplabv3plus", "r4_deeplabv3_focal"]
SHOWN = ["network", "starts from", "tiles", "epochs", "optimizer", "schedule", "loss"]
shown = views.recipes_side_by_side(
    map(recipes.get, [*NAMES[2:], "our_deeplabv3plus"]), SHOWN
)
views.table_picture(shown, caption="Two reports' recipes and ours, for a GPU.")

# %%
here = [
    recipes.get(name).for_profile(profile) for name in (NAMES[-1], "our_deeplabv3plus")
]
as_run = views.recipes_side_by_side(here, SHOWN)
views.table_picture(as_run, caption=f"What the profile {profile} ran here.")

# %% [markdown]
# ## Training

# %%
seeds = recipes.seeds("our_deeplabv3plus", profile)
systems = [chapter.train(name) for name in NAMES]
ours = chapter.train("our_deeplabv3plus", seeds)

# %%
views.iou_table([*systems, ours])

# %% [markdown]
# ## A backbone of our own
#
# The same network and budget, from random weights and from the backbone that BYOL
# trained without labels in chapter 4.

# %%
starts = [
    chapter.train(f"our_deeplabv3plus_{start}", seeds) for start in ("random", "ssl")
]
views.iou_table(starts)

# %%
Markdown(views.iou_in_words(starts))

# %%
views.iou_curves([runs[0] for runs in starts])

# %% [markdown]
# ## The focal loss and the rare class
#
# The focal loss {cite}`lin2017focal` weighs each pixel by $(1 - p)^\gamma$: what is
# classified well already counts little. The classes that gain from it are the rare and
# the confused, at some cost for the others.

# %%
losses = [chapter.train("our_deeplabv3plus_focal", seeds), ours]
views.iou_table(losses)

# %%
Markdown(views.iou_in_words(losses[::-1]))

# %% [markdown]
# ## What one pixel looks at
#
# How far a network *could* see is a matter of its layers. What it does see after
# training, its gradient says: how much does each pixel move the score of the one in the
# middle {cite}`luo2016effective`?


# %%
def field_of(run):
    """The effective receptive field of a trained network, over four images."""
    recipe = recipes.get(run.info["recipe"]["name"]).for_profile(profile)
    network = models.build(recipe.model, 7, form=recipe.form, **recipe.model_options)
    network.load_state_dict(run.weights())
    as_trained = run.info["start"].get("normalisation", {})
    images = augment.prepare(tiles.images[:4], recipe.image_size, {}, **as_trained)
    return models.receptive_field(network, images)


# %%
field = field_of(ours[0])
image = nn.functional.interpolate(tiles.images[:1] / 255, field.shape)[0]
looked_at = image * (0.2 + 0.8 * (field / field.quantile(0.98)).clamp(max=1).sqrt())
half, most = (models.radius_of(field, share) for share in (0.5, 0.9))
views.image_grid(
    (255 * torch.stack([image, looked_at])).byte(),
    ["the image", "what its middle looks at"],
    caption=f"Half of what moves the middle's score lies at most {half} pixels away, "
    f"nine tenths at most {most}; the image is {len(field)} pixels wide.",
    alt="A satellite image, and the same darkened except around its middle",
    side=240,
    columns=2,
)

# %% [markdown]
# ## Where it fails
#
# The images that our best network does worst on, and what it takes for what over all.

# %%
views.worst_masks(ours[0], tiles.images, tiles.masks, names)

# %%
views.pixel_confusion(ours[0], tiles.masks, names)

# %% [markdown]
# **Notice** how often the wrong pixels are a thin line along a border, and how often a
# whole field: the first kind wants a finer map, the second one that sees farther.
#
# ## Masks, early and late

# %%
views.predicted_masks(ours[0], tiles.images, tiles.masks, names)

# %% [markdown]
# Every epoch that was kept, from random weights and from our own backbone.

# %%
pair = [runs[0] for runs in starts]
three = [name for name in ("0013", "0065", "0104") if name in names] or None
views.MaskScrubber(pair, tiles.images, tiles.masks, names, shown=three)

# %% [markdown]
# **Try next**: change the atrous rates. Large rates look beyond the border of a small
# tile, where there is only padding.
#
# ```python
# large_rates = recipes.changed(
#     "our_deeplabv3plus",
#     name="large_rates",
#     profile=profile,
#     model_options={"atrous_rates": (4, 8, 12)},
# )
# chapter.train(large_rates)
# ```
