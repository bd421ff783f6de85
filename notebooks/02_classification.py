# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Classification: from scratch, and from a pre-trained network
#
# **You will learn**
#
# - to read a training recipe: network, optimizer, schedule, augmentation, loss;
# - to write what the trainings are made of: crops, a smoothed loss, cutmix, a plain loop;
# - what pre-training changes in the accuracy, measured on the same images;
# - to read learning curves and a confusion matrix, and to look at the mistakes.
#
# **You need** the idea of a convolution and of gradient descent, and the first
# chapter's data.
#
# **It takes** as long as your machine needs; the page of a built book says how long.
# Results are stored in run records, so the second time nothing is trained.
#
# Problem 1 of the course asks for two systems: *model A*, trained from scratch, that is
# from random weights, and *model B*, which may be pre-trained. Three of the student
# reports solved it, each with its own pair. All six are here, and a seventh of our own.

# %%
import time

import torch
from IPython.display import Markdown
from torch.nn import functional
from torchvision.transforms import v2

import dlcvlib
from dlcvlib import augment, metrics, models, recipes, views
from dlcvlib.course import REPORTED
from dlcvlib.data import decode
from dlcvlib.exercises.classification import exercises

# %% tags=["parameters"]
profile = "quick"
seed = 0
data_root = None

# %%
chapter = dlcvlib.open_chapter(globals())
course = chapter.data
images = decode(course.classification, "val")
Markdown(chapter.in_words)

# %% tags=["hide-input"]
Markdown(chapter.findings("02"))

# %% [markdown]
# ## The systems
#
# A *recipe* holds the settings of a training: all that decides its result except the
# seed, the data and the machine. These are the recipes of the reports.

# %%
MODEL_A = ["r1_small_cnn", "r2_densenet121", "r4_vgg13_bn", "our_scratch"]
MODEL_B = ["r1_resnet50", "r2_convnext", "r4_beit"]
as_reported = views.recipes_overview(map(recipes.get, MODEL_A + MODEL_B))
NETWORK = [
    "recipe",
    "report",
    "network",
    "starts from",
    "pixels",
    "epochs",
    "batch",
]
views.table_picture(
    as_reported[NETWORK],
    caption="As the reports have it: what is trained, how long, at which size.",
)

# %%
TRAINING = ["recipe", "optimizer", "schedule", "augmentation", "loss"]
views.table_picture(
    as_reported[TRAINING],
    caption="As the reports have it: how it is trained. We chose what is left open.",
)

# %% [markdown]
# These trainings are made for a GPU. The profiles `smoke` and `quick` take a *reduced
# network* of every large family: fewer layers of the same kinds, on images of 32 pixels.
# Where few steps ask for it, they also change the batch, the optimizer or the
# augmentation. What this page ran stands below, after the training.
#
# ## What a network sees
#
# Augmentation shows the network another version of each image at every epoch, so that
# the pixels of one version are not enough to tell the image. Each image of a batch gets
# its own random parameters. torchvision's transforms, applied to a batch, draw one set of
# parameters for the whole batch, so all its images are changed alike.

