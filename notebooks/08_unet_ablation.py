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
# **It takes** one or two minutes on two cores in the `quick` profile, the first time.
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
from dlcvlib import models, recipes, views
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
# ## The network
#
# The encoder halves the resolution and doubles the channels four times, and the decoder
# does the reverse. At each level the decoder also gets the encoder's features through a
# skip connection. The dashed lines below are skips, found in the graph that autograd
# records.

# %%
views.network(recipes.get("r3_unet"))

# %%
views.network(recipes.get("r3_unet_dropped"))

# %% [markdown]
# ## A check of the ablation
#
# A dropped skip passes zeros, so the network keeps its size. To check that nothing else
# passes, look at the gradients: the weights that read the skip must receive none.


# %%
def gradients(dropped):
    """ "yes" or "no" for each skip: do the weights that read it receive a gradient?"""
    torch.manual_seed(seed)
    network = models.build("unet", 7, form="reduced", drop_skip=dropped)
    network(torch.rand(2, 3, 64, 64)).square().mean().backward()
    readers = [level[0].weight.grad for level in network.up]
    return ["yes" if part[:, : part.shape[1] // 2].any() else "no" for part in readers]


# %%
levels = [f"skip {level}" for level in (1, 2, 3, 4)]
table = pd.DataFrame([gradients(skip) for skip in (None, 1, 2, 3, 4)], columns=levels)
table.insert(0, "dropped", ["none", *levels])
views.table_picture(
    table, caption="Does any gradient pass? Skip 1 is the shallowest, 4 the deepest."
)

# %% [markdown]
# ## The recipes

# %%
SHOWN = ["network", "starts from", "tiles", "epochs", "batch", "optimizer", "loss"]
both = [recipes.get("r3_unet"), recipes.get("our_unet")]
views.table_picture(
    views.recipes_side_by_side(both, SHOWN), caption="R3's U-Net and ours, for a GPU."
)

# %%
here = [each.for_profile(profile) for each in both]
views.table_picture(
    views.recipes_side_by_side(here, SHOWN),
    caption=f"What the profile {profile} ran here.",
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

# %%
views.iou_table([*ours, *report])

# %% [markdown]
# ## Differences
#
# Every ablated network against the complete one, computed from the records.

# %%
Markdown(views.iou_in_words(ours))

# %% [markdown]
# **Notice** which skip is missed most, and in which class of the table. Only the
# shallowest skip has the resolution of the image: what is one pixel wide is lost at the
# first pooling unless the features around it tell of it. The deepest has a stride of 8,
# and the layer below it has seen the same features. Is the deepest missed here?

# %%
views.iou_curves([runs[0] for runs in ours])

# %% [markdown]
# ## Masks
#
# The complete network, and the one without its shallowest skip.

# %%
views.predicted_masks(ours[0][0], tiles.images, tiles.masks, names)

# %%
views.predicted_masks(ours[1][0], tiles.images, tiles.masks, names)

# %%
pair = [ours[0][0], ours[1][0]]
three = [name for name in ("0013", "0065", "0104") if name in names] or None
views.MaskScrubber(pair, tiles.images, tiles.masks, names, shown=three)

# %% [markdown]
# **Notice**, with the outlines switched on, how borders and thin things differ without
# the shallowest skip.
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
