"""Compare training targets made from annotators' votes, on clean test labels.

LabelMe (8 classes, 2.5 votes per sample) and music (10 classes, 4.2 votes) were labeled
by crowds. For digits, letter, covertype and Fashion-MNIST, 20 to 60 annotators are
simulated, with 1 to 5 votes per sample. Their accuracies are between .3 and .95; the
errors of a quarter of them are always the next class, and a tenth answers at random.
LabelSmoothingClassifierCV is trained on

- the majority vote (ties are broken at random);
- the shares of the votes, as soft labels;
- the probabilities of the Dawid-Skene model;
- the consensus of CROWDLAB (cleanlab) from the votes and the held-out predictions of
  the search on the majority vote;
- the votes themselves, with confusion matrices that are learned jointly;
- the clean labels.

The committee is a soft vote of the search and a forest with leaves of at least 5
samples, which is trained on the most likely labels of the consensus. Each seed draws
80 % of the training samples of crowds, or other samples, annotators and votes. On the
simulated sets, 1,000 votes are also distributed differently: one vote on each of 1,000
samples, two on 500, and four on 250. Run it, and print its tables again::

    python benchmarks/bench_crowds.py --data DIR --results crowds.jsonl
    python benchmarks/bench_crowds.py --report --results crowds.jsonl
"""

import warnings

import numpy as np
from noisy_sets import SOURCES, find_data, random_source, scale, vote
from scores import (
    append_result,
    make_parser,
    mean_and_error,
    print_table,
    read_results,
    score_probabilities,
)
from side_by_side import use_one_thread
from sklearn.ensemble import RandomForestClassifier
from threadpoolctl import threadpool_limits

from sklearn_ls import LabelSmoothingClassifierCV
from sklearn_ls.crowds import votes_to_soft

CROWDS = ("LabelMe", "music")
SIMULATED = ("digits", "letter", "covertype", "Fashion-MNIST")
N_SIMULATED = 1000
N_VOTES = (1, 2, 4)  # votes per sample; the total number of votes is the same
TARGETS = (
    "majority",
    "shares",
    "Dawid-Skene",
    "CROWDLAB",
    "votes",
    "clean labels",
)


def simulate_votes(y, n_classes, rng, n_votes=None):
    """Return the answers (n_samples, n_annotators) of simulated annotators.

    Each sample has `n_votes` votes, or between 1 and 5 by default.
    """
    n_annotators = rng.integers(20, 61)
    habits = np.empty((n_annotators, n_classes, n_classes))
    for habit in habits:
        accuracy, kind = rng.uniform(0.3, 0.95), rng.random()
        if kind < 0.1:  # a spammer
            habit[...] = rng.dirichlet(np.ones(n_classes))
        elif kind < 0.35:  # pairs
            habit[...] = accuracy * np.eye(n_classes)
            habit += (1 - accuracy) * np.roll(np.eye(n_classes), 1, axis=1)
        else:
            habit[...] = (1 - accuracy) / (n_classes - 1)
            np.fill_diagonal(habit, accuracy)
    answers = np.full((len(y), n_annotators), -1)
    n_votes = rng.integers(1, 6, len(y)) if n_votes is None else [n_votes] * len(y)
    for sample, n_asked in enumerate(n_votes):
        for annotator in rng.choice(n_annotators, n_asked, replace=False):
            row = habits[annotator, y[sample]]
            answers[sample, annotator] = rng.choice(n_classes, p=row)
    return answers


