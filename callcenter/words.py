"""What a person in front of the terminal reads: English, or Chinese where the machine's language is."""

import os


def chinese() -> bool:
    """Is the language of this terminal Chinese (LC_ALL, LC_MESSAGES, LANG)?"""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if language := os.environ.get(name):
            return language.startswith("zh")
    return False


def words(en: str, zh: str) -> str:
    """The one of the two that this terminal's person reads."""
    return zh if chinese() else en


class Problem(Exception):  # noqa: N818 - a person's word
    """Why something cannot be done, and what to do about it, in one line of each language."""

    def __init__(self, en: str, zh: str) -> None:
        super().__init__(en)
        self.en = en
        self.zh = zh
