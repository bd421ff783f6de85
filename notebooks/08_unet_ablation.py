# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # U-Net: what its skip connections do
#
# **You will learn**
#
# - how U-Net passes the detail of every level from the encoder to the decoder;
# - to measure what one part of a network does, by removing it (an *ablation*);
# - why an ablation needs several seeds.
#
# **You need** the previous chapter.
#
# **It takes** as long as your machine needs; the page of a built book says how long.
#
# The edition of 2025 grades U-Net {cite}`ronneberger2015unet` and asks for an ablation:
# drop a skip connection and explain what happens. Report R3 dropped the deepest one. Here
# each one is dropped in turn. As another reading of the question, a random one is dropped
# at each step.

# %%
import pandas as pd
import torch
from IPython.display import Markdown

import dlcvlib
from dlcvlib import metrics, models, recipes, views
from dlcvlib.data import decode
from dlcvlib.exercises.unet import exercises

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
Markdown(chapter.findings("08", folded=True))

# %% [markdown]
# ## The network
#
# U-Net has two halves. The first, the *encoder*, halves the resolution and doubles the
# channels four times, as a classifier does. The second, the *decoder*, does the reverse,
# up to the resolution of the image. Both have a *level* for each resolution. From each
# level of the encoder, its features go to the same level of the decoder: these are the
# skip connections, numbered from 1, the shallowest, at the image's own resolution, to 4,
# the deepest, at an eighth of it.

# %% tags=["hide-input"]
views.diagram.unet()

# %% [markdown]
# FCN adds the *scores* of two maps. U-Net puts the *features* of both side by side, one
# after the other in the channels, and the next convolution reads them together.
#
# ### Exercise: one level of the decoder
#
# Write `up_step(features, skip, enlarge, convolve)`. `features`, (N, 2C, h, w), come from
# the level below. `skip`, (N, C, H, W), comes from the encoder, with an H of 2h, or of
# 2h − 1 where the pooling rounded up; W alike. `enlarge` maps (N, 2C, h, w) to
# (N, C, 2h, 2w), and `convolve` maps (N, 2C, H, W) to (N, C, H, W). Its first C input
# channels read the skip connection. Return the features of this level, (N, C, H, W).
#
# <details>
# <summary>Hint 1</summary>
#
# `enlarge` comes first. What has to be cut off before both maps fit each other?
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# `torch.cat([first, second], dim=...)` joins tensors along an axis. Which axis is that of
# the channels?
#
# </details>


# %% tags=["exercise", "hide-input"]
def up_step(features, skip, enlarge, convolve):
    """One level of U-Net's decoder, (N, C, H, W)."""
    height, width = skip.shape[-2:]
    enlarged = enlarge(features)[..., :height, :width]  # (N, C, H, W)
    return convolve(torch.cat([skip, enlarged], dim=1))


# %%
up_step = exercises.check(up_step)

# %% tags=["teacher", "hide-input"]
exercises.lines("up_step")

# %% [markdown]
# With it, the decoder is a loop from the deepest level to the shallowest:

# %%
network = models.build("unet", 7, form="reduced").eval()
features, skips = tiles.images[:1] / 255, []
shapes = []
with torch.no_grad():
    for convolve in network.down:
        skips.append(convolve(features))
        features = network.pool(skips[-1])
    features = network.bottom(features)
    for level in (4, 3, 2, 1):
        below, skip = features, skips[level - 1]
        enlarge, convolve = network.enlarge[level - 1], network.up[level - 1]
        features = up_step(below, skip, enlarge, convolve)
        shapes.append((level, below.shape, skip.shape, features.shape))

# %% tags=["hide-input"]
columns = ["level", "from below", "skip connection", "features of the level"]
views.table_picture(
    pd.DataFrame(
        [
            (level, *(" × ".join(map(str, shape)) for shape in given))
            for level, *given in shapes
        ],
        columns=columns,
    ),
    caption="The decoder of the reduced U-Net, level by level: "
    "images × channels × height × width.",
)

# %% [markdown]
# The library's network is the same, with the choice of a skip connection to drop:

# %%
views.source(models.unet.UNet.forward)

# %% [markdown]
# In the networks below, dashed lines are skip connections, found in the graph that
# autograd records.

# %% tags=["hide-input"]
views.network(recipes.get("r3_unet"))

# %% tags=["hide-input"]
views.network(recipes.get("r3_unet_dropped"))

# %% [markdown]
# ## The ablation
#
# To drop a skip connection, zeros are passed in its place.

# %%
numbers = {
    dropped: sum(
        part.numel()
        for part in models.build(
            "unet", 7, form="reduced", drop_skip=dropped
        ).parameters()
    )
    for dropped in (None, 1, 4)
}

