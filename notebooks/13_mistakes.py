# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Mistakes that change the number
#
# **You will learn**
#
# - eight mistakes that are easily made in this homework;
# - what each of them does to the reported number;
# - how to notice each one.
#
# **You need** the chapters on classification, self-supervised learning and U-Net. No new
# network is trained.
#
# A mistake in an evaluation raises no error. It may change the number, and then the
# conclusion. Here each mistake is made on purpose, with networks of earlier chapters.
# **Predict** before each figure: does the mistake make the number larger or smaller?

# %%
import copy

import pandas as pd
import torch
from IPython.display import Markdown
from torchvision.transforms import v2

import dlcvlib
from dlcvlib import augment, embedding, metrics, views
from dlcvlib.course import REPORTED
from dlcvlib.data import decode
from dlcvlib.handin.network import network_of
from dlcvlib.metrics import course_iou

# %% tags=["parameters"]
profile = "quick"
seed = 0
data_root = None

# %%
chapter = dlcvlib.open_chapter(globals())
classifier, segmenter = chapter.train("r1_small_cnn"), chapter.train("our_unet")

# %% tags=["hide-input"]
Markdown(chapter.in_words)

# %% [markdown]
# ## BatchNorm left in training mode
#
# Without `model.eval()`, batch normalisation uses the mean and variance of the current
# batch, and its running statistics change with every batch. The prediction for an
# image then depends on the other images beside it. Here the images are sorted by class,
# as the course's files are, whose names begin with it. So a batch holds one class or a
# few.

# %%
network = network_of(classifier, device="cpu")
val = decode(chapter.data.classification, "val", network.decoded_size)
size, labels = network.recipe.image_size, val.labels


@torch.no_grad()
def accuracy(order, training):
    """Accuracy over batches of 25 images in the given order."""
    model = copy.deepcopy(network.model).train(training)
    batches = [val.images[rows] for rows in order.split(25)]
    logits = [model(augment.prepare(batch, size, {})) for batch in batches]
    return (torch.cat(logits).argmax(1) == labels[order]).float().mean().item()


# %%
by_class = labels.argsort(stable=True)
right = accuracy(by_class, training=False)
values = {"BatchNorm in training mode": (right, accuracy(by_class, training=True))}

# %% tags=["hide-input"]
views.right_and_wrong(
    values, caption="Accuracy of the small CNN on images sorted by class."
)

# %% [markdown]
# **How to notice**: shuffle the validation images. In evaluation mode the accuracy
# cannot change.

# %% tags=["hide-input"]
torch.manual_seed(seed)
shuffled = torch.randperm(len(labels))
Markdown(
    f"After shuffling: {accuracy(shuffled, training=False):.3f} in evaluation mode (it "
    f"was {right:.3f}), {accuracy(shuffled, training=True):.3f} in training mode (it was "
    f"{values['BatchNorm in training mode'][1]:.3f})."
)

# %% [markdown]
# ## IoU averaged over batches
#
# The course pools the pixels of all images and then divides. The mean of the IoU of
# each batch is another number: a batch with few pixels of a class counts as much as one
# with many, and a class that is absent from a batch has no IoU there.

# %%
tiles = decode(chapter.data.satellite, "val")
names = [name.partition("_")[0] for name in tiles.names]
masks = segmenter.best_masks()
predicted = torch.stack([torch.as_tensor(masks[name]) for name in names])
pooled = course_iou(predicted, tiles.masks)
pairs = zip(predicted.split(4), tiles.masks.split(4), strict=True)
of_batches = [course_iou(*pair).mean_of_present for pair in pairs]

# %% [markdown]
# ## Unknown ignored, or counted
#
# *Unknown* has no IoU of its own in the course's score, but a land class predicted on
# its pixels is wrong. Libraries often ignore these pixels, or count Unknown as a
# seventh class.

# %%
confusion = pooled.confusion.double()
union = confusion.sum(0) + confusion.sum(1) - confusion.diag()
seven = (confusion.diag() / union).nanmean().item()
values = {
    "IoU averaged over batches": sum(of_batches) / len(of_batches),
    "Unknown ignored": pooled.without_unknown.mean_of_present,
    "Unknown as a seventh class": seven,
}

# %% tags=["hide-input"]
views.right_and_wrong(
    {name: (pooled.mean_of_present, wrong) for name, wrong in values.items()},
    caption="Mean IoU of our U-Net, by the course's definition and by three others.",
)

# %% [markdown]
# **How to notice**: change the batch size. A pooled score cannot change. Or evaluate a
# mask against itself after all *Unknown* pixels were replaced by *Urban*: a score that
# ignores Unknown stays at 1.
#
# ## One random crop for a whole batch
#
# torchvision's transforms draw their parameters once for each call. Given a batch, all
# its images get the same crop. This library draws for each image.

# %%
image = decode(chapter.data.classification, "train").images[:1]
batch = image.repeat(6, 1, 1, 1)
torch.manual_seed(seed)
once = v2.RandomResizedCrop(64, antialias=True)(batch)
each = augment.random_resized_crop(batch / 255, 64)
shown = torch.cat([once, (each * 255).round().clamp(0, 255).byte()])

