# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A convolutional network without a framework
#
# **You will learn**
#
# - what is left of a network once its training is over;
# - to fold batch normalisation into the convolution before it;
# - to compute a convolution as one multiplication of two matrices;
# - how the networks of this book run in your browser, down to the last loop.
#
# **You need** the chapter on classification, and matrix multiplication. No new network
# is trained.
#
# **It takes** as long as your machine needs; the page of a built book says how long.
#
# A browser has no PyTorch. Where a page of this book runs a trained network, it does so
# with a few hundred lines of code of its own. This chapter does the same in NumPy, step
# by step, and compares each step with PyTorch.

# %%
import timeit

import numpy as np
import pandas as pd
import torch
from IPython.display import Markdown

import dlcvlib
from dlcvlib import augment, live, models, views
from dlcvlib.data import decode
from dlcvlib.exercises.without_framework import exercises
from dlcvlib.handin.network import network_of

# %% tags=["parameters"]
profile = "quick"
seed = 0
data_root = None

# %% [markdown]
# The network is the small CNN of the chapter on classification, with the weights that
# validation chose. It is in evaluation mode, and classifies validation images.

# %%
chapter = dlcvlib.open_chapter(globals())
run = chapter.train("r1_small_cnn")
network = network_of(run, device="cpu")
model, size = network.model, network.recipe.image_size
val = decode(chapter.data.classification, "val", network.decoded_size)
images = augment.prepare(val.images[:200], size, {}, **network.normalisation)
with torch.no_grad():
    logits = model(images).numpy()

# %% tags=["hide-input"]
Markdown(chapter.in_words)

# %% [markdown]
# ## What a trained network is
#
# Training needs gradients, an optimiser, a loss, labels and augmentation. After it,
# none of these is needed. What is left is a list of layers, each of which computes a map
# from the map before it, and the numbers that some of them multiply with or add.

# %%
layers = models.layer_table(model, size)

# %% tags=["hide-input"]
views.table_picture(
    pd.DataFrame(
        {
            "layer": layers["name"],
            "kind": layers["type"],
            "output": [" × ".join(map(str, shape)) for shape in layers["output_shape"]],
            "numbers": [f"{count:,}" for count in layers["parameters"]],
        }
    ),
    caption=f"The small CNN for images of {size} × {size}: "
    f"{layers['parameters'].sum():,} trained numbers. Each batch normalisation keeps a "
    "mean and a variance for each channel, too.",
)

# %% [markdown]
# ## Folding batch normalisation
#
# In evaluation mode a batch normalisation has fixed numbers for each channel: the running
# mean $\mu$ and variance $v$, and the learnt $\gamma$ and $\beta$. Of the convolution's
# output $y = w * x + b$ it makes
#
# $$ \gamma \, \frac{y - \mu}{\sqrt{v + \varepsilon}} + \beta . $$
#
# With $s = \gamma / \sqrt{v + \varepsilon}$ this is $s y + (\beta - s \mu)$: a factor and
# a summand. The layer before it is linear, so both can move into its weights. The two
# layers become one convolution. This is called *folding*.
#
# ### Exercise: fold
#
# Write `fold(weight, bias, mean, var, gamma, beta, eps)`. `weight` is the weight of a
# convolution, float32 (O, I, h, w); `bias`, `mean`, `var`, `gamma` and `beta` are float32
# (O,); `eps` is a number. Return weight (O, I, h, w) and bias (O,) of the one convolution
# that does what both layers did.
#
# <details><summary>Hint 1</summary>
#
# Put $y = w * x + b$ into $s y + (\beta - s \mu)$, and collect what is multiplied with
# $x$.
#
# </details>
# <details><summary>Hint 2</summary>
#
# $s$ has one entry for each output channel. So has the first axis of the weight.
#
# </details>
# <details><summary>Hint 3</summary>
#
# `s[:, None, None, None]` has the shape (O, 1, 1, 1), which is repeated along the other
# axes of the weight.
#
# </details>


# %% tags=["exercise", "hide-input"]
def fold(weight, bias, mean, var, gamma, beta, eps):
    """Weight (O, I, h, w) and bias (O,) of a convolution with its batch normalisation."""
    scale = gamma / torch.sqrt(var + eps)
    folded = weight * scale[:, None, None, None]
    return folded, (bias - mean) * scale + beta


