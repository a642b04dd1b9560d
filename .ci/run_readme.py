"""Run the README's Python examples with the installed package, outside the checkout."""

import re
from contextlib import chdir
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

import sklearn_ls

ROOT = Path(__file__).resolve().parent.parent
assert "site-packages" in Path(sklearn_ls.__file__).parts, sklearn_ls.__file__
assert version("sklearn-ls") == sklearn_ls.__version__

EXAMPLES = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
assert EXAMPLES
with TemporaryDirectory() as folder, chdir(folder):
    for code in EXAMPLES:
        exec(compile(code, "README.md", "exec"), {})
print(
    f"{len(EXAMPLES)} examples of the README ran with sklearn-ls", version("sklearn-ls")
)
