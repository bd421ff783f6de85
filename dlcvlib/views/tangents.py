"""A curve with its slope below, and a slider that carries a tangent along it."""

from __future__ import annotations

import numpy as np
from plotly.subplots import make_subplots

from dlcvlib.views.display import Picture, plotly_picture
from dlcvlib.views.palette import BLUE, VERMILION
from dlcvlib.views.style import style

CURVE, MARK = BLUE, VERMILION


def tangents(
    places: np.ndarray, values: np.ndarray, slopes: np.ndarray, *, place: str, value: str, caption: str
) -> Picture:
    """Draw a curve above its slope; the slider moves a point along both, with the tangent that the slope says.

    Args:
        places: where the curve is known, float (N,), ascending; the slider stops at each.
        values: of the curve, float (N,).
        slopes: of the curve, float (N,), as they were derived; where they are wrong, the line is no tangent.
        place: name of the horizontal axis.
        value: name of the curve.
        caption: what to notice.

    Raises:
        ValueError: fewer than three places, they do not ascend, or the three do not fit each other.
    """
    places, values, slopes = (np.asarray(given, dtype=float) for given in (places, values, slopes))
    if not places.shape == values.shape == slopes.shape or places.ndim != 1 or len(places) < 3:
        raise ValueError(
            f"places, values and slopes must be three lists of the same length, at least 3; got shapes {places.shape}, "
            f"{values.shape}, {slopes.shape}"
        )
    if (np.diff(places) <= 0).any():
        raise ValueError(f"places must ascend, got {places}")
    reach, first = (places[-1] - places[0]) / 5, int(np.argmax(np.abs(slopes)))
    figure = make_subplots(2, 1, shared_xaxes=True, row_heights=[0.62, 0.38], vertical_spacing=0.06)
    curve = {"line": {"color": CURVE, "width": 2}, "mode": "lines"}
    figure.add_scatter(x=places, y=values, name=value, row=1, col=1, **curve)
    figure.add_scatter(x=places, y=slopes, name="its slope", row=2, col=1, **curve | {"line": {"color": CURVE}})
    figure.add_scatter(**_tangent(places, values, slopes, first, reach), name="tangent", mode="lines", row=1, col=1)
    for row, heights in ((1, values), (2, slopes)):
        figure.add_scatter(x=[places[first]], y=[heights[first]], name="here", mode="markers", row=row, col=1)
    figure.data[2].line = {"color": MARK, "width": 2, "dash": "dash"}
    for point in figure.data[3:]:
        point.marker = {"color": MARK, "size": 9}
    steps = [_step(places, values, slopes, number, reach, value) for number in range(len(places))]
    slider = {"active": first, "steps": steps, "currentvalue": {"prefix": f"{place} = "}, "pad": {"t": 45}}
    figure.update_yaxes(title_text=value, row=1, col=1)
    figure.update_yaxes(title_text="slope", row=2, col=1)
    figure.update_xaxes(title_text=place, row=2, col=1)
    style(figure, 520, showlegend=False, sliders=[slider], margin={"b": 110})
    lowest = int(values.argmin())
    alt = (
        f"{value} over {place} from {places[0]:.2f} to {places[-1]:.2f}: lowest at {places[lowest]:.2f} with "
        f"{values[lowest]:.2f}, where its slope is {slopes[lowest]:.2f}."
    )
    return plotly_picture(figure, caption=caption, alt=alt)


def _tangent(
    places: np.ndarray, values: np.ndarray, slopes: np.ndarray, number: int, reach: float
) -> dict[str, list[float]]:
    """Ends of the piece of the tangent at one place."""
    around = np.array([-reach, reach])
    return {
        "x": (places[number] + around).round(4).tolist(),
        "y": (values[number] + slopes[number] * around).round(4).tolist(),
    }


def _step(
    places: np.ndarray, values: np.ndarray, slopes: np.ndarray, number: int, reach: float, value: str
) -> dict[str, object]:
    """What the slider changes at one of its stops: the tangent and both points."""
    tangent, here = _tangent(places, values, slopes, number, reach), [float(places[number])]
    moved = {
        "x": [tangent["x"], here, here],
        "y": [tangent["y"], [float(values[number])], [float(slopes[number])]],
    }
    label = f"{places[number]:.2f}: {value} {values[number]:.2f}, slope {slopes[number]:.2f}"
    return {"method": "restyle", "args": [moved, [2, 3, 4]], "label": label}
