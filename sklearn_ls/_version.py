"""The version of the package, which is stored in pickles."""

import warnings

from sklearn.exceptions import InconsistentVersionWarning

__version__ = "0.1.0.dev0"

MARK = "_sklearn_ls_version"  # key of the version in a pickle


class VersionedPickle:
    """Mixin that warns when an estimator is unpickled by another version."""

    def __getstate__(self):
        return {**super().__getstate__(), MARK: __version__}

    def __setstate__(self, state):
        state = dict(state)
        version = state.pop(MARK, "before 0.1")
        if version != __version__:
            warnings.warn(
                InconsistentVersionWarning(
                    estimator_name=type(self).__name__,
                    current_sklearn_version=__version__,
                    original_sklearn_version=version,
                ),
                stacklevel=2,
            )
        super().__setstate__(state)
