"""Progress of a search, reported to callbacks and printed."""

from sklearn_ls._compat import FitProgress


class SearchProgress:
    """Report the number of networks trained.

    Parameters
    ----------
    estimator : estimator
        Estimator with the parameter `verbose`.

    X, y : see FitProgress

    n_networks : int
    """

    def __init__(self, estimator, X, y, n_networks):
        self.callbacks = FitProgress(estimator, X, y, n_networks)
        self.verbose = estimator.verbose
        self.n_networks, self.n_done = n_networks, 0

    def network_end(self, n_networks=1):
        """Report that networks have been trained."""
        for _ in range(n_networks):
            self.callbacks.task_end("network")
        self.n_done += n_networks
        if self.verbose:
            bar = f"{'#' * (30 * self.n_done // self.n_networks):30}"
            end = "\n" if self.n_done == self.n_networks else ""
            line = f"\r[{bar}] {self.n_done} of {self.n_networks} networks"
            print(line, end=end, flush=True)

    def end(self, fitted_attributes):
        """Report the end of the fit.

        Parameters
        ----------
        fitted_attributes : dict or None
            Fitted attributes with which a copy of the estimator predicts; None if it
            does not predict.
        """
        if fitted_attributes is None:
            self.callbacks.end()
        else:
            self.callbacks.end(lambda: fitted_attributes)
