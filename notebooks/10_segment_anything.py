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
# - what its parameters change in coverage and number of the regions;
# - which score regions without classes reach in the course's measure.
#
# **You need** the previous chapter.
#
# **It takes** as long as your machine needs; the page of a built book says how long. With
# SAM's weights, masks of all images are computed the first time; a GPU is used if there
# is one.
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
from dlcvlib.exercises.segment_anything import exercises
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

# %% tags=["hide-input"]
Markdown(f"{chapter.in_words} The images shown are {', '.join(shown)}.")

# %% [markdown]
# ## One encoding, many prompts

# %% tags=["hide-input"]
views.diagram.sam()

# %% [markdown]
# SAM has three parts. A large *image encoder* runs once for each image. A *prompt
# encoder* maps points and boxes to a few vectors. A small *mask decoder* combines the
# two by attention and predicts the mask. A further prompt on an encoded image needs the
# two small parts only, and this book caches the encoding on disk. Three sizes are
# published:


# %% tags=["hide-input"]
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
#
# There is also a classical method without weights, *felzenszwalb*
# {cite}`felzenszwalb2004efficient`. It merges neighbouring regions if the difference
# between them is no larger than the differences within them. It takes no prompt: here a
# point or a box picks the regions that lie there. It is compared with SAM below, and
# takes SAM's part in all figures where SAM's weights are missing.

# %%
try:
    model = sam.load(sam_weights, allow_download=profile == "full")
    proposer, origin = "SAM", f"It is {model.in_words}."
except NoWeightsError:
    model, proposer, origin = None, "felzenszwalb", sam.how_to_get()
Markdown(f"The regions of this page are made by **{proposer}**. {origin}")


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
# Click on the image: a click adds a point inside the object or, after you chose so below
# the image, outside of it. The mask that answers turns blue. In JupyterLab the answer is
# computed for each prompt. The page of a built book cannot compute: there the regions
# that were found without a prompt answer, those at the points.