# %%
fold = exercises.check(fold)

# %% tags=["teacher", "hide-input"]
exercises.lines("fold")

# %% [markdown]
# The first block of the network, once with both layers and once with the folded one. The
# convolution has no bias, so zeros stand for it.

# %%
conv, norm, *_ = model.blocks[0]
weight, bias = fold(
    conv.weight.detach(),
    torch.zeros(len(conv.weight)),
    norm.running_mean,
    norm.running_var,
    norm.weight.detach(),
    norm.bias.detach(),
    norm.eps,
)
with torch.no_grad():
    both = norm(conv(images))
    one = torch.nn.functional.conv2d(images, weight, bias, padding=1)

# %% tags=["hide-input"]
Markdown(
    f"Largest difference of the two: **{(both - one).abs().max():.0e}**, where the "
    f"largest output is {both.abs().max():.1f}. A float32 has about seven digits."
)

# %% [markdown]
# ## A convolution as a matrix multiplication
#
# A filter is multiplied with each window of the image, number by number, and the products
# are added. That is a scalar product. So write each *window* as a column, and each
# *filter* as a row: the product of the two matrices has all outputs. This is called
# *im2col*, from image to columns. An image of three by three, and a filter of two by two:

# %%
image = np.arange(1, 10, dtype=np.float32).reshape(3, 3)
filter_ = np.array([[1, 2], [0, -1]], dtype=np.float32)
corners = [(0, 0), (0, 1), (1, 0), (1, 1)]
columns = np.stack([image[y : y + 2, x : x + 2].ravel() for y, x in corners], axis=1)
outputs = filter_.ravel() @ columns

# %% tags=["hide-input"]
taps = ["top left", "top right", "bottom left", "bottom right"]
whole = [*(list(map(int, column)) for column in columns), list(map(int, outputs))]
views.table_picture(
    pd.DataFrame(
        {
            "tap": [*taps, "output"],
            "filter": [*(str(int(value)) for value in filter_.ravel()), ""],
            **{
                f"window at ({y}, {x})": [str(row[number]) for row in whole]
                for number, (y, x) in enumerate(corners)
            },
        }
    ),
    caption="The image "
    + ", ".join(" ".join(str(int(value)) for value in row) for row in image)
    + " has four windows, one a column. An output is the sum of the filter's numbers "
    "times those of its window.",
)

# %% [markdown]
# Of an image with several channels a window holds all channels, one after the other.
# *Padding* puts zeros around the image first, and with a *stride* of 2 every second
# window is left out.
#
# ### Exercise: windows
#
# Write `windows(image, kernel, stride, padding)`. `image` is float32 (C, H, W), the
# others are whole numbers that hold for both directions. Return the windows as columns,
# float32 (C · kernel · kernel, positions). Within a column: channel by channel, each row
# by row. The positions follow each other row by row, too. Use NumPy.
#
# <details><summary>Hint 1</summary>
#
# Two loops over the corners of the windows are a right answer: cut the window out of all
# channels, and flatten it.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `np.pad(image, [(0, 0), (1, 1), (1, 1)])` leaves the channels alone.
#
# </details>
# <details><summary>Hint 3</summary>
#
# Without loops: `np.lib.stride_tricks.sliding_window_view` has the windows of every
# position, of shape (C, rows, columns, kernel, kernel). Put the axes into the order
# that is asked for, then `reshape`.
#
# </details>


# %% tags=["exercise", "hide-input"]
def windows(image, kernel, stride, padding):
    """Windows of an image (C, H, W) as columns (C * kernel * kernel, positions)."""
    padded = np.pad(image, [(0, 0), (padding, padding), (padding, padding)])
    every = np.lib.stride_tricks.sliding_window_view(
        padded, (kernel, kernel), axis=(1, 2)
    )
    ordered = every[:, ::stride, ::stride].transpose(0, 3, 4, 1, 2)
    return ordered.reshape(len(image) * kernel**2, -1)


# %%
windows = exercises.check(windows)

