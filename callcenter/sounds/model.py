"""What callers hear: the built-in prompts in Chinese and English, and how sentences are put together. Pure.

The words keep the handbooks' courtesy (TEL-12: 您好、请、谢谢、对不起、再见) and promise an answer where there is none
yet (TEL-28). Whoever wants other words, or a person's voice, replaces a prompt; nothing here is fixed but the names.
"""

import hashlib
import math
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, get_args

from callcenter.configuration.model import Menu
from callcenter.customers.model import display_of

Language = Literal["zh", "en"]
LANGUAGES: Final[tuple[Language, ...]] = get_args(Language)

LONGEST_TEXT: Final = 1000
"""Characters that are spoken in one go; what is beyond them is left out."""
DIGEST_LENGTH: Final = 16
SOUND_ID: Final = re.compile(rf"(zh|en)-([a-z0-9_]{{1,80}})-([0-9a-f]{{{DIGEST_LENGTH}}})")
"""A sound's id: language, the prompt's name (`t` for other text), digest of what is heard."""
SPEECH_VERSION: Final = "1"
"""Part of each spoken sound's digest: another number, and every node fetches the sounds anew."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt: its name, what people call it, and the words that are built in."""

    name: str
    title_zh: str
    title_en: str
    zh: str
    en: str

    def words(self, language: Language) -> str:
        """The built-in words."""
        return self.zh if language == "zh" else self.en


@dataclass(frozen=True, slots=True)
class Text:
    """Words that an administrator wrote. `name`: the prompt whose recording, where there is one, stands for them."""

    text: str
    name: str = "t"


Piece = str | Text
"""A part of what is heard: a prompt by its name, or other words."""


_SENTENCES: Final = (
    # TEL-07 to TEL-10: first the greeting, then who we are; each site sets its own.
    Prompt("greeting", "问候", "Greeting",
           "您好，欢迎致电客户服务热线。",
           "Hello, and welcome to the customer service line."),
    # TEL-02.
    Prompt("apology", "致歉", "Apology",
           "对不起，让您久等了。客服人员正忙，请您稍候，我们会尽快为您接听。",
           "We are sorry to keep you waiting. Please hold on. Somebody will be with you as soon as possible."),
    Prompt("closed", "非工作时间", "Closed",
           "您好，感谢您的来电。现在是非工作时间。",
           "Hello, and thank you for calling. We are closed at the moment."),
    Prompt("full", "来电过多", "Too many callers",
           "对不起，现在来电较多，暂时没有空闲的线路。",
           "We are sorry. All our lines are taken at the moment."),
    Prompt("blocked", "已限制的来电", "Blocked caller",
           "对不起，您的来电暂时无法接通。再见。",
           "We are sorry, this call can't be connected. Goodbye."),
    Prompt("end", "结束语", "Last words",
           "感谢您的来电，再见。",
           "Thank you for calling. Goodbye."),
    Prompt("retry", "请重新选择", "Choose again",
           "对不起，没有听到您的选择，请再选一次。",
           "Sorry, we did not hear your choice. Please choose again."),
    Prompt("position_before", "位置（数字前）", "Place in line (before the number)", "您现在排在第", "You are number"),
    Prompt("position_after", "位置（数字后）", "Place in line (after the number)", "位。", "in line."),
    Prompt("position_many", "位置（一百位以后）", "Place in line (beyond 99)",
           "现在等候的客户较多，感谢您的耐心。",
           "Many callers are waiting. Thank you for your patience."),
    Prompt("wait_before", "等候时间（数字前）", "Expected wait (before the number)",
           "预计还需等候大约", "The expected wait is about"),
    Prompt("wait_after_minute", "等候时间（一分钟）", "Expected wait (one minute)", "分钟。", "minute."),
    Prompt("wait_after_minutes", "等候时间（数字后）", "Expected wait (after the number)", "分钟。", "minutes."),
    Prompt("less_than_a_minute", "不到一分钟", "Less than a minute",
           "预计等候时间不到一分钟。", "The expected wait is less than a minute."),
    Prompt("more_than_20_minutes", "超过二十分钟", "More than twenty minutes",
           "预计等候时间超过二十分钟。", "The expected wait is more than twenty minutes."),
    # TEL-28: contact details are taken and a call back is promised.
    Prompt("callback_offer_before", "回拨邀请（按键前）", "Offer to call back (before the key)",
           "如不想继续等待，请按", "If you would rather not wait, press"),
    Prompt("callback_closed_before", "下班后的回拨邀请（按键前）", "Offer to call back when closed (before the key)",
           "如需我们给您回电，请按", "If you would like us to call you back, press"),
    Prompt("callback_offer_after", "回拨邀请（按键后）", "Offer to call back (after the key)",
           "我们将按您的排队顺序给您回电。", "We will call you back when it is your turn."),
    Prompt("callback_number", "回拨号码", "Number to call back", "我们将回拨", "We will call"),
    Prompt("callback_confirm", "确认回拨号码", "Confirm the number",
           "确认请按一。使用其他号码请按二。", "To confirm, press one. For another number, press two."),
    Prompt("callback_enter", "输入回拨号码", "Enter a number",
           "请输入您的电话号码，固定电话请加拨区号，按井号键结束。",
           "Please enter your telephone number with its area code, then press the hash key."),
    Prompt("callback_done", "回拨已登记", "Callback noted",
           "好的，轮到您时我们会给您回电。感谢您的来电，再见。",
           "Thank you. We will call you back when it is your turn. Goodbye."),
    Prompt("callback_refused", "号码无效", "Not a valid number",
           "对不起，这个号码无法回拨。", "Sorry, this number can't be called back."),
    Prompt("recording_notice", "录音提示", "Recording notice",
           "为了保证服务质量，您的通话可能会被录音。",
           "This call may be recorded, so that we can serve you better."),
    # TEL-25, TEL-27, HRS-06: a message is taken with name and number, and passed on.
    Prompt("message_intro", "请留言", "Leave a message",
           "请在提示音后留言，并留下您的姓名和联系电话，我们会尽快给您回复。留言完毕请按井号键，或直接挂机。",
           "Please leave a message after the tone, with your name and telephone number. We will call you back as soon "
           "as possible. When you have finished, press the hash key, or just hang up."),
    Prompt("message_done", "留言已收到", "Message taken",
           "您的留言我们已经收到，会尽快给您回复。谢谢您，再见。",
           "Thank you for your message. We will call you back as soon as possible. Goodbye."),
)  # fmt: skip