# %% tags=["hide-input"]
exercises.ask(
    "parameters_of_ablation",
    result="Parameters of the reduced network: "
    + ", ".join(
        f"**{number:,}** " + (f"without skip {dropped}" if dropped else "when complete")
        for dropped, number in numbers.items()
    )
    + ".",
)

# %% [markdown]
# The question of the course can be read in a second way: drop a *random* skip connection
# at each training step. This is *dropout*, which leaves out parts of a network at random,
# with a whole connection for a part. While one of four is missing, the others are
# multiplied by 4/3, so that on average as much arrives as when none is missing.

# %%
torch.manual_seed(seed)
complete = models.build("unet", 7, form="reduced")
at_random = models.build("unet", 7, form="reduced", drop_skip="random")
at_random.load_state_dict(complete.state_dict())
image = torch.rand(1, 3, 64, 64)


def passes(network, training):
    """Logits of one image in eight passes, (8, 7, 64, 64)."""
    network.train(training)
    with torch.no_grad():
        return torch.cat([network(image) for _ in range(8)])


# %% tags=["hide-input"]
from_complete = (passes(at_random, False) - passes(complete, False)).abs().max().item()
apart = {mode: passes(at_random, mode).std(0).max().item() for mode in (False, True)}
exercises.ask(
    "random_in_evaluation",
    result="One image, eight passes. In training its logits have a standard deviation "
    f"of up to {apart[True]:.2g}, in evaluation of {apart[False]:.2g}; there they differ "
    f"from those of the complete network with the same weights by {from_complete:.2g}.",
)

# %% [markdown]
# ### Exercise: the skip connections, one of them dropped
#
# Write `with_one_dropped(skips, dropped, training)`. `skips` is a list of the four
# tensors, the shallowest first. `dropped` is None, a number from 1 (the shallowest) to 4,
# or `"random"`; `training` is a truth value. Return a list of four tensors of the same
# shapes. The tensors that you were given stay as they are.
#
# <details>
# <summary>Hint 1</summary>
#
# `torch.zeros_like(skip)` is a new tensor of the same shape.
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# `"random"`: first settle which number it is and what the others are multiplied by, then
# go on as for a number. What happens if `training` is false?
#
# </details>


# %% tags=["exercise", "hide-input"]
def with_one_dropped(skips, dropped, training):
    """The skip connections, shallowest first, with one replaced by zeros."""
    if dropped == "random":
        if not training:
            return skips
        dropped = torch.randint(1, 5, ()).item()
        skips = [skip * 4 / 3 for skip in skips]
    return [
        torch.zeros_like(skip) if level == dropped else skip
        for level, skip in enumerate(skips, start=1)
    ]


# %%
with_one_dropped = exercises.check(with_one_dropped)

# %% tags=["teacher", "hide-input"]
exercises.lines("with_one_dropped")

# %%
one = [torch.ones(1, 2**level, 8, 8) for level in range(4)]
means = [
    [skip.mean().item() for skip in with_one_dropped(one, "random", training=True)]
    for _ in range(1000)
]

# %% tags=["hide-input"]
average = ", ".join(f"{value:.2f}" for value in torch.tensor(means).mean(0).tolist())
Markdown(
    f"Skip connections of ones: the mean of each over {len(means)} steps is {average}."
)

# %% [markdown]
# ## A check of the ablation
#
# Does nothing else pass? The gradients tell: weights that read only zeros receive none.
#
# ### Exercise: which skip connections pass a gradient?
#
# Write `passes_gradient(network, images)`. `network` is a U-Net of the library. Its list
# `network.up` holds the decoder's levels, the shallowest first, and `network.up[i][0]`
# is the convolution that reads the skip connection, with weights of shape
# (C, 2C, 3, 3): from 2C input channels to C; the skip connection comes in by the first C.
# `images` are (N, 3, H, W). Take any loss of the output that depends on all of it, such
# as the mean of its squares. Return a list of four truth values, from skip 1 to 4: is the
# gradient of the weights that read the skip connection other than 0?
#
# <details>
# <summary>Hint 1</summary>
#
# After `loss.backward()` the gradient of a tensor of weights is in `weight.grad`. What
# was in there before?
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# `weight.grad[:, :half]` is the gradient of the weights that read the first `half` input
# channels; `.any()` asks if one entry is other than 0.
#
# </details>


