"""What people may call themselves and their rooms, and what they may say.

Names are shown to others, so they must be told apart by eye: one spelling (NFKC), single spaces, nothing invisible.
"""

import re
import unicodedata

NAME_LENGTH = 24
TEXT_LENGTH = 2000

_WORD = re.compile(r"\w")
_OUTSIDE_NAMES = re.compile(r"[^\w .'-]")


class Refused(Exception):
    """A request that the chat turns down. `code` is for programs, `message` for people."""

    def __init__(self, code: str, message: str):
        super().__init__(message)
        self.code = code
        self.message = message


def clean_name(raw: object, what: str) -> str:
    """The tidied form of a name; `what` ("name", "room name") is used in the message of the `Refused` it may raise."""
    if not isinstance(raw, str):
        raise Refused("bad_name", f"The {what} must be text.")
    name = " ".join(unicodedata.normalize("NFKC", raw).split())
    if not name:
        raise Refused("bad_name", f"The {what} is empty.")
    if len(name) > NAME_LENGTH:
        raise Refused("bad_name", f"The {what} is too long: {NAME_LENGTH} characters at most.")
    if _OUTSIDE_NAMES.search(name) or not _WORD.search(name):
        raise Refused("bad_name", f"The {what} may have letters, digits, spaces and . ' - _ only.")
    return name


def clean_text(raw: object) -> str:
    """A message without blank ends; raises `Refused` when nothing is left, or too much, or control characters."""
    if not isinstance(raw, str):
        raise Refused("bad_text", "The message must be text.")
    text = raw.replace("\r\n", "\n").strip()
    if not text:
        raise Refused("bad_text", "The message is empty.")
    if len(text) > TEXT_LENGTH:
        raise Refused("text_too_long", f"The message is too long: {TEXT_LENGTH} characters at most.")
    if any(unicodedata.category(character) in ("Cc", "Cs") and character not in "\n\t" for character in text):
        raise Refused("bad_text", "The message has control characters in it.")
    return text


def same(name: str) -> str:
    """The key under which names that look alike but for upper and lower case are one."""
    return name.casefold()
