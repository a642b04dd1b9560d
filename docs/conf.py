import sklearn_ls

project = "sklearn-ls"
author = "the sklearn-ls developers"
copyright = "2026, the sklearn-ls developers"
version = release = sklearn_ls.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx.ext.extlinks",
    "numpydoc",
]
extlinks = {"doi": ("https://doi.org/%s", "doi:%s")}
exclude_patterns = ["_build", "_templates"]
templates_path = ["_templates"]
default_role = "code"

numpydoc_show_class_members = False

html_theme = "pydata_sphinx_theme"
html_title = "sklearn-ls"
html_static_path = ["_static"]
html_show_sourcelink = False
