"""Chinese text as pinyin with tone numbers, a line for a line: `python -m callcenter.sounds.pinyin`.

espeak-ng knows characters only one by one; pypinyin knows words, and so how a character is read in them (银行, 重新).
It is a program of its own because its tables are large and seldom needed.
"""

import sys

from pypinyin import Style, lazy_pinyin


def reading(text: str) -> str:
    """The pinyin of `text`, with the changes of tone that speaking brings; what is not Chinese stays as it is."""
    syllables = lazy_pinyin(text, style=Style.TONE3, neutral_tone_with_five=True, tone_sandhi=True)
    return " ".join(" ".join(syllables).split())


if __name__ == "__main__":
    sys.stdin.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    for line in sys.stdin:
        sys.stdout.write(reading(line.rstrip("\n")) + "\n")
