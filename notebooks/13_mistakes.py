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
# - four mistakes that stand in public solutions of this homework;
# - what each of them does to the reported number;
# - how to notice each one.
#
# **You need** the chapters on classification and U-Net. No new network is trained.
#
# A mistake in an evaluation raises no error. It changes the number, and then the
# conclusion. Here each mistake is made on purpose, with networks of earlier chapters.
# **Predict** before each figure: does the mistake make the number larger or smaller?

# %%
import copy

import torch
from IPython.display import Markdown
from torchvision.transforms import v2

import dlcvlib
from dlcvlib import augment, views
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
Markdown(chapter.in_words)

# %% [markdown]
# ## BatchNorm left in training mode
#
# Without `model.eval()`, batch normalisation uses the mean and variance of the current
# batch, and its running statistics change with every batch. The prediction for an
# image then depends on the other images beside it. It matters most if a batch holds
# one class, as it does where the files are sorted.

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
views.right_and_wrong(
    values, caption="Accuracy of the small CNN on images sorted by class."
)

# %% [markdown]
# **How to notice**: shuffle the validation images. In evaluation mode the accuracy
# cannot change.

# %%
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
# each batch is another number: a class with few pixels in a batch counts as much as
# one with many, and a class that is absent from a batch has no IoU there.

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
# its images get the same crop, so a batch teaches less. This library draws for each
# image.

# %%
image = decode(chapter.data.classification, "train").images[:1]
batch = image.repeat(6, 1, 1, 1)
torch.manual_seed(seed)
once = v2.RandomResizedCrop(64, antialias=True)(batch)
each = augment.random_resized_crop(batch / 255, 64)
shown = torch.cat([once, (each * 255).round().clamp(0, 255).byte()])

# %%
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

# %%
distinct = [len({crop.numpy().tobytes() for crop in part}) for part in shown.split(6)]
Markdown(
    f"Different crops: {distinct[0]} of 6 from torchvision on a batch, {distinct[1]} of "
    "6 with parameters drawn for each image."
)

# %% [markdown]
# **Try next**: evaluate the classifier in training mode with batches of one image
# instead of 25. What do mean and variance come from then?
