"""Displays and reports on the effect of smoothing."""

from sklearn_ls.inspection._annotator_confusion import AnnotatorConfusionDisplay
from sklearn_ls.inspection._epsilon_curve import EpsilonCurveDisplay
from sklearn_ls.inspection._label_issues import find_label_issues
from sklearn_ls.inspection._penultimate import PenultimateDisplay
from sklearn_ls.inspection._reliability import ReliabilityDisplay
from sklearn_ls.inspection._report.report import SmoothingReport
from sklearn_ls.inspection._report.smoothing_report import smoothing_report
from sklearn_ls.inspection._risk_coverage import RiskCoverageDisplay

__all__ = [
    "AnnotatorConfusionDisplay",
    "EpsilonCurveDisplay",
    "PenultimateDisplay",
    "ReliabilityDisplay",
    "RiskCoverageDisplay",
    "SmoothingReport",
    "find_label_issues",
    "smoothing_report",
]
