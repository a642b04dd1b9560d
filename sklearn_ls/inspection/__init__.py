"""Looking at what smoothing did."""

from sklearn_ls.inspection._epsilon_curve import EpsilonCurveDisplay

__all__ = ["EpsilonCurveDisplay"]