# %%
chosen = images.images[:: len(images.names) // 12][:12]
views.image_grid(
    chosen,
    caption="Twelve validation images as they lie on disk.",
    alt="Twelve small images of different objects",
)

# %% [markdown]
# ### Exercise: a window of each image
#
# The plainest augmentation crops a window at a random position. Write
# `random_crops(images, size, generator=None)`.
#
# - `images`: tensor (N, C, H, W), any dtype. `size`: side of the window in pixels.
# - `generator`: the `torch.Generator` of all random numbers; with `None` they are torch's
#   global ones.
# - Return (N, C, size, size), dtype of `images`: window $n$ is cut from image $n$, at a
#   position of its own. Every position at which a window fits is equally likely.

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# `torch.randint(high, (N,), generator=generator)` draws N integers from 0 to `high - 1`.
#
# </details>

# %% [markdown]
# <details><summary>Hint 2</summary>
#
# In a row of 5 pixels a window of 3 can begin at 0, 1 or 2. Which `high` is that?
#
# </details>

# %% [markdown]
# <details><summary>Hint 3</summary>
#
# A loop over the images is fine: cut each with a slice, then `torch.stack` them.
#
# </details>


# %% tags=["exercise", "hide-input"]
def random_crops(images, size, generator=None):
    """Window of `size` x `size` pixels of each image, at a random position of its own."""
    height, width = images.shape[-2:]
    down = torch.randint(height - size + 1, (len(images),), generator=generator)
    across = torch.randint(width - size + 1, (len(images),), generator=generator)
    corners = zip(down.tolist(), across.tolist(), strict=True)
    return torch.stack(
        [
            image[:, y : y + size, x : x + size]
            for image, (y, x) in zip(images, corners, strict=True)
        ]
    )


# %%
random_crops = exercises.check(random_crops)

# %% tags=["teacher", "hide-input"]
exercises.lines("random_crops")

# %%
side = chosen.shape[-1] * 3 // 4
views.image_grid(
    random_crops(chosen, side, torch.Generator().manual_seed(seed)),
    caption=f"A window of {side} by {side} pixels of each image.",
    alt="Parts of the twelve images, each from another position",
)

# %% [markdown]
# The *size* of the window can be random, too, if it is then resized to one side
# {cite}`szegedy2015going`. The library draws a box for each image so: area and aspect
# ratio first, ten tries, then a position at which the box fits.

# %%
views.source(augment.draw_boxes)

# %% [markdown]
#


# %%
def as_seen(recipe_name):
    """Augmented images before normalisation, as uint8."""
    recipe = recipes.get(recipe_name)
    plain = {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}
    seen = augment.prepare(chosen, 64, recipe.augmentation, **plain)
    return (seen * 255).round().clamp(0, 255).byte()


# %%
torch.manual_seed(seed)
views.image_grid(
    as_seen("r1_small_cnn"),
    caption="R1: one image in five is flipped, one in five rotated by up to 15 degrees.",
    alt="The same images; one that is rotated has black corners",
)

# %%
views.image_grid(
    as_seen("r2_densenet121"),
    caption="R2: AutoAugment's operations on colour and shape, then random erasing.",
    alt="The same images with changed colours and shapes, or with a rectangle erased",
)

# %% [markdown]
# R4's model B also mixes *pairs* of images. Mixup {cite}`zhang2018mixup` averages two
# images and their labels with a random weight. Cutmix {cite}`yun2019cutmix` pastes a
# rectangle of one image into the other and weights the labels by area. Both need labels
# that are shares: one row of numbers per image, which sum to 1.
#
# ### Exercise: cutmix
#
# Write `cutmix(images, targets, weight, centre, generator=None)`.
#
# - `images`: (N, C, H, W); `targets`: float (N, K), one-hot for plain images.
# - `weight`: share of an image that stays, if the box is not cut off. The box is
#   $\sqrt{1 - \text{weight}}$ times as high and as wide as the image. From its centre it
#   reaches half its height up and down, and half its width to both sides; each half is
#   rounded down to whole pixels.
# - `centre`: row and column of its centre, for the whole batch; what lies outside the
#   image is cut off.
# - Return new images, each with the box of a random other image of the batch, and new
#   targets (N, K): the share of the pixels of each class.

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# `order = torch.randperm(N, generator=generator)` says for each image which one is pasted
# into it. An image may get a part of itself.
#
# </details>

# %% [markdown]
# <details><summary>Hint 2</summary>
#
# Rows `top` to `bottom` and columns `left` to `right` are pasted. Cut them off at 0 and
# at the image's height and width, and only then count their pixels.
#
# </details>


# %% tags=["exercise", "hide-input"]
def cutmix(images, targets, weight, centre, generator=None):
    """Images with a box of another one each, and the share of every class."""
    sides = images.shape[-2:]
    halves = [int(side * (1 - weight) ** 0.5 / 2) for side in sides]
    rows, columns = (
        slice(max(middle - half, 0), min(middle + half, side))
        for middle, half, side in zip(centre, halves, sides, strict=True)
    )
    order = torch.randperm(len(images), generator=generator)
    pixels = images.clone()
    pixels[:, :, rows, columns] = images[order][:, :, rows, columns]
    share = images[0, 0, rows, columns].numel() / images[0, 0].numel()
    return pixels, targets + share * (targets[order] - targets)


# %%
cutmix = exercises.check(cutmix)

# %% [markdown]
# With the report's $\alpha = 0.1$ most mixtures are almost one of the two images. Here
# mixup has $\alpha = 1$, and the box of cutmix takes two fifths, so that the mixing is
# visible.

# %%
pixels = chosen.float() / 255
labels = torch.arange(len(pixels))
middle = (pixels.shape[-2] // 2, pixels.shape[-1] // 2)
double, _ = v2.MixUp(num_classes=12)(pixels, labels)
pasted, shares = cutmix(pixels, functional.one_hot(labels, 12).float(), 0.6, middle)

# %% tags=["hide-input"]
views.image_grid(
    (torch.cat([double[:6], pasted[:6]]) * 255).byte(),
    ["mixup"] * 6 + ["cutmix"] * 6,
    caption="Mixup lays two images over each other, cutmix pastes one into the other.",
    alt="Six transparent double images, then six images with a pasted rectangle",
)

# %% tags=["teacher"]
views.source(augment.cutmix)

# %% [markdown]
# ## The networks, drawn
#
# From stage to stage a convolutional classifier halves height and width, and usually
# doubles the channels. The last layer is linear and maps the features to the classes.

# %%
views.diagram.classifier(recipes.get("r1_resnet50").for_profile(profile))

# %%
views.network(recipes.get("r4_vgg13_bn").for_profile(profile))

# %%
views.network(recipes.get("r2_densenet121").for_profile(profile))

# %%
views.network(recipes.get("r1_resnet50").for_profile(profile))

# %%
views.network(recipes.get("r4_beit").for_profile(profile))

# %% [markdown]
# The same as a table, layer by layer, for R4's model A. Where are the parameters, and
# where the multiplications? A convolution uses each of its weights once for every
# position of its map.

# %%
recipe = recipes.get("r4_vgg13_bn").for_profile(profile)
network = models.build(recipe.model, 50, form=recipe.form)
layers = models.layer_table(network, recipe.image_size)

# %% tags=["hide-input"]
late = layers.iloc[len(layers) // 2 :][["parameters", "multiply_adds"]].sum() / (
    layers[["parameters", "multiply_adds"]].sum()
)
more = (late > 0.5).tolist()
exercises.ask(
    "where_the_cost_is",
    right={(True, False): "late_early", (False, True): "early_late"}.get(
        tuple(more), "same"
    ),
    result=f"The later half of the layers has {late['parameters']:.0%} of the parameters "
    f"and {late['multiply_adds']:.0%} of the multiplications.",
)

# %% tags=["hide-input"]
views.table_picture(layers, caption="R4's model A, layer by layer, as this page runs it.")

# %% tags=["hide-input"]
Markdown(views.layers_in_words(layers))

# %% [markdown]
# ## Label smoothing
#
# A network is trained to minimise the cross-entropy of its output and a target. With a
# one-hot target there are logits that lower it further, without end. *Label smoothing*
# {cite}`szegedy2016rethinking` takes a small share $\varepsilon$ of the target away and
# gives it to all K classes alike:
#
# $$ t_k = (1 - \varepsilon)\,[k = y] + \frac{\varepsilon}{K}, \qquad
#    L = -\sum_k t_k \log p_k. $$
#
# ### Exercise: smoothed cross-entropy
#
# Write `smoothed_cross_entropy(logits, labels, epsilon)`.
#
# - `logits`: float (N, K), before the softmax. `labels`: int64 (N,). `epsilon`: float.
# - Return the mean of $L$ over the N images, a tensor without axes. Logits of some
#   hundreds must not give infinity.
# - `functional.cross_entropy(…, label_smoothing=…)` is what you write here yourself.

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# `logits.log_softmax(dim)` computes $\log p_k$ without computing $p_k$ first.
#
# </details>

# %% [markdown]
# <details><summary>Hint 2</summary>
#
# `functional.one_hot(labels, K)` is $[k = y]$. The numbers $t_k$ of an image sum to 1.
#
# </details>


# %% tags=["exercise", "hide-input"]
def smoothed_cross_entropy(logits, labels, epsilon):
    """Mean cross-entropy with targets that give `epsilon` to all classes alike."""
    log_probabilities = logits.log_softmax(dim=1)
    of_true_class = log_probabilities[range(len(labels)), labels]
    of_all_classes = log_probabilities.mean(dim=1)
    return -((1 - epsilon) * of_true_class + epsilon * of_all_classes).mean()


# %%
smoothed_cross_entropy = exercises.check(smoothed_cross_entropy)

# %% tags=["teacher", "hide-input"]
exercises.lines("smoothed_cross_entropy")

# %% [markdown]
# ## A training, once by hand
#
# This is a whole training: shuffle, crop, compute the loss and its gradient, step. It
# uses your crops and your loss.

# %%
train = decode(course.classification, "train")
rows = torch.randperm(len(train.labels), generator=torch.Generator().manual_seed(seed))
few, few_labels = train.images[rows[:640]], train.labels[rows[:640]]


# %%
def train_by_hand(network, epochs, side, learning_rate=0.05):
    """Train on the few images; yield the mean loss of each epoch."""
    optimizer = torch.optim.SGD(network.parameters(), learning_rate, momentum=0.9)
    network.train()
    for _ in range(epochs):
        losses = []
        for batch in torch.randperm(len(few)).split(32):
            images = random_crops(few[batch] / 255, side)  # (32, 3, side, side)
            logits = network(images - 0.5)  # (32, K)
            loss = smoothed_cross_entropy(logits, few_labels[batch], 0.1)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        yield sum(losses) / len(losses)


# %%
torch.manual_seed(seed)
network = models.build("small_cnn", len(train.class_names), form="reduced")
began = time.perf_counter()
losses = list(train_by_hand(network, 2, few.shape[-1] * 7 // 8))
seconds = time.perf_counter() - began

# %% tags=["hide-input"]
Markdown(
    f"Two epochs of {len(few)} images took {seconds:.0f} s. The mean loss of each: "
    f"{', '.join(f'{loss:.2f}' for loss in losses)}."
)

# %% [markdown]
# ## Training
#
# `dlcvlib.train` does the same, and it resumes, records and scales: to a GPU, to several,
# and to the schedule and the augmentation of each recipe. It loads or trains: it
# returns a finished record at once, resumes an interrupted training, and trains only what
# is missing. Interrupting the kernel is safe;
# run the cell again to resume.

# %%
scratch = [
    dlcvlib.train(name, profile=profile, seed=seed, data=course) for name in MODEL_A
]

# %% [markdown]
# `chapter.train(name)` is the same call, with the profile, the seed and the data of
# the chapter.

# %%
pretrained = [chapter.train(name) for name in MODEL_B]

# %% [markdown]
# What ran, as the run records state it:

# %% tags=["hide-input"]
as_run = views.runs_overview(scratch + pretrained)
changed = ["recipe", "network", "pixels", "epochs", "batch", "optimizer"]
views.table_picture(
    as_run[changed],
    caption=f"What the profile {profile} ran on this page, by its run records.",
)

# %% [markdown]
# On which data is model B pre-trained? The reports took ImageNet weights. Where these
# are missing or do not fit the reduced network, the backbone is pre-trained here with the
# labels of Mini-ImageNet. The table says which weights each system did start from.

# %% tags=["hide-input"]
views.table_picture(
    as_run[["recipe", "starts from", "images", "machine"]],
    caption="What each system of this page started from, the images and the machine.",
)

# %% [markdown]
# ## Accuracy

# %% tags=["hide-input"]
small_cnn, densenet = scratch[:2]
apart = metrics.difference_of_shares(
    densenet.info["best"]["val_accuracy"],
    len(images.names),
    small_cnn.info["best"]["val_accuracy"],
    len(images.names),
)
ahead = "densenet" if apart.value > 0 else "small_cnn"
exercises.ask(
    "densenet_or_cnn",
    right=ahead if apart.clear else "unclear",
    result=f"DenseNet121 minus small CNN: {100 * apart.value:+.1f} points, with an "
    f"interval of 95 % of ± {100 * apart.half_width:.1f}.",
)

# %%
views.accuracy_table(scratch + pretrained)


# %% tags=["hide-input"]
def best_of(runs):
    """The best run, its title and accuracy, and the highest reported accuracy."""
    best = max(runs, key=lambda run: run.info["best"]["val_accuracy"])
    title, accuracy = best.info["recipe"]["title"], best.info["best"]["val_accuracy"]
    reported = max(REPORTED.get(run.info["recipe"]["name"], 0) for run in runs)
    return best, f"**{title}** with {accuracy:.1%}", reported


# %% [markdown]
# A difference stands with its interval of 95 %. It is called *clear* if that excludes 0.

# %% tags=["hide-input"]
best_a, told_a, reported_a = best_of(scratch)
best_b, told_b, reported_b = best_of(pretrained)
gain = views.difference_in_words(best_b, best_a, "val_accuracy")
Markdown(
    f"Best from scratch: {told_a}. Best pre-trained: {told_b}, a difference of {gain}. "
    f"In the reports it was {100 * (reported_b - reported_a):+.1f} points."
)

# %% [markdown]
# Has every network learnt something? Guessing reaches an accuracy of one divided by the
# number of classes. A network has learnt something measurable if the 95 % interval of
# its distance from that excludes 0.

# %% tags=["hide-input"]
number, chance = len(images.names), 1 / len(images.class_names)
error = metrics.share_error(chance, number)
distances = {
    run.info["recipe"]["title"]: metrics.Difference(
        run.info["best"]["val_accuracy"] - chance, error
    )
    for run in scratch + pretrained
}
guessing = [name for name, each in distances.items() if each.interval[0] <= 0]
Markdown(f"No better than guessing so far: **{', '.join(guessing) or 'none'}**.")

# %% [markdown]
# If a network is listed, does its training loss still fall at the end of the curves
# below? Then it had too few steps on this page.
#
# **Notice** that a difference smaller than about three of the table's standard errors may
# be chance: two networks have two errors, and with another validation set of the same
# size the sign could change. And the result of a
# reduced network says nothing about the full network of the report.
#
# ## Curves
#
# A training accuracy above the validation accuracy shows overfitting. The training
# accuracy is measured on augmented images, during the epoch.

# %% tags=["hide-input"]
exercises.ask("training_below_validation")

# %%
views.curves(scratch)

# %%
views.curves(pretrained)

# %% [markdown]
# ## Mistakes
#
# A confusion matrix counts every pair of true and predicted class. Look for pairs off
# the diagonal that are large in *both* directions: the network confuses these classes.
# Large in one direction only means that it prefers one of them.
#
# ### Exercise: confusion matrix
#
# Write `confusion_matrix(predicted, labels, num_classes)`.
#
# - `predicted`, `labels`: int64 (N,), class ids.
# - Return int64 (num_classes, num_classes): the entry in row $t$ and column $p$ is the
#   number of images of class $t$ that are predicted as class $p$.

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Begin with `torch.zeros(num_classes, num_classes, dtype=torch.long)` and go through the
# images one by one.
#
# </details>

# %% [markdown]
# <details><summary>Hint 2</summary>
#
# Without a loop: give each pair a number, $t \cdot K + p$, and count the numbers with
# `torch.bincount(…, minlength=…)`.
#
# </details>


# %% tags=["exercise", "hide-input"]
def confusion_matrix(predicted, labels, num_classes):
    """Number of images of each true class (row) and predicted class (column)."""
    counts = torch.zeros(num_classes, num_classes, dtype=torch.long)
    ones = torch.ones(len(labels), dtype=torch.long)
    return counts.index_put((labels, predicted), ones, accumulate=True)


# %%
confusion_matrix = exercises.check(confusion_matrix)

# %%
strongest = max(scratch + pretrained, key=lambda run: run.info["last"]["val_accuracy"])
views.confusion(strongest, class_names=images.class_names)

# %%
snapshot = strongest.snapshot(strongest.info["last"]["epoch"])
predicted, truth = (torch.as_tensor(snapshot[key]) for key in ("predicted", "labels"))
matrix = confusion_matrix(predicted.long(), truth.long(), len(images.class_names))
both_ways = torch.minimum(matrix, matrix.T).fill_diagonal_(0)
one, other = divmod(both_ways.argmax().item(), len(matrix))

# %% tags=["hide-input"]
Markdown(
    f"Confused in both directions most often: **{images.class_names[one]}** and "
    f"**{images.class_names[other]}**, {both_ways.max()} times at least."
    if both_ways.any()
    else "No two classes are confused in both directions."
)

# %% [markdown]
# These are the wrong predictions with the highest confidence. Which of the images would
# you confuse too, and is one of them labelled wrongly?

# %%
views.most_confused(strongest, images.images, class_names=images.class_names)

# %% [markdown]
# **Try next**: change a recipe. `recipes.changed` applies your changes after the
# profile's and merges nested settings. Does VGG13 learn faster or slower with a tenth
# of its learning rate?
#
# ```python
# rate = recipes.get("r4_vgg13_bn").for_profile(profile).optimizer.learning_rate
# slower = recipes.changed(
#     "r4_vgg13_bn",
#     name="vgg13_slower",
#     profile=profile,
#     optimizer={"learning_rate": rate / 10},
# )
# chapter.train(slower)
# ```
#
# `dlcv train r4_vgg13_bn --set optimizer.learning_rate=1e-4` does the same in a
# terminal. The next chapter looks at the features of model A's second-last layer.
#
# ## Summary
#
# - Augmentation draws its parameters for each image, not for each batch.
# - Label smoothing and cutmix change the *target*: it becomes a share of each class.
# - A training is a loop of twenty lines; the rest resumes, records and scales.
# - A difference of two accuracies counts only with its interval.
# - A confusion matrix tells a preference (one direction) from a confusion (both).
#
# **To read on**: label smoothing and the network it was made for
# {cite}`szegedy2016rethinking`; cutmix, with an ablation of box and label
# {cite}`yun2019cutmix`; a convolutional network rebuilt with a transformer's recipe, step
# by step {cite}`liu2022convnet`.
