"""Validation and encoding of class labels from any container."""

import numpy as np
from scipy.sparse import issparse
from sklearn.preprocessing import LabelEncoder
from sklearn.utils import assert_all_finite, check_array, column_or_1d, gen_batches
from sklearn.utils.multiclass import check_classification_targets

PART = 2**16  # number of samples processed at once


def to_numpy_backed(y):
    """Convert labels of dask, pyarrow or pandas extension dtypes to NumPy dtypes.

    None of these packages is imported: dask collections are recognized by their
    protocol, pyarrow classes by their module, pandas dtypes by their attributes.

    Parameters
    ----------
    y : array-like, dataframe, dask collection, or pyarrow array or table

    Returns
    -------
    y : array-like, dataframe or pyarrow table
        Arrays and columns with missing values have dtype object. Tables are returned
        unchanged, to keep their column names.
    """
    if hasattr(y, "__dask_graph__"):
        y = y.compute()
    if getattr(getattr(y, "dtype", None), "kind", "") == "T":  # NumPy's StringDType
        return y.astype(object)
    if _is_arrow_table(y):
        return y
    if _is_arrow(y):
        return np.array(y.to_pylist(), dtype=object) if y.null_count else np.asarray(y)
    return _columns_to_numpy_dtypes(y)


def _columns_to_numpy_dtypes(y):
    """Convert a pandas DataFrame of numbers or bools to a NumPy dtype.

    Otherwise `check_array` would convert nullable and Arrow integers and bools to
    floats, which are treated as soft labels.
    """
    if not (hasattr(y, "columns") and hasattr(getattr(y, "dtypes", None), "items")):
        return y
    dtypes = [getattr(dtype, "numpy_dtype", dtype) for dtype in y.dtypes]
    is_numeric = all(isinstance(d, np.dtype) and d.kind in "biuf" for d in dtypes)
    if not is_numeric or all(isinstance(dtype, np.dtype) for dtype in y.dtypes):
        return y
    is_missing = y.isna().to_numpy().any()
    return y.astype(object if is_missing else np.result_type(*dtypes))


def _is_arrow(y):
    return type(y).__module__.partition(".")[0] == "pyarrow"


def _is_arrow_table(y):
    return _is_arrow(y) and hasattr(y, "schema") and hasattr(y, "columns")


def column_names(y):
    """Return the names of the columns of a dataframe or an Arrow table, or None."""
    if _is_arrow_table(y):
        return y.schema.names
    return list(y.columns) if hasattr(y, "columns") else None


def labels_to_array(y, name="y"):
    """Convert labels to an array; raise if some are missing or types are mixed.

    Parameters
    ----------
    y : array-like of shape (n_samples,), or {array-like, sparse matrix, dataframe} of \
            shape (n_samples, n_labels)

    name : str, default="y"
        Name of the argument, for error messages.

    Returns
    -------
    y : ndarray of shape (n_samples,) or (n_samples, n_labels)
    """
    if y is None:
        raise ValueError("Labels are required, but y is None.")
    y = to_numpy_backed(y)
    if isinstance(y, (list, tuple)) and len(y) and np.ndim(y[0]) == 0:
        _check_label_types(y, name)
    if (columns := column_names(y)) is not None:
        if len({*columns}) < len(columns):
            raise ValueError(
                f"The columns of {name} must have different names. Got {columns}."
            )
        if _is_arrow_table(y):
            y = np.column_stack([to_numpy_backed(column) for column in y.columns])
    elif hasattr(y, "to_numpy"):
        y = y.to_numpy()  # check_array would convert nullable bools to floats
    y = check_array(
        y,
        accept_sparse=True,
        ensure_2d=False,
        ensure_all_finite=False,
        dtype=None,
        input_name=name,
    )
    y = y.toarray() if issparse(y) else y
    if y.ndim != 2 or y.shape[1] == 1:
        y = column_or_1d(y, warn=True)
    if y.dtype.kind == "O":
        labels = y.ravel().tolist()
        _check_label_types(labels, name)
        if not isinstance(labels[0], str):
            y = np.array(labels).reshape(y.shape)
    elif y.dtype.kind == "f":
        assert_all_finite(y, input_name=name)
    elif y.dtype.kind in "mM" and np.isnat(y).any():
        raise _missing(name)
    return y


def check_labels(y):
    """Return labels if they are valid for classification.

    Parameters
    ----------
    y : ndarray of shape (n_samples,) or (n_samples, n_labels)
        Labels, or an indicator matrix of bools or of the integers 0 and 1, as returned
        by :func:`labels_to_array`.

    Returns
    -------
    y : ndarray of the same shape

    Raises
    ------
    ValueError
        If labels are continuous, or a 2-D `y` is not an indicator matrix.
    """
    if y.ndim == 1:
        if y.dtype.kind not in "iub":  # integers and bools are always valid
            check_classification_targets(y)
    elif y.dtype.kind not in "biu" or np.any(y != y.astype(bool)):
        raise ValueError(
            f"y has shape {y.shape} and dtype {y.dtype}. For multilabel targets, pass "
            "a matrix of the integers 0 and 1; for soft labels, a matrix of floats, "
            "such as counts divided by their row sums; for single labels, pass a "
            "vector."
        )
    return y


