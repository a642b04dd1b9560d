"""Measure how often the smoothing report and the epsilon curve make wrong claims.

Smoothing has no effect on the accuracy on random labels, with epsilon 0.0001, and
between two trainings on hard labels that differ only in their seeds. If it gains two
points on 1,000 samples, the report should say so.

    python benchmarks/bench_report.py --results report.jsonl
    python benchmarks/bench_report.py --report --results report.jsonl

Results are kept in a file and not computed again, as in `bench_noise.py`. Finally, the
rates of wrong claims are tested against 5 %.
"""

import warnings

import numpy as np
from matplotlib.figure import Figure
from scipy.stats import binomtest
from scores import append_result, make_parser, print_table, read_results
from side_by_side import use_one_thread
from sklearn.datasets import load_digits, make_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import StratifiedKFold
from threadpoolctl import threadpool_limits

from sklearn_ls import LabelSmoothingClassifier, LabelSmoothingClassifierCV
from sklearn_ls.datasets import corrupt_labels
from sklearn_ls.inspection import (
    EpsilonCurveDisplay,
    SmoothingReport,
    smoothing_report,
)
from sklearn_ls.inspection._report.scores import score_variants

N_SAMPLES, GAIN = 400, "a gain of two points"
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
    """Return a network that trains long enough to learn wrong labels."""
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
    "another seed": (draw_noisy_labels, None),
    GAIN: (draw_digits, make_overfitting),
}
CLAIMS = {  # start of the headline for each claim
    "helps": ("Smoothing helps: ", "Smoothing helps accuracy"),
    "helps probabilities": ("Smoothing helps probabilities",),
    "costs": ("Smoothing costs accuracy", "Do not smooth: it costs accuracy"),
    "nothing": ("You do not need smoothing",),
}


def compare_seeds(seed, X, y):
    """Return a report in which the smoothed networks are hard ones of other seeds."""
    splits = list(StratifiedKFold(5).split(X, y))
    probas = []
    for fold, (train, test) in enumerate(splits):
        seeds = {"hard labels": 10 * seed + fold, "smoothed": 10 * seed + fold + 5}
        probas.append(
            {
                name: make_network(random_state, 0.0)
                .fit(X[train], y[train])
                .predict_proba(X[test])
                .astype(float)
                for name, random_state in seeds.items()
            }
        )
    scores = score_variants(y, probas, [test for _, test in splits])
    return SmoothingReport(scores, noise={}, epsilons=[0.1])


def run_case(case, seed):
    """Return the claims of the report, and of the curve if there is one."""
    draw_data, make = CASES[case]
    X, y = draw_data(seed)
    result = {"case": case, "seed": seed}
    if make is None:
        report = compare_seeds(seed, X, y)
    else:
        estimator = make(seed)
        if hasattr(estimator, "epsilons"):
            estimator.fit(X, y)
            ax = Figure().subplots()
            verdict = EpsilonCurveDisplay.from_search(estimator, ax=ax).verdict
            result["curve"] = verdict.endswith(", significant")
        report = smoothing_report(estimator, X, y)
    headline = report.verdict.partition(". ")[0]
    gains = report.table["difference"]["accuracy"]
    return result | {
        "headline": headline,
        "claim": claim_of(headline),
        "gain": round(100 * float(gains["smoothed"]), 2),
    }


def claim_of(headline):
    for claim, beginnings in CLAIMS.items():
        if headline.startswith(beginnings):
            return claim
    raise ValueError(f"unknown headline: {headline}")


def run(seeds, path):
    done = {(result["case"], result["seed"]) for result in read_results(path)}
    for seed in range(seeds):
        for case in CASES:
            if (case, seed) not in done:
                append_result(path, run_case(case, seed))


def report(results):
    rows, wrong = [], {}
    for case in CASES:
        here = [result for result in results if result["case"] == case]
        if not here:
            continue
        claims = [result["claim"] for result in here]
        curves = [result["curve"] for result in here if "curve" in result]
        counts = [claims.count(claim) for claim in CLAIMS]
        gain = np.mean([result["gain"] for result in here])
        rows.append([case, f"{len(here)}", f"{gain:+.2f}", *map(str, counts)])
        rows[-1].append(str(sum(curves)) if curves else "")
        if case != GAIN:
            wrong[case] = max(len(here) - claims.count("nothing"), sum(curves))
    print("\nNumber of data sets with each headline, and with a 'significant' curve.")
    print_table(["case", "data sets", "mean gain", *CLAIMS, "curve"], rows)
    for case, n_wrong in wrong.items():
        n = sum(result["case"] == case for result in results)
        test = binomtest(n_wrong, n, 0.05, alternative="greater")
        assert test.pvalue > 0.01, f"{case}: {n_wrong} of {n} are wrong"


def main():
    parser = make_parser(__doc__, "bench_report", seeds=200)
    args = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    if not args.report:
        run(args.seeds, args.results)
    report(read_results(args.results))


if __name__ == "__main__":
    with threadpool_limits(1):
        use_one_thread()
        main()