# %% tags=["teacher", "hide-input"]
exercises.lines("windows")

# %% [markdown]
# The first block again, now as a product of two matrices:

# %%
rows = weight.flatten(1).numpy()
columns = windows(images[0].numpy(), kernel=3, stride=1, padding=1)
product = rows @ columns + bias.numpy()[:, None]
difference = np.abs(product.reshape(both[0].shape) - both[0].numpy()).max()

# %% tags=["hide-input"]
Markdown(
    f"A matrix of {rows.shape[0]} × {rows.shape[1]} times one of {columns.shape[0]} × "
    f"{columns.shape[1]:,}. Largest difference to PyTorch's two layers: "
    f"**{difference:.0e}**. The columns hold {columns.size / images[0].numel():.0f} "
    "times as many numbers as the image."
)

# %% [markdown]
# ## The plan
#
# `live.plan` follows a forward pass of PyTorch, notes its layers, and folds what can be
# folded: also a ReLU, which only cuts the output off at 0. For the page it writes the
# layers as text, and all weights as one block of bytes. Each tensor is found by its
# place in that block.

# %%
exact = live.plan(model, images[:1], precision="float32")
plan, packed = exact.structure(), exact.pack()

# %% tags=["hide-input"]
views.table_picture(
    pd.DataFrame(
        [
            {
                "": str(number),
                "layer": layer["name"],
                "kind": layer["kind"],
                "reads": ", ".join(map(str, layer["inputs"])) or "–",
                "output": " × ".join(map(str, layer["shape"])),
                "folded into it": ", ".join(layer["folded"]) or "–",
                "weights": ", ".join(
                    f"{name} {' × '.join(map(str, place['shape']))} at {place['at']:,}"
                    for name, place in layer["weights"].items()
                )
                or "–",
            }
            for number, layer in enumerate(plan["layers"])
        ]
    ),
    caption=f"The plan: {len(plan['layers'])} layers, {len(exact.to_json()):,} "
    f"characters as text, and {len(packed):,} bytes of weights.",
)


# %% [markdown]
# ## One forward pass by hand
#
# First, the numbers of a layer out of the bytes:


# %%
def weights_of(layer, packed):
    """Weights of a layer of the plan by name, as float32."""
    weights = {}
    for name, place in layer["weights"].items():
        count = int(np.prod(place["shape"]))
        values = np.frombuffer(packed, place["type"], count, place["at"])
        weights[name] = values.astype(np.float32).reshape(place["shape"])
    return weights


def opened(planned):
    """Layers of a plan, each with its weights."""
    packed = planned.pack()
    return [(layer, weights_of(layer, packed)) for layer in planned.structure()["layers"]]


# %% [markdown]
# Then one function for each kind of layer. A convolution is a product with the windows; a
# maximum pooling reads windows, too; a linear layer is a product with a vector.


# %%
def convolution(x, layer, weight, bias):
    """Convolution, with a ReLU if one is folded into it."""
    options = layer["options"]
    how = [options[name][0] for name in ("kernel", "stride", "padding")]
    y = weight @ windows(x, *how) + bias[:, None]
    return np.maximum(y, 0) if options.get("activation") == "relu" else y


def maximum(x, layer):
    """Maximum of each window, channel by channel."""
    how = [layer["options"][name][0] for name in ("kernel", "stride", "padding")]
    return windows(x, *how).reshape(len(x), how[0] ** 2, -1).max(1)


# %%
KINDS = {
    "input": lambda x, layer: x,
    "conv": convolution,
    "max_pool": maximum,
    "adaptive_average_pool": lambda x, layer: x.mean((1, 2)),
    "flatten": lambda x, layer: x,
    "linear": lambda x, layer, weight, bias: weight @ x + bias,
}

# %% [markdown]
# This is the whole network: a loop over the plan, in which each layer reads the maps that
# the plan names.


# %%
def forward(image, layers):
    """Logits of an image (3, H, W)."""
    maps = []
    for layer, weights in layers:
        read = [maps[index] for index in layer["inputs"]] or [image]
        found = KINDS[layer["kind"]](*read, layer, **weights)
        maps.append(found.reshape(layer["shape"]))
    return maps[plan["output"]]


