"""
Training a residual network of your own
=======================================

:class:`~sklearn_ls.LabelSmoothingClassifier` trains any torch module. Here it is a
small residual network with batch normalization, which augments the images during
training. It is trained on mislabeled digits, with and without augmentation and
smoothing.
"""

# %%
# The module
# ----------
#
# A residual block adds its input to the output of two convolutions. Where the number of
# channels changes, a 1 x 1 convolution adapts the input.

import numpy as np
import torch
from torch import nn


class Block(nn.Module):
    def __init__(self, n_in, n_out, stride=1):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(n_in, n_out, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(n_out),
            nn.ReLU(),
            nn.Conv2d(n_out, n_out, 3, padding=1, bias=False),
            nn.BatchNorm2d(n_out),
        )
        self.shortcut = nn.Identity()
        if n_in != n_out or stride != 1:
            self.shortcut = nn.Conv2d(n_in, n_out, 1, stride, bias=False)

    def forward(self, x):
        return torch.relu(self.layers(x) + self.shortcut(x))


# %%
# The augmentation rotates each image by up to 0.2 radians and shifts it by up to half a
# pixel, at random. The random numbers that a module draws in ``forward`` are determined
# by the `random_state` of the classifier.


def rotate_and_shift(images, max_angle=0.2, max_shift=0.125):
    n_images, kwargs = len(images), {"dtype": images.dtype, "device": images.device}
    angle = max_angle * (2 * torch.rand(n_images, **kwargs) - 1)
    shift = max_shift * (2 * torch.rand(n_images, 2, 1, **kwargs) - 1)
    cos, sin = angle.cos(), angle.sin()
    rotation = torch.stack([cos, -sin, sin, cos], dim=1).reshape(-1, 2, 2)
    grid = nn.functional.affine_grid(
        torch.cat([rotation, shift], dim=2), images.shape, align_corners=False
    )
    return nn.functional.grid_sample(images, grid, align_corners=False)


# %%
# The network is built from the shape of an image, the number of classes, and keyword
# arguments (`module_params`), and returns logits. It augments in training mode only.


class ResidualNetwork(nn.Module):
    def __init__(self, n_features, n_classes, n_filters=8, augment=True):
        super().__init__()
        n_channels, _, _ = n_features
        self.augment = augment
        self.layers = nn.Sequential(
            nn.Conv2d(n_channels, n_filters, 3, padding=1, bias=False),
            nn.BatchNorm2d(n_filters),
            nn.ReLU(),
            Block(n_filters, n_filters),
            Block(n_filters, 2 * n_filters, stride=2),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(2 * n_filters, n_classes),
        )

    def forward(self, images):
        if self.training and self.augment:
            images = rotate_and_shift(images)
        return self.layers(images)


# %%
# The data
# --------
#
# Scanned digits of 8 x 8 pixels, with a channel dimension. Of 800 training labels, 30 %
# are wrong; the test labels are correct.

from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sklearn_ls.datasets import corrupt_labels

images, y = load_digits(return_X_y=True)
X = (images.reshape(-1, 1, 8, 8) / 16).astype(np.float32)


def split_and_corrupt(seed):
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, train_size=800, stratify=y, random_state=seed
    )
    y_noisy, _ = corrupt_labels(y_train, 0.3, random_state=seed)
    return X_train, X_test, y_noisy, y_test


# %%
# Training
# --------
#
# The learning rate rises and falls by a cosine schedule. Early stopping holds out 15 %
# of the training samples, with their wrong labels, and keeps the weights of the best
# epoch.

from sklearn_ls import LabelSmoothingClassifier


def train(X, y, seed, epsilon=0.0, augment=True):
    clf = LabelSmoothingClassifier(
        epsilon,
        module=ResidualNetwork,
        module_params={"augment": augment},
        learning_rate_schedule="cosine",
        batch_size=100,
        max_epochs=25,
        early_stopping=True,
        random_state=seed,
    )
    return clf.fit(X, y)


variants = {
    "no augmentation": {"augment": False},
    "augmentation": {},
    "augmentation, epsilon 0.2": {"epsilon": 0.2},
}
seeds = range(4)
classifiers, accuracies = [], []
for seed in seeds:
    X_train, X_test, y_noisy, y_test = split_and_corrupt(seed)
    trained = [train(X_train, y_noisy, seed, **params) for params in variants.values()]
    classifiers.append(trained)
    accuracies.append([clf.score(X_test, y_test) for clf in trained])

# %%
# The accuracy on the held-out samples after each epoch. As 30 % of their labels are
# wrong, about 0.7 is the best to expect. Thin lines are seeds, thick lines their mean.

import matplotlib.pyplot as plt

figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
for k, name in enumerate(variants):
    curves = np.array([trained[k].validation_scores_ for trained in classifiers])
    epochs = np.arange(1, curves.shape[1] + 1)
    ax.plot(epochs, curves.T, color=f"C{k}", linewidth=0.7, alpha=0.5)
    ax.plot(epochs, curves.mean(axis=0), color=f"C{k}", linewidth=2, label=name)
ax.set(xlabel="epoch", title="accuracy on held-out samples with wrong labels")
ax.legend()
plt.show()

# %%
# Without augmentation the accuracy falls after about ten epochs, and early stopping
# restores the weights of the best one. With augmentation it doesn't fall.
#
# The accuracy on the test samples, whose labels are correct, and its difference from
# the line above, with the standard error of the differences within the seeds:

accuracies = 100 * np.array(accuracies)
for k, name in enumerate(variants):
    line = f"{name:26} {accuracies[:, k].mean():.1f} %"
    if k > 0:
        gain = accuracies[:, k] - accuracies[:, k - 1]
        error = gain.std(ddof=1) / len(gain) ** 0.5
        line += f", {gain.mean():+.1f} +- {error:.1f} points"
    print(line)

# %%
# Augmentation gains accuracy. The gain by smoothing is within twice its standard error:
# these four seeds don't show that it helps here. They share their 1,797 images, and
# other data may differ (:ref:`what_to_expect`).
#
# Prediction
# ----------
#
# During training, batch normalization uses the mean and variance of each batch, and
# updates running averages of them. Predictions use the running averages, and images are
# not augmented. So the prediction for an image doesn't depend on the other images:

clf = classifiers[-1][-1]
together = clf.predict_proba(X_test)[0]
alone = clf.predict_proba(X_test[:1])[0]
np.testing.assert_allclose(alone, together, rtol=1e-4)

# %%
# In training mode it depends on them. We try this with a copy of the module, since the
# running averages change in training mode.

import copy

module = copy.deepcopy(clf.net_.module_).train()
module.augment = False
with torch.no_grad():
    for n_images in (20, 200):
        logits = module(torch.from_numpy(X_test[:n_images]))
        probability = logits[0].softmax(dim=0)[together.argmax()]
        print(f"in training mode, among {n_images} images: {probability:.3f}")
print(f"predict_proba: {together.max():.3f}")
