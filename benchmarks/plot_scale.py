"""Figure of `bench_scale.py`: time and memory against the size of the problem."""

import numpy as np
from bench_fit import OURS, SKLEARN, SKORCH
from matplotlib.figure import Figure

STYLES = {
    OURS: {"label": "sklearn_ls", "color": "C0", "marker": "o"},
    SKLEARN: {"label": "MLPClassifier", "color": "C1", "marker": "s"},
    SKORCH: {"label": "skorch", "color": "C2", "marker": "^"},
}
AXES = ("samples", "features", "classes", "epsilons", "ranks")
UNITS = {"seconds": ("time, s", 1), "bytes": ("memory added, MB", 1e6)}
SMALLEST = 0.01  # lower limit for the logarithmic axis


def whole_decades(low, high):
    return 10 ** np.floor(np.log10(low)), 10 ** np.ceil(np.log10(high))


def find_curves(results):
    """Return {(axis, contestant): {value: list of results}}."""
    curves = {}
    sizes = [r["case"]["n_samples"] for r in results if r["benchmark"] == "ranks"]
    for result in results:
        case = result["case"]
        if result["benchmark"] == "growth":
            curve, value = (case["axis"], case["contestant"]), case["value"]
        elif result["benchmark"] == "ranks" and case["n_samples"] == max(sizes):
            curve, value = ("ranks", OURS), case["ranks"]
        else:
            continue
        curves.setdefault(curve, {}).setdefault(value, []).append(result)
    return curves


def draw(results, path):
    """Draw the medians of a list of results."""
    curves = find_curves(results)
    axes_found = [axis for axis in AXES if any(axis == curve[0] for curve in curves)]
    figure = Figure(figsize=(2.6 * len(axes_found), 5.4), layout="constrained")
    grid = figure.subplots(len(UNITS), len(axes_found), sharex="col", squeeze=False)
    for row, (unit, (label, size)) in zip(grid, UNITS.items(), strict=True):
        for ax, axis in zip(row, axes_found, strict=True):
            for contestant, style in STYLES.items():
                points = sorted(curves.get((axis, contestant), {}).items())
                if points:
                    values, found = zip(*points, strict=True)
                    medians = [np.median([r[unit] for r in some]) for some in found]
                    medians = np.maximum(np.divide(medians, size), SMALLEST)
                    ax.plot(values, medians, markersize=4, **style)
            ax.set(xscale="log", yscale="log")
            ax.set_ylim(whole_decades(*ax.get_ylim()))
            ax.grid(alpha=0.3)
        row[0].set_ylabel(label)
    for ax, axis in zip(grid[-1], axes_found, strict=True):
        ax.set_xlabel("processes" if axis == "ranks" else axis)
        if axis == "ranks":
            counts = sorted(curves[axis, OURS])
            ax.set_xticks(counts, counts)
            ax.minorticks_off()
    grid[0, 0].legend(fontsize="small")
    figure.savefig(path, dpi=120)
