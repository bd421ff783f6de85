# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Segment Anything: regions without classes
#
# **You will learn**
#
# - how SAM segments an image with points or boxes as prompts, and without any;
# - how its parameters trade coverage against mask quality;
# - which score regions without classes can reach in the course's measure.
#
# **You need** the previous chapter.
#
# **It takes** about a minute on two cores in the `quick` profile; with SAM's weights and
# without a GPU some minutes more, the first time.
#
# The editions of 2024 and 2025 ask for the results of SAM {cite}`kirillov2023segment` on
# three validation images. SAM was trained on a billion masks, none of which has a class.

# %%
import numpy as np
import pandas as pd
import torch
from IPython.display import Markdown
from segment_anything import sam_model_registry

import dlcvlib
from dlcvlib import sam, views
from dlcvlib.data import decode, palette
from dlcvlib.models import NoWeightsError
from dlcvlib.views.prompt_picker import PromptPicker

# %% tags=["parameters"]
profile = "quick"
seed = 0
data_root = None
sam_weights = None

# %%
chapter = dlcvlib.open_chapter(globals())
tiles = decode(chapter.data.satellite, "val")
names = [name.partition("_")[0] for name in tiles.names]
WANTED = ("0013", "0065", "0104")
rows = [names.index(name) for name in WANTED if name in names]
rows = rows or [0, len(names) // 2, len(names) - 1]
shown = [names[row] for row in rows]
Markdown(f"{chapter.in_words} The images shown are {', '.join(shown)}.")

# %% [markdown]
# ## One encoding, many prompts
#
# SAM has three parts. A large *image encoder* runs once for each image. A *prompt
# encoder* maps points and boxes to a few vectors. A small *mask decoder* combines the
# two by attention and predicts the mask. The image encoder has nearly all weights and
# takes nearly all time, so further prompts on an encoded image cost little. This book
# caches the encoding on disk. Three sizes are published:


# %%
def parameters_of(part):
    """Number of parameters of a part, in millions."""
    return f"{sum(weights.numel() for weights in part.parameters()) / 1e6:.3g}"


with torch.device("meta"):  # their form alone, without the memory
    sizes = {model_type: sam_model_registry[model_type]() for model_type in sam.PUBLISHED}
PARTS = ("image_encoder", "prompt_encoder", "mask_decoder")
published = [
    {"type": model_type, "megabytes": round(sam.PUBLISHED[model_type].size / 1e6)}
    | {part.replace("_", " "): parameters_of(getattr(model, part)) for part in PARTS}
    for model_type, model in sizes.items()
]
views.table_picture(
    pd.DataFrame(published), caption="The size of each file; parameters in millions."
)

# %% [markdown]
# Weights are read from the path `sam_weights`, else from the folder `$DLCV_WEIGHTS`. Else
# the profile `full` downloads them and compares size and checksum with the published
# ones. Their shapes tell which of the three sizes they are.

# %%
try:
    model = sam.load(sam_weights, allow_download=profile == "full")
    proposer = "SAM"
    found = f"The masks of this page are made by **{model.in_words}**."
except NoWeightsError as error:
    model, proposer = None, "felzenszwalb"
    found = (
        f"**This page shows no SAM**: {error}. Until then a classical method, "
        "felzenszwalb, replaces it on the whole page; it takes no prompt, so a "
        "point or a box picks the regions that lie there."
    )
Markdown(found)

# %% [markdown]
# For comparison there is a classical method without weights
# {cite}`felzenszwalb2004efficient`. It merges neighbouring regions if the difference
# between them is no larger than the differences within them.


# %%
def propose(row, **settings):
    """Regions of an image, by SAM if available, else by the classical method."""
    if model is None:
        return sam.felzenszwalb(tiles.images[row], **settings)
    return sam.automatic(model, tiles.images[row], **settings)


def answer_for(row):
    """Function that segments an image for a prompt."""

    def answer(points, labels, box):
        if model is None:
            regions = sam.regions_under(propose(row), points, labels, box)
        else:
            regions = sam.prompted(model, tiles.images[row], points, labels, box)
        return regions.masks[:1].any(axis=0)

    return answer


# %% [markdown]
# ## Points
#
# In JupyterLab, click on the image: a click adds a point inside the object, a click with
# Alt or Shift a point outside. The predicted mask turns blue. The book shows two recorded
# clicks.

# %%
height, width = tiles.images.shape[2:]
by_points = PromptPicker(
    tiles.images[rows[0]],
    answer_for(rows[0]),
    points=[(width // 2, height // 2), (width // 8, height // 8)],
    labels=[1, 0],
    caption=f"{shown[0]}: a point inside (plus), one outside (minus), and the answer "
    f"of {proposer} in blue.",
    alt="A satellite image with two points and the region that they ask for",
)
by_points

# %% [markdown]
# **Notice** that one point is ambiguous: it may mean a roof, the house or the block. For
# a single point SAM predicts up to three masks, each with the IoU that it expects. The
# first is shown. With a second point there is one mask.
#
# ## Boxes
#
# A box gives the extent of an object. Drag one over the image.

# %%
by_box = PromptPicker(
    tiles.images[rows[1]],
    answer_for(rows[1]),
    box=(width // 4, height // 4, 3 * width // 4, 3 * height // 4),
    caption=f"{shown[1]}: a box, and the answer of {proposer} in blue.",
    alt="A satellite image with a box and the region that it asks for",
)
by_box

# %% [markdown]
# ## Without prompts
#
# The *automatic generator* prompts SAM with every point of a grid. It keeps the masks
# with a high expected IoU (`pred_iou_thresh`) that change little with the threshold of
# the mask (`stability_score_thresh`), and drops duplicates (`box_nms_thresh`). A finer
# grid finds smaller objects. Lower thresholds cover more, with worse masks. Masks are
# cached on disk: a setting that was run before, or one that differs in `pred_iou_thresh`
# alone, costs nothing.

# %%
if model is None:
    scales, sizes = (50, 100, 200, 400), (20, 50, 100, 400)
    sliders = {"scale": scales, "min_size": sizes}
    setting = {"scale": scales[0], "min_size": sizes[0]}
else:
    points = (8, 16, 32) if profile == "full" else (4, 8, 12)
    sliders = {"points_per_side": points, "pred_iou_thresh": (0.7, 0.8, 0.88, 0.95)}
    setting = {"points_per_side": points[-1]}
if model is not None and profile == "smoke":  # random weights are sure of nothing
    setting |= {"pred_iou_thresh": 0, "stability_score_thresh": 0}


# %%
def over(parameter):
    """Painted regions of the images shown, for each value of a parameter."""
    return {
        str(value): [
            sam.paint(propose(row, **setting | {parameter: value})) for row in rows
        ]
        for value in sliders[parameter]
    }


first, second = sliders
views.region_slider(
    tiles.images[rows],
    over(first),
    shown,
    parameter=first,
    caption=f"Regions by {proposer}; where two touch, their colours differ. Pixels of no "
    "region are dark.",
)

# %%
views.region_slider(
    tiles.images[rows],
    over(second),
    shown,
    parameter=second,
    caption=f"The other parameter of {proposer}, on the same images.",
)

# %% [markdown]
# **Notice** that two neighbouring fields of different crops are two regions, though both
# have the class Agriculture: SAM segments objects, not land cover.
#
# ## The score of regions
#
# SAM's regions overlap: a roof lies on a block, a block on a town. They are painted from
# large to small into one map, so that the smallest stays visible. Then each region gets
# one class, and the course's IoU is computed:
#
# - **coverage**: the share of pixels that any region covers;
# - **upper bound**: each region gets its commonest *true* class. No other choice of
#   classes has more correct pixels, so this measures how well the regions' borders fit
#   the task;
# - **network's vote**: each region gets the class that most of its pixels have in the
#   masks of our own network. This needs no true masks, so it could be handed in.
#
# A pixel outside all regions counts as Unknown in both, which is wrong wherever there is
# land. The last variant of the vote takes the network's class for those pixels.

# %%
run = chapter.train("our_deeplabv3plus")
predicted = run.best_masks()


def judged(method, chosen):
    """Pooled score of a method's regions over some images."""
    scores = [
        sam.score(method(row), tiles.masks[row], predicted[names[row]]) for row in chosen
    ]
    return sum(scores[1:], start=scores[0])


# %% [markdown]
# A second classical method is SLIC superpixels {cite}`achanta2012slic`. The classical
# regions are scored on images sampled evenly from the validation set. SAM's are scored on
# the images shown, unless the profile is `full`. For comparison, the table then has a row
# of felzenszwalb on those images too.

# %%
most = len(names) if profile == "full" else 20
sampled = np.unique(np.linspace(0, len(names) - 1, most).astype(int))


def by_slic(row):
    """Superpixels, another classical method."""
    return sam.slic(tiles.images[row])


def by_felzenszwalb(row):
    """Small regions, since borders matter more here than their number."""
    return sam.felzenszwalb(tiles.images[row], scale=50, min_size=20)


# %%
methods = {"felzenszwalb": (by_felzenszwalb, sampled), "slic": (by_slic, sampled)}
if model is not None:
    judged_by_sam = sampled if profile == "full" else rows
    methods["SAM"] = (lambda row: propose(row, **setting), judged_by_sam)
    methods["felzenszwalb, same images"] = (by_felzenszwalb, judged_by_sam)

# %%
scores = {name: judged(method, chosen) for name, (method, chosen) in methods.items()}
table = pd.DataFrame([{"regions": name} | score.row for name, score in scores.items()])
views.table_picture(
    table,
    caption="Coverage and mean IoU, over the classes that occur in the images judged: "
    "upper bound, vote of the network in each region, the same with the rest left to "
    "the network, and the network alone on the same images.",
)


# %%
def in_words(row):
    """One row of the table in Markdown, in points of mean IoU."""
    gain = 100 * (row["network's vote"] - row["network alone"])
    room = 100 * (row["upper bound"] - row["network's vote"])
    return (
        f"- **{row['regions']}**: the vote in regions changes the network's score by "
        f"{gain:+.1f} points; knowing every region's class, by {room:+.1f} more."
    )


Markdown("\n".join(in_words(row) for row in table.to_dict("records")))

# %% [markdown]
# **Notice** how much larger the second number is than the first. Regions have good
# borders but no classes, and the vote extends the network's mistakes to whole regions.
# So wrong classes cost more than wrong borders.


# %%
def steps(row):
    """Regions, network, vote, upper bound and truth of an image, as pictures."""
    painted, truth = sam.paint(propose(row, **setting)), tiles.masks[row].numpy()
    network = predicted[names[row]]
    voted, best = sam.majority(painted, network), sam.majority(painted, truth)
    coloured = [palette.COLOURS[ids] for ids in (network, voted, best, truth)]
    return [
        views.region_overlay(tiles.images[row], painted),
        *(colours.transpose(2, 0, 1) for colours in coloured),
    ]


STEPS = ("regions", "network", "vote", "upper bound", "truth")
views.image_grid(
    np.stack([picture for row in rows for picture in steps(row)]),
    [f"{name}: {step}" for name in shown for step in STEPS],
    caption=f"From regions by {proposer} to classes. Black is Unknown, or in no region.",
    alt="Rows of five pictures: regions, predicted mask, vote, upper bound and true mask",
    side=150,
    columns=5,
)

# %% [markdown]
# **Notice** thin objects: a road or a river that is narrower than a region gets the class
# of its neighbours, whichever class the region has.
#
# **Try next**: vote only in regions where nine tenths of the network's pixels have the
# same class, and leave the other regions unchanged.
