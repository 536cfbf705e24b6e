"""`python -m verdigris SCRIPT`: run a program with gevent and greenlet answered by verdigris."""

import sys

from ._cli import run_program

if __name__ == "__main__":
    sys.exit(run_program(sys.argv[1:]))