# %%
in_full = opened(exact)
by_hand = forward(images[0].numpy(), in_full)
difference = np.abs(by_hand - logits[0]).max()

# %% tags=["hide-input"]
best = logits[0].argsort()[::-1][:5]
views.table_picture(
    pd.DataFrame(
        {
            "class": [str(index) for index in best],
            "PyTorch": [f"{logits[0][index]:.5f}" for index in best],
            "by hand": [f"{by_hand[index]:.5f}" for index in best],
        }
    ),
    caption="The five highest logits of the first validation image. Largest difference "
    f"over all {logits.shape[1]} classes: {difference:.0e}.",
)

# %% [markdown]
# ## Half precision
#
# The bytes above were float32, four a number. A page loads its weights as *float16*: two
# bytes a number, of which 11 bits are digits instead of 24. They are rounded once, and
# become float32 again before anything is multiplied. Biases are few, and stay as they
# are.

# %%
half = live.plan(model, images[:1], precision="float16")
rounded = opened(half)
of_full = np.stack([forward(image, in_full) for image in images.numpy()])
of_half = np.stack([forward(image, rounded) for image in images.numpy()])
changed = int((of_full.argmax(1) != of_half.argmax(1)).sum())

# %% tags=["hide-input"]
steps = [
    np.abs(one["weight"] - other["weight"]).max() / np.abs(one["weight"]).max()
    for (_, one), (_, other) in zip(in_full, rounded, strict=True)
    if one
]
share = changed / len(images)
exercises.ask(
    "half",
    right="none" if changed == 0 else "few" if share < 1 / 50 else "many",
    result=views.table_picture(
        pd.DataFrame(
            {
                "": [
                    "bytes of weights, float32",
                    "bytes of weights, float16",
                    "largest change of a weight, as a share of its layer's largest",
                    "largest change of a logit",
                    "largest logit",
                    f"another class, of {len(images)} images",
                ],
                "value": [
                    f"{len(packed):,}",
                    f"{len(half.pack()):,}",
                    f"{max(steps):.5f}",
                    f"{np.abs(of_full - of_half).max():.5f}",
                    f"{np.abs(of_full).max():.2f}",
                    str(changed),
                ],
            }
        ),
        caption="The small CNN in single and in half precision, computed by hand.",
    ),
)

# %% [markdown]
# ## Multiplications and milliseconds
#
# A convolution multiplies each weight once for each position of its output. So its
# multiplications can be counted from the plan: the weights times the positions.


# %%
def multiplications(layer):
    """Multiplications of a layer of the plan."""
    if "weight" not in layer["weights"]:
        return 0
    positions = np.prod(layer["shape"][1:], dtype=int)
    return int(np.prod(layer["weights"]["weight"]["shape"]) * positions)


counts = {layer["name"]: multiplications(layer) for layer in plan["layers"]}
total = sum(counts.values())

# %% tags=["hide-input"]
exercises.ask(
    "multiplications",
    result=views.table_picture(
        pd.DataFrame(
            [
                {
                    "layer": layer["name"],
                    "weights": f"{weights['weight'].size:,}",
                    "positions": f"{np.prod(layer['shape'][1:], dtype=int):,}",
                    "multiplications": f"{counts[layer['name']]:,}",
                    "share": f"{counts[layer['name']] / total:.0%}",
                }
                for layer, weights in in_full
                if weights
            ]
        ),
        caption=f"Together {total:,}. PyTorch's own counter finds "
        f"{layers['multiply_adds'].sum():,}.",
    ),
)

# %% [markdown]
# A core works in cycles, about three thousand million a second. What would the network
# take with one multiplication a cycle? And what does it take where this page was made?


# %%
def milliseconds(pass_):
    """Time of a call: the shortest of twenty."""
    return 1000 * min(timeit.repeat(pass_, number=1, repeat=20))


first = images[:1].contiguous()
with torch.inference_mode():
    times = {
        "by hand, in NumPy": milliseconds(lambda: forward(first[0].numpy(), in_full)),
        "PyTorch": milliseconds(lambda: model(first)),
        "one multiplication a cycle of 3 GHz": total / 3e6,
    }

