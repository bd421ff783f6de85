"""Choices with folded verdicts, as questions and choices of lines share them; question.css folds without a script."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

KEYS = "Leave the choices with Tab to see what is right."

OWN_KEYS = 'data-lm-suppress-shortcuts="true"'  # JupyterLab leaves the arrows to the element that has this attribute


@dataclass(frozen=True)
class Offered:
    """A choice as the reader sees it."""

    key: str
    label: str
    """HTML."""
    verdict: str
    """HTML, shown once it is chosen."""
    right: bool


def choices_html(name: str, legend: str, offered: Iterable[Offered]) -> str:
    """`<fieldset>` of a radio button for each choice.

    Args:
        name: of the group, unique on its page.
        legend: HTML of what is asked.
        offered: choices in their order.
    """
    choices = "\n".join(_choice(name, each) for each in offered)
    return (
        f'<fieldset aria-live="polite"><legend>{legend}</legend>\n{choices}\n<p class="dlcv-keys">{KEYS}</p></fieldset>'
    )


def _choice(name: str, offered: Offered) -> str:
    return (
        f'<div class="dlcv-choice{" dlcv-is-right" if offered.right else ""}"><label>'
        f'<input type="radio" name="{escape(name)}" value="{escape(offered.key)}" {OWN_KEYS}>'
        f"<span>{offered.label}</span></label>"
        f'<div class="dlcv-why">{offered.verdict}</div></div>'
    )
