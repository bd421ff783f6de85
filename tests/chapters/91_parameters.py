# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A figure that follows the parameters

# %%
import plotly.graph_objects as go

from dlcvlib.views.display import plotly_picture

# %% tags=["parameters"]
profile = "quick"
seed = 0
data_root = None

# %%
print("profile:", profile, "seed:", seed, "data_root:", data_root)
plotly_picture(
    go.Figure(go.Heatmap(x=["a", "b"], y=["c", "d"], z=[[seed, 1], [2, 3]])),
    caption="Four cells.",
    alt="A grid of two by two cells",
)