# %% tags=["exercise", "hide-input"]
def passes_gradient(network, images):
    """For each skip connection, shallowest first: does any gradient pass?"""
    network.zero_grad()
    network(images).square().mean().backward()
    gradients = [level[0].weight.grad for level in network.up]  # (C, 2C, 3, 3) each
    return [bool(each[:, : each.shape[1] // 2].any()) for each in gradients]


# %%
passes_gradient = exercises.check(passes_gradient)

# %%
passed = {}
for dropped in (None, 1, 2, 3, 4):
    torch.manual_seed(seed)
    network = models.build("unet", 7, form="reduced", drop_skip=dropped)
    passed[dropped] = passes_gradient(network, torch.rand(2, 3, 64, 64))

# %% tags=["hide-input"]
levels = [f"skip {level}" for level in (1, 2, 3, 4)]
cells = [["yes" if each else "no" for each in row] for row in passed.values()]
table = pd.DataFrame(cells, columns=levels)
table.insert(0, "dropped", ["none", *levels])
views.table_picture(
    table, caption="Does any gradient pass? Skip 1 is the shallowest, 4 the deepest."
)

# %% [markdown]
# ## The recipes

# %% tags=["hide-input"]
SHOWN = ["network", "starts from", "tiles", "epochs", "batch", "optimizer", "loss"]
both = [recipes.get("r3_unet"), recipes.get("our_unet")]
views.table_picture(
    views.recipes_side_by_side(both, SHOWN), caption="R3's U-Net and ours, for a GPU."
)

# %% [markdown]
# ## Training
#
# Each network is trained with several seeds: with one run each, a small difference could
# be chance.

# %%
SKIPS = ["", "_without_1", "_without_2", "_without_3", "_without_4", "_without_random"]
seeds = recipes.seeds("our_unet", profile)
ours = [chapter.train(f"our_unet{skip}", seeds) for skip in SKIPS]
report = [chapter.train(name) for name in ("r3_unet", "r3_unet_dropped")]

# %% tags=["hide-input"]
views.table_picture(
    views.runs_side_by_side([report[0], ours[0][0]], [*SHOWN, "images", "machine"]),
    caption=f"The two as the profile {profile} ran them, by their records.",
)

# %% [markdown]
# Seeds are paired, as in the previous chapter: networks of the same seed see the same
# images in the same order, and each pair gives one difference.

# %%
without_1, without_4 = (
    [run.info["best"]["mean_iou"] for run in ours[position]] for position in (1, 4)
)
difference = metrics.mean_of_differences(
    [deep - shallow for deep, shallow in zip(without_4, without_1, strict=True)]
)

# %% tags=["hide-input"]
costlier = "shallowest" if difference.value > 0 else "deepest"
exercises.ask(
    "costliest_skip",
    right=costlier if difference.clear else "same",
    result=views.iou_table([*ours, *report]),
)

# %% [markdown]
# ## Differences
#
# Every ablated network against the complete one, computed from the records: with
# intervals of 95 % over the paired seeds, as in the previous chapter.

# %% tags=["hide-input"]
Markdown(views.iou_in_words(ours))

# %% tags=["hide-input"]
skips = dict(zip(levels, ours[1:5], strict=True))
Markdown(views.ablation_in_words(ours[0], skips))

# %% [markdown]
# The shallowest skip has the resolution of the image. Behind the first pooling a position
# is known to two pixels only, unless the features tell more of it. The deepest skip has a
# stride of 8, and the layer below it has seen the same features. Is the deepest missed
# here?

# %% tags=["hide-input"]
views.iou_curves([runs[0] for runs in ours])

# %% [markdown]
# ## Masks
#
# The complete network, and the one without its shallowest skip.

# %% tags=["hide-input"]
views.predicted_masks(ours[0][0], tiles.images, tiles.masks, names)

# %% tags=["hide-input"]
views.predicted_masks(ours[1][0], tiles.images, tiles.masks, names)

# %% tags=["hide-input"]
pair = [ours[0][0], ours[1][0]]
three = [name for name in ("0013", "0065", "0104") if name in names] or None
views.MaskScrubber(pair, tiles.images, tiles.masks, names, shown=three)

# %% [markdown]
# Switch on the outlines: do borders and thin things differ without the shallowest skip?
#
# ## Summary
#
# - U-Net's decoder undoes the encoder's poolings, level by level.
# - A skip connection passes the encoder's features of the same level, side by side.
# - An ablation changes one part and nothing else: zeros keep the size of the network.
# - The gradients show that nothing passes where a connection was dropped.
# - Several seeds, paired, tell a difference from chance.
#
# **Read on**: {cite}`ronneberger2015unet` is the paper; {cite}`drozdzal2016importance`
# removes skip connections of two kinds, and looks at the gradients;
# {cite}`isensee2021nnunet` takes the plain U-Net and settles everything around it.
#
# **Try next**: train the network without its shallowest skip for twice as many epochs.
# Do more epochs make up for the skip?
#
# ```python
# longer = recipes.changed(
#     "our_unet_without_1",
#     name="longer_without_1",
#     profile=profile,
#     epochs=2 * recipes.get("our_unet").for_profile(profile).epochs,
# )
# chapter.train(longer)
# ```
#
# The next chapter keeps the resolution high instead of recovering it.
