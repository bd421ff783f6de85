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
# - how atrous convolution lets a position see farther without pooling;
# - to measure how the focal loss changes the IoU of a rare class;
# - to measure what a backbone that was pre-trained on other images changes.
#
# **You need** the two previous chapters.
#
# **It takes** as long as your machine needs; the page of a built book says how long.
#
# The best systems of four reports are DeepLabs {cite}`chen2018encoder` or close
# relatives. The pixels that can change a score are its *receptive field*. Each pooling
# doubles what a later layer sees, and halves the resolution. DeepLab stops halving at a
# stride of 8 or 16. Its last layers see as far as before by leaving gaps between the
# weights of their kernels: such a convolution is called *atrous*, French "with holes", or
# *dilated*.

# %%
from dataclasses import replace

import pandas as pd
import torch
from IPython.display import Markdown, display
from torch import nn
from torch.nn import functional

import dlcvlib
from dlcvlib import augment, metrics, models, recipes, training, views
from dlcvlib.data import decode, palette
from dlcvlib.exercises.deeplab import exercises

# %% tags=["parameters"]
profile = "quick"
seed = 0
data_root = None

# %% tags=["hide-input"]
chapter = dlcvlib.open_chapter(globals())
tiles = decode(chapter.data.satellite, "val")
names = [name.partition("_")[0] for name in tiles.names]
Markdown(f"{chapter.in_words} The networks are judged on {len(names)} validation images.")

# %% tags=["hide-input"]
Markdown(chapter.findings("09", folded=True))

# %% [markdown]
# ## Atrous convolution
#
# A 3x3 convolution multiplies nine inputs with nine weights; call the nine positions that
# it reads its *taps*. With a *rate* of $r$ they lie $r$ positions apart, and cover
# $2r + 1$ positions in each direction. Here with a rate of 3, on a map of 9 by 9:

# %% tags=["hide-input"]
views.diagram.atrous(rate=3, size=9)

# %% tags=["hide-input"]
rate_1, rate_12 = (
    nn.Conv2d(32, 32, 3, padding=rate, dilation=rate, bias=False) for rate in (1, 12)
)
multiplications = [layer.weight.numel() * 64 * 64 for layer in (rate_1, rate_12)]
exercises.ask(
    "multiplications",
    result="On 64 by 64 positions of 32 channels, with 32 filters: "
    f"**{multiplications[0]:,}** multiplications with a rate of 1, and "
    f"**{multiplications[1]:,}** with a rate of 12.",
)

# %% [markdown]
# ### Exercise: an atrous convolution
#
# Write `atrous(image, kernel, rate)` with all nine taps. `image` is (N, C, H, W),
# `kernel` (O, C, 3, 3), and the result (N, O, H, W): a sum over the nine taps and the C
# channels. Outside of the image there are zeros. `rate` is a whole number of at least 1.
# There is a layer in torch that does it; try it with shifted images first.
#
# <details>
# <summary>Hint 1</summary>
#
# `functional.pad(image, [rate] * 4)` puts a border of zeros around the image, as wide as
# the taps of the outer positions reach.
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# In the padded image, the tap in row 0 and column 0 of the kernel begins at row 0 and
# column 0, and that in row 2 at row 2 × `rate`. Each is a slice of H rows and W columns.
#
# </details>
#
# <details>
# <summary>Hint 3</summary>
#
# `torch.einsum("oc,nchw->nohw", kernel[:, :, row, column], tap)` multiplies one tap with
# its weights, and sums over the channels.
#
# </details>


# %% tags=["exercise", "hide-input"]
def atrous(image, kernel, rate):
    """A 3x3 convolution whose taps lie `rate` apart, (N, O, H, W)."""
    height, width = image.shape[-2:]
    padded = functional.pad(image, [rate] * 4)  # (N, C, H + 2 rate, W + 2 rate)
    total = 0
    for row in range(3):
        for column in range(3):
            top, left = row * rate, column * rate
            tap = padded[:, :, top : top + height, left : left + width]  # (N, C, H, W)
            weights = kernel[:, :, row, column]  # (O, C)
            total = total + torch.einsum("oc,nchw->nohw", weights, tap)
    return total


# %%
atrous = exercises.check(atrous)

# %% [markdown]
# The gradient shows what one output reads. It is 0 at every other input:


