"""Views of what the rooms below make: text for a terminal, HTML, SVG, JSON and the static site."""

from .drawing import find_cell
from .drawing_html import PICTURE_CSS, PICTURE_JS, to_svg
from .drawing_text import to_terminal

__all__ = ["PICTURE_CSS", "PICTURE_JS", "find_cell", "to_svg", "to_terminal"]
