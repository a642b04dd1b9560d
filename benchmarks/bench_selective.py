"""Compare confidences by the area under the risk-coverage curve.

LabelSmoothingClassifier is trained with and without smoothing on the sets of
`noisy_sets.py`, both halves, and evaluated on clean test labels. The confidence of a
prediction is

- the largest probability;
- the difference of the two largest log-probabilities (margin), which has the same order
  for two classes;
- the largest logit divided by the norm of all logits, after subtracting their mean,
  with exponents 2 and 4 (normalized). For two classes this is constant, and the largest
  probability is used instead.

Run it, and print its tables again::

    python benchmarks/bench_selective.py --data DIR --results selective.jsonl
    python benchmarks/bench_selective.py --report --results selective.jsonl
"""

import numpy as np
from noisy_sets import means_of_sets, scenarios
from scores import (
    append_result,
    make_parser,
    mean_and_error,
    print_table,
    read_results,
)
from side_by_side import use_one_thread
from threadpoolctl import threadpool_limits

from sklearn_ls import LabelSmoothingClassifier
from sklearn_ls.metrics import area_under_risk_coverage

EPSILONS = (0.0, 0.1, 0.2, 0.4)
REFERENCE = "0, largest probability"


def margin(log_proba):
    second, first = np.sort(log_proba, axis=1)[:, -2:].T
    return first - second


def normalized(log_proba, p):
    if log_proba.shape[1] == 2:
        return log_proba.max(axis=1)
    logits = log_proba - log_proba.mean(axis=1, keepdims=True)
    norms = (np.abs(logits) ** p).sum(axis=1) ** (1 / p)
    return logits.max(axis=1) / np.maximum(norms, 1e-12)


CONFIDENCES = {
    "largest probability": lambda log_proba: log_proba.max(axis=1),
    "margin": margin,
    "normalized, p = 2": lambda log_proba: normalized(log_proba, 2),
    "normalized, p = 4": lambda log_proba: normalized(log_proba, 4),
}


def measure(data, seed):
    """Return the error rates and areas in %, by epsilon and confidence."""
    codes = np.arange(max(data.y_train.max(), data.y_test.max()) + 1)
    found = {}
    for epsilon in EPSILONS:
        classifier = LabelSmoothingClassifier(epsilon, device="cpu", random_state=seed)
        classifier.fit(data.X_train, data.y_noisy)
        assert np.array_equal(classifier.classes_, codes)
        log_proba = classifier.predict_log_proba(data.X_test).astype(np.float64)
        y_proba = np.exp(log_proba)
        error = np.mean(y_proba.argmax(axis=1) != data.y_test)
        found[f"{epsilon:g}, error rate"] = 100 * error
        for name, confidence in CONFIDENCES.items():
            area = area_under_risk_coverage(
                data.y_test, y_proba, confidence=confidence(log_proba), labels=codes
            )
            found[f"{epsilon:g}, {name}"] = 100 * area
    return {name: round(float(value), 4) for name, value in found.items()}


def run(seeds, directory, path):
    for scenario, data in scenarios(seeds, directory, read_results(path)):
        append_result(path, scenario | measure(data, scenario["seed"]))
        print(*scenario.values(), flush=True)


def report(results):
    rows = []
    names = [name for name in results[0] if name not in ("set", "noise", "seed")]
    for name in names:
        row = [f"epsilon {name}"]
        for is_noisy in (False, True):
            group = [r for r in results if (r["noise"] != "clean") == is_noisy]
            means = means_of_sets(group, [name, REFERENCE])
            row.append(f"{means[:, 0].mean():.2f}")
            is_area = not name.endswith("error rate") and name != REFERENCE
            differences = means[:, 0] - means[:, 1]
            row.append(mean_and_error(differences, 2, sign="+") if is_area else "")
        rows.append(row)
    seeds = len({result["seed"] for result in results})
    print(f"{len(results)} results, {seeds} seeds. Areas in %, and differences from")
    print("hard labels by the largest probability, with standard errors over sets.")
    print_table(["", "clean", "difference", "noisy", "difference"], rows)


def main():
    args = make_parser(__doc__, "bench_selective", seeds=5).parse_args()
    if not args.report:
        run(args.seeds, args.data, args.results)
    report(read_results(args.results))


if __name__ == "__main__":
    with threadpool_limits(1):
        use_one_thread()
        main()
