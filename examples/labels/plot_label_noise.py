"""
Comparison of smoothing with other methods for label noise
==========================================================

Lukasik, Bhojanapalli, Menon and Kumar [1]_ trained residual networks on CIFAR-10,
CIFAR-100 and ImageNet with a fifth of the labels replaced by random ones, and found
smoothing to be as good as corrections that know the noise. This example trains a small
perceptron on scanned digits with several noise rates and epsilons, and compares
smoothing with early stopping, weight decay and forward correction.
"""

# %%
# A thousand digits are used for training, and the rest, with clean labels, for testing.
# The seed determines the split, the wrong labels, the initial weights and the batches.
# They are the same for all configurations, which can therefore be compared in pairs.

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sklearn_ls.datasets import corrupt_labels

X, y = load_digits(return_X_y=True)
X = (X / 16).astype(np.float32)


def split_and_corrupt(rate, seed):
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, train_size=1000, stratify=y, random_state=seed
    )
    y_noisy, _ = corrupt_labels(y_train, rate, kind="symmetric", random_state=seed)
    return X_train, X_test, y_noisy, y_test


# %%
# Forty epochs at a high learning rate are enough to memorize the wrong labels. Early
# stopping holds out a fifth of the samples, with noisy labels. Forward correction uses
# the true noise rate, which is unknown for real data.

from sklearn_ls import LabelSmoothingClassifier

rates, epsilons, seeds = (0.0, 0.2, 0.4, 0.6), (0.0, 0.1, 0.2, 0.4, 0.8), range(4)
to_the_end = {  # plain training, without the additions of the defaults
    "hidden_layer_sizes": (100,),
    "max_epochs": 40,
    "optimizer": "adam",
    "weight_decay": 1e-4,
    "dropout": 0.0,
    "feature_clip": None,
    "ema_decay": 0.0,
    "early_stopping": False,
}
stopped = {"early_stopping": True, "validation_fraction": 0.2, "n_iter_no_change": 10}
stopped |= {"max_epochs": 200}  # never reached


def configurations(rate):
    yield from ({"epsilon": epsilon} for epsilon in epsilons)
    yield {"epsilon": 0.0, "transition_matrix": rate}
    yield {"epsilon": 0.0, "weight_decay": 0.01}
    yield {"epsilon": 0.0, **stopped}
    yield {"epsilon": 0.4, **stopped}


names = [f"epsilon {epsilon}" for epsilon in epsilons]
names += ["forward correction", "weight decay"]
names += ["early stopping", "early stopping, epsilon 0.4"]

# %%
# Nine networks for each rate and seed:


def clean_accuracies(rate, seed):
    X_train, X_test, y_noisy, y_test = split_and_corrupt(rate, seed)
    for parameters in configurations(rate):
        network = LabelSmoothingClassifier(
            random_state=seed, **{**to_the_end, **parameters}
        )
        yield network.fit(X_train, y_noisy).score(X_test, y_test)


accuracy = np.array(
    [[list(clean_accuracies(rate, seed)) for seed in seeds] for rate in rates]
)  # rates, seeds, configurations

# %%
# The accuracy on clean labels without smoothing, and the gain of each configuration
# over it in points, with the standard error of the paired differences:

gains = 100 * (accuracy - accuracy[:, :, :1])
mean, error = gains.mean(axis=1), gains.std(axis=1, ddof=1) / len(seeds) ** 0.5
print(f"{'noise rate':>27}" + "".join(f"{rate:>14.0%}" for rate in rates))
hard = accuracy[:, :, 0].mean(axis=1)
print(f"{names[0]:>27}" + "".join(f"{value:>14.3f}" for value in hard))
for k, name in enumerate(names[1:], start=1):
    cells = (f"{mean[j, k]:+.1f} +- {error[j, k]:.1f}" for j in range(len(rates)))
    print(f"{name:>27}" + "".join(f"{cell:>14}" for cell in cells))

# %%
# The gain of smoothing for each noise rate and epsilon:

import matplotlib.pyplot as plt

figure, ax = plt.subplots(figsize=(6.5, 3.8), layout="constrained")
shown = mean[::-1, : len(epsilons)]
ax.imshow(shown, cmap="PuOr", vmin=-12, vmax=12, aspect="auto")
for (row, column), gain in np.ndenumerate(shown):
    ax.text(column, row, f"{gain:+.1f}", ha="center", va="center", color="black")
ax.set_xticks(range(len(epsilons)), epsilons)
ax.set_yticks(range(len(rates)), [f"{rate:.0%}" for rate in rates[::-1]])
ax.set(xlabel="epsilon", ylabel="noise rate", title="points gained by smoothing")
plt.show()

# %%
# The accuracies of an epsilon of 0.4 and of the other methods:

# sphinx_gallery_thumbnail_number = 2
figure, ax = plt.subplots(figsize=(6.5, 4.2), layout="constrained")
markers = {"epsilon 0.0": "o", "epsilon 0.4": "s", "forward correction": "^"}
markers |= {"weight decay": "v", names[-2]: "D", names[-1]: "x"}
for name, marker in markers.items():
    scores = accuracy[:, :, names.index(name)]
    spread = scores.std(axis=1, ddof=1) / len(seeds) ** 0.5
    ax.errorbar(rates, scores.mean(axis=1), spread, marker=marker, label=name)
ax.set(xlabel="noise rate", title="accuracy on clean test labels")
ax.legend()
plt.show()

# %%
# Up to a noise rate of 40 %, an epsilon of 0.4 gains at least about as much as forward
# correction, which agrees with the paper, and large epsilons gain more than small ones.
# Smoothing also improves the accuracy with clean labels, so its effect is not specific
# to label noise. With 60 % of the labels wrong it gains less than forward correction.
# Weight decay and early stopping do not use the noise rate either; at this rate they
# gain much more, but cost about a point on clean labels. In addition to early stopping,
# smoothing gains 1 to 3 points up to 40 %, and almost nothing at 60 %.
#
# This does not mean that a large epsilon is best for your data. Here it was evaluated
# on clean labels, which are usually not available, and all mistakes were equally
# probable. With mistakes made by people, a single network was not more accurate with
# smoothing than without (:doc:`/benchmarks`). The other methods were not tuned, and
# networks that memorize less have less to gain. See :ref:`known_noise` for forward
# correction.
#
# .. [1] M. Lukasik, S. Bhojanapalli, A. K. Menon and S. Kumar. Does label smoothing
#    mitigate label noise? ICML 2020. :doi:`10.48550/arXiv.2003.02819`
