"""Reading ahead in a thread."""

from concurrent.futures import ThreadPoolExecutor


def prefetch(iterator):
    """Yield the items of an iterator, while a thread computes the next one.

    Parameters
    ----------
    iterator : iterator
        Used in one thread at a time.
    """
    end = object()
    with ThreadPoolExecutor(1, "sklearn_ls-read") as pool:
        item = pool.submit(next, iterator, end)
        while (current := item.result()) is not end:
            item = pool.submit(next, iterator, end)
            yield current
