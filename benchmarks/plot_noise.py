"""Draw the results of `bench_noise.py`.

    python benchmarks/plot_noise.py --results noise.jsonl --figure noise.png

Accuracies of all methods, as paired differences from the default search, with standard
errors over sets; real noise, synthetic noise and no noise side by side.
"""

import argparse
from pathlib import Path

import matplotlib
import numpy as np
from bench_noise import METHODS, paired
from scores import read_results

PANELS = {
    "real": "real noise",
    "synthetic": "synthetic noise",
    "clean": "no noise",
}
REFERENCE = "cv"


def differences(results, method, group):
    """Return the mean difference from the reference and its standard error over sets.

    None where there are no results.
    """
    means = paired(results, "accuracy", group, method, REFERENCE)
    if not len(means):
        return None
    values = means[:, 0] - means[:, 1]
    error = values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else 0.0
    return values.mean(), error


def draw(results, path):
    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    found = {result["method"] for result in results}
    names = [
        name for name, method in METHODS.items() if name in found and not method.clean
    ]
    values = {
        name: [differences(results, name, group) for group in PANELS] for name in names
    }
    names.sort(key=lambda name: np.mean([v[0] for v in values[name][:2] if v]))
    size = 10, 0.8 + 0.27 * len(names)
    figure, axes = plt.subplots(1, 3, sharey=True, figsize=size, layout="constrained")
    for panel, (ax, title) in enumerate(zip(axes, PANELS.values(), strict=True)):
        ax.axvline(0, color="0.6", linewidth=0.8)
        for height, name in enumerate(names):
            if (value := values[name][panel]) is not None:
                color = "C0" if METHODS[name].ours else "C1"
                mean, error = value
                ax.errorbar(mean, height, xerr=error, fmt="o", color=color, capsize=2)
        ax.set(title=title, xlabel="accuracy, difference in points")
    axes[0].set_yticks(range(len(names)), [METHODS[name].title for name in names])
    for label, name in zip(axes[0].get_yticklabels(), names, strict=True):
        label.set_color("C0" if METHODS[name].ours else "C1")
    figure.savefig(path, dpi=120)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--results", type=Path, required=True, metavar="FILE")
    parser.add_argument("--figure", type=Path, required=True, metavar="FILE")
    args = parser.parse_args()
    draw(read_results(args.results), args.figure)


if __name__ == "__main__":
    main()
