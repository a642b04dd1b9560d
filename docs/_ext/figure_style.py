"""The style of the gallery's figures."""

from pathlib import Path

import matplotlib

STYLE = Path(__file__).resolve().parent.parent / "matplotlibrc"


def use(gallery_conf, fname):
    """Use the style in an example; sphinx-gallery calls this before each."""
    matplotlib.rc_file(STYLE)