def find_classes(y):
    """Return the distinct labels, sorted.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)

    Returns
    -------
    classes : ndarray of shape (n_classes,)
    """
    if not _is_dense(y):
        return np.unique(np.concatenate([np.unique(part) for part in _parts(y)]))
    low, high = int(y.min()), int(y.max())
    is_present = np.zeros(high - low + 1, dtype=bool)
    for part in _parts(y):
        is_present[part.astype(np.int64) - low] = True
    return (np.flatnonzero(is_present) + low).astype(y.dtype)


def _parts(y):
    return (y[part] for part in parts_of(len(y)))


def parts_of(n_samples):
    """Return slices of at most `PART` samples, to bound the size of copies."""
    return gen_batches(n_samples, PART)


def code_dtype(n_classes):
    """Return the smallest signed integer dtype for the codes of `n_classes` classes."""
    return np.min_scalar_type(-n_classes)


def _is_dense(labels):
    """Return whether labels are integers in a range small enough for a lookup table."""
    if labels.dtype.kind not in "iu":
        return False
    low, high = int(labels.min()), int(labels.max())
    return high < 2**62 and high - low < 2**20


def encode_labels(y, classes):
    """Encode labels as their positions in `classes`.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)

    classes : ndarray of shape (n_classes,)
        Sorted labels.

    Returns
    -------
    codes : ndarray of shape (n_samples,)
        Positions of the labels in `classes`, in the smallest integer dtype.

    Raises
    ------
    ValueError
        If a label is not in `classes`.
    """
    if y.dtype.kind in "iu" and _is_dense(classes):
        low, high = int(classes[0]), int(classes[-1])
        if low <= y.min() and y.max() <= high:
            # A lookup table is faster than a binary search for every label.
            table = np.full(high - low + 1, -1, dtype=code_dtype(len(classes)))
            table[classes.astype(np.int64) - low] = np.arange(len(classes))
            codes = [table[part.astype(np.int64) - low] for part in _parts(y)]
            codes = np.concatenate(codes)
            if codes.min() >= 0:
                return codes
    if _is_text(y) != _is_text(classes):
        raise ValueError(f"y contains previously unseen labels: {np.unique(y)}")
    encoder = LabelEncoder()
    # LabelEncoder casts y to the dtype of its classes, so use a common dtype.
    encoder.classes_ = classes.astype(np.result_type(y, classes))
    dtype = code_dtype(len(classes))
    return np.concatenate([encoder.transform(p).astype(dtype) for p in _parts(y)])


def _is_text(labels):
    return labels.dtype.kind in "OUST"


def _missing(name):
    return ValueError(f"Input {name} contains NaN or None. Every sample needs a label.")


def _check_label_types(labels, name):
    if any(map(is_missing, labels)):
        raise _missing(name)
    kinds = {type(label) for label in labels}
    strings = {kind for kind in kinds if issubclass(kind, str)}
    if strings and kinds - strings:
        names = ", ".join(sorted(kind.__name__ for kind in kinds))
        raise ValueError(
            f"{name} has mixed label types ({names}). Convert them to one type, such "
            "as str."
        )


def is_missing(label):
    """Return whether a label is None, NaN or NA."""
    try:
        return label is None or bool(label != label)
    except TypeError:  # pandas.NA has no truth value
        return True


def to_frame(matrix, index, columns):
    """Return a matrix as a pandas DataFrame.

    Raises
    ------
    ImportError
        If pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise ImportError(
            "Results for named classes are returned as a DataFrame, which requires "
            "pandas. Install it with: pip install pandas"
        ) from error
    return pd.DataFrame(matrix, index=index, columns=columns)


def order_by_class(matrix, classes, name):
    """Return values per class, or per pair of classes, in the order of `classes`.

    Parameters
    ----------
    matrix : float, array-like, Series or DataFrame, of shape () or (n_classes,) or \
            (n_classes, n_classes)
        The index and columns of a DataFrame, or the index of a Series, are labels
        unless they are 0, 1, and so on.

    classes : ndarray of shape (n_classes,)

    name : str
        Name of the matrix, for error messages.

    Returns
    -------
    matrix : the same type
    """
    if not hasattr(matrix, "iloc"):
        return matrix
    if not hasattr(matrix, "columns"):
        return _order_series(matrix, classes.tolist(), name)
    rows, columns = list(matrix.index), list(matrix.columns)
    if rows == columns == list(range(len(rows))):
        return matrix
    labels = classes.tolist()
    if not len(rows) == len(columns) == len(labels) == len({*rows, *columns, *labels}):
        raise ValueError(
            f"{name} has the index {rows} and the columns {columns}, but the classes "
            f"are {labels}. Use the classes as index and columns, or pass an array in "
            "the order of the classes."
        )
    # Select by position, since a list of bools would be a mask.
    positions = [[names.index(label) for label in labels] for names in (rows, columns)]
    return matrix.iloc[positions[0], positions[1]]


def _order_series(values, labels, name):
    names = list(values.index)
    if names == list(range(len(names))):
        return values
    same = len(names) == len(labels) == len({*names}) == len({*names, *labels})
    if not same:
        raise ValueError(
            f"{name} has the index {names}, but the classes are {labels}. Use the "
            "classes as index, or pass an array in the order of the classes."
        )
    return values.iloc[[names.index(label) for label in labels]]
