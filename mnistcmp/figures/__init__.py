"""Figures: the networks' structure, and what their runs did."""

from mnistcmp.figures.curves import draw_curves as draw_curves
from mnistcmp.figures.curves import draw_learning as draw_learning
from mnistcmp.figures.dots import DotRow as DotRow
from mnistcmp.figures.dots import draw_dots as draw_dots
from mnistcmp.figures.drawing import Drawing as Drawing
from mnistcmp.figures.drawing import to_inline_svg as to_inline_svg
from mnistcmp.figures.drawing import to_png as to_png
from mnistcmp.figures.drawing import to_svg as to_svg
from mnistcmp.figures.interaction import draw_interaction as draw_interaction
from mnistcmp.figures.palette import DARK as DARK
from mnistcmp.figures.palette import LIGHT as LIGHT
from mnistcmp.figures.structure import draw_structure as draw_structure