# %% tags=["hide-input"]
height, width = tiles.images.shape[2:]
by_points = PromptPicker(
    tiles.images[rows[0]],
    answer_for(rows[0]),
    points=[(width // 2, height // 2), (width // 8, height // 8)],
    labels=[1, 0],
    regions=sam.paint(propose(rows[0])),
    caption=f"{shown[0]}: a point inside (plus), one outside (minus), and the answer "
    f"of {proposer} in blue.",
    alt="A satellite image with two points and the region that they ask for",
)
by_points


# %%
def answers(row, point):
    """Masks for one point, by title: SAM's, or the classical method's by scale."""
    if model is not None:
        regions = sam.prompted(model, tiles.images[row], [point], [1])
        titles = [f"expected IoU {score:.2f}" for score in regions.scores]
        return dict(zip(titles, regions.masks, strict=True))
    by_scale = {scale: propose(row, scale=scale) for scale in (50, 200, 800)}
    return {
        f"scale {scale}": sam.regions_under(regions, [point], [1]).masks[0]
        for scale, regions in by_scale.items()
    }


# %% tags=["hide-input"]
meant = answers(rows[0], (width // 2, height // 2))
exercises.ask(
    "one_point",
    result=views.image_grid(
        np.stack(
            [
                views.region_overlay(tiles.images[rows[0]], mask - 1)
                for mask in meant.values()
            ]
        ),
        list(meant),
        caption=f"The answers of {proposer} to one point, in the middle of {shown[0]}.",
        alt="The same image several times, each with another region around its middle in "
        "colour and the rest darkened",
        side=180,
        columns=len(meant),
    ),
)

# %% [markdown]
# One point is ambiguous: it may mean a roof, the house or the block. For a single point
# SAM predicts three masks, each with the IoU that it expects, and with a second
# point or a box it predicts one. The classical method has one parameter that decides the
# same, its `scale`: the larger, the larger the regions.

# %% [markdown]
# **Notice** which answers differ. Which of them would you have meant by the point?
#
# ## Boxes
#
# A box gives the extent of an object, so there is less to guess. Drag one over the image.
# On the page of a built book it picks the regions that lie in it for the most part.

# %% tags=["hide-input"]
by_box = PromptPicker(
    tiles.images[rows[1]],
    answer_for(rows[1]),
    box=(width // 4, height // 4, 3 * width // 4, 3 * height // 4),
    regions=sam.paint(propose(rows[1])),
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
# grid asks for smaller objects. Lower thresholds admit more masks, of which SAM expects
# less. Masks are cached on disk: a setting that was run before, or one that differs in
# `pred_iou_thresh` alone, needs no network. The classical method has the parameters
# `scale` and `min_size`, the fewest pixels of a region.
#
# ### Exercise: drop the duplicates
#
# Two points of the grid on one roof give almost the same mask twice. *Non-maximum
# suppression* goes through the masks from the best score to the worst. It keeps a mask
# unless its bounding box has an IoU above a limit with the box of a mask kept before.
#
# Write `keep(masks, scores, most=0.7)`: masks bool (N, H, W), none empty, scores float32
# (N,), all different. Return the numbers of the masks kept, best first. A bounding box
# is the smallest rectangle of pixels that holds the mask.
#
# <details><summary>Hint 1</summary>
#
# Begin with an empty list `kept`, and go through `np.argsort(-scores)`.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `np.nonzero(mask)` gives rows and columns of a mask. From the smallest to the largest
# there are largest - smallest + 1 of them.
#
# </details>
# <details><summary>Hint 3</summary>
#
# `torchvision.ops` has `masks_to_boxes` and `box_iou`. The last pixel is not part of
# the former's boxes: add 1 to the right and the lower end.
#
# </details>


# %% tags=["exercise", "hide-input"]
from torchvision.ops import box_iou, masks_to_boxes  # given


def keep(masks, scores, most=0.7):
    """Numbers of the masks kept by non-maximum suppression of their boxes, best first."""
    boxes = masks_to_boxes(torch.from_numpy(masks))  # given
    boxes[:, 2:] += 1
    overlaps, kept = box_iou(boxes, boxes), []
    for number in np.argsort(-scores):
        if not any(overlaps[number, other] > most for other in kept):
            kept.append(int(number))
    return kept


# %%
keep = exercises.check(keep)

# %% [markdown]
# Here the regions of two settings are put together, so that many occur twice. Those of
# the first setting count as the better ones.

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
first, second = sliders
twice = [
    propose(rows[0], **setting | {first: value}).masks for value in sliders[first][:2]
]
both = np.concatenate(twice)
falling = np.linspace(1, 0.5, len(both), dtype=np.float32)
kept = {most: len(keep(both, falling, most)) for most in (0.3, 0.5, 0.7, 0.9)}

# %% tags=["hide-input"]
views.table_picture(
    pd.DataFrame(
        [{"limit": most, "masks kept": number} for most, number in kept.items()]
    ),
    caption=f"Non-maximum suppression of {len(both)} masks, by the limit of the box IoU.",
)

# %% [markdown]
# What does a finer grid, or a smaller scale, change? The true classes are given to the
# regions of the images shown, as explained below: each region gets its commonest one.


# %%
def with_true_classes(value):
    """Coverage and mean IoU of regions with their commonest true class."""
    parts = [
        sam.score(
            propose(row, **setting | {first: value}), tiles.masks[row], tiles.masks[row]
        )
        for row in rows
    ]
    pooled = sum(parts[1:], start=parts[0])
    return {
        first: value,
        "regions": pooled.regions,
        "coverage": pooled.coverage,
        "score with true classes": pooled.upper.mean_of_present,
    }


# %% tags=["hide-input"]
by_size = pd.DataFrame([with_true_classes(value) for value in sliders[first]])
fine, coarse = (
    by_size.iloc[by_size["regions"].argmax()],
    by_size.iloc[by_size["regions"].argmin()],
)
rises = [fine[name] > coarse[name] for name in ("coverage", "score with true classes")]
KEYS = {(True, True): "both", (True, False): "coverage", (False, True): "score"}
exercises.ask(
    "finer",
    right=KEYS.get(tuple(map(bool, rises)), "neither"),
    result=views.table_picture(
        by_size, caption=f"Regions by {proposer}, pooled over {len(rows)} images."
    ),
)

# %% [markdown]
# The two sliders show the regions themselves.


# %%
def over(parameter):
    """Painted regions of the images shown, for each value of a parameter."""
    return {
        str(value): [
            sam.paint(propose(row, **setting | {parameter: value})) for row in rows
        ]
        for value in sliders[parameter]
    }


# %% tags=["hide-input"]
views.region_slider(
    tiles.images[rows],
    over(first),
    shown,
    parameter=first,
    caption=f"Regions by {proposer}; where two touch, their colours differ. Pixels of no "
    "region are dark.",
)

# %% tags=["hide-input"]
views.region_slider(
    tiles.images[rows],
    over(second),
    shown,
    parameter=second,
    caption=f"The other parameter of {proposer}, on the same images.",
)

# %% [markdown]
# Are two neighbouring fields of different crops one region or two? Both have the class
# Agriculture. SAM was trained to segment objects, not land cover.
#
# ## The score of regions
#
# SAM's regions overlap: a roof lies on a block, a block on a town. They are painted from
# large to small into one map, so that the smallest stays visible. Then each region gets
# one class, and the course's IoU is computed:
#
# - **coverage**: the share of pixels that any region covers;
# - **true vote**: each region gets its commonest *true* class. No other choice of classes
#   has more correct pixels, though another may have a slightly higher mean IoU. So this
#   measures how well the regions' borders fit the task;
# - **network's vote**: each region gets the class that is commonest among its pixels in
#   the masks of our own network. This needs no true masks, so it could be handed in.
#
# A pixel outside all regions counts as Unknown in both, which is wrong wherever there is
# land. The last variant of the vote takes the network's class for those pixels.
#
# ### Exercise: paint the regions
#
# Write `paint(regions)`. `regions.masks` is bool (N, H, W), `regions.areas` their numbers
# of pixels, `regions.scores` the IoU that SAM expects. Return a label map, integer
# (H, W): at each pixel the number of the smallest region there, and -1 where there is
# none. Of regions of the same size the first is shown.
#
# <details><summary>Hint 1</summary>
#
# Paint into an array that holds -1 everywhere. What is painted last is seen.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `np.argsort(areas, kind="stable")` keeps the order of equal ones. Reversed, it goes
# from large to small, and of equal ones the first comes last.
#
# </details>


# %% tags=["exercise", "hide-input"]
def paint(regions):
    """Number of the smallest region at each pixel, integer (H, W); -1 for none."""
    painted = np.full(regions.masks.shape[1:], -1)
    for number in np.argsort(regions.areas, kind="stable")[::-1]:
        painted[regions.masks[number]] = number
    return painted


# %%
paint = exercises.check(paint)

# %% tags=["teacher", "hide-input"]
exercises.lines("paint")

# %% [markdown]
# ### Exercise: the vote
#
# Write `majority(painted, ids)`: a label map as above, and class ids 0 to 6 (Unknown is
# 6), integer (H, W). Return ids (H, W): at each pixel the commonest id of its region, of
# two equally common ones the lower. Pixels in no region are Unknown.
#
# <details><summary>Hint 1</summary>
#
# For one region: `ids[painted == number]` are its votes.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `np.bincount` counts them, and `argmax` returns the first of several largest.
#
# </details>


# %% tags=["exercise", "hide-input"]
def majority(painted, ids):
    """Commonest id of each pixel's region, integer (H, W); Unknown where none is."""
    voted = np.full(painted.shape, 6)
    for number in np.unique(painted[painted >= 0]):
        inside = painted == number
        voted[inside] = np.bincount(ids[inside], minlength=7).argmax()
    return voted


# %%
majority = exercises.check(majority)

# %% tags=["teacher", "hide-input"]
exercises.lines("majority")

# %% [markdown]
# ### Exercise: the score of a hand-in
#
# Write `vote_score(painted, predicted, truth)`: a label map, the network's ids and the
# true ones, all (H, W). Return the course's mean IoU of the *network's vote*, a number:
# the mean over the six land classes that are present in the vote or in the truth.
#
# <details><summary>Hint 1</summary>
#
# What may be handed in cannot depend on the truth. It is needed to judge only.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `course_iou(voted, truth)` has the attribute `mean_of_present`.
#
# </details>


# %% tags=["exercise", "hide-input"]
from dlcvlib.metrics import course_iou  # given


def vote_score(painted, predicted, truth):
    """Mean IoU, over the classes present, of the network's vote in regions."""
    voted = majority(painted, predicted)
    return course_iou(voted, truth).mean_of_present


# %%
vote_score = exercises.check(vote_score)

# %% [markdown]
# The library computes the variants of the table together:

# %% tags=["hide-input"]
views.source(sam.score)

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
    """Small regions of the other classical method."""
    return sam.felzenszwalb(tiles.images[row], scale=50, min_size=20)


# %%
methods = {"felzenszwalb": (by_felzenszwalb, sampled), "slic": (by_slic, sampled)}
if model is not None:
    judged_by_sam = sampled if profile == "full" else rows
    methods["SAM"] = (lambda row: propose(row, **setting), judged_by_sam)
    methods["felzenszwalb, same images"] = (by_felzenszwalb, judged_by_sam)

# %% tags=["hide-input"]
scores = {name: judged(method, chosen) for name, (method, chosen) in methods.items()}
table = pd.DataFrame([{"regions": name} | score.row for name, score in scores.items()])
exercises.ask(
    "ceiling",
    right="yes" if (table["true vote"] == 1).all() else "no",
    result=views.table_picture(
        table,
        caption="Coverage and mean IoU, over the classes that occur in the images "
        "judged: true vote, vote of the network in each region, the same with the "
        "rest left to the network, and the network alone on the same images.",
    ),
)


# %% tags=["hide-input"]
def in_words(row):
    """One row of the table in Markdown, in points of mean IoU."""
    gain = 100 * (row["network's vote"] - row["network alone"])
    classes = 100 * (row["true vote"] - row["network's vote"])
    borders = 100 * (1 - row["true vote"])
    larger = "the wrong classes" if classes > borders else "regions that do not fit"
    return (
        f"- **{row['regions']}**: the vote in regions changes the network's score by "
        f"{gain:+.1f} points. The true vote would change it by {classes:+.1f} more and "
        f"leave {borders:.1f} to a perfect score. So more is lost by {larger}."
    )


Markdown("\n".join(in_words(row) for row in table.to_dict("records")))

# %% [markdown]
# The true vote corrects wrong classes. What is left after it are pixels in a region of
# mostly another class, and pixels in no region.


# %%
def steps(row):
    """Regions, network, vote, true vote and truth of an image, as pictures."""
    painted, truth = paint(propose(row, **setting)), tiles.masks[row].numpy()
    network = predicted[names[row]]
    voted, best = majority(painted, network), majority(painted, truth)
    coloured = [palette.COLOURS[ids] for ids in (network, voted, best, truth)]
    return [
        views.region_overlay(tiles.images[row], painted),
        *(colours.transpose(2, 0, 1) for colours in coloured),
    ]


# %% tags=["hide-input"]
STEPS = ("regions", "network", "vote", "true vote", "truth")
views.image_grid(
    np.stack([picture for row in rows for picture in steps(row)]),
    [f"{name}: {step}" for name in shown for step in STEPS],
    caption=f"From regions by {proposer} to classes. Black is Unknown, or in no region.",
    alt="Rows of five pictures: regions, predicted mask, vote, true vote and true mask",
    side=150,
    columns=5,
)

# %% [markdown]
# Follow a thin object, such as a river or a road. Is it a region of its own, and which
# class do the two votes give it?

# %% tags=["hide-input"]
pictured = paint(propose(rows[0], **setting))
score_of_first = vote_score(
    pictured, predicted[names[rows[0]]], tiles.masks[rows[0]].numpy()
)
Markdown(
    f"The network's vote on {shown[0]} alone has a mean IoU of {score_of_first:.3f}."
)

# %% [markdown]
# ## Summary
#
# - SAM encodes an image once; each prompt costs the two small parts only.
# - A point is ambiguous, so SAM predicts several masks, each with an expected IoU.
# - Without prompts it asks at a grid of points and drops duplicates by their boxes.
# - Regions have no classes. The true vote tells what their borders allow, and the
#   network's vote what can be handed in.
# - What no region covers counts as Unknown.
#
# **Read on**: {cite:t}`kirillov2023segment`, for the data engine behind the masks;
# {cite:t}`ravi2024sam2`, for the same in videos; {cite:t}`felzenszwalb2004efficient`, for
# how far one gets without learning.
#
# **Try next**: vote only in regions where nine tenths of the network's pixels have the
# same class, and leave the other regions unchanged.
