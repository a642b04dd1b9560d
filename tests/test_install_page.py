"""The install page lists the extras of the package."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOR_DEVELOPMENT = {"test", "docs", "dev"}


def test_table_of_extras():
    text = (ROOT / "docs" / "install.rst").read_text()
    rows = re.findall(r"^`(\w+)` +(.+?)  ", text, flags=re.MULTILINE)
    listed = {extra: packages.split(", ") for extra, packages in rows}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert listed == {
        extra: [re.match(r"[\w-]+", package)[0] for package in packages]
        for extra, packages in project["optional-dependencies"].items()
        if extra not in FOR_DEVELOPMENT
    }
