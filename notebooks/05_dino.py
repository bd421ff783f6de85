# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # DINO: a student learns from its own average
#
# **You will learn**
#
# - how a network learns to predict its output for large views from small ones;
# - what centring and sharpening do, by removing each of them;
# - to tell the two kinds of collapse apart by numbers;
# - to write the loss, the centre and the clipping, and to train with them.
#
# **You need** the previous chapter.
#
# **It takes** as long as your machine needs; the page of a built book says how long.
#
# The edition of 2025 designates DINO {cite}`caron2021emerging`; report R3 trained it
# for 500 epochs. There are two networks of the same architecture: a *student*, which is
# trained, and a *teacher*, whose weights are the moving average of the student's. Each
# maps a view of an image to a *score* for each of many *prototypes*: directions in the
# space of its output, which are learnt too and have no given meaning. A softmax makes
# probabilities of the scores. The student is trained to predict, from every view, the
# teacher's probabilities for the large views.

# %%
import math

import pandas as pd
import torch
from IPython.display import Markdown
from torch import nn
from torch.nn import functional

import dlcvlib
from dlcvlib import augment, recipes, views
from dlcvlib.data import decode
from dlcvlib.exercises.dino import exercises
from dlcvlib.ssl import dino, ema, monitors
from dlcvlib.ssl.dino_head import DINOHead
from dlcvlib.ssl.multi_crop import multi_crop

# %% tags=["parameters"]
profile = "quick"
seed = 0
data_root = None

# %% tags=["hide-input"]
chapter = dlcvlib.open_chapter(globals())
mini = decode(chapter.data.mini, "train")
Markdown(f"{chapter.in_words} It learns from {len(mini.names):,} images.")

# %% tags=["hide-input"]
Markdown(chapter.findings("05"))

# %% [markdown]
# ## What the recipes say

# %% tags=["hide-input"]
NAMES = ["r3_dino", "our_dino"]
SHOWN = [
    "network",
    "views",
    "head",
    "epochs",
    "batch",
    "optimizer",
    "schedule",
    "momentum",
]
as_reported = views.recipes_side_by_side(map(recipes.get, NAMES), SHOWN)
views.table_picture(
    as_reported,
    caption="The two recipes, for a GPU. Settings that R3 leaves open are the official "
    "defaults; ours are chosen for small sets.",
)

# %% [markdown]
# ## Large and small views
#
# Two *global* views are large crops; several *local* ones are small crops of fewer
# pixels, which cost less time.

# %% tags=["hide-input"]
exercises.ask(
    "teacher_views",
    result="The teacher sees the global views, the student all of them: it must predict "
    "the whole from a part.",
)