def draw(name, arrays, seed, n_votes=None):
    """Return the data of a set, and the answers of its annotators.

    With `n_votes` per sample, there are fewer samples.
    """
    source = SOURCES[name]
    rng = random_source("votes", name, seed)
    if name in CROWDS:
        data = source.draw(arrays, "majority", seed)
        answers = arrays["answers_train"].astype(int)
        samples = rng.permutation(len(answers))[: round(0.8 * len(answers))]
    else:
        data = source.draw(arrays, "clean", seed)
        samples = np.arange(min(N_SIMULATED, len(data.y_train)) // (n_votes or 1))
        n_classes = data.y_train.max() + 1
        answers = simulate_votes(data.y_train[samples], n_classes, rng, n_votes)
    data = data._replace(
        X_train=data.X_train[samples],
        y_train=data.y_train[samples],
        y_noisy=data.y_noisy[samples],
    )
    return scale(data), answers[samples] if name in CROWDS else answers


def crowdlab(answers, y_proba):
    """Return the consensus of cleanlab."""
    import pandas as pd
    from cleanlab.multiannotator import get_label_quality_multiannotator

    frame = pd.DataFrame(answers).astype("Int64").where(answers >= 0)
    found = get_label_quality_multiannotator(
        frame, y_proba, verbose=False, return_detailed_quality=False
    )
    return found["label_quality"]["consensus_label"].to_numpy().astype(int)


def true_confusion(answers, y, n_classes):
    """Return the frequencies of answers per annotator, and the answers per class."""
    cells = np.zeros((answers.shape[1], n_classes, n_classes), dtype=int)
    sample, annotator = np.nonzero(answers >= 0)
    np.add.at(cells, (annotator, y[sample], answers[sample, annotator]), 1)
    totals = cells.sum(axis=2, keepdims=True)
    return cells / np.maximum(totals, 1), totals[:, :, 0]


def confusion_error(estimate, answers, y):
    """Return the mean total variation distance to the true confusion matrices in %."""
    expected, totals = true_confusion(answers, y, estimate.shape[-1])
    errors = np.abs(np.nan_to_num(estimate) - expected).sum(axis=2) / 2
    return 100 * np.average(errors, weights=totals)


def run_scenario(data, answers, seed):
    """Return a list of results with the scores of all targets."""
    n_classes = max(data.y_train.max(), data.y_test.max()) + 1
    rng = np.random.default_rng(seed)
    majority = vote(answers, n_classes, rng)
    shares, _ = votes_to_soft(answers, n_classes=n_classes)
    dawid_skene, _, confusion = votes_to_soft(
        answers, n_classes=n_classes, method="dawid_skene", return_confusion=True
    )
    targets = {
        "majority": {"y": np.eye(n_classes)[majority]},
        "shares": {"y": shares},
        "Dawid-Skene": {"y": dawid_skene},
        "CROWDLAB": None,
        "votes": {"y": majority, "votes": answers},
        "clean labels": {"y": np.eye(n_classes)[data.y_train]},
    }
    results, oof_proba = [], None
    for target in TARGETS:
        search = LabelSmoothingClassifierCV(device="cpu", random_state=seed)
        if target == "CROWDLAB":
            consensus = crowdlab(answers, oof_proba)  # from the search on the majority
            targets[target] = {"y": np.eye(n_classes)[consensus]}
        search.fit(data.X_train, **targets[target])
        result = {"target": target}
        if oof_proba is None:
            oof_proba = search.oof_proba_
        if target == "votes":
            consensus = search.consensus_proba_.argmax(axis=1)
            result["confusion_error"] = confusion_error(
                search.annotator_confusion_, answers, data.y_train
            )
        elif target != "CROWDLAB":
            consensus = targets[target]["y"].argmax(axis=1)
        if target == "Dawid-Skene":
            result["confusion_error"] = confusion_error(
                confusion, answers, data.y_train
            )
        result["consensus"] = 100 * np.mean(consensus == data.y_train)
        forest = RandomForestClassifier(min_samples_leaf=5, random_state=seed)
        forest.fit(data.X_train, consensus)
        y_proba = np.zeros((len(data.X_test), n_classes))
        y_proba[:, search.classes_] = search.predict_proba(data.X_test)
        committee = y_proba / 2
        committee[:, forest.classes_] += forest.predict_proba(data.X_test) / 2
        for model, proba in (("search", y_proba), ("committee", committee)):
            scores = score_probabilities(data.y_test, proba)
            result |= {f"{model}_{name}": value for name, value in scores.items()}
        del result["target"]
        rounded = {name: round(float(value), 4) for name, value in result.items()}
        results.append({"target": target, **rounded})
    return results


def run_budget(data, answers, seed):
    """Return the accuracies of the search on votes and on their majority."""
    n_classes = max(data.y_train.max(), data.y_test.max()) + 1
    majority = vote(answers, n_classes, np.random.default_rng(seed))
    scores = {}
    for target, params in (("majority", {}), ("votes", {"votes": answers})):
        search = LabelSmoothingClassifierCV(device="cpu", random_state=seed)
        search.fit(data.X_train, majority, **params)
        scores[target] = round(100 * search.score(data.X_test, data.y_test), 4)
    return scores


def run(seeds, directory, path):
    done = {(r["set"], r["seed"], r.get("n_votes")) for r in read_results(path)}
    for name in (*CROWDS, *SIMULATED):
        arrays = find_data(name, directory)
        if arrays is None:
            continue
        for seed in range(seeds):
            scenario = {"set": name, "seed": seed}
            if (name, seed, None) not in done:
                for result in run_scenario(*draw(name, arrays, seed), seed):
                    append_result(path, {**scenario, **result})
                print(name, seed, flush=True)
            for n_votes in N_VOTES if name in SIMULATED else ():
                if (name, seed, n_votes) not in done:
                    scores = run_budget(*draw(name, arrays, seed, n_votes), seed)
                    append_result(path, {**scenario, "n_votes": n_votes, **scores})


def values_of(results, name, target, score):
    """Return the scores of all seeds of a set."""
    return np.array(
        [r[score] for r in results if (r["set"], r["target"]) == (name, target)]
    )


def find_sets(results):
    found = {result["set"] for result in results}
    return [name for name in (*CROWDS, *SIMULATED) if name in found]


def print_scores(results, score, digits):
    """Print differences from the majority vote, whose own score is shown."""
    sets = find_sets(results)
    rows = []
    for target in TARGETS:
        row = [target]
        for name in sets:
            values = values_of(results, name, target, score)
            base = values_of(results, name, "majority", score)
            if target == "majority":
                row.append(f"{base.mean():.{digits}f}")
            else:
                row.append(mean_and_error(values - base, digits, sign="+"))
        rows.append(row)
    print(f"\n{score}")
    print_table(["trained on", *sets], rows)


def print_budgets(results):
    rows = []
    for n_votes in N_VOTES:
        for target in ("majority", "votes"):
            row = [f"{n_votes} per sample, {target}"]
            for name in SIMULATED:
                scores = [
                    r[target]
                    for r in results
                    if (r["set"], r["n_votes"]) == (name, n_votes)
                ]
                row.append(mean_and_error(scores, 1))
            rows.append(row)
    print("\naccuracy with the same total number of votes")
    print_table(["votes", *SIMULATED], rows)


def report(results):
    budgets = [r for r in results if "n_votes" in r]
    results = [r for r in results if "n_votes" not in r]
    print(f"{len({r['seed'] for r in results})} seeds")
    for model in ("search", "committee"):
        for score, digits in (
            ("accuracy", 1),
            ("log_loss", 2),
            ("calibration_error", 3),
        ):
            print_scores(results, f"{model}_{score}", digits)
    print_scores(results, "consensus", 1)
    sets = find_sets(results)
    rows = []
    for target in ("shares", "Dawid-Skene", "CROWDLAB", "votes"):
        row = [target]
        for name in sets:
            low, value, high = (
                values_of(results, name, t, "search_accuracy").mean()
                for t in ("majority", target, "clean labels")
            )
            row.append(f"{(value - low) / (high - low):.2f}")
        rows.append(row)
    print("\nshare of the gap between majority and clean labels, search")
    print_table(["trained on", *sets], rows)
    rows = [
        [
            target,
            *(
                f"{values_of(results, name, target, 'confusion_error').mean():.1f}"
                for name in sets
            ),
        ]
        for target in ("Dawid-Skene", "votes")
    ]
    print("\nerror of confusion matrices, in % of the answers")
    print_table(["estimated by", *sets], rows)
    print_budgets(budgets)


def main():
    args = make_parser(__doc__, "bench_crowds", seeds=10).parse_args()
    warnings.filterwarnings("ignore", category=UserWarning)
    if not args.report:
        run(args.seeds, args.data, args.results)
    report(read_results(args.results))


if __name__ == "__main__":
    with threadpool_limits(1):
        use_one_thread()
        main()
