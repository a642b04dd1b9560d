"""Check that the sdist in dist/ has all tracked files, and the wheel the package."""

import subprocess
import tarfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
(SDIST,) = (ROOT / "dist").glob("*.tar.gz")
(WHEEL,) = (ROOT / "dist").glob("*.whl")

files = subprocess.check_output(["git", "ls-files", "-z"], cwd=ROOT, text=True)
tracked = {name for name in files.split("\0") if name}
with tarfile.open(SDIST) as sdist:
    in_sdist = {name.partition("/")[2] for name in sdist.getnames()}
with zipfile.ZipFile(WHEEL) as wheel:
    in_wheel = {name for name in wheel.namelist() if ".dist-info/" not in name}

missing = tracked - in_sdist
assert not missing, f"{SDIST.name} lacks {sorted(missing)}. See MANIFEST.in."
differing = in_wheel ^ {name for name in tracked if name.startswith("sklearn_ls/")}
assert not differing, f"{WHEEL.name} lacks or adds {sorted(differing)}."
print(f"{SDIST.name} has {len(tracked)} tracked files, {WHEEL.name} {len(in_wheel)}")
