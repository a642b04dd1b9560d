"""Measurements of time and peak anonymous memory in new processes."""

import gc
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from threading import Event, Thread

from side_by_side import peak_bytes, use_one_thread
from threadpoolctl import threadpool_limits

STATUS = Path("/proc/self/status")
INTERVAL = 0.002  # seconds between measurements of the memory


def in_new_process(function, *args):
    """Return function(*args), computed on one thread of a new process."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_on_one_thread, function, *args).result()


def _on_one_thread(function, *args):
    warnings.simplefilter("ignore", UserWarning)  # few epochs, many classes
    with threadpool_limits(1):
        use_one_thread()
        return function(*args)


def anonymous_bytes():
    """Return the anonymous memory of this process, without the pages of files.

    On systems other than Linux, return the peak of the resident memory, which includes
    memory-mapped files.
    """
    if not STATUS.exists():
        return peak_bytes()
    for line in STATUS.read_text().splitlines():
        if line.startswith("RssAnon:"):
            return 1024 * int(line.split()[1])
    return peak_bytes()


class PeakMemory:
    """Peak of the anonymous memory that is added in a `with` block.

    Attributes
    ----------
    added : int
        Added memory in bytes.
    """

    def __enter__(self):
        gc.collect()
        self.added, self._before, self._end = 0, anonymous_bytes(), Event()
        self._thread = Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def _watch(self):
        while not self._end.wait(INTERVAL):
            self._look()

    def _look(self):
        self.added = max(self.added, anonymous_bytes() - self._before)

    def __exit__(self, *error):
        self._end.set()
        self._thread.join()
        self._look()


def measure(function):
    """Return the result of a function, and a dict of seconds and bytes.

    The CPU time of all threads varies less than wall time on a busy machine.
    """
    with PeakMemory() as memory:
        start, cpu_start = time.perf_counter(), time.process_time()
        result = function()
        seconds = time.perf_counter() - start
        cpu_seconds = time.process_time() - cpu_start
    measured = {"seconds": seconds, "cpu_seconds": cpu_seconds, "bytes": memory.added}
    return result, measured
