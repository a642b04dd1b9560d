"""Standardization of features inside the network, with smooth clipping of outliers."""

import math

import numpy as np
import torch
from sklearn.preprocessing import StandardScaler
from sklearn.utils import gen_batches
from torch import Tensor, nn

# Limits of scaled features: relative to the bound, and absolute.
LARGE, LARGEST = 1e15, 1e18


class FeatureScaling(nn.Module):
    """Standardize features and clip them smoothly.

    ``z / sqrt(1 + (z / clip)^2)`` with ``z = (x - center) * inverse_scale``.

    Parameters
    ----------
    n_features : int

    clip : float
        Bound of the absolute values; infinity only standardizes.

    Shape
    -----
    (n_samples, n_features) -> (n_samples, n_features)

    Examples
    --------
    >>> import torch
    >>> from sklearn_ls._network.feature_scaling import FeatureScaling
    >>> FeatureScaling(2, clip=3.0)(torch.tensor([[0.1, 1e6]]))
    tensor([[0.0999, 3.0000]])
    """

    def __init__(self, n_features, clip):
        super().__init__()
        self.clip = clip
        zeros = torch.zeros(n_features, dtype=torch.float32)
        self.register_buffer("center", zeros)
        self.register_buffer("inverse_scale", zeros + 1)

    def forward(self, X: Tensor) -> Tensor:
        """Return the scaled features."""
        return scale_features(X, self.center, self.inverse_scale, self.clip)

    def extra_repr(self) -> str:
        """Return the bound."""
        return f"clip={self.clip}"


def scale_features(
    X: Tensor, center: Tensor, inverse_scale: Tensor, clip: float
) -> Tensor:
    """Standardize features and clip them smoothly, for one network or several.

    Shape
    -----
    X : (..., n_samples, n_features), center, inverse_scale : (..., n_features) -> \
            (..., n_samples, n_features)
    """
    z = (X - center.unsqueeze(-2)).mul_(inverse_scale.unsqueeze(-2))
    if math.isinf(clip):
        return z
    limit = min(LARGE * clip, LARGEST)
    z = z.clamp(-limit, limit)  # beyond the limit, squares overflow
    return z * torch.addcmul(z.new_ones(()), z, z, value=clip**-2).rsqrt_()


def measure_features(X, samples, weight):
    """Return the buffers of a :class:`FeatureScaling` for these samples.

    Parameters
    ----------
    X : Samples
        Dense samples of shape (n_samples, n_features).

    samples : ndarray of shape (n_selected,) or None
        Indices of the samples to use; None for all.

    weight : ndarray of shape (n_selected,) or None

    Returns
    -------
    buffers : dict of str to ndarray of shape (n_features,)
        Mean and inverse standard deviation of each feature; the latter is 1 for
        constant features.

    Raises
    ------
    ValueError
        If a variance overflows.
    """
    scaler = StandardScaler()
    for block, index, positions in X.in_blocks(samples):
        part = None if weight is None else weight[positions]
        update_scaler(scaler, block, index, part)
    return buffers_of(scaler)


def update_scaler(scaler, X, samples=None, weight=None):
    """Update a StandardScaler with more samples; its variance may overflow.

    Parameters
    ----------
    scaler : StandardScaler

    X, samples, weight : see measure_features
    """
    n_samples = len(X) if samples is None else len(samples)
    n_at_once = max(64, X.at_once() // 4)  # the scaler makes float64 copies
    for part in gen_batches(n_samples, n_at_once):
        values = X.take(part if samples is None else samples[part], "cpu").numpy()
        weights = np.ones(len(values)) if weight is None else weight[part]
        if not weights.any():
            continue
        with np.errstate(over="ignore", invalid="ignore"):
            scaler.partial_fit(values, sample_weight=weights)


def buffers_of(scaler):
    """Return the buffers of a :class:`FeatureScaling` from a fitted StandardScaler.

    Raises
    ------
    ValueError
        If a variance overflows.
    """
    if not np.isfinite(scaler.var_).all():
        features = np.flatnonzero(~np.isfinite(scaler.var_))
        raise ValueError(
            "The features cannot be standardized, since the variance of these columns "
            f"of X overflows: {features[:5].tolist()}. Rescale them, or set "
            "feature_clip=None."
        )
    return {"center": scaler.mean_, "inverse_scale": 1 / scaler.scale_}
