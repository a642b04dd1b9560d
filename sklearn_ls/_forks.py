"""What a forked process inherits, remembered before torch is imported."""

import os
import sys
import threading

IS_FORKED = threading.Event()  # set in processes that were forked
HAS_PARENTS_GROUP = threading.Event()  # set if the parent had a process group


def _after_fork():
    IS_FORKED.set()
    distributed = sys.modules.get("torch.distributed")
    if distributed and distributed.is_available() and distributed.is_initialized():
        HAS_PARENTS_GROUP.set()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_after_fork)
