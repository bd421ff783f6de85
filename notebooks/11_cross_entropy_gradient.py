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
# - why the cross-entropy is used with the sigmoid, and computed from logits.
#
# **You need** the chain rule.
#
# **It takes** as long as your machine needs; the page of a built book says how long.
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
from dlcvlib.exercises.cross_entropy import exercises

# %% tags=["parameters"]
profile = "quick"
seed = 0
data_root = None

# %% [markdown]
# A small problem to try everything on, in double precision:

# %%
chapter = dlcvlib.open_chapter(globals())
draw = torch.Generator().manual_seed(seed)
z = torch.randn(40, 3, generator=draw, dtype=torch.float64)
belongs = torch.sigmoid(z @ torch.tensor([1.5, -1.0, 0.5], dtype=torch.float64))
t = torch.bernoulli(belongs, generator=draw)
w = torch.randn(3, generator=draw, dtype=torch.float64)

# %% tags=["hide-input"]
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
# little both ways, $(f(x + h) - f(x - h)) / 2h$.


# %%
def by_autograd(function, point):
    """Gradient of a sum by autograd."""
    point = point.clone().requires_grad_()
    return torch.autograd.grad(function(point).sum(), point)[0]


# %% [markdown]
# ### Exercise: central differences
#
# Write `by_differences(function, point, step=1e-5)`. `point` is float64 of shape (D,).
# `function` maps it to one number or several, of which the sum is meant. Return the
# gradient at the point, float64 (D,), from values of the function alone.
#
# <details><summary>Hint 1</summary>
#
# An entry of a gradient is a slope along one axis. So move one entry, and leave the
# others.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Leave the point of the caller as it is: `point.clone()`, or add a vector that is zero
# but for one entry. The rows of `torch.eye` are such vectors.
#
# </details>
# <details><summary>Hint 3</summary>
#
# From $x - h$ to $x + h$ is a way of $2h$.
#
# </details>


# %% tags=["exercise", "hide-input"]
def by_differences(function, point, step=1e-5):
    """Gradient of a sum by central differences, float64 (D,)."""
    gradient = torch.zeros_like(point)
    for index in range(len(point)):
        move = torch.zeros_like(point)
        move[index] = step
        difference = function(point + move) - function(point - move)
        gradient[index] = difference.sum() / (2 * step)
    return gradient


# %%
by_differences = exercises.check(by_differences)

# %% [markdown]
# How small should the step be? Choose first. Then the figure shows, for steps from 0.1
# down to 1e-13, the largest difference from autograd's gradient of G.

# %% tags=["hide-input"]
right = by_autograd(loss, w)
errors = {
    10.0**-power: (by_differences(loss, w, 10.0**-power) - right).abs().max().item()
    for power in range(1, 14)
}
exercises.ask(
    "step",
    right="large" if errors[1e-5] < errors[1e-12] else "small",
    result=views.table_picture(
        pd.DataFrame(
            [{"step": f"{h:.0e}", "error": f"{error:.1e}"} for h, error in errors.items()]
        ),
        caption="Largest error of an entry of the gradient, by the step.",
    ),
)

# %% [markdown]
# Both judges look at every line of the derivation. A derived gradient has to agree with
# each in six digits.

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
        name: ((found - derived).abs().max() / largest).item()
        for name, found in judged.items()
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
# The product of the three lines, summed over all inputs, is the gradient:
#
# $$ \frac{\mathrm{d}G}{\mathrm{d}w}
#  = \sum_n \frac{\partial G}{\partial x_n} \cdot
#    \frac{\mathrm{d}x_n}{\mathrm{d}a_n} \cdot \frac{\partial a_n}{\partial w}. $$
#
# ### Exercise: the slope
#
# Put the lines in, shorten on paper, and write `slope(w, z, t)`: weights `w` (D,), inputs
# `z` (N, D), labels `t` (N,), all float64. Return $\mathrm{d}G/\mathrm{d}w$, float64
# (D,), without autograd.
#
# <details><summary>Hint 1</summary>
#
# The denominator of line 1 is line 2.
#
# </details>
# <details><summary>Hint 2</summary>
#
# What is left is a number for each input, times that input. `torch.sigmoid(z @ w)` are
# all $x_n$ at once.
#
# </details>
# <details><summary>Hint 3</summary>
#
# A vector (N,) `@` a matrix (N, D) is the sum of its rows, weighted by the vector: (D,).
#
# </details>


# %% tags=["exercise", "hide-input"]
def slope(w, z, t):
    """dG/dw, float64 (D,): weights w (D,), inputs z (N, D), labels t (N,)."""
    x = torch.sigmoid(z @ w)  # given
    return -(t - x) @ z


# %%
slope = exercises.check(slope)

# %% tags=["teacher", "hide-input"]
exercises.lines("slope")

# %% [markdown]
# Before the last line is checked: would a forgotten sign be noticed?

# %% tags=["hide-input"]
try:
    check("dG/dw", -slope(w, z, t), loss, w)
    said = "Nothing was said."
except AssertionError as error:
    said = f"Lines 1 to 3 passed above. Line 4 stops with `{error}`."
exercises.ask("minus_forgotten", result=said)

# %%
check("dG/dw", slope(w, z, t), loss, w)

