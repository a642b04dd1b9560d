"""New figures, for displays that are plotted without `ax`."""


def new_axes(display, **options):
    """Return the axes of a new figure.

    Parameters
    ----------
    display : object
        The display to plot, for the error message if matplotlib is not installed.

    **options : dict
        Passed to `matplotlib.pyplot.subplots`.

    Returns
    -------
    ax : matplotlib Axes
    """
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            f"{type(display).__name__} requires matplotlib: "
            "pip install 'sklearn-ls[plot]'."
        ) from error
    return plt.subplots(**options)[1]
