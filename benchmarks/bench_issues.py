"""Compare rankings of samples for finding wrong labels.

The sets and their noise are those of `noisy_sets.py`, both halves. A ranking is
evaluated by its precision at the true count: with k wrong labels, the percentage of
wrong labels among the first k samples. Samples are ranked by the predicted probability
of the observed label (self-confidence), or its difference from the largest other
probability (normalized margin). The predictions are

- for held-out samples, those of the fold networks of LabelSmoothingClassifierCV, as in
  `find_label_issues`;
- or averages over training epochs: of a network trained on the samples themselves
  without early stopping (the averaged margin of logits is the area under the margin),
  or of the fold networks for held-out samples.

Run it, and print its tables again::

    python benchmarks/bench_issues.py --data DIR --results issues.jsonl
    python benchmarks/bench_issues.py --report --results issues.jsonl
"""

from collections import defaultdict

import numpy as np
import torch
from noisy_sets import SOURCES, means_of_sets, scenarios
from scipy.special import softmax
from scores import (
    append_result,
    make_parser,
    mean_and_error,
    print_table,
    read_results,
)
from side_by_side import use_one_thread
from sklearn.model_selection import StratifiedKFold
from skorch.callbacks import Callback
from threadpoolctl import threadpool_limits

from sklearn_ls import LabelSmoothingClassifier, LabelSmoothingClassifierCV

REFERENCE = "held out, self-confidence"
GROUPS = ("symmetric", "pair", "instance", "real")


class Logits(Callback):
    """Keeps the logits of samples after each epoch."""

    def __init__(self, X):
        self.X = X

    def initialize(self):
        """Delete the logits of a previous training."""
        self.of_epochs = []
        return self

    def on_epoch_end(self, net, **kwargs):
        """Add the logits of this epoch."""
        with torch.no_grad():
            logits = net.forward(self.X).numpy()
        if logits.ndim == 1:  # logits of the second of two classes
            logits = np.column_stack([np.zeros_like(logits), logits])
        self.of_epochs.append(logits)


def self_confidence(outputs, codes):
    """Return the output of the observed class of each sample."""
    return np.take_along_axis(outputs, codes[:, np.newaxis], axis=1)[:, 0]


def margin(outputs, codes):
    """Return the output of the observed class minus the largest other output."""
    others = outputs.copy()
    np.put_along_axis(others, codes[:, np.newaxis], -np.inf, axis=1)
    return self_confidence(outputs, codes) - others.max(axis=1)


def precision(scores, wrong):
    """Return the percentage of wrong labels among the lowest scores."""
    return 100 * wrong[np.argsort(scores, kind="stable")[: wrong.sum()]].mean()


def logits_of_epochs(X, codes, X_seen, seed):
    """Train without early stopping; return the logits of `X_seen` after each epoch."""
    classifier = LabelSmoothingClassifier(
        early_stopping=False,
        callbacks=[("logits", Logits(X_seen))],
        device="cpu",
        random_state=seed,
    ).fit(X, codes)
    return dict(classifier.net_.callbacks_)["logits"].of_epochs


def scores_of_epochs(logits, codes):
    """Return both scores, averaged over epochs."""
    return {
        "margin": np.mean([margin(z, codes) for z in logits], axis=0),
        "self-confidence": np.mean(
            [self_confidence(softmax(z, axis=1), codes) for z in logits], axis=0
        ),
    }


def rank(X, codes, seed):
    """Return the scores of all samples, by the name of the ranking."""
    splits = list(StratifiedKFold(shuffle=True, random_state=seed).split(X, codes))
    search = LabelSmoothingClassifierCV(cv=splits, device="cpu", random_state=seed)
    search.fit(X, codes)
    scores = {
        REFERENCE: self_confidence(search.oof_proba_, codes),
        "held out, margin": margin(search.oof_proba_, codes),
    }
    for name, of_epochs in scores_of_epochs(
        logits_of_epochs(X, codes, X, seed), codes
    ).items():
        scores[f"mean of epochs, {name}"] = of_epochs
    held_out = defaultdict(lambda: np.empty(len(codes)))
    for train, test in splits:
        logits = logits_of_epochs(X[train], codes[train], X[test], seed)
        for name, of_epochs in scores_of_epochs(logits, codes[test]).items():
            held_out[f"held out, mean of epochs, {name}"][test] = of_epochs
    return scores | held_out


def run(seeds, directory, path):
    for scenario, data in scenarios(seeds, directory, read_results(path)):
        wrong = data.y_noisy != data.y_train
        if not wrong.any():
            continue
        _, codes = np.unique(data.y_noisy, return_inverse=True)
        rankings = rank(data.X_train, codes, scenario["seed"])
        found = {name: precision(scores, wrong) for name, scores in rankings.items()}
        append_result(path, scenario | {n: round(v, 3) for n, v in found.items()})
        print(*scenario.values(), f"{found[REFERENCE]:.1f} %", flush=True)


def group_of(result):
    return "real" if SOURCES[result["set"]].real else result["noise"].split()[0]


def report(results):
    rankings = [key for key in results[0] if key not in ("set", "noise", "seed")]
    rows = []
    for index, ranking in enumerate(rankings):
        row = [ranking]
        for group in (*GROUPS, "all"):
            means = means_of_sets(
                [r for r in results if group in (group_of(r), "all")], rankings
            )
            if ranking == REFERENCE:
                row.append(f"{means[:, index].mean():.1f}")
            else:
                differences = means[:, index] - means[:, rankings.index(REFERENCE)]
                row.append(mean_and_error(differences, 1, sign="+"))
        rows.append(row)
    seeds = len({result["seed"] for result in results})
    print(f"{len(results)} results, {seeds} seeds. Precision at the true count in %,")
    print("and differences in points, with standard errors over sets.")
    print_table(["ranking", *GROUPS, "all"], rows)


def main():
    args = make_parser(__doc__, "bench_issues", seeds=5).parse_args()
    if not args.report:
        run(args.seeds, args.data, args.results)
    report(read_results(args.results))


if __name__ == "__main__":
    with threadpool_limits(1):
        use_one_thread()
        main()
