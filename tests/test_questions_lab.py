"""A question in JupyterLab: its choices are reached by keyboard, and a figure of plotly below it unfolds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from labs import Lab, run_all

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

CHAPTER = """# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %%
import plotly.graph_objects as go

from dlcvlib.exercises import Choice, ExerciseSet, Question
from dlcvlib.views.display import plotly_picture

choices = {"up": Choice("Up", "It falls."), "down": Choice("Down", "Each value is lower.")}
exercises = ExerciseSet("95", (), (Question("line", "Where does it go?", choices),))
line = plotly_picture(go.Figure(go.Scatter(y=[3, 2, 1])), caption="A line.", alt="A line that falls")
exercises.ask("line", right="down", result=line)
"""


def test_a_choice_by_keyboard_unfolds_verdict_and_figure(lab: Lab, browser: Browser) -> None:
    from playwright.sync_api import expect

    (lab.notebooks / "95_question.py").write_text(CHAPTER)
    outside: list[str] = []
    page = run_all(browser, lab, "95_question.py", outside)
    up, down = (page.get_by_role("radio", name=name) for name in ("Up", "Down"))
    up.wait_for()
    figure, verdict = page.locator(".jp-OutputArea .main-svg").first, page.get_by_text("✓ Right, in this run.")
    expect(figure).not_to_be_visible()
    for _ in range(20):  # once all cells have run, JupyterLab takes the focus
        up.focus()
        page.keyboard.press("ArrowDown")
        if down.is_checked():
            break
        page.wait_for_timeout(500)
    expect(down).to_be_checked()
    expect(verdict).not_to_be_visible()
    page.keyboard.press("Enter")
    expect(verdict).to_be_visible()
    expect(figure).to_be_visible()
    up.click()
    expect(page.get_by_text("your first choice")).to_be_visible()
    page.close()
    assert outside == []
