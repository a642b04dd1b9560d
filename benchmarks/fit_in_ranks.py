"""Script of each process of `bench_scale.py --only ranks`, started by torchrun.

    torchrun --nproc-per-node 2 benchmarks/fit_in_ranks.py DATA N_SAMPLES RESULTS

DATA is a folder with the files that `scale_data.make_files` wrote; each process writes
its time and memory to a file in the folder RESULTS.
"""

import hashlib
import json
import os
import sys
import warnings
from pathlib import Path

import numpy as np
from processes import measure
from scale_data import large_data_classifier, make_files
from side_by_side import use_one_thread
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits


def main():
    data, n_samples, folder = sys.argv[1:]
    warnings.simplefilter("ignore", ConvergenceWarning)
    X, y = map(np.load, make_files(int(n_samples), Path(data)))
    large_data_classifier().fit(X[:3000], y[:3000])  # warm up
    clf, measured = measure(lambda: large_data_classifier().fit(X, y))
    weights = hashlib.sha256(clf.predict_proba(X[:1000]).tobytes()).hexdigest()
    path = Path(folder) / f"rank{os.environ['RANK']}.json"
    path.write_text(json.dumps({**measured, "weights": weights}))


if __name__ == "__main__":
    with threadpool_limits(1):
        use_one_thread()
        main()