_ZH: Final = "零一二三四五六七八九十"
_EN: Final = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty",
)  # fmt: skip
_TENS_EN: Final = ("thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")


def _number_zh(number: int) -> str:
    """A number from 0 to 99 as it is said."""
    if number <= 10:
        return _ZH[number]
    tens, ones = divmod(number, 10)
    return ("" if tens == 1 else _ZH[tens]) + "十" + (_ZH[ones] if ones else "")


def _numbers() -> Iterable[Prompt]:
    for number in (*range(21), *range(30, 100, 10)):
        en = _EN[number] if number <= 20 else _TENS_EN[number // 10 - 3]
        yield Prompt(f"number_{number}", f"数字 {number}", f"Number {number}", _number_zh(number), en)
    yield Prompt("number_two_of", "数字 2（两）", "Number 2 (of something)", "两", "two")
    for digit in range(10):
        yield Prompt(f"digit_{digit}", f"号码中的 {digit}", f"Digit {digit}", _ZH[digit], _EN[digit])
    yield Prompt("digit_yao", "电话号码中的 1", "Digit 1 of a telephone number", "幺", "one")
    for key in range(10):
        yield Prompt(f"key_{key}", f"按键 {key}", f"Key {key}", _ZH[key], _EN[key])
    yield Prompt("key_star", "星号键", "Star key", "星号键", "star")
    yield Prompt("key_hash", "井号键", "Hash key", "井号键", "hash")


PROMPTS: Final[dict[str, Prompt]] = {prompt.name: prompt for prompt in (*_SENTENCES, *_numbers())}
"""The catalogue, what is heard most first."""

_KEYS: Final = {**{str(key): f"key_{key}" for key in range(10)}, "*": "key_star", "#": "key_hash"}
MOST_MINUTES: Final = 20


# -- sentences -----------------------------------------------------------------------------------------


def position_and_wait(
    position: int | None, expected_wait_seconds: float | None, language: Language
) -> tuple[Piece, ...]:
    """A waiting caller's place in line (1: he is next) and how long it may take; None: that is not told.

    The wait is rounded up to whole minutes, beyond five minutes to five, so that it does not jump from one time to the
    next and is rather kept than not.
    """
    said: list[Piece] = []
    if position is not None:
        said += _position(max(1, position))
    if expected_wait_seconds is not None:
        said += _wait(expected_wait_seconds, language)
    return tuple(said)


def _position(position: int) -> list[Piece]:
    if position > 99:
        return ["position_many"]
    return ["position_before", *number_pieces(position), "position_after"]


def _wait(seconds: float, language: Language) -> list[Piece]:
    if seconds < 60:
        return ["less_than_a_minute"]
    if seconds > MOST_MINUTES * 60:
        return ["more_than_20_minutes"]
    minutes = math.ceil(seconds / 60)
    if minutes > 5:
        minutes = math.ceil(minutes / 5) * 5
    if minutes == 1:
        return ["wait_before", "number_1", "wait_after_minute"]
    number: list[Piece] = ["number_two_of"] if minutes == 2 and language == "zh" else number_pieces(minutes)
    return ["wait_before", *number, "wait_after_minutes"]


def number_pieces(number: int) -> list[Piece]:
    """A number from 0 to 99 as it is counted."""
    if number <= 20 or number % 10 == 0:
        return [f"number_{number}"]
    return [f"number_{number // 10 * 10}", f"number_{number % 10}"]


def callback_offer(key: str, *, closed: bool = False) -> tuple[Piece, ...]:
    """Which key to press to be called back: to a waiting caller, or to one who comes when the queue is `closed`."""
    return ("callback_closed_before" if closed else "callback_offer_before", _KEYS[key], "callback_offer_after")


def read_number(number: str, country: str = "CN") -> tuple[Piece, ...]:
    """A telephone number digit by digit, as it is dialled in `country`; in Chinese 1 is said "yao"."""
    shown = display_of(number, country)
    digits = re.sub(r"\D", "", "00" + shown if shown.startswith("+") else shown)
    return tuple("digit_yao" if digit == "1" else f"digit_{digit}" for digit in digits if digit in "0123456789")


def menu_text(menu: Menu, language: Language) -> tuple[Piece, ...]:
    """What a menu's caller hears: the administrator's text, or a sentence for each key ("咨询请按一。", CAT-01)."""
    prompt = menu_prompt(menu)
    return (Text(prompt.words(language), prompt.name),)


def menu_prompt(menu: Menu) -> Prompt:
    """A menu's text as a prompt; its name is that under which a person's recording is kept."""
    made = {
        language: "".join(_choice(key.key, key.name_zh, key.name_en, language) for key in menu.keys).strip()
        for language in LANGUAGES
    }
    return Prompt(
        f"menu_{menu.menu_id}",
        f"菜单：{menu.name_zh}",
        f"Menu: {menu.name_en}",
        menu.text_zh or made["zh"],
        menu.text_en or made["en"],
    )


def _choice(key: str, name_zh: str, name_en: str, language: Language) -> str:
    said = PROMPTS[_KEYS[key]].words(language)
    return f"{name_zh}请按{said}。" if language == "zh" else f"For {name_en}, press {said}. "


# -- sounds --------------------------------------------------------------------------------------------


def sound_id(language: Language, name: str, digest: str) -> str:
    """The id of what is heard; `digest` is hexadecimal and longer than what is used of it."""
    return f"{language}-{name}-{digest[:DIGEST_LENGTH]}"


def speech_digest(language: Language, text: str) -> str:
    """Digest of speech: of all that it is made from."""
    return hashlib.sha256(f"{SPEECH_VERSION}\n{language}\n{text}".encode()).hexdigest()


def recording_digest(recording: bytes) -> str:
    """Digest of a person's recording."""
    return hashlib.sha256(recording).hexdigest()


def speakable(text: str) -> str:
    """`text` as it is given to the speech maker: one bounded line, without what it would take for commands.

    Control and format characters go, and square brackets: espeak-ng reads phonemes between two of them.
    """
    plain = "".join(" " if _is_unspoken(character) else character for character in text[:LONGEST_TEXT])
    return " ".join(plain.split())


def _is_unspoken(character: str) -> bool:
    return character in "[]" or unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co", "Cn"}


def says_something(text: str) -> bool:
    """Whether there is anything in `text` to be spoken."""
    return any(character.isalnum() for character in text)


def built_in_sounds() -> dict[str, tuple[Language, str]]:
    """Every built-in prompt's sound id -> its language and words."""
    return {
        sound_id(language, prompt.name, speech_digest(language, prompt.words(language))): (
            language,
            prompt.words(language),
        )
        for prompt in PROMPTS.values()
        for language in LANGUAGES
    }
