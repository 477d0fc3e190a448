"""What the dialogue with a caller wants said, as sounds."""

from collections.abc import Sequence

from callcenter.configuration.model import Menu
from callcenter.sounds.model import (
    Language,
    Piece,
    callback_offer,
    menu_text,
    position_and_wait,
    read_number,
)
from callcenter.sounds.service import Sounds


class SoundVoice:
    """Sounds for what is to be said, in the caller's language."""

    def __init__(self, sounds: Sounds, country: str) -> None:
        self._sounds = sounds
        self._country = country

    def prompts(self, language: str, *names: str) -> tuple[str, ...]:
        """These prompts, one after another."""
        return self._say(language, names)

    def menu(self, language: str, menu: Menu) -> tuple[str, ...]:
        """The choices of a menu."""
        return self._say(language, menu_text(menu, _known(language)))

    def place(self, language: str, place: int | None, expected_seconds: float | None) -> tuple[str, ...]:
        """How many callers are before him and how long it may take, as far as known."""
        return self._say(language, position_and_wait(place, expected_seconds, _known(language)))

    def callback_offer(self, language: str, key: str) -> tuple[str, ...]:
        """Which key keeps his place without staying on the line."""
        return self._say(language, callback_offer(key))

    def number(self, language: str, number: str) -> tuple[str, ...]:
        """A telephone number, digit by digit."""
        return self._say(language, read_number(number, self._country))

    def _say(self, language: str, pieces: Sequence[Piece]) -> tuple[str, ...]:
        return self._sounds.ids_for(_known(language), pieces)


def _known(language: str) -> Language:
    return "en" if language == "en" else "zh"
