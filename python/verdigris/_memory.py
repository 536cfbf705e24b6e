"""How much memory this process uses: psutil's answer where that is installed, else the kernel's."""

import os
from collections import namedtuple

__all__ = ["this_process"]

#: Bytes in memory, and how many of them no other process shares.
MemoryInfo = namedtuple("MemoryInfo", ("rss", "uss"))


class _Process:
    """As much of psutil's class as is needed."""

    def memory_full_info(self):
        """A `MemoryInfo`.

        Raises:
            OSError: the kernel does not tell.
        """
        kilobytes = {}
        with open("/proc/self/smaps_rollup", encoding="ascii") as file:
            next(file)
            for line in file:
                name, number, *_ = line.split()
                kilobytes[name] = int(number)
        uss = kilobytes["Private_Clean:"] + kilobytes["Private_Dirty:"]
        return MemoryInfo(kilobytes["Rss:"] * 1024, uss * 1024)


def this_process():
    """An object that represents this process, with a method `memory_full_info`; None where nobody tells."""
    try:
        from psutil import AccessDenied, Process
    except ImportError:
        process, refusals = _Process(), OSError
    else:
        process, refusals = Process(os.getpid()), AccessDenied
    try:
        process.memory_full_info()
    except refusals:
        return None
    return process