# %%
recipe = recipes.get("our_dino").for_profile(profile)
chosen = mini.images[:: len(mini.names) // 4][:4]


def as_seen(view, images):
    """Return a view without normalisation, as uint8 images."""
    plain = {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}
    seen = augment.prepare(images, view.size, view.augmentation, **plain)
    return (seen * 255).round().clamp(0, 255).byte()


# %%
torch.manual_seed(seed)
every = [view for view in recipe.views for _ in range(view.count)]
large = torch.cat([as_seen(view, chosen) for view in every[:2]])
views.image_grid(
    large,
    ["first global view"] * 4 + ["second global view"] * 4,
    caption=f"Global views of four images, {every[0].size} pixels wide.",
    alt="Two rows of large crops of the same four images",
    columns=4,
)

# %%
small = torch.cat([as_seen(view, chosen) for view in every[2:4]])
views.image_grid(
    small,
    ["a local view"] * 8,
    caption=f"Two of the {len(every) - 2} local views of the same images, "
    f"{every[-1].size} pixels wide, enlarged.",
    alt="Two rows of small crops of the same four images",
    columns=4,
)

# %%
views.diagram.dino(recipe)

# %% [markdown]
# ## Centring and sharpening
#
# The teacher's scores $s$ become probabilities,
#
# $$ P = \mathrm{softmax}\left(\frac{s - c}{\tau}\right), $$
#
# with a *centre* $c$, the moving mean of its scores, and a *temperature* $\tau$.
# Subtracting $c$ is *centring*; a small $\tau$ is *sharpening*, since it makes
# differences of scores larger. Each is meant to prevent another kind of *collapse*, an
# output that is the same for every image. In the library:

# %%
views.source(
    dino.DINOLoss.teacher_probs,
    shapes={"teacher": "(2 N, K): 2 views, N images, K prototypes"},
)

# %% [markdown]
# ### Exercise: mutual information
#
# Two numbers tell the kinds of collapse apart. The *entropy* of probabilities,
# $-\sum_k p_k \ln p_k$, is 0 if one prototype has all, and $\ln K$ if all $K$ have the
# same; $0 \ln 0$ counts as 0. The *mutual information* of image and prototype is what the
# prototype tells about the image: the entropy of the mean of all rows, less the mean of
# the entropies of the rows. If all rows are equal, it is 0.
#
# Write `mutual_information(probabilities)` for (N, K) float, a row for each image that
# sums to 1. Return one number, in nats (the natural logarithm).
#
# <details><summary>Hint 1</summary>
#
# The mean over images, axis 0, is one row (K,). Its entropy is one number. Then there are
# N entropies, one for each row.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `torch.special.entr(p)` is $-p \ln p$, entry by entry, and 0 for 0.
#
# </details>


# %% tags=["exercise", "hide-input"]
def mutual_information(probabilities):
    """Return the entropy of the mean row less the mean entropy of a row, in nats.

    probabilities: (N, K) float, each row sums to 1.
    """
    of_the_mean = torch.special.entr(probabilities.mean(0)).sum()
    of_each_row = torch.special.entr(probabilities).sum(1)  # (N,)
    return float(of_the_mean - of_each_row.mean())


# %%
mutual_information = exercises.check(mutual_information)

# %% [markdown]
# The example has random scores of 500 images for 8 prototypes; that of the first is
# raised for all images.

# %%
torch.manual_seed(seed)
scores = 0.1 * torch.randn(500, 8)  # (N, K)
scores[:, 0] += 0.4  # raised for all images
centre = scores.mean(0)  # (K,)
teachers = {
    "neither": (torch.zeros(8), 1.0),
    "sharpened only": (torch.zeros(8), 0.02),
    "centred only": (centre, 1.0),
    "both": (centre, 0.02),
}

# %%
rows = []
for name, (shift, temperature) in teachers.items():
    teacher_probs = ((scores - shift) / temperature).softmax(1)  # (N, K)
    rows.append(
        {
            "teacher": name,
            "mean probability of the first": teacher_probs.mean(0)[0].item(),
            "entropy of one image": monitors.entropy(teacher_probs),
            "mutual information": mutual_information(teacher_probs),
        }
    )
table = pd.DataFrame(rows)

# %% tags=["hide-input"]
by_teacher = table.set_index("teacher")
first, entropy, shared = (by_teacher[column] for column in by_teacher)
sharp, uniform = (
    first["sharpened only"] > 0.5,
    entropy["centred only"] > 0.9 * math.log(8),
)
kinds = {
    (True, True): "dominates",
    (True, False): "one",
    (False, True): "neither",
    (False, False): "uniform",
}
exercises.ask(
    "collapses",
    right=kinds[bool(sharp), bool(uniform)],
    result=f"The first prototype has {first['sharpened only']:.0%} of all probability if "
    "the teacher is sharpened only. If it is centred only, the entropy is "
    f"{entropy['centred only']:.2f} of at most ln 8 = {math.log(8):.2f}. The mutual "
    f"information is highest with **{shared.idxmax()}**, {shared.max():.2f} nats.",
)

# %% tags=["hide-input"]
views.table_picture(
    table,
    caption="Entropy and mutual information in nats. The entropy is at most "
    f"ln 8 = {math.log(8):.2f}, if all prototypes are equally probable. The mutual "
    "information of image and prototype is 0 if the probabilities do not depend on the "
    "image.",
)

# %% tags=["teacher"]
views.source(monitors.mutual_information)

# %% [markdown]
# ### Exercise: the centre
#
# After each batch the centre moves a step towards the mean score of the batch:
# $c \leftarrow m\,c + (1 - m)\,\bar s$, with $m = 0.9$ unless told otherwise.
#
# Write `new_center(center, teacher, momentum=0.9)` with the old centre (K,) and the
# teacher's scores (2 N, K) of the global views of N images. Return the new one, (K,),
# without a gradient.
#
# <details><summary>Hint 1</summary>
#
# Axis 0 holds views and images, axis 1 the prototypes. Which one is to disappear?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `teacher.detach()` has the same values and no gradient.
#
# </details>


# %% tags=["exercise", "hide-input"]
def new_center(center, teacher, momentum=0.9):
    """Return the centre (K,) after a batch of teacher scores (2 N, K)."""
    of_this_batch = teacher.detach().mean(dim=0)
    return momentum * center + (1 - momentum) * of_this_batch


# %%
new_center = exercises.check(new_center)

# %% tags=["teacher", "hide-input"]
exercises.lines("new_center")

# %% [markdown]
# ## The loss
#
# For each pair of a global view $t$ of the teacher and *another* view $s$ of the student,
# the loss is the cross-entropy of their probabilities,
#
# $$ -\sum_k P^\mathrm{teacher}_t(k)\, \ln P^\mathrm{student}_s(k), $$
#
# and the loss of a batch is the mean over images and pairs. The student is not centred,
# and its temperature, 0.1, is higher than the teacher's.

# %% tags=["hide-input"]
even = torch.zeros(2, 1, 8)  # equal scores: uniform probabilities
log_probs = functional.log_softmax(even, dim=-1)
of_even = -(log_probs.exp() * log_probs).sum(-1).mean().item()
exercises.ask(
    "uniform_loss",
    result=f"For 8 prototypes the loss is {of_even:.3f}, and ln 8 is {math.log(8):.3f}.",
)

# %% [markdown]
# ### Exercise: the loss
#
# Write `dino_loss(student, teacher, center, teacher_temp=0.04, student_temp=0.1)` with
#
# - `student`: (V, N, K) scores of V views of N images, the two global ones first;
# - `teacher`: (2, N, K) scores of the two global views;
# - `center`: (K,).
#
# Return the loss of the batch as a tensor without axes. A view is never compared with
# itself. No gradient may reach the teacher.
#
# <details><summary>Hint 1</summary>
#
# Two loops, over t in 0, 1 and s in 0 … V - 1, give the pairs. Which are left out?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `scores.softmax(-1)` gives probabilities, `scores.log_softmax(-1)` their logarithms
# without rounding small ones to 0.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# Collect the loss of each pair, a mean over N images, in a list. How long is it?
#
# </details>


# %% tags=["exercise", "hide-input"]
def dino_loss(student, teacher, center, teacher_temp=0.04, student_temp=0.1):
    """Return the mean cross-entropy over images and pairs of different views.

    student: (V, N, K) scores, global views first; teacher: (2, N, K); center: (K,).
    """
    targets = ((teacher.detach() - center) / teacher_temp).softmax(-1)  # (2, N, K)
    predictions = (student / student_temp).log_softmax(-1)  # (V, N, K)
    of_pairs = []
    for t, target in enumerate(targets):
        for s, prediction in enumerate(predictions):
            if s != t:
                of_pairs.append(-(target * prediction).sum(-1).mean())
    return torch.stack(of_pairs).mean()


# %%
dino_loss = exercises.check(dino_loss)

# %% tags=["teacher", "hide-input"]
exercises.lines("dino_loss")

# %% [markdown]
# The library's loss computes all pairs with one subtraction, and moves the centre:

# %% tags=["teacher"]
views.source(dino.DINOLoss, only=["forward", "_update_center"])

# %% [markdown]
# ### Exercise: clipping
#
# A step in the direction of a very long gradient would destroy what was learnt. DINO
# *clips* the gradient of each parameter separately: a gradient whose norm (the root of
# the sum of its squares) is above a limit is scaled down to that limit.
#
# Write `clip_each(parameters, max_norm)` for a list of parameters. Change their `grad`
# and nothing else; return nothing. A parameter that took no part in the loss has
# `grad = None`.
#
# <details><summary>Hint 1</summary>
#
# A tensor has the method `norm()`. Scaling by a factor keeps the direction.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `parameter.grad.mul_(factor)` scales in place. Which factor is never to be exceeded?
#
# </details>


# %% tags=["exercise", "hide-input"]
def clip_each(parameters, max_norm):
    """Scale the gradient of each parameter to a norm of at most `max_norm`, in place."""
    for parameter in parameters:
        if parameter.grad is None:
            continue
        if (length := parameter.grad.norm()) > max_norm:
            parameter.grad.mul_(max_norm / length)


# %%
clip_each = exercises.check(clip_each)

# %% tags=["teacher"]
views.source(dino.clip_each)

# %% [markdown]
# ## A training in twenty lines
#
# A tiny backbone with the library's head, which ends in the prototypes, and a few dozen
# steps. `multi_crop` passes views of one size through the network together.


# %%
class TinyNetwork(nn.Module):
    """Views of any size, each (N, 3, H, W), to scores (V * N, 64) of 64 prototypes."""

    def __init__(self):
        super().__init__()
        convolutions = [nn.Conv2d(3, 16, 3, stride=2), nn.ReLU()]
        convolutions += [nn.Conv2d(16, 32, 3, stride=2), nn.BatchNorm2d(32), nn.ReLU()]
        pooled = [nn.AdaptiveAvgPool2d(1), nn.Flatten()]  # features (N, 32)
        self.backbone = nn.Sequential(*convolutions, *pooled)
        self.head = DINOHead(32, 64, hidden=64, bottleneck=16, batch_norm=True)

    def forward(self, crops):
        return self.head(multi_crop(self.backbone, crops))


def crops_of(images):
    """Return the recipe's views, global ones first, of uint8 images (N, 3, H, W)."""
    return [augment.prepare(images, view.size, view.augmentation) for view in every]


# %%
torch.manual_seed(seed)
student, center, losses = TinyNetwork(), torch.zeros(64), []
teacher = ema.frozen_copy(student)
optimizer = torch.optim.Adam(student.parameters(), lr=1e-3)
for _ in range(30):
    chosen_rows = torch.randperm(len(mini.images))[:32]
    crops = crops_of(mini.images[chosen_rows])  # V views, each (32, 3, H, W)
    with torch.no_grad():
        of_teacher = teacher(crops[:2])  # (2 * 32, 64)
    of_student = student(crops)  # (V * 32, 64)
    loss = dino_loss(
        of_student.unflatten(0, (-1, 32)), of_teacher.unflatten(0, (2, 32)), center
    )
    center = new_center(center, of_teacher)
    optimizer.zero_grad()
    loss.backward()
    clip_each(list(student.parameters()), 3.0)
    optimizer.step()
    ema.update_ema(teacher, student, 0.95)
    losses.append(loss.item())

# %% tags=["hide-input"]
told = ((of_teacher - center) / 0.04).softmax(1)
Markdown(
    f"In {len(losses)} steps the loss went from {losses[0]:.3f} to {losses[-1]:.3f}; "
    f"ln 64 is {math.log(64):.3f}. The mutual information of the last batch's images and "
    f"prototypes is {mutual_information(told):.3f} nats."
)

# %% [markdown]
# ## Training
#
# `chapter.train` does the same; it also resumes after an interruption, records what it
# did, and scales from a laptop to several GPUs. Only the monitors use labels, as with
# BYOL. DINO is evaluated by its teacher, which was better than the student throughout
# training in {cite}`caron2021emerging`.

# %%
ours, report = chapter.train("our_dino"), chapter.train("r3_dino")
as_run = views.runs_side_by_side(
    [report, ours], [*SHOWN, "starts from", "images", "machine"]
)
views.table_picture(
    as_run, caption=f"The two as the profile {profile} ran them, by their records."
)

# %%
views.monitors([ours, report])

# %% [markdown]
# ## Breaking it
#
# Now the same training without the centre, and with a teacher temperature as high as
# the student's.

# %%
uncentred = chapter.train("dino_without_centre")
soft = chapter.train("dino_without_sharpening")
views.monitors([ours, uncentred, soft], ["DINO", "no centring", "no sharpening"])


# %%
def in_words(name, run, row):
    """Return the figures of a run at one epoch, and its verdict, as an item of a list."""
    return (
        f"- **{name}**: entropy {row['teacher_entropy']:.2f}, mutual information "
        f"{row['teacher_information']:.3f} nats, kNN {row['knn']:.1%}, loss "
        f"{row['train_loss']:.3f}. {views.collapse_in_words(run)}"
    )


# %% tags=["hide-input"]
named = {"DINO": ours, "without centring": uncentred, "without sharpening": soft}
rows = views.at_equal_epochs(list(named.values()))
items = [in_words(*each, row) for each, row in zip(named.items(), rows, strict=True)]
epoch = rows[0]["epoch"]
Markdown("\n".join([f"After epoch {epoch:.0f}, the last that all have:", "", *items]))

# %% tags=["hide-input"]
prototypes = soft.info["recipe"]["method_options"]["out_dim"]
Markdown(
    "Where student and teacher both have uniform probabilities, the loss is "
    rf"$\ln K$ for $K$ prototypes: here {math.log(prototypes):.3f}. "
    f"Without sharpening it is {rows[-1]['train_loss']:.3f} after epoch {epoch:.0f}."
)

# %% [markdown]
# ## Neighbours of an image

# %%
views.neighbours(ours, mini.images, queries=4)

# %% tags=["hide-input"]
before, after = ours.info["before"], ours.info["last"]
Markdown(
    f"Over all held-out images, kNN accuracy went from {before['knn']:.1%} before "
    f"training to {after['knn']:.1%}, the linear probe from {before['probe']:.1%} to "
    f"{after['probe']:.1%}; chance is {1 / ours.info['data']['classes']:.1%}."
)

# %% [markdown]
# **Try next**: halve the number of prototypes.
#
# ```python
# recipe = recipes.get("our_dino").for_profile(profile)
# fewer = recipes.changed(
#     recipe,
#     name="dino_half",
#     profile=profile,
#     method_options={"out_dim": recipe.method_options["out_dim"] // 2},
# )
# chapter.train(fewer)
# ```
#
# ## Summary
#
# - The student predicts, from every view, the teacher's probabilities of prototypes for
#   each other global view; the teacher is the student's moving average.
# - Sharpening, a low temperature of the teacher, works against uniform probabilities.
# - Centring, subtracting the mean score, works against one prototype that has all.
# - A collapse shows in the mutual information of image and prototype, which is 0 in both
#   kinds; the entropy tells which it is.
# - Gradients reach the student alone, and each parameter's gradient is clipped by itself.
#
# To read on: {cite}`caron2021emerging` for the method, {cite}`caron2020unsupervised` for
# views of several sizes and prototypes, and {cite}`oquab2024dinov2` for what it takes to
# train on many more images.
#
# The next chapter fine-tunes such a backbone on images of another set.