# %% tags=["hide-input"]
views.table_picture(
    pd.DataFrame(
        [
            {
                "forward pass of one image": name,
                "milliseconds": f"{time:.2f}",
                "multiplications a microsecond": f"{total / time / 1000:,.0f}",
            }
            for name, time in times.items()
        ]
    ),
    caption=f"Measured here, with {torch.get_num_threads()} "
    f"{'thread' if torch.get_num_threads() == 1 else 'threads'} of PyTorch; the last row "
    "is computed.",
)

# %% [markdown]
# A core multiplies several numbers with one instruction, which is called *SIMD*: single
# instruction, multiple data. NumPy and PyTorch both hand the product of the matrices to
# code that does so. What else they spend goes into the windows, and into calling layer
# after layer.
#
# ## The kernel
#
# In the page, one function does the work of all convolutions and linear layers: the
# *kernel*. It is written in C and translated to WebAssembly, which browsers run about as
# fast as other programs. It computes the product of weights and windows, with three
# thoughts:
#
# - **The windows are not written out.** `gather` collects eight of them at a time, in
#   the *panel*. `starts` tells where each window begins in the padded image, and `taps`
#   how far its numbers lie behind that. Stride and padding are in these two lists.
# - **A number that was loaded is used several times.** `block` computes four filters for
#   eight windows at once. Their 32 sums stay in the processor, in eight registers of four
#   numbers each. Every weight serves eight windows, and every number of a window serves
#   four filters.
# - **The ReLU needs no pass of its own.** Sums are cut off at `low` and `high` when they
#   are stored: at 0 and infinity for a ReLU.
#
# Read `multiply`, at the end, first. `v128_t` is a register of four float32. `splat`
# fills it with one number.

# %% tags=["hide-input"]
views.source_file("live/kernel.c")

# %% tags=["hide-input"]
widest = max(plan["layers"], key=lambda layer: multiplications(layer) / layer["shape"][0])
depth = widest["weights"]["weight"]["shape"][1]
every = multiplications(widest) // widest["shape"][0]
Markdown(
    f"The windows of `{widest['name']}`, written out, would be {every:,} numbers; its "
    f"panel holds {8 * depth:,}."
)

# %% [markdown]
# Where a browser forbids WebAssembly, `dlcvlib/live/multiplication.js` does the same,
# one number at a time. Everything else is a loop over the plan, as above, in
# `dlcvlib/live/network.js`.
#
# ## What it refuses
#
# The engine has code for the layers of classical convolutional networks. A network with
# another layer is refused when it is planned, so that no page shows a wrong map. The
# message names the layer.

# %%
said = {}
for name in ("unet", "resnet18", "convnext_tiny"):
    with torch.random.fork_rng():
        other = models.build(name, 7, form="reduced").eval()
    try:
        said[name] = f"{len(live.plan(other, torch.zeros(1, 3, 64, 64)).layers)} layers"
    except ValueError as error:
        said[name] = f"refused: {error}"

# %% tags=["hide-input"]
exercises.ask(
    "refused",
    right=next(name for name, text in said.items() if text.startswith("refused")),
    result=views.table_picture(
        pd.DataFrame({"network": list(said), "its plan": list(said.values())}),
        caption="Three networks for images of 64 × 64, untrained.",
    ),
)

# %% [markdown]
# A network in training mode is refused, too: its batch normalisation depends on the other
# images of the batch, so there is nothing fixed to fold.
#
# ## Summary
#
# - A trained network is a list of layers and a block of numbers.
# - Batch normalisation with fixed statistics is a factor and a summand for each channel;
#   both move into the convolution before it.
# - A convolution is the product of its filters, as rows, and the windows, as columns.
# - Weights in half precision take half the bytes; what that changes can be computed.
# - Speed comes from using each number several times once it is loaded.
#
# **Read on**: {cite:t}`chellapilla2006high` compute convolutions as products of matrices;
# {cite:t}`jacob2018quantization` fold batch normalisation and go on to weights of eight
# bits; {cite:t}`chetlur2014cudnn` gather windows piece by piece on a GPU, as the kernel
# does here.
#
# **Try next**: round the weights to eight bits, with one factor for each filter. How many
# images change their class?
