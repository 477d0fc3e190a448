"""Initials of names for search. The one place to take `customers.model.initials_of` in, once it is there."""

from functools import lru_cache

from pypinyin import Style, pinyin


@lru_cache(maxsize=4096)
def _first_letters(character: str) -> str:
    return pinyin(character, style=Style.FIRST_LETTER)[0][0][:1].lower()


def initials_of(name: str) -> str:
    """The first letters of a name's pinyin, small: 刘秀英 is lxy; empty for a name without Chinese characters."""
    if not any("\u4e00" <= character <= "\u9fff" for character in name):
        return ""
    return "".join(_first_letters(one) for one in name if one.isalnum())[:200]
