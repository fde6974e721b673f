"""The colours of every figure: told apart by colour-blind readers, on paper and on a dark screen.

Figures are drawn in the light colours. Where one becomes part of a page, each of these colours is
replaced by the CSS variable of its name, so that the page's own colour scheme decides.
"""

LIGHT = {
    "ink": "#1c1c1e",
    "muted": "#5a5a60",
    "rule": "#d4d4d9",
    "paper": "#ffffff",
    "blue": "#0060a8",
    "orange": "#b84a00",
    "grey": "#6a6a70",
    "tint": "#e3eef8",
}
"""Names to colours on white. Blue and orange are Okabe and Ito's, darkened to a contrast of at
least 4.5 : 1 with the paper (Color Universal Design, 2008; WCAG 2.2, 1.4.3)."""

DARK = {
    "ink": "#ececee",
    "muted": "#adadb4",
    "rule": "#46464d",
    "paper": "#17181b",
    "blue": "#6bb8f0",
    "orange": "#f0a35c",
    "grey": "#a2a2aa",
    "tint": "#1f3346",
}
"""The same names on a dark ground."""


def role_colour(*, weight_sharing: bool | None) -> str:
    """A network's colour: blue with shared weights, orange with separate ones, grey with one."""
    return LIGHT[{None: "grey", True: "blue", False: "orange"}[weight_sharing]]
