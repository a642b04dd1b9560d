"""Reading ahead in a thread."""

from concurrent.futures import ThreadPoolExecutor

from sklearn import config_context, get_config


def prefetch(iterator):
    """Yield the items of an iterator, while a thread computes the next one.

    Parameters
    ----------
    iterator : iterator
        Iterator, used by one thread at a time, with scikit-learn's configuration of the
        calling thread. After Ctrl-C, the thread ends when it has the next item.
    """
    end, config = object(), get_config()

    def read():
        with config_context(**config):
            return next(iterator, end)

    pool, waits = ThreadPoolExecutor(1, "sklearn_ls-read"), True
    try:
        item = pool.submit(read)
        while (current := item.result()) is not end:
            item = pool.submit(read)
            yield current
    except KeyboardInterrupt:
        waits = False
        raise
    finally:
        pool.shutdown(wait=waits, cancel_futures=True)
