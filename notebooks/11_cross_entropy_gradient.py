# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # The gradient of the cross-entropy
#
# **You will learn**
#
# - to derive the gradient of the cross-entropy that classifiers are trained with;
# - to check each line of a derivation numerically, in two ways;
# - why the cross-entropy is used with the sigmoid.
#
# **You need** the chain rule.
#
# **It takes** seconds.
#
# The bonus question of 2018: for inputs $z_n$ with labels $t_n \in \{0, 1\}$, a weight
# vector $w$ and $x_n = \sigma(w \cdot z_n)$, what is $\mathrm{d}G/\mathrm{d}w$ of
#
# $$ G(w) = -\sum_n \left[ t_n \log x_n + (1 - t_n) \log(1 - x_n) \right] ? $$

# %%
import numpy as np
import pandas as pd
import torch
from IPython.display import Markdown

import dlcvlib
from dlcvlib import views

# %% tags=["parameters"]
profile = "quick"
seed = 0
data_root = None

# %%
chapter = dlcvlib.open_chapter(globals())
draw = torch.Generator().manual_seed(seed)
z = torch.randn(40, 3, generator=draw, dtype=torch.float64)
belongs = torch.sigmoid(z @ torch.tensor([1.5, -1.0, 0.5], dtype=torch.float64))
t = torch.bernoulli(belongs, generator=draw)
w = torch.randn(3, generator=draw, dtype=torch.float64)
Markdown(f"{len(z)} inputs of {z.shape[1]} numbers, {t.sum():.0f} of them with label 1.")


# %%
def cross_entropy(x):
    """G as a function of the predictions."""
    return -(t * x.log() + (1 - t) * (1 - x).log()).sum()


def loss(w):
    """G as a function of the weights."""
    return cross_entropy(torch.sigmoid(z @ w))


# %% [markdown]
# ## Two independent checks
#
# A derivation is checked against **autograd**, which applies the chain rule to the code
# above, and against **finite differences**, which use no rule: they move each input a
# little both ways, $(f(x + h) - f(x - h)) / 2h$. In double precision they agree to about
# eight digits.


# %%
def by_autograd(function, point):
    """Gradient of a sum by autograd."""
    point = point.clone().requires_grad_()
    return torch.autograd.grad(function(point).sum(), point)[0]


def by_differences(function, point, step=1e-5):
    """Gradient of a sum by central differences."""
    moves = step * torch.eye(point.numel(), dtype=point.dtype)
    return torch.stack(
        [
            (function(point + move) - function(point - move)).sum() / (2 * step)
            for move in moves
        ]
    )


# %%
checks = []


def check(what, derived, function, point):
    """Compare a derived gradient with both references, and record the errors."""
    largest = derived.abs().max()
    judged = {
        "autograd": by_autograd(function, point),
        "differences": by_differences(function, point),
    }
    errors = {
        name: (found - derived).abs().max() / largest for name, found in judged.items()
    }
    assert max(errors.values()) < 1e-6, f"{what} is derived wrongly: {errors}"
    checks.append({"line": what} | {name: f"{e:.0e}" for name, e in errors.items()})


# %% [markdown]
# ## Line 1: from the loss to the predictions
#
# $$ \frac{\partial G}{\partial x_n} = -\frac{t_n}{x_n} + \frac{1 - t_n}{1 - x_n}
#  = \frac{x_n - t_n}{x_n (1 - x_n)} $$

# %%
x = torch.sigmoid(z @ w)
to_predictions = (x - t) / (x * (1 - x))
check("dG/dx", to_predictions, cross_entropy, x)

# %% [markdown]
# ## Line 2: through the sigmoid
#
# With $a_n = w \cdot z_n$ and $\sigma(a) = 1 / (1 + e^{-a})$,
#
# $$ \frac{\mathrm{d}x_n}{\mathrm{d}a_n} = \frac{e^{-a_n}}{(1 + e^{-a_n})^2}
#  = x_n (1 - x_n). $$

# %%
a = z @ w
through_sigmoid = x * (1 - x)
check("dx/da", through_sigmoid, torch.sigmoid, a)

# %% [markdown]
# ## Line 3: to the weights
#
# $a_n$ is linear in $w$: $\partial a_n / \partial w = z_n$. Summed over all inputs:

# %%
check("da/dw, summed", z.sum(0), lambda weights: z @ weights, w)

# %% [markdown]
# ## Line 4: the chain
#
# The denominator of line 1 is line 2, and they cancel:
#
# $$ \frac{\mathrm{d}G}{\mathrm{d}w}
#  = \sum_n \frac{x_n - t_n}{x_n (1 - x_n)} \cdot x_n (1 - x_n) \cdot z_n
#  = -\sum_n (t_n - x_n) \, z_n. $$


# %%
def slope(w):
    """dG/dw as derived."""
    return -(t - torch.sigmoid(z @ w)) @ z


check("dG/dw", slope(w), loss, w)
views.table_picture(
    pd.DataFrame(checks),
    caption="Largest difference from both judges, as a share of the largest entry.",
)

# %% [markdown]
# **Notice** what cancelled. Without this, the gradient of a prediction that is wrong
# with high confidence ($x_n$ near 0, $t_n = 1$) would have the factor $x_n (1 - x_n)$,
# which is almost 0. This is the case for the squared error.

# %%
sure = torch.tensor([-8.0], dtype=torch.float64)
wrongly = {
    "cross-entropy": lambda a: -torch.sigmoid(a).log(),
    "squared error": lambda a: (1 - torch.sigmoid(a)) ** 2,
}
table = pd.DataFrame(
    [{"loss": name, "slope": by_autograd(f, sure).item()} for name, f in wrongly.items()]
)
table["slope"] = table["slope"].map("{:.5f}".format)
views.table_picture(
    table, caption=f"Label 1, and a = {sure.item():.0f}: how hard each loss pulls."
)

# %% [markdown]
# ## The loss as a curve
#
# One weight varies, the others are fixed. The dashed line has the derived slope: it is a
# tangent of the curve wherever it is drawn.

# %%
first = np.linspace(-6, 6, 61)
weights = [torch.cat([torch.tensor([value]), w[1:]]) for value in first]
views.tangents(
    first,
    np.array([loss(each).item() for each in weights]),
    np.array([slope(each)[0].item() for each in weights]),
    position="w₁",
    value="G",
    caption="G and its slope along the first weight. Far from the minimum the slope "
    "hardly changes: each wrong input pulls with its own z. Drag the slider.",
)

# %% [markdown]
# **Notice** that there is only one minimum: the slope never decreases, because its
# derivative, $\sum_n x_n (1 - x_n) z_n^2$, is never negative. For the same reason the
# classifier of settings D and E has one solution, whatever its initial weights.
#
# **Try next**: leave the minus sign out of `slope`, and see which check fails first.
