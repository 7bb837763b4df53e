"""Sphinx configuration; built by `make docs`, without any network."""

import inspect
import logging
import os
import sys
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

import sdot

for name in ("sdot", "jax", "traitlets"):  # the gallery makes logs of all levels appear
    logging.getLogger(name).setLevel(logging.WARNING)
HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))  # for example_pictures.py

project = "sdot"
author = "the sdot contributors"
release = version = sdot.__version__
project_copyright = author

extensions = [
    "jupyter_sphinx",
    "myst_parser",
    "numpydoc",
    "sphinx-mathjax-offline",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "sg_execution_times.rst", "*/sg_execution_times.rst"]

# ---- Text ----
myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

# ---- Reference ----
autosummary_generate = True
autodoc_typehints = "none"  # the docstrings say more
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
# Links into other projects' pages want their inventories, which only the published site fetches.
if os.environ.get("READTHEDOCS"):
    intersphinx_mapping = {
        "python": ("https://docs.python.org/3", None),
        "numpy": ("https://numpy.org/doc/stable", None),
        "scipy": ("https://docs.scipy.org/doc/scipy", None),
        "matplotlib": ("https://matplotlib.org/stable", None),
        "jax": ("https://docs.jax.dev/en/latest", None),
        "torch": ("https://docs.pytorch.org/docs/stable", None),
    }

# ---- Code that is executed: blocks in pages, and the examples ----
jupyter_sphinx_require_url = ""
SCRATCH = HERE / "_build" / "scratch"  # not where the sources are, which lack the compiled half
SCRATCH.mkdir(parents=True, exist_ok=True)
jupyter_execute_kwargs = {
    "cwd": str(SCRATCH),
    "timeout": 300,
    "allow_errors": True,  # to be reported with the page and line
    "store_widget_state": False,
    "coalesce_streams": True,
    "extra_arguments": ["--InlineBackend.figure_formats={'retina'}"],
}
sphinx_gallery_conf = {
    "examples_dirs": [str(HERE.parent / "examples")],
    "gallery_dirs": ["gallery"],
    "filename_pattern": r"\.py$",
    "ignore_pattern": r"__main__\.py$",
    "reset_argv": "example_pictures.no_arguments",
    "reset_modules": ("matplotlib", "example_pictures.reset_frameworks"),
    "image_srcset": ["2x"],
    "remove_config_comments": True,
    "download_all_examples": True,
    "show_memory": False,
    "min_reported_time": 3600,
    "show_signature": False,
    "plot_gallery": True,
    "abort_on_example_error": False,
    "backreferences_dir": "generated/backreferences",
    "doc_module": ("sdot",),
    "inspect_global_variables": False,
}
# What the code is not to be copied with.
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

# ---- Looks ----
html_theme = "furo"
html_title = f"sdot {release}"
html_static_path = ["_static"]
html_favicon = "_static/favicon.svg"
html_css_files = ["site.css"]
html_js_files = ["site.js"]


def leave_out_widgets(
    app: Sphinx, page: str, template: str, context: dict[str, Any], tree: object
) -> None:
    """There are no widgets in these pages, whose scripts would be fetched from elsewhere."""
    for kind in ("script_files", "css_files"):
        context[kind] = [
            file
            for file in context[kind]
            if not any(name in str(file.filename) for name in ("jupyter-widgets", "thebelab"))
        ]


def shown_signature(
    app: Sphinx, kind: str, name: str, value: Any, options: object, arguments: str, result: str
) -> tuple[str, str | None] | None:
    """What a class is called with, if it is called by users, whatever `__new__` takes."""
    if kind != "class":
        return None
    try:
        signature = inspect.signature(value)
    except (TypeError, ValueError):
        return None
    parameters = list(signature.parameters.values())
    if any(parameter.name.startswith("_") for parameter in parameters):
        return "", None  # made by functions, not by users
    bare = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in parameters]
    return str(signature.replace(parameters=bare, return_annotation=inspect.Signature.empty)), None


def is_internal(
    app: Sphinx, kind: str, name: str, value: Any, skip: bool, options: object
) -> bool | None:
    """Methods for users have an example; those without are what the solver asks of a density."""
    of_protocol = app.env.docname.startswith("generated/sdot.distributions.density")
    has_example = ">>>" in (inspect.getdoc(value) or "")
    if not of_protocol and name in {
        "arrays",
        "format",
        "linearisation",
        "transport_map",
        "execution",
    }:
        return True
    is_method = inspect.isfunction(value) or inspect.ismethod(value)
    if kind == "class" and is_method and not (of_protocol or has_example):
        return True
    return None


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("html-page-context", leave_out_widgets)
    app.connect("autodoc-process-signature", shown_signature)
    app.connect("autodoc-skip-member", is_internal)
