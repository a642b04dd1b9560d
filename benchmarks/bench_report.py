"""How often the smoothing report and the epsilon curve are right.

On data sets where smoothing has no effect, since labels are random or epsilon is
0.0001, a headline that smoothing helps or costs accuracy is wrong; where it gains about
two points of accuracy on 1,000 samples, the headline should say that it helps.

    python benchmarks/bench_report.py --results report.jsonl
    python benchmarks/bench_report.py --report --results report.jsonl

Results are kept in a file and not computed again, as by `bench_noise.py`.
"""

import warnings

import numpy as np
from scores import append_result, make_parser, print_table, read_results
from side_by_side import use_one_thread
from sklearn.datasets import load_digits, make_classification
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from sklearn_ls import LabelSmoothingClassifier, LabelSmoothingClassifierCV
from sklearn_ls.datasets import corrupt_labels
from sklearn_ls.inspection import EpsilonCurveDisplay, smoothing_report

N_SAMPLES = 400
NO_EPSILON = 1e-4


def draw(seed):
    X, y = make_classification(
        N_SAMPLES,
        n_features=10,
        n_informative=6,
        n_classes=3,
        random_state=seed,
    )
    return X.astype(np.float32), y


def draw_random_labels(seed):
    X, y = draw(seed)
    return X, np.random.default_rng(seed).permutation(y)


def draw_noisy_labels(seed):
    X, y = draw(seed)
    return X, corrupt_labels(y, 0.2, random_state=seed)[0]


def draw_digits(seed):
    X, y = load_digits(return_X_y=True)
    samples = np.random.default_rng(seed).permutation(len(X))[:1000]
    y, _ = corrupt_labels(y[samples], 0.2, random_state=seed)
    return X[samples].astype(np.float32), y


def make_network(seed, epsilon, **params):
    return LabelSmoothingClassifier(epsilon, device="cpu", random_state=seed, **params)


def make_overfitting(seed):
    """Return a network that trains on wrong labels for long enough to learn them."""
    return make_network(
        seed,
        0.15,
        hidden_layer_sizes=(100,),
        dropout=0,
        ema_decay=0,
        early_stopping=False,
        max_epochs=20,
    )


def make_search(seed, *epsilons):
    return LabelSmoothingClassifierCV(epsilons, device="cpu", random_state=seed)


CASES = {
    "random labels, network": (
        draw_random_labels,
        lambda seed: make_network(seed, 0.1),
    ),
    "random labels, search": (
        draw_random_labels,
        lambda seed: make_search(seed, 0.0, 0.1, 0.2),
    ),
    "epsilon 0.0001, network": (
        draw_noisy_labels,
        lambda seed: make_network(seed, NO_EPSILON),
    ),
    "epsilon 0.0001, search": (
        draw_noisy_labels,
        lambda seed: make_search(seed, 0.0, NO_EPSILON),
    ),
    "a gain of two points": (draw_digits, make_overfitting),
}


CLAIMS = {  # by how the headline begins
    "helps": ("Smoothing helps: ", "Smoothing helps accuracy"),
    "helps probabilities": ("Smoothing helps probabilities",),
    "costs": ("Smoothing costs accuracy", "Do not smooth: it costs accuracy"),
}


def run_case(case, seed):
    """Return what the report says, and the curve if there is one."""
    draw_data, make = CASES[case]
    X, y = draw_data(seed)
    estimator, result = make(seed), {"case": case, "seed": seed}
    if hasattr(estimator, "epsilons"):
        estimator.fit(X, y)
        verdict = EpsilonCurveDisplay.from_search(estimator).verdict
        result["curve"] = verdict.endswith(", significant")
    report = smoothing_report(estimator, X, y)
    headline = report.verdict.partition(". ")[0]
    gains = report.table["difference"]["accuracy"]
    return result | {
        "headline": headline,
        "claims": claim_of(headline),
        "gain": round(100 * float(gains["smoothed"]), 2),
    }


def claim_of(headline):
    for claim, beginnings in CLAIMS.items():
        if headline.startswith(beginnings):
            return claim
    return "nothing"


def run(seeds, path):
    done = {(result["case"], result["seed"]) for result in read_results(path)}
    for seed in range(seeds):
        for case in CASES:
            if (case, seed) not in done:
                append_result(path, run_case(case, seed))


def report(results):
    rows = []
    for case in CASES:
        here = [result for result in results if result["case"] == case]
        if here:
            claims = [result["claims"] for result in here]
            curves = [result["curve"] for result in here if "curve" in result]
            rows.append(
                [
                    case,
                    str(len(here)),
                    f"{np.mean([result['gain'] for result in here]):+.2f}",
                    *(f"{claims.count(name)}" for name in CLAIMS),
                    f"{sum(curves)}" if curves else "",
                ]
            )
    print("\nIn how many data sets the headline says so, and the curve 'significant'.")
    print_table(["case", "data sets", "mean gain", *CLAIMS, "curve"], rows)


def main():
    parser = make_parser(__doc__, "bench_report", seeds=200)
    args = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    import matplotlib

    matplotlib.use("agg")
    if not args.report:
        run(args.seeds, args.results)
    report(read_results(args.results))


if __name__ == "__main__":
    with threadpool_limits(1):
        use_one_thread()
        main()
