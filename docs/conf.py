import os
import sys
import warnings
from itertools import chain
from pathlib import Path

from sphinx_gallery.sorting import ExplicitOrder

import sklearn_ls

project = "sklearn-ls"
author = "the sklearn-ls developers"
copyright = "2026, the sklearn-ls developers"
version = release = sklearn_ls.__version__

sys.path.insert(0, str(Path(__file__).resolve().parent / "_ext"))
extensions = [
    "bars",
    "indexes",
    "parameter_groups",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.extlinks",
    "sphinx.ext.intersphinx",
    "sphinx-mathjax-offline",  # formulas without a network
    "numpydoc",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "sphinxext.opengraph",
]
exclude_patterns = ["_build", "_templates"]
templates_path = ["_templates"]
default_role = "code"
nitpicky = True
toc_object_entries_show_parents = "hide"
extlinks = {"doi": ("https://doi.org/%s", "doi:%s")}

# Without a network the names in docs/inventories are linked to.
intersphinx_timeout = 5
intersphinx_mapping = {
    name: (url, (None, f"inventories/{name}.txt"))
    for name, url in {
        "matplotlib": "https://matplotlib.org/stable/",
        "numpy": "https://numpy.org/doc/stable/",
        "skorch": "https://skorch.readthedocs.io/en/stable/",
        "sklearn": "https://scikit-learn.org/stable/",
        "torch": "https://docs.pytorch.org/docs/stable/",
    }.items()
}

autodoc_typehints = "none"  # docstrings say more
numpydoc_show_class_members = False  # the template of classes lists them

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

# A warning in an example stops it, and with it the build.
for category in (FutureWarning, RuntimeWarning, UserWarning):
    warnings.filterwarnings("error", category=category)
warnings.filterwarnings("error", module="__main__")
# The order of the groups and of their examples; a new example comes at the end.
examples = {
    "tutorials": ["plot_smoothing_by_hand.py"],
    "data": [
        "plot_table.py",
        "plot_text.py",
        "plot_mislabelled_images.py",
        "plot_residual_network.py",
    ],
    "epsilon": [
        "plot_choosing_epsilon.py",
        "plot_did_it_help.py",
        "plot_when_does_smoothing_help.py",
        "plot_committee.py",
    ],
    "labels": ["plot_label_noise.py", "plot_relabel.py", "plot_votes.py"],
    "classifiers": ["plot_boosting.py"],
    "formula": ["plot_epsilon_conventions.py", "plot_binary_cross_entropy.py"],
}
folder = Path(__file__).resolve().parent.parent / "examples"
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": "plot_",
    # Scripts of their own: make demo, and one that needs data.
    "ignore_pattern": r"quickstart\.py|cats_and_dogs\.py",
    "subsection_order": ExplicitOrder([f"../examples/{group}" for group in examples]),
    "within_subsection_order": ExplicitOrder([*chain(*examples.values()), "*"]),
    "minigallery_sort_order": ExplicitOrder(
        [str(folder / group / name) for group in examples for name in examples[group]]
        + ["*"]
    ),
    "doc_module": ("sklearn_ls",),
    "backreferences_dir": "generated/backreferences",
    "reset_modules": ("matplotlib", "figure_style.use"),
    "remove_config_comments": True,
    "show_signature": False,
    "min_reported_time": 3600,  # times differ from build to build
    "write_computation_times": False,
    "download_all_examples": False,
}

documentation = "https://sklearn-ls.readthedocs.io/en/"
on_read_the_docs = "READTHEDOCS" in os.environ
html_baseurl = ogp_site_url = os.environ.get(
    "READTHEDOCS_CANONICAL_URL", f"{documentation}stable/"
)
ogp_image = "_static/quickstart.png"
ogp_social_cards = {"enable": False}

html_theme = "pydata_sphinx_theme"
html_title = "sklearn-ls"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = [("tables.js", {"defer": "defer"})]
html_logo = html_favicon = "_static/logo.svg"
html_show_sourcelink = html_copy_source = False
html_use_index = html_domain_indices = False
html_context = {"default_mode": "auto"}  # light or dark, as the system has it
html_sidebars = {"tour": [], "benchmarks": [], "changes": [], "contributing": []}
html_theme_options = {
    "logo": {"text": "sklearn-ls", "alt_text": "sklearn-ls"},
    "header_links_before_dropdown": 5,
    "navbar_align": "left",
    "navbar_end": ["version-switcher", "theme-switcher", "navbar-icon-links"],
    # All versions read the newest list; a build elsewhere reads its own.
    "switcher": {
        "json_url": f"{documentation}latest/_static/switcher.json"
        if on_read_the_docs
        else "_static/switcher.json",
        "version_match": "dev" if "dev" in version else version,
    },
    "check_switcher": False,
    "secondary_sidebar_items": ["page-toc"],
    "show_prev_next": False,
    "footer_start": ["copyright"],
    "footer_end": [],
}
