"""Whether a process that does the same over and over has come to need more for it."""

import gc
import sys
from pathlib import Path

#: What may come and go from one round to the next: caches of the interpreter, names of threads, buffers of files.
REFERENCES = 300
RESIDENT = 16 << 20


class Growth:
    """One sample after each round: the references of the process, where a debug build counts them, and its memory."""

    def __init__(self) -> None:
        self.references: list[int] = []
        self.resident: list[int] = []

    def sample(self) -> None:
        for _ in range(3):
            gc.collect()
        if hasattr(sys, "gettotalrefcount"):
            self.references.append(sys.gettotalrefcount())
        statm = Path("/proc/self/statm").read_text()
        self.resident.append(int(statm.split()[1]) * 4096)

    def has_grown(self) -> list[str]:
        """What is more in each round of the last third than it ever was in the third before; nothing in short runs."""
        grown = []
        for name, samples, allowed in (
            ("references", self.references, REFERENCES),
            ("bytes of memory", self.resident, RESIDENT),
        ):
            third = len(samples) // 3
            if third >= 2 and min(samples[-third:]) > max(samples[third : 2 * third]) + allowed:
                grown.append(f"{name} grew: {samples}")
        return grown

    def __str__(self) -> str:
        texts = [f"{self.resident[0] >> 20} to {self.resident[-1] >> 20} MiB"]
        if self.references:
            texts.append("references " + " ".join(map(str, self.references)))
        return ", ".join(texts)
