"""A caller's line as the wait step uses it: what he hears, the keys he presses, what he says."""

from collections.abc import Mapping, Sequence
from typing import Final

from callcenter.asterisk.agi import ANY_KEY, MUSIC, Agi
from callcenter.asterisk.recordings import start_possible
from callcenter.asterisk.sounds import seconds_of, without_ending
from callcenter.asterisk.steps import Node
from callcenter.routing.script import Ask, Heard, Play, RecordingStart, TakeMessage, WhyNotRecorded

SILENCE_SECONDS: Final = 5
"""A caller who has said nothing for so long has left his message."""


class Line:
    """One caller's line, answered when he is to hear anything but ringing.

    Everything raises AgiLostError when he hangs up.
    """

    def __init__(self, agi: Agi, node: Node, call_id: str, *, answered: bool, rings: bool) -> None:
        """`rings`: he hears ringing already."""
        self._agi = agi
        self._node = node
        self._call_id = call_id
        self.answered = answered
        self._rings = rings
        self._playing = ""
        """The class of music on hold that plays; empty: none."""
        self.not_recorded: WhyNotRecorded | None = None
        """Why the talk that begins now is not recorded as it was told."""
        self._untold: dict[str, str] = {}
        """Channel variables that go with the next ones that are set: each setting is a conversation with Asterisk."""

    def learn(self, *, queue: str, language: str) -> None:
        """What the service has told of the caller (empty: nothing), for the dialplan and for Asterisk's own words."""
        if queue:
            self._untold["CC_QUEUE"] = queue
        if language:
            self._untold["CHANNEL(language)"] = language

    def hide_name(self) -> None:
        """Phones are not shown his name."""
        self._untold["CALLERID(name)"] = ""

    def leave(self, label: str, variables: Mapping[str, str]) -> None:
        """Have the dialplan go on at a label of [hotline] (dialplans/hotline.conf)."""
        self._agi.go_on(label, {**self._untold, **variables})

    def say(self, sounds: Sequence[str]) -> None:
        """Let him hear these sounds from their beginning and then music; returns at once."""
        files = self._node.sounds.files(sounds)
        self._answer()
        music_class = self._node.announcements.prepare(files) if files else None
        if music_class and music_class == self._playing:
            # Asterisk goes on where it was in a class that is begun again.
            self._agi.start_music(MUSIC)
            self._playing = MUSIC
        self._start(music_class or MUSIC)

    def fill_silence(self) -> None:
        """Let an answered caller hear music, another one ringing, unless he hears something already."""
        if not self.answered:
            if not self._rings:
                self._rings = True
                self._agi.ring()
        elif not self._playing:
            self._start(MUSIC)

    def ask(self, step: Ask) -> Heard:
        """Play until a key is pressed, and collect keys."""
        end_key = "#" if step.most_digits > 1 else ""
        key = self._play(step.sounds, until=ANY_KEY) or self._agi.key(step.timeout_seconds)
        digits = ""
        while key and key != end_key:
            digits += key
            if len(digits) == step.most_digits:
                break
            key = self._agi.key(step.timeout_seconds)
        return Heard(step.step_id, digits=digits)

    def play(self, step: Play) -> Heard:
        """Play to the end."""
        self._play(step.sounds)
        return Heard(step.step_id)

    def take_message(self, step: TakeMessage) -> Heard:
        """Play, give a tone, record. What a caller said before he hung up is kept, too."""
        self._play(step.sounds)
        tone = self._node.sounds.tone()
        self._agi.play(without_ending(tone), seconds_of(tone))
        message, file = self._node.messages.begin(self._call_id, step.step_id, step.most_seconds)
        try:
            self._agi.record(file, step.most_seconds, SILENCE_SECONDS)
        finally:
            seconds = self._node.messages.finish(message)
        return Heard(step.step_id, seconds=seconds)

    def recording(self, start: RecordingStart, sounds: Sequence[str] = ()) -> dict[str, str]:
        """How the dialplan records the talk that it dials or joins (dialplans/recording.conf), as channel variables.

        A caller who could not be told of it (`sounds`) is not recorded from the first word.
        """
        if start == "never":
            return {"CC_RECORDING": "", "CC_NOTICE": ""}
        notice = self._node.sounds.joined(sounds) if sounds else None
        start, self.not_recorded = start_possible(
            start, told=notice is not None or not sounds, has_room=self._node.recordings.has_room()
        )
        return {"CC_RECORDING": start, "CC_NOTICE": str(without_ending(notice)) if notice else ""}

    def _answer(self) -> None:
        if not self.answered:
            self.answered = True
            self._agi.answer()
            self._agi.set_variables(self._untold | {"CC_ANSWERED": "1", "CDR(cc_path)": "answered"})
            self._untold = {}

    def _play(self, sounds: Sequence[str], until: str = "") -> str:
        """Answer and play; the key that ended it, if any."""
        files = self._node.sounds.files(sounds)
        self._answer()
        self._playing = ""
        for file in files:
            if key := self._agi.play(without_ending(file), seconds_of(file), until):
                return key
        return ""

    def _start(self, music_class: str) -> None:
        if self._playing != music_class:
            self._agi.start_music(music_class)
            self._playing = music_class
