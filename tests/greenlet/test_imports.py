"""Imports that switch: what other greenlets see of a module that is half made."""

import sys

import pytest

from programs import output_of

SLOW = """
from raw import getcurrent

getcurrent().parent.switch("in the middle")
word = "made"
"""


def test_a_second_import_gets_the_half_made_module(tmp_path) -> None:
    (tmp_path / "slow.py").write_text(SLOW)
    assert (
        output_of(
            """
            from raw import greenlet

            def use():
                import slow
                return getattr(slow, "word", "half made")

            first = greenlet(use)
            print(first.switch())
            print(greenlet(use).switch())
            print(first.switch())
            """,
            cwd=tmp_path,
        )
        == "in the middle\nhalf made\nmade\n"
    )


@pytest.mark.skipif(sys.version_info < (3, 15), reason="lazy imports are new in 3.15")
def test_a_lazy_one_under_way_is_a_circular_one_for_others_and_can_be_asked_again(tmp_path) -> None:
    (tmp_path / "slow.py").write_text(SLOW)
    assert (
        output_of(
            """
            from raw import greenlet

            lazy import slow

            def use():
                try:
                    return slow.word
                except ImportError as error:
                    return type(error).__name__

            first, second = greenlet(use), greenlet(use)
            print(first.switch())
            print(second.switch())
            print(first.switch())
            print(use())
            """,
            cwd=tmp_path,
        )
        == "in the middle\nImportCycleError\nmade\nmade\n"
    )
