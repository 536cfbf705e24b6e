"""Lets the tests import the chat room's modules, which lie beside its program as they would in anybody's project."""

import sys

from .process import PROGRAM

sys.path.append(str(PROGRAM.parent))
