"""Scripts and answers as the staff reads and writes them (TEL-11, TEL-41, TRN-06). Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from itertools import product
from typing import Final

from pypinyin import Style, pinyin

MOST_WORDS: Final = 6
"""So many words of a search are looked for; what is typed beyond them changes nothing."""
MOST_READINGS: Final = 4
"""Characters with several readings make several initials; so many of all a title's are kept."""


class ArticleKind(StrEnum):
    """What an article is for."""

    SCRIPT = "script"
    """Words to say (话术)."""
    ANSWER = "answer"
    """What to know in order to answer (问答)."""


class ArticleState(StrEnum):
    """Who sees an article."""

    DRAFT = "draft"
    """Its writers only."""
    PUBLISHED = "published"
    """Everybody, on the days that it is valid."""
    RETIRED = "retired"
    """Its writers only; it is kept."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What a writer sets of an article.

    `category` is the id of a category. `body` is paragraphs, lists and bold words in Markdown. Without call types and
    queues it fits every call. `valid_from` and `valid_until` are days of the department, both included.
    """

    kind: ArticleKind
    category: str
    title: str
    body: str
    keywords: str = ""
    call_types: Sequence[str] = ()
    queues: Sequence[str] = ()
    valid_from: date | None = None
    valid_until: date | None = None
    state: ArticleState = ArticleState.DRAFT


@dataclass(frozen=True, slots=True)
class Article:
    """An article as it stands; `version` counts its changes from 1. `source`: the handbooks' rules that a shipped one
    follows. `opens`: how often it was opened within ninety days.
    """

    article_id: int
    kind: ArticleKind
    category: str
    title: str
    body: str
    keywords: str
    call_types: tuple[str, ...]
    queues: tuple[str, ...]
    valid_from: date | None
    valid_until: date | None
    state: ArticleState
    source: str
    version: int
    updated_at: datetime
    updated_by: str | None
    opens: int


@dataclass(frozen=True, slots=True)
class Version:
    """An article as it once was: who wrote it, and when. `by` is None where he is gone, or the hotline came with it."""

    version: int
    at: datetime
    by: str | None
    draft: Draft


@dataclass(frozen=True, slots=True)
class Category:
    """A shelf; `shipped` ones are those of TEL-41. `articles`: how many stand there, whatever their state."""

    category_id: str
    name_zh: str
    name_en: str
    position: int
    shipped: bool
    articles: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which articles to list; empty or None: any. `call_type` and `queue_id` are of the call that the agent has: what
    fits it comes first. `today` leaves out what is not valid then; None: all states and days.
    """

    text: str = ""
    kind: ArticleKind | None = None
    category: str = ""
    state: ArticleState | None = None
    call_type: str = ""
    queue_id: str = ""
    today: date | None = None
    limit: int = 30


def initials_of(title: str) -> str:
    """First letters of a title's pinyin and its Latin letters and digits, small; several readings by spaces.

    What an agent types for 道歉语 is dqy.
    """
    letters: list[list[str]] = []
    for part in pinyin(title, style=Style.FIRST_LETTER, heteronym=True, errors=_letters_of):
        choices = list(dict.fromkeys(one.lower() for one in part if one))
        if choices:
            letters.append(choices)
    found: list[str] = [""]
    for choices in letters:
        kept = choices if len(found) * len(choices) <= MOST_READINGS else choices[:1]
        found = [before + one for before, one in product(found, kept)]
    return " ".join(found).strip()


def _letters_of(other: str) -> str:
    return "".join(c for c in other if c.isalnum())


def words_of(text: str) -> list[str]:
    """What a search is looked for by: its words, each once."""
    return list(dict.fromkeys(text.split()))[:MOST_WORDS]
