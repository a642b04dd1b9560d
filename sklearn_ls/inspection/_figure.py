"""New figures, for displays that are given no axes."""


def new_axes(display, **options):
    """Return the axes of a new figure for a display.

    Parameters
    ----------
    display : object
        Named by its class where matplotlib is missing.

    **options : dict
        For `matplotlib.pyplot.subplots`.

    Returns
    -------
    ax : matplotlib Axes
    """
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            f"{type(display).__name__} needs matplotlib: "
            "pip install 'sklearn-ls[plot]'."
        ) from error
    return plt.subplots(**options)[1]
