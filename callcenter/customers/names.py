"""The first letters of a name's pinyin: what a clerk types for 刘秀英 is `lxy`. Pure.

A character that is read in several ways (单, 曾, 解 as surnames) gives a reading of the whole name for each.
"""

import itertools
import unicodedata
from functools import lru_cache
from typing import Final

from pypinyin import Style, pinyin

MOST_READINGS: Final = 6
MOST_LETTERS: Final = 30
"""Of one reading: a company's whole name has no use for more."""
_READINGS_OF_ONE: Final = 3


def initials_of(name: str) -> str:
    """The readings of `name` by their first letters, small, the likeliest first, with spaces between.

    Of a Latin word it is the first letter, of a number its digits; what has neither gives nothing. At most
    `MOST_READINGS` readings, so at most 185 characters.
    """
    letters: list[tuple[str, ...]] = []
    within_word = False
    for character in unicodedata.normalize("NFKC", name).casefold():
        plain = unicodedata.normalize("NFKD", character)[:1]
        if _is_chinese(character):
            letters.append(_first_letters(character))
        elif plain.isascii() and (plain.isdigit() or (plain.isalpha() and not within_word)):
            letters.append((plain,))
        within_word = plain.isascii() and plain.isalpha()
    return _readings([one for one in letters if one][:MOST_LETTERS])


def _readings(letters: list[tuple[str, ...]]) -> str:
    if not letters:
        return ""
    readings = 1
    for place, choices in enumerate(letters):
        letters[place] = choices[: MOST_READINGS // readings]
        readings *= len(letters[place])
    return " ".join(dict.fromkeys("".join(one) for one in itertools.product(*letters)))


def _is_chinese(character: str) -> bool:
    return "\u3400" <= character <= "\u9fff" or "\U00020000" <= character <= "\U0003ffff"


@lru_cache(maxsize=8192)
def _first_letters(character: str) -> tuple[str, ...]:
    """The first letters of a character's readings, the commonest first; none for one that is not in the dictionary."""
    [readings] = pinyin(character, style=Style.NORMAL, heteronym=True, errors="ignore") or [[]]
    letters = dict.fromkeys(one[0] for one in readings if one and one[0].isascii() and one[0].isalpha())
    return tuple(letters)[:_READINGS_OF_ONE]
