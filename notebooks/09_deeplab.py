# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # DeepLab: a large receptive field at high resolution
#
# **You will learn**
#
# - how atrous convolution enlarges the receptive field without pooling;
# - how the focal loss changes the IoU of a rare class;
# - whether a backbone that was pre-trained on other images improves a segmentation.
#
# **You need** the two previous chapters.
#
# **It takes** one or two minutes on two cores in the `quick` profile, the first time.
#
# The best systems of four reports are DeepLabs {cite}`chen2018encoder` or close
# relatives. The backbone keeps a stride of 8 or 16, its last layers are *atrous* (their
# kernels have gaps), and a pyramid combines several rates, that is sizes of the gaps, at
# every position.

# %%
import torch
from IPython.display import Markdown
from torch import nn

import dlcvlib
from dlcvlib import augment, metrics, models, recipes, views
from dlcvlib.data import decode, palette

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
# ## Atrous convolution
#
# A 3x3 convolution with rate $r$ reads nine positions that lie $r$ apart. It costs as
# much as with rate 1, and it covers $2r + 1$ positions in each direction. The figure
# shows what one output position reads at each of DeepLab's rates: nine positions on a
# grid of stride 8.

# %%
STRIDE, RATES = 8, (1, 12, 24, 36)


def positions_read(rate):
    """An image with the nine positions marked that its centre reads."""
    pixels, middle = tiles.images[0].clone(), tiles.images.shape[-1] // 2
    for row in (-rate, 0, rate):
        for column in (-rate, 0, rate):
            top, left = middle + row * STRIDE, middle + column * STRIDE
            if 0 <= top < len(pixels[0]) and 0 <= left < len(pixels[0]):
                pixels[:, top : top + STRIDE, left : left + STRIDE] = 255
    return pixels


# %%
views.image_grid(
    torch.stack([positions_read(rate) for rate in RATES]),
    [f"rate {rate}" for rate in RATES],
    caption="What the centre reads by rate. At large rates most positions are outside "
    "of a small image: there the convolution is one of a single pixel.",
    alt="The same image four times with nine white squares, ever farther apart",
    side=150,
    columns=4,
)


# %%
def reach(rate):
    """Measured extent and number of the inputs of one atrous convolution output."""
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
# DeepLabV3+ with a ResNet50 backbone: the last stage keeps the resolution of the stage
# before, the pyramid (ASPP) combines several rates, and a small decoder adds the features
# of the first stage, which have sharp borders.

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

# %% [markdown]
# **Notice** whether our backbone helps here, and in which classes. BYOL's views change
# the colours at random, and its features may tell little of them.

# %%
views.iou_curves([runs[0] for runs in starts])

# %% [markdown]
# ## The focal loss and the rare class
#
# The focal loss {cite}`lin2017focal` weights the cross-entropy of each pixel by
# $(1 - p)^\gamma$, where $p$ is the predicted probability of its true class. Pixels that
# are classified well count little. This is meant for rare classes and those that are
# often confused, and it may cost some accuracy in the others.

# %%
losses = [chapter.train("our_deeplabv3plus_focal", seeds), ours]
views.iou_table(losses)

# %%
share = metrics.area_share(tiles.masks)[: palette.UNKNOWN]
rare = palette.CLASS_NAMES[share.argmin()]
focal, plain = (
    [run.info["best"][f"iou_{rare.lower()}"] for run in runs] for runs in losses
)
gain = metrics.difference_of_means(focal, plain)
gamma = losses[0][0].info["recipe"]["loss_options"]["gamma"]
Markdown(
    f"The rarest class is **{rare}**, with {share.min():.1%} of the pixels. The focal "
    rf"loss with $\gamma = {gamma:g}$ changes its IoU by "
    f"**{100 * gain.value:+.1f} points**, with a standard error of "
    f"{100 * gain.error:.1f}: "
    + ("clear." if gain.clear else "not more than chance could do.")
)

# %%
Markdown(views.iou_in_words(losses[::-1]))

# %% [markdown]
# ## The effective receptive field
#
# The layers of a network determine which pixels *can* change a score: its receptive
# field. The gradient shows which pixels *do* change it after training
# {cite}`luo2016effective`. Below is the gradient of the middle pixel's score with
# respect to each pixel of the image.


# %%
def field_of(run):
    """Effective receptive field of a trained network, over four images."""
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
# The images with our best network's lowest IoU, and which classes it confuses over all
# images.

# %%
views.worst_masks(ours[0], tiles.images, tiles.masks, names)

# %%
views.pixel_confusion(ours[0], tiles.masks, names)

# %% [markdown]
# **Notice** the two kinds of errors: thin lines along borders, and whole fields. A finer
# map may help with the first, a larger receptive field with the second.
#
# ## Masks, early and late

# %%
views.predicted_masks(ours[0], tiles.images, tiles.masks, names)

# %% [markdown]
# Every stored epoch, from random weights and from our own backbone.

# %%
pair = [runs[0] for runs in starts]
three = [name for name in ("0013", "0065", "0104") if name in names] or None
views.MaskScrubber(pair, tiles.images, tiles.masks, names, shown=three)

# %% [markdown]
# **Try next**: change the atrous rates. With large rates most positions lie outside a
# small tile, where there is only padding.
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
