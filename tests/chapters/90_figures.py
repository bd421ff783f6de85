# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Every kind of picture
#
# A chapter for the tests of the book: the mean $\bar{x} = \frac{1}{N} \sum_{i=1}^{N} x_i$ stands in a line, and
#
# $$
# \begin{aligned}
# \mathcal{L}(\theta) &= -\sum_i \log \hat{y}_i \\
# \theta &\leftarrow \theta - \eta \nabla \mathcal{L}
# \end{aligned}
# $$
#
# on its own, as in {cite}`he2016deep`.

# %%
import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dlcvlib.views import image_grid
from dlcvlib.views.display import plotly_picture, svg_picture, table_picture

# %% tags=["parameters"]
profile = "smoke"
seed = 0
data_root = None

# %%
generator = np.random.default_rng(seed)

# %%
figure = go.Figure([go.Scatter(y=generator.random(50).cumsum(), name=name) for name in ("training", "validation")])
figure.update_layout(xaxis_title="epoch", yaxis_title="loss")
plotly_picture(figure, caption="Two random walks < & > over the epochs.", alt="Two rising curves")

# %%
pixels = generator.integers(0, 256, (8, 8, 3), dtype=np.uint8)
image_grid(
    pixels.transpose(2, 0, 1)[None],
    ["A chequered square"],
    caption="Random pixels, each shown as a square.",
    alt="A grid of one",
    side=128,
)

# %%
svg_picture(
    '<svg viewBox="0 0 300 60"><rect x="5" y="5" width="90" height="50" fill="none" stroke="currentColor"/>'
    '<text x="20" y="35" fill="currentColor">stage 1</text></svg>',
    caption="A box.",
    alt="A box named stage 1",
)

# %%
table_picture(pd.DataFrame({"model": ["A", "B"], "accuracy": [0.5, np.nan]}), caption="A table.")