# %% tags=["hide-input"]
rows = ["torchvision, on a batch"] * 6 + ["drawn for each image"] * 6
views.image_grid(
    shown,
    rows,
    caption="The same image six times in one batch, after a random resized crop.",
    alt="Two rows of six crops: equal ones above, different ones below",
    columns=6,
)

# %% [markdown]
# **How to notice**: put one image into a batch several times and count the results
# that differ.

# %% tags=["hide-input"]
distinct = [len({crop.numpy().tobytes() for crop in part}) for part in shown.split(6)]
Markdown(
    f"Different crops: {distinct[0]} of 6 from torchvision on a batch, {distinct[1]} of "
    "6 with parameters drawn for each image."
)

# %% [markdown]
# ## No stop-gradient
#
# SimSiam compares its prediction with the projection of the other view, through which no
# gradient may flow. Where `detach()` is forgotten, both sides move towards each other.
# The loss does not tell that this is wrong.

# %%
simsiam = chapter.train("our_simsiam"), chapter.train("simsiam_without_stop_gradient")
ends = [run.history.dropna(subset=["output_spread"]).iloc[-1] for run in simsiam]

# %% tags=["hide-input"]
views.table_picture(
    pd.DataFrame(
        {
            "SimSiam": ("with stop-gradient", "without"),
            "loss": [end["train_loss"] for end in ends],
            "std of the projections, times √d": [end["output_spread"] for end in ends],
            "kNN accuracy": [end["knn"] for end in ends],
        }
    ),
    caption="The last measured epoch of both. " + views.collapse_in_words(simsiam[1]),
)

# %% [markdown]
# **How to notice**: -1 is the lowest loss there is, and equal outputs for all images
# reach it. So watch the standard deviation of the normalised projections: 0 is a
# collapse.
#
# ## No centring
#
# DINO's teacher is sharpened, which alone may let one prototype win for every image.
# Subtracting the center, the mean of the teacher's outputs, works against that.

# %%
dino = chapter.train("our_dino"), chapter.train("dino_without_centre")
ends = [run.history.dropna(subset=["teacher_entropy"]).iloc[-1] for run in dino]

# %% tags=["hide-input"]
views.table_picture(
    pd.DataFrame(
        {
            "DINO": ("with centring", "without"),
            "loss": [end["train_loss"] for end in ends],
            "entropy of the teacher": [end["teacher_entropy"] for end in ends],
            "mutual information": [end["teacher_information"] for end in ends],
            "kNN accuracy": [end["knn"] for end in ends],
        }
    ),
    caption="The last measured epoch of both. " + views.collapse_in_words(dino[1]),
)

# %% [markdown]
# **How to notice**: again the loss does not tell. The mutual information of image and
# prototype does: it is 0 if every image has the same prototype.
#
# ## A t-SNE of its own for each epoch
#
# Maps of t-SNE with starts of their own are not comparable: the same features, mapped
# twice, give two pictures. So points that travel from epoch to epoch may have learnt
# nothing.

# %%
features = classifier.snapshot(classifier.snapshot_epochs[-1])["features"].astype(
    "float32"
)
twice = [features, features]
apart = metrics.displacement(*embedding.separate_tsne(twice, seed))
chained = metrics.displacement(*embedding.tsne_chain(twice, seed))

# %% tags=["hide-input"]
Markdown(
    f"The same features, mapped twice: a point moves by {apart:.2f} of the map's radius "
    f"from separate starts, and by {chained:.2f} if the second map starts from the first."
)

# %% [markdown]
# **How to notice**: map one epoch twice. What moves then is the map's own doing.
#
# ## A toy value beside a reported one
#
# Two numbers of the same name invite a comparison, whatever they were measured on.

# %%
ours, theirs = pooled.mean_of_present, REPORTED["r3_unet"]
comparable = not chapter.data.is_toy
beside = pd.DataFrame(
    {
        "written so": ("carelessly", "as it may be"),
        "our U-Net": (f"{ours:.3f}", f"{ours:.3f}{'' if comparable else ' (toy)'}"),
        "reported": (f"{theirs:.3f}", f"{theirs:.3f}" if comparable else "–"),
    }
)

# %% tags=["hide-input"]
told = "the course's own" if comparable else "drawn ones"
views.table_picture(
    beside,
    caption=f"The images of this page are {told}. The difference to the reported value, "
    f"{ours - theirs:+.3f}, says {'something' if comparable else 'nothing'} of networks.",
)

# %% [markdown]
# **How to notice**: write beside each number which images it was measured on, how many of
# them, and by which definition. `run.json` of a record holds all three.
#
# ## Summary
#
# - Switch to evaluation mode, and pool pixels before dividing.
# - Draw augmentations for each image, and look at a batch.
# - Watch what a collapse does to the outputs; the loss does not tell.
# - Compare maps only if each starts from the one before.
# - Say of each number what it was measured on.
#
# **Read on**: {cite:t}`kapoor2023leakage`, for mistakes of this kind in published work;
# {cite:t}`bouthillier2021accounting`, for what chance does to a comparison;
# {cite:t}`wattenberg2016how`, for what t-SNE does not show.
#
# **Try next**: evaluate the classifier in training mode with batches of one image
# instead of 25. What do mean and variance come from then?
