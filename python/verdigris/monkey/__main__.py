"""`python -m verdigris.monkey`: run a program in a patched interpreter."""

import sys

from verdigris.monkey import main

if __name__ == "__main__":
    sys.exit(main())
