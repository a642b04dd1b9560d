"""Draw the results of `bench_noise.py`.

    python benchmarks/plot_noise.py --results noise.jsonl --figure noise.png

The figure shows accuracies of all methods as paired differences from the default
search, with standard errors over sets, for real noise, synthetic noise and no noise.
"""

import argparse
from pathlib import Path

import numpy as np
from bench_noise import METHODS, PEERS, paired
from matplotlib.figure import Figure
from scores import read_results

PANELS = {
    "real": "real noise",
    "synthetic": "synthetic noise",
    "clean": "no noise",
}
REFERENCE = "cv"


def draw(results, path):
    found = {result["method"] for result in results}
    gains = {}
    for name in [name for name in METHODS if name in found]:
        for group in PANELS:
            means = paired(results, "accuracy", group, name, REFERENCE)
            gains[name, group] = means[:, 0] - means[:, 1]
    names = [name for name in METHODS if name in found and not METHODS[name].clean]
    names.sort(
        key=lambda name: np.mean([*gains[name, "real"], *gains[name, "synthetic"]])
    )
    colors = ["C1" if name in PEERS else "C0" for name in names]
    figure = Figure(figsize=(10, 0.8 + 0.27 * len(names)), layout="constrained")
    axes = figure.subplots(1, len(PANELS), sharey=True)
    for ax, (group, title) in zip(axes, PANELS.items(), strict=True):
        ax.axvline(0, color="0.6", linewidth=0.8)
        for height, (name, color) in enumerate(zip(names, colors, strict=True)):
            values = gains[name, group]
            error = values.std(ddof=1) / np.sqrt(len(values))
            style = {"fmt": "o", "capsize": 2, "color": color}
            ax.errorbar(values.mean(), height, xerr=error, **style)
        ax.set(title=title, xlabel="accuracy, difference in points")
    axes[0].set_yticks(range(len(names)), [METHODS[name].title for name in names])
    for label, color in zip(axes[0].get_yticklabels(), colors, strict=True):
        label.set_color(color)
    figure.savefig(path, dpi=120)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--results", type=Path, required=True, metavar="FILE")
    parser.add_argument("--figure", type=Path, required=True, metavar="FILE")
    args = parser.parse_args()
    draw(read_results(args.results), args.figure)


if __name__ == "__main__":
    main()