# %% tags=["hide-input"]
views.table_picture(
    pd.DataFrame(checks),
    caption="Largest difference from both judges, as a share of the largest entry.",
)

# %% [markdown] tags=["teacher"]
# <details><summary>The fourth line, written out</summary>
#
# $$ \frac{\mathrm{d}G}{\mathrm{d}w}
#  = \sum_n \frac{x_n - t_n}{x_n (1 - x_n)} \cdot x_n (1 - x_n) \cdot z_n
#  = -\sum_n (t_n - x_n) \, z_n. $$
#
# </details>

# %% [markdown]
# ## What cancelled
#
# The factor $x_n (1 - x_n)$ of the sigmoid is almost 0 where a prediction is sure, right
# or wrong. The squared error $(t_n - x_n)^2$ keeps it.

# %%
sure = torch.tensor([-8.0], dtype=torch.float64)
wrongly = {
    "cross-entropy": lambda a: -torch.sigmoid(a).log(),
    "squared error": lambda a: (1 - torch.sigmoid(a)) ** 2,
}
slopes = {name: by_autograd(f, sure).item() for name, f in wrongly.items()}

# %% tags=["hide-input"]
times = slopes["cross-entropy"] / slopes["squared error"]
bounds = {"squared": 0.5, "about_equal": 2, "few_times": 1000}
exercises.ask(
    "pull",
    right=next((key for key, most in bounds.items() if times < most), "thousand_times"),
    result=views.table_picture(
        pd.DataFrame(
            [{"loss": name, "slope": f"{value:.5f}"} for name, value in slopes.items()]
        ),
        caption=f"Label 1, and a = {sure.item():.0f}: the cross-entropy is {times:.0f} "
        "times as steep.",
    ),
)

# %% [markdown]
# ## From the logit, not from the probability
#
# $a_n$ is called the *logit* of $x_n$. The slope is harmless for any logit, but G as
# written above takes the logarithm of a rounded $x_n$. So PyTorch's `cross_entropy` and
# `binary_cross_entropy_with_logits` ask for logits.
#
# ### Exercise: the loss of logits
#
# Write `loss_of_logits(a, t)`: logits `a` and labels `t`, both float64 (N,). Return G, a
# number, which has to be right for a logit of 1000 and of -1000, too. Do not call
# PyTorch's cross-entropies.
#
# <details><summary>Hint 1</summary>
#
# For label 1 the loss is $-\log \sigma(a) = \log(1 + e^{-a})$. And for label 0?
#
# </details>
# <details><summary>Hint 2</summary>
#
# Both are $\log(1 + e^{a}) - t a$.
#
# </details>
# <details><summary>Hint 3</summary>
#
# $\log(1 + e^{a}) = \max(a, 0) + \log(1 + e^{-|a|})$, where the exponential is at most 1.
# PyTorch calls this function `softplus`.
#
# </details>


# %% tags=["exercise", "hide-input"]
def loss_of_logits(a, t):
    """Sum of the cross-entropies of logits a and labels t, float64 (N,)."""
    softplus = a.clamp(min=0) + torch.log1p(torch.exp(-a.abs()))
    return (softplus - t * a).sum()


# %%
loss_of_logits = exercises.check(loss_of_logits)

# %% tags=["teacher", "hide-input"]
exercises.lines("loss_of_logits")

# %%
one, zero = torch.ones(1).double(), torch.zeros(1).double()
logits = torch.tensor([-8.0, 8.0, 40.0, 1000.0], dtype=torch.float64)
naive = [-(1 - torch.sigmoid(logit)).log().item() for logit in logits]
safe = [loss_of_logits(logit * one, zero).item() for logit in logits]

# %% tags=["hide-input"]
rows = zip(logits.tolist(), naive, safe, strict=True)
views.table_picture(
    pd.DataFrame(
        [
            {
                "logit": f"{a:.0f}",
                "from the probability": f"{x:.6g}",
                "from the logit": f"{y:.6g}",
            }
            for a, x, y in rows
        ]
    ),
    caption="The loss of one input with label 0.",
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
    np.array([slope(each, z, t)[0].item() for each in weights]),
    position="w₁",
    value="G",
    caption="G and its slope along the first weight. Far out the slope approaches a "
    "constant: each wrong input pulls with its own z. Drag the slider.",
)

# %% [markdown]
# **Notice** that there is at most one minimum: the slope rises everywhere, because its
# derivative, $\sum_n x_n (1 - x_n) z_{n1}^2$, is positive. For the same reason, and
# because it has a weight decay, the classifier of settings D and E has one solution,
# whatever its initial weights.
#
# ## Summary
#
# - Each input pulls along its own $z_n$, in proportion to the error of its prediction.
# - The sigmoid's slope cancels against the logarithm's; the squared error keeps it.
# - Every line of a derivation can be checked by itself, by autograd and by differences.
# - Central differences have two errors, of the formula and of rounding. The step balances
#   them.
# - Compute the loss from the logits: the probability is rounded before its logarithm.
#
# **Read on**: {cite:t}`bishop2006pattern`, section 4.3.2, derives the same gradient and
# its second derivative; {cite:t}`griewank2008evaluating` tell how autograd works and what
# differences cost; {cite:t}`glorot2010understanding` measure what a saturated sigmoid
# does to the layers below it.
#
# **Try next**: do the same for the softmax of three classes. Which line changes?
