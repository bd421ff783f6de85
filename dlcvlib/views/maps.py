"""Maps of features at several epochs, side by side, with measures of quality below."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dlcvlib.embedding import EmbeddingSeries
from dlcvlib.views.display import Picture, plotly_picture
from dlcvlib.views.palette import GRID, class_styles, names_of
from dlcvlib.views.records import NOTHING
from dlcvlib.views.style import style

METHODS = {"tsne": "t-SNE", "umap": "UMAP", "pca": "PCA", "separate": "Separate t-SNE runs"}
MAP_SIDE = 250  # pixels, about a third of the page
BELOW = 96  # pixels below a map, for its measures and the title of the next row
PAGE_WIDTH, ENTRY_GAP = 760, 50  # pixels: width of the legend, and what plotly adds to the text of an entry


def embedding_maps(
    series: EmbeddingSeries, class_names: Sequence[str] = (), epochs: Iterable[int] | None = None
) -> Picture:
    """Draw maps of several epochs with shared axes; each class has its own colour and symbol.

    A click on a class in the legend shows it alone in all maps, a second click shows all.

    Args:
        series: result of `dlcvlib.embedding.embed` or `separate_runs`.
        class_names: by class id; empty to show the ids.
        epochs: epochs of the series, at most six; None for the first, middle and last after epoch 0.

    Raises:
        ValueError: an epoch without map, no epoch or too many, too few class names, or more classes than styles.
    """
    chosen = series.first_middle_last() if epochs is None else tuple(epochs)
    if not 1 <= len(chosen) <= 6:
        raise ValueError(f"1 to 6 maps fit side by side, got {len(chosen)}")
    positions = [series.position(epoch) for epoch in chosen]
    count = int(series.labels.max()) + 1
    names, styles = names_of(list(class_names), count), class_styles(count)
    columns = min(len(chosen), 3)
    rows = -(-len(chosen) // columns)
    spacing = {"horizontal_spacing": 0.02, "vertical_spacing": BELOW / (rows * MAP_SIDE + (rows - 1) * BELOW)}
    figure = make_subplots(rows, columns, subplot_titles=[f"epoch {epoch}" for epoch in chosen], **spacing)
    for panel, position in enumerate(positions):
        for label in np.unique(series.labels):
            members = series.labels == label
            points = series.coordinates[position, members]
            colour, symbol = styles[label]
            dots = go.Scatter(
                x=points[:, 0],
                y=points[:, 1],
                mode="markers",
                name=names[label],
                legendgroup=str(label),
                showlegend=panel == 0,
                marker={"color": colour, "symbol": symbol, "size": 5 if len(series.labels) < 1500 else 4},
                customdata=series.indices[members],
                hovertemplate=f"{names[label]}, image %{{customdata}}<extra></extra>",
            )
            figure.add_trace(dots, row=panel // columns + 1, col=panel % columns + 1)
    _shared_axes(figure, series.coordinates[positions])
    for panel, position in enumerate(positions):
        _below(figure, panel, _figures(series, position))

    entry_width = 7 * max(len(name) for name in names)
    legend_rows = -(-count // max(1, PAGE_WIDTH // (entry_width + ENTRY_GAP)))
    drawn = rows * MAP_SIDE + (rows - 1) * BELOW
    legend = {"orientation": "h", "entrywidth": entry_width, "x": 0, "y": -BELOW / drawn, "yanchor": "top"}
    marker = {"itemsizing": "constant", "font": {"size": 11}, "tracegroupgap": 0}
    margin = {"l": 4, "r": 4, "t": 28, "b": BELOW + 19 * legend_rows + 8}
    meta = {"between": BELOW, "entries": count}  # for a narrow page, see figures/panels.js
    style(figure, drawn + margin["t"] + margin["b"], legend={**legend, **marker}, margin=margin, meta=meta)
    return plotly_picture(figure, caption=_caption(series, chosen, count), alt=_alt(series, chosen, count))


def _shared_axes(figure: go.Figure, shown: np.ndarray) -> None:
    """One square range for all maps, without tick labels: only relative positions have a meaning."""
    limit = 1.05 * float(np.abs(shown).max())
    bare = {"showticklabels": False, "ticks": "", "showgrid": False, "zeroline": False, "mirror": True}
    frame = {"showline": True, "linecolor": GRID, "range": [-limit, limit], "constrain": "domain", **bare}
    figure.update_xaxes(matches="x", **frame)
    figure.update_yaxes(matches="y", **frame)
    figure.update_yaxes(selector=0, scaleanchor="x", scaleratio=1)


def _below(figure: go.Figure, panel: int, text: str) -> None:
    axis = "" if panel == 0 else str(panel + 1)
    position = {"xref": f"x{axis} domain", "yref": f"y{axis} domain", "x": 0.5, "y": -0.02, "yanchor": "top"}
    figure.add_annotation(text=text, showarrow=False, align="center", font={"size": 11}, **position)


def _figures(series: EmbeddingSeries, position: int) -> str:
    quality = series.quality.iloc[position]
    lines = [
        f"kNN {_number(quality['knn_map'])} (features {_number(quality['knn_features'])})",
        f"silhouette {_number(quality['silhouette'])}",
        f"trustworthiness {_number(quality['trustworthiness'])}",
    ]
    if position:  # relative to the map before in the series, shown or not
        lines.append(f"moved {_number(quality['displacement'])} since epoch {series.epochs[position - 1]}")
    return "<br>".join(lines)


def _number(value: float) -> str:
    return NOTHING if np.isnan(value) else f"{value:.2f}"


def _caption(series: EmbeddingSeries, chosen: tuple[int, ...], count: int) -> str:
    started = "each map started from the one before it, with the same axes"
    how = {"separate": "every map with its own start and seed", "pca": "each turned onto the one before it"}
    first, last = (series.quality.iloc[series.position(epoch)] for epoch in (chosen[0], chosen[-1]))
    change = ""
    if len(chosen) > 1:
        change = (
            f" From epoch {chosen[0]} to {chosen[-1]} the kNN accuracy goes from {_number(first['knn_map'])} to "
            f"{_number(last['knn_map'])} on the map, and from {_number(first['knn_features'])} to "
            f"{_number(last['knn_features'])} in the features; by chance it would be {1 / count:.2f}."
        )
    return (
        f"{METHODS.get(series.method, series.method)} of {len(series.labels)} images of {count} classes, "
        f"{how.get(series.method, started)}. "
        "Movement is the mean of all points, as a share of the map's radius."
        f"{change} A click on a class shows it alone, a second click shows all."
    )


def _alt(series: EmbeddingSeries, chosen: tuple[int, ...], count: int) -> str:
    measures = [
        f"epoch {epoch}: kNN accuracy {_number(row['knn_map'])}, silhouette {_number(row['silhouette'])}, "
        f"trustworthiness {_number(row['trustworthiness'])}"
        for epoch in chosen
        for row in [series.quality.iloc[series.position(epoch)]]
    ]
    return f"{len(chosen)} scatter plots of {len(series.labels)} points in {count} classes. {'; '.join(measures)}."
