"""A curve with its slope below, and a slider that moves a tangent along it."""

from __future__ import annotations

import numpy as np
from plotly.subplots import make_subplots

from dlcvlib.views.display import Picture, plotly_picture
from dlcvlib.views.palette import BLUE, VERMILION
from dlcvlib.views.style import style

CURVE, MARK = BLUE, VERMILION


def tangents(
    positions: np.ndarray, values: np.ndarray, slopes: np.ndarray, *, position: str, value: str, caption: str
) -> Picture:
    """Draw a curve above its slope; the slider moves a point along both, and a line with the given slope.

    Args:
        positions: x coordinates, float (N,), ascending; the stops of the slider.
        values: of the curve, float (N,).
        slopes: derived slopes, float (N,); the line is a tangent only if they are correct.
        position: name of the horizontal axis.
        value: name of the curve.
        caption: text below the picture.

    Raises:
        ValueError: fewer than three positions, positions that do not ascend, or arrays of different lengths.
    """
    positions, values, slopes = (np.asarray(given, dtype=float) for given in (positions, values, slopes))
    if not positions.shape == values.shape == slopes.shape or positions.ndim != 1 or len(positions) < 3:
        raise ValueError(
            f"positions, values and slopes must be of the same length, at least 3; got shapes "
            f"{positions.shape}, {values.shape}, {slopes.shape}"
        )
    if (np.diff(positions) <= 0).any():
        raise ValueError(f"positions must ascend, got {positions}")
    reach, first = (positions[-1] - positions[0]) / 5, int(np.argmax(np.abs(slopes)))
    figure = make_subplots(2, 1, shared_xaxes=True, row_heights=[0.62, 0.38], vertical_spacing=0.06)
    curve = {"line": {"color": CURVE, "width": 2}, "mode": "lines"}
    figure.add_scatter(x=positions, y=values, name=value, row=1, col=1, **curve)
    figure.add_scatter(x=positions, y=slopes, name="its slope", row=2, col=1, **curve | {"line": {"color": CURVE}})
    figure.add_scatter(**_tangent(positions, values, slopes, first, reach), name="tangent", mode="lines", row=1, col=1)
    for row, heights in ((1, values), (2, slopes)):
        figure.add_scatter(x=[positions[first]], y=[heights[first]], name="here", mode="markers", row=row, col=1)
    figure.data[2].line = {"color": MARK, "width": 2, "dash": "dash"}
    for point in figure.data[3:]:
        point.marker = {"color": MARK, "size": 9}
    steps = [_step(positions, values, slopes, number, reach, value) for number in range(len(positions))]
    slider = {"active": first, "steps": steps, "currentvalue": {"prefix": f"{position} = "}, "pad": {"t": 45}}
    figure.update_yaxes(title_text=value, row=1, col=1)
    figure.update_yaxes(title_text="slope", row=2, col=1)
    figure.update_xaxes(title_text=position, row=2, col=1)
    style(figure, 430, showlegend=False, sliders=[slider])
    lowest = int(values.argmin())
    alt = (
        f"{value} over {position} from {positions[0]:.2f} to {positions[-1]:.2f}: lowest at "
        f"{positions[lowest]:.2f} with {values[lowest]:.2f}, where its slope is {slopes[lowest]:.2f}."
    )
    return plotly_picture(figure, caption=caption, alt=alt)


def _tangent(
    positions: np.ndarray, values: np.ndarray, slopes: np.ndarray, number: int, reach: float
) -> dict[str, list[float]]:
    """End points of the tangent at one position."""
    around = np.array([-reach, reach])
    return {
        "x": (positions[number] + around).round(4).tolist(),
        "y": (values[number] + slopes[number] * around).round(4).tolist(),
    }


def _step(
    positions: np.ndarray, values: np.ndarray, slopes: np.ndarray, number: int, reach: float, value: str
) -> dict[str, object]:
    """Changes at one stop of the slider: the tangent and both points."""
    tangent, here = _tangent(positions, values, slopes, number, reach), [float(positions[number])]
    moved = {
        "x": [tangent["x"], here, here],
        "y": [tangent["y"], [float(values[number])], [float(slopes[number])]],
    }
    label = f"{positions[number]:.2f}: {value} {values[number]:.2f}, slope {slopes[number]:.2f}"
    return {"method": "restyle", "args": [moved, [2, 3, 4]], "label": label}