# %%
def reach(rate):
    """Measured extent and number of the inputs of one atrous convolution output."""
    image = torch.zeros(1, 1, 101, 101, requires_grad=True)
    atrous(image, torch.ones(1, 1, 3, 3), rate)[0, 0, 50, 50].backward()
    touched = image.grad[0, 0].nonzero()
    return (touched.max() - touched.min() + 1).item(), len(touched)


# %% tags=["hide-input"]
measured = {rate: reach(rate) for rate in (1, 3, 12)}
Markdown(
    "By the gradient: "
    + "; ".join(
        f"rate {rate}: reaches **{wide}** positions with {weights} weights"
        for rate, (wide, weights) in measured.items()
    )
    + "."
)

# %% [markdown]
# ## The network
#
# DeepLabV3+ has three parts. The backbone, here a ResNet50, keeps its stride from some
# stage on: where a later stage would halve the resolution, the rate of its convolutions
# doubles instead. The *atrous spatial pyramid pooling* (ASPP) reads the result with
# several rates at once. A small *decoder* adds finer features of an early stage, as
# U-Net does, at one level.

# %%
views.source(models.aspp.ASPP.forward)

# %%
views.source(models.deeplab.Decoder.forward)

# %% tags=["hide-input"]
views.network(recipes.get("r3_deeplabv3plus"))

# %% [markdown]
# ### How far the pyramid reads
#
# The stride of the pyramid's positions, and its rates, of two networks: R3's full one,
# which is drawn above, and ours as this page trains it.


# %%
def pyramid_of(recipe):
    """Stride of the pyramid's positions in pixels, and its rates."""
    with torch.device("meta"):  # its form alone, without the memory
        network = models.build(recipe.model, 7, form=recipe.form, **recipe.model_options)
        coarse = network.backbone(torch.empty(1, 3, recipe.image_size, recipe.image_size))
    rates = [branch[0].dilation[0] for branch in network.aspp.convs[1:-1]]
    return recipe.image_size // coarse[-1].shape[-1], rates


# %%
def positions_read(recipe, stride, rate):
    """An image with the positions marked that its middle reads, and their number."""
    size, inside = recipe.image_size, 0
    pixels = functional.interpolate(tiles.images[:1].float(), size)[0].byte()
    for row in (-rate, 0, rate):
        for column in (-rate, 0, rate):
            top, left = (size // 2 // stride + step for step in (row, column))
            if 0 <= top < size // stride and 0 <= left < size // stride:
                pixels.unfold(1, stride, stride).unfold(2, stride, stride)[
                    :, top, left
                ] = 255
                inside += 1
    return pixels, inside


# %% tags=["hide-input"]
small = replace(recipes.get("our_deeplabv3plus"), image_size=64)
counts = {rate: positions_read(small, 8, rate)[1] for rate in (1, 2, 6, 36)}
exercises.ask(
    "taps_inside",
    result="Taps inside a tile of 64 by 64 pixels, at a stride of 8: "
    + "; ".join(f"rate {rate}: **{count}** of 9" for rate, count in counts.items())
    + ".",
)

# %% tags=["hide-input"]
full, ours_here = (
    recipes.get("r3_deeplabv3plus"),
    recipes.get("our_deeplabv3plus").for_profile(profile),
)
for recipe in (full, ours_here):
    stride, rates = pyramid_of(recipe)
    read = {rate: positions_read(recipe, stride, rate) for rate in rates}
    size = recipe.image_size
    figure = views.image_grid(
        torch.stack([pixels for pixels, _ in read.values()]),
        [f"rate {rate}: {inside} of 9 inside" for rate, (_, inside) in read.items()],
        caption=f"{recipe.title}, {recipe.form} network: what the middle of an image of "
        f"{size} x {size} pixels reads on a grid of stride {stride}. Outside of the "
        "image there is only padding.",
        alt=f"The same image {len(read)} times with white squares, ever farther apart",
        side=150,
        columns=len(read),
    )
    display(figure)

# %% [markdown]
# ### Exercise: the whole image at every position
#
# One branch of the pyramid sees everything: the mean of the features over all positions
# of the image, set at every position. (A 1x1 convolution follows in the network.) Write
# `image_pooling(features)`, from (N, C, H, W) to (N, C, H, W).
#
# <details>
# <summary>Hint 1</summary>
#
# `features.mean((first, second), keepdim=True)` takes the mean over two axes, and leaves
# each with one entry. Which two are the positions?
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# `expand` repeats an axis of one entry without copying it.
#
# </details>


# %% tags=["exercise", "hide-input"]
def image_pooling(features):
    """Mean of each image's features over all positions, at every position."""
    return features.mean((2, 3), keepdim=True).expand_as(features)


# %%
image_pooling = exercises.check(image_pooling)

# %%
views.source(models.aspp.ImagePooling.forward)

# %% [markdown]
# Does this branch know where in the image it is? Move the whole image:

# %%
features = torch.rand(1, 4, 16, 16)
moved = features.roll((5, 3), dims=(2, 3))
change = (image_pooling(moved) - image_pooling(features)).abs().max().item()
Markdown(f"The branch changes by {change:.0e}.")

# %% [markdown]
# ## The recipes

# %% tags=["hide-input"]
NAMES = ["r1_deeplabv3", "r2_resnet101_fcn", "r3_deeplabv3plus", "r4_deeplabv3_focal"]
SHOWN = ["network", "starts from", "tiles", "epochs", "optimizer", "schedule", "loss"]
shown = views.recipes_side_by_side(
    map(recipes.get, [*NAMES[2:], "our_deeplabv3plus"]), SHOWN
)
views.table_picture(shown, caption="Two reports' recipes and ours, for a GPU.")

# %% [markdown]
# ## Training

# %%
seeds = recipes.seeds("our_deeplabv3plus", profile)
systems = [chapter.train(name) for name in NAMES]
ours = chapter.train("our_deeplabv3plus", seeds)

# %% tags=["hide-input"]
as_run = views.runs_side_by_side([systems[-1], ours[0]], [*SHOWN, "images", "machine"])
views.table_picture(
    as_run, caption=f"The two as the profile {profile} ran them, by their records."
)

# %% tags=["hide-input"]
views.iou_table([*systems, ours])

# %% [markdown]
# ## A backbone of our own
#
# A backbone need not start from random weights: it can be *pre-trained*, that is trained
# on other images and another task first. The same network and number of epochs, from
# random weights and from the backbone that BYOL trained without labels in its chapter.

# %%
starts = [
    chapter.train(f"our_deeplabv3plus_{start}", seeds) for start in ("random", "ssl")
]
views.iou_table(starts)

# %% tags=["hide-input"]
Markdown(views.iou_in_words(starts))

# %% [markdown]
# Does our backbone help here, and in which classes? BYOL's views change the colours at
# random, or remove them, so its features may tell little of them.

# %% tags=["hide-input"]
views.iou_curves([runs[0] for runs in starts])

# %% [markdown]
# ## The focal loss and the rare class
#
# Many pixels of an image lie in the middle of a field. Where a network finds these easy,
# the loss of each is small, and there are many of them. The focal loss
# {cite}`lin2017focal` weights the cross-entropy of each pixel, $-\log p$, by
# $(1 - p)^\gamma$, where $p$ is the predicted probability of its true class:
#
# $$ L = -\frac{1}{N} \sum_{\text{pixels}} (1 - p)^\gamma \log p. $$
#
# So a pixel with $p$ near 1 has a weight near 0. This is meant for rare classes and those
# that are often confused.
#
# ### Exercise: the focal loss
#
# Write `focal_loss(logits, target, gamma)`. `logits` are float (N, C, H, W), C scores at
# each pixel; `target` are class numbers, int64 (N, H, W). Return the mean over all
# pixels, a tensor without axes through which a gradient passes.
#
# <details>
# <summary>Hint 1</summary>
#
# With `gamma` of 0 it is the cross-entropy. `functional.cross_entropy` can return the
# loss of each pixel instead of their mean: look for its argument `reduction`.
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# The loss of a pixel is $-\log p$. What is $p$, then?
#
# </details>
#
# <details>
# <summary>Hint 3</summary>
#
# First the product for each pixel, then the mean.
#
# </details>


# %% tags=["exercise", "hide-input"]
def focal_loss(logits, target, gamma):
    """Mean over the pixels of -(1 - p)^gamma log p of the true class."""
    loss = functional.cross_entropy(logits, target, reduction="none")  # (N, H, W)
    p = torch.exp(-loss)
    return ((1 - p) ** gamma * loss).mean()


# %%
focal_loss = exercises.check(focal_loss)

# %% tags=["teacher", "hide-input"]
exercises.lines("focal_loss")

# %% [markdown]
# The loss of one pixel of two classes, by the probability of its true class:

# %%
p = torch.tensor([0.1, 0.5, 0.9, 0.99])
two_logits = torch.stack([p, 1 - p]).log()[:, :, None, None].movedim(1, 0)  # (4, 2, 1, 1)
true_class = torch.zeros(1, 1, 1, dtype=torch.long)
by_gamma = {
    gamma: [focal_loss(one[None], true_class, gamma).item() for one in two_logits]
    for gamma in (0.0, 1.0, 2.0)
}

# %% tags=["hide-input"]
cells = {
    f"γ = {gamma:g}": [f"{value:.4f}" for value in values]
    for gamma, values in by_gamma.items()
}
curve = pd.DataFrame({"p": [f"{value:g}" for value in p.tolist()]} | cells)
views.table_picture(curve, caption="Focal loss of a pixel; γ = 0 is the cross-entropy.")

# %% [markdown]
# The library's, with class weights, and without rounding where p is near 1:

# %%
views.source(training.losses.focal_loss)

# %% [markdown]
# ### Exercise: weights of the classes
#
# Another remedy for rare classes: each pixel's loss is multiplied by a weight of its true
# class. *Median frequency balancing* takes the median of the classes' shares of pixels,
# divided by the share of the class: a class of half the median's share has a weight of 2.
#
# Write `class_weights(shares)`. `shares`, float64 (7,), are the shares of pixels of the
# seven classes in the training images. *Unknown*, number 6, has a weight of 0 and no part
# in the median; a class without pixels likewise. Return a tensor (7,).
#
# <details>
# <summary>Hint 1</summary>
#
# Which classes are in the median? `shares > 0` tells those that occur.
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# The median of six numbers lies halfway between the third and the fourth.
# `torch.quantile` can find it.
#
# </details>


# %% tags=["exercise", "hide-input"]
def class_weights(shares):
    """Median share of the land classes over each one's own; 0 for Unknown."""
    land = shares[:6]
    present = land > 0
    weights = torch.zeros_like(shares)
    weights[:6][present] = land[present].quantile(0.5) / land[present]
    return weights


# %%
class_weights = exercises.check(class_weights)

# %% tags=["teacher", "hide-input"]
exercises.lines("class_weights")

# %%
shares = metrics.area_share(tiles.masks)
weights = class_weights(shares)

# %% tags=["hide-input"]
views.table_picture(
    pd.DataFrame(
        {
            "class": palette.CLASS_NAMES,
            "share of pixels": [f"{share:.2%}" for share in shares.tolist()],
            "weight": [f"{weight:.2f}" for weight in weights.tolist()],
        }
    ),
    caption="Weights by median frequency. The networks below are trained without them.",
)

# %% [markdown]
# ### What the focal loss changes

# %%
losses = [chapter.train("our_deeplabv3plus_focal", seeds), ours]

# %% tags=["hide-input"]
share = shares[: palette.UNKNOWN]
rare, common = (palette.CLASS_NAMES[at] for at in (share.argmin(), share.argmax()))
changes = {}
for name in palette.CLASS_NAMES[: palette.UNKNOWN]:
    means = [
        sum(run.info["best"][f"iou_{name.lower()}"] for run in runs) / len(runs)
        for runs in losses
    ]
    changes[name] = means[0] - means[1]
most = max(changes, key=changes.get)
kind = {rare: "rarest", common: "commonest"}.get(most, "other")
gain = views.difference_in_words(*losses, f"iou_{rare.lower()}")
gamma = losses[0][0].info["recipe"]["loss_options"]["gamma"]
in_words = (
    f"The rarest class is **{rare}**, with {share.min():.1%} of the pixels. The focal "
    rf"loss with $\gamma = {gamma:g}$ changes its IoU by {gain}. The mean over the seeds "
    f"rises most for **{most}**: {changes[most]:+.3f}."
)
exercises.ask(
    "focal_gain",
    right=kind if changes[most] > 0 else "none",
    result=[in_words, views.iou_table(losses), views.iou_in_words(losses[::-1])],
)

# %% [markdown]
# ## The effective receptive field
#
# The layers of a network determine which pixels *can* change a score: its receptive
# field. The gradient shows which pixels *do* change it after training, the *effective*
# receptive field {cite}`luo2016effective`. Below is the gradient of the middle pixel's
# score with respect to each pixel of the image.


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

# %% tags=["hide-input"]
image = functional.interpolate(tiles.images[:1] / 255, field.shape)[0]
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
# ## Its mistakes
#
# The images with the lowest IoU of our network, and which classes it confuses over all
# images.

# %% tags=["hide-input"]
views.worst_masks(ours[0], tiles.images, tiles.masks, names)

# %% tags=["hide-input"]
views.pixel_confusion(ours[0], tiles.masks, names)

# %% [markdown]
# Are the errors thin lines along borders, or whole fields? A finer map may help with the
# first, a larger receptive field with the second.
#
# ## Masks, early and late

# %% tags=["hide-input"]
views.predicted_masks(ours[0], tiles.images, tiles.masks, names)

# %% [markdown]
# Every stored epoch, from random weights and from our own backbone.

# %% tags=["hide-input"]
pair = [runs[0] for runs in starts]
three = [name for name in ("0013", "0065", "0104") if name in names] or None
views.MaskScrubber(pair, tiles.images, tiles.masks, names, shown=three)

# %% [markdown]
# ## Cover a part of the image
#
# The whole network fits into this page and runs there. Its masks below are computed where
# you read. First a question: a square in the middle of an image is covered with the mean
# colour. Where do predicted classes change?


# %%
def covered_middle(network, images, share=4):
    """Pixels whose class changes, (N, H, W) bool, and the square's rows and columns."""
    size = images.shape[-1]
    square = slice(size // 2 - size // share // 2, size // 2 + size // share // 2)
    covered = images.clone()
    covered[..., square, square] = 0  # the mean colour, after normalisation
    with torch.no_grad():
        before, after = (network(each).argmax(1) for each in (images, covered))
    return before != after, square


# %%
def distance_from(square, size):
    """Distance of each pixel from the square, (size, size); 0 inside."""
    places = torch.arange(size)
    outside = (square.start - places).clamp(min=0) + (places - square.stop + 1).clamp(
        min=0
    )
    return torch.hypot(outside[:, None].float(), outside[None, :].float())


# %% tags=["hide-input"]
by_random = starts[0][0]
kept = by_random.weight_epochs
if kept:
    size = by_random.info["recipe"]["image_size"]
    as_trained = by_random.info["start"].get("normalisation", {})
    images = augment.prepare(tiles.images[:8], size, {}, **as_trained)
    network = training.load_network(by_random, kept[-1])
    changes_class, square = covered_middle(network, images)
    distances = distance_from(square, size)
    farthest = (changes_class * distances).amax((1, 2))
    beside = (changes_class & (distances > 0)).sum() / changes_class.sum().clamp(min=1)
    typical, width = farthest.median().item(), square.stop - square.start
    where = "under" if typical <= 2 else "near" if typical <= width else "far"
    covered_words = (
        f"A square of {width} x {width} pixels in the middle of {len(images)} images of "
        f"{size} x {size}, and the network of epoch {kept[-1]}: the farthest pixel that "
        f"changes lies **{typical:.0f} pixels** from the square in the median image, and "
        f"at most {farthest.max():.0f}. Of all changed pixels, {beside:.0%} lie beside "
        "the square, the others under it."
    )
    shown_next = exercises.ask("covered_square", right=where, result=covered_words)
else:
    shown_next = Markdown(
        f"*{by_random.info['recipe']['title']} with seed {seed} keeps no weights of its "
        f"epochs in the profile {profile}, so it does not run in this page.*"
    )
shown_next

# %% [markdown]
# Move the square with the mouse, a finger or the arrow keys. Which part of a river can be
# covered before the network loses the rest? Which class does it see in noise? Step to an
# early epoch: does a square then reach as far?

# %% tags=["hide-input"]
if kept:
    shown_next = views.LiveSegmenter(
        by_random, tiles.images, tiles.masks, names, shown=three or names[:3]
    )
else:
    shown_next = Markdown("*Train with the profile quick to see it here.*")
shown_next

# %% [markdown]
# ## Summary
#
# - An atrous convolution sees farther with the same weights and multiplications.
# - Its rate counts positions of the features: a large one leaves a small tile.
# - A pyramid reads with several rates, and with the mean of the whole image.
# - The focal loss gives each pixel a weight by how certain it is already.
# - What a network can see, and what it does look at, are two things; a gradient shows
#   the second.
#
# **Read on**: {cite}`chen2017rethinking` is the paper on the pyramid, and draws what a
# large rate does at the border; {cite}`chen2018encoder` adds the decoder;
# {cite}`lin2017focal` derives the focal loss from the many easy examples.
#
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
