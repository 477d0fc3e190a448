"""What callers are told, in both languages, and the ids of what they hear."""

import pytest

from callcenter.configuration.model import Menu, MenuKey, ToQueue
from callcenter.sounds.model import (
    LANGUAGES,
    LONGEST_TEXT,
    PROMPTS,
    SOUND_ID,
    Language,
    Piece,
    Text,
    built_in_sounds,
    callback_offer,
    menu_text,
    position_and_wait,
    read_number,
    recording_digest,
    says_something,
    sound_id,
    speakable,
    speech_digest,
)
from callcenter.sounds.wav import NotWavError, samples_of, seconds_of, wav_of


def heard(pieces: tuple[Piece, ...], language: Language) -> str:
    """What the pieces say together."""
    words = [one.text if isinstance(one, Text) else PROMPTS[one].words(language) for one in pieces]
    return ("" if language == "zh" else " ").join(words)


@pytest.mark.parametrize(
    ("position", "zh", "en"),
    [
        (1, "您现在排在第一位。", "You are number one in line."),
        (2, "您现在排在第二位。", "You are number two in line."),
        (12, "您现在排在第十二位。", "You are number twelve in line."),
        (20, "您现在排在第二十位。", "You are number twenty in line."),
        (35, "您现在排在第三十五位。", "You are number thirty five in line."),
        (90, "您现在排在第九十位。", "You are number ninety in line."),
        (99, "您现在排在第九十九位。", "You are number ninety nine in line."),
        (100, PROMPTS["position_many"].zh, PROMPTS["position_many"].en),
        (0, "您现在排在第一位。", "You are number one in line."),
    ],
)
def test_a_place_in_line(position: int, zh: str, en: str) -> None:
    assert heard(position_and_wait(position, None, "zh"), "zh") == zh
    assert heard(position_and_wait(position, None, "en"), "en") == en


@pytest.mark.parametrize(
    ("seconds", "zh", "en"),
    [
        (-5, "不到一分钟", "less than a minute"),
        (0, "不到一分钟", "less than a minute"),
        (59.9, "不到一分钟", "less than a minute"),
        (60, "大约一分钟", "about one minute."),
        (61, "大约两分钟", "about two minutes."),
        (300, "大约五分钟", "about five minutes."),
        (301, "大约十分钟", "about ten minutes."),
        (601, "大约十五分钟", "about fifteen minutes."),
        (1200, "大约二十分钟", "about twenty minutes."),
        (1201, "超过二十分钟", "more than twenty minutes"),
        (float("inf"), "超过二十分钟", "more than twenty minutes"),
    ],
)
def test_an_expected_wait_is_rounded_so_that_it_is_kept(seconds: float, zh: str, en: str) -> None:
    assert zh in heard(position_and_wait(None, seconds, "zh"), "zh")
    assert en in heard(position_and_wait(None, seconds, "en"), "en")


def test_place_and_wait_come_in_this_order_and_each_may_be_left_out() -> None:
    assert heard(position_and_wait(3, 100, "zh"), "zh") == "您现在排在第三位。预计还需等候大约两分钟。"
    assert position_and_wait(None, None, "en") == ()


@pytest.mark.parametrize(("key", "zh", "en"), [("1", "请按一", "press one"), ("#", "请按井号键", "press hash")])
def test_the_key_of_a_callback(key: str, zh: str, en: str) -> None:
    for closed in (False, True):
        assert zh in heard(callback_offer(key, closed=closed), "zh")
        assert en in heard(callback_offer(key, closed=closed), "en")
    assert "等待" in heard(callback_offer(key), "zh")
    assert "等待" not in heard(callback_offer(key, closed=True), "zh")


@pytest.mark.parametrize(
    ("number", "zh", "en"),
    [
        ("+8613800138000", "幺三八零零幺三八零零零", "one three eight zero zero one three eight zero zero zero"),
        ("+862161234567", "零二幺六幺二三四五六七", "zero two one six one two three four five six seven"),
        ("95588", "九五五八八", "nine five five eight eight"),
        ("+12125551234", "零零幺二幺二五五五幺二三四", "zero zero one two one two five five five one two three four"),
        ("", "", ""),
    ],
)
def test_a_number_is_read_as_it_is_dialled_here(number: str, zh: str, en: str) -> None:
    assert heard(read_number(number), "zh") == zh
    assert heard(read_number(number), "en") == en


def menu(text: str = "") -> Menu:
    to = ToQueue(queue_id="service")
    keys = [
        MenuKey(key="1", name_zh="咨询", name_en="enquiries", to=to),
        MenuKey(key="*", name_zh="报修", name_en="repairs", to=to),
    ]
    return Menu(menu_id="main", name_zh="总机", name_en="Main", keys=keys, otherwise=to, text_zh=text)


def test_a_menu_says_its_keys_unless_it_has_a_text() -> None:
    assert heard(menu_text(menu(), "zh"), "zh") == "咨询请按一。报修请按星号键。"
    assert heard(menu_text(menu(), "en"), "en") == "For enquiries, press one. For repairs, press star."
    assert menu_text(menu("欢迎"), "zh") == (Text("欢迎", "menu_main"),)
    assert heard(menu_text(menu("欢迎"), "en"), "en") == heard(menu_text(menu(), "en"), "en")


def test_every_prompt_has_words_that_can_be_said_in_both_languages() -> None:
    for prompt in PROMPTS.values():
        assert prompt.title_zh
        assert prompt.title_en
        for language in LANGUAGES:
            assert says_something(prompt.words(language))
            assert speakable(prompt.words(language)) == prompt.words(language), prompt.name


def test_an_id_changes_with_what_is_heard_and_with_nothing_else() -> None:
    ids = built_in_sounds()
    assert len(ids) == len(PROMPTS) * 2
    assert all(SOUND_ID.fullmatch(sound) and len(sound) <= 120 for sound in ids)
    assert built_in_sounds().keys() == ids.keys()
    assert sound_id("zh", "t", speech_digest("zh", "您好")) == "zh-t-738f4991c1b96d53"
    assert speech_digest("zh", "您好") != speech_digest("en", "您好")
    assert sound_id("zh", "apology", recording_digest(b"a")) != sound_id("zh", "apology", recording_digest(b"b"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[h@'loU]] 您好", "h@'loU 您好"),
        ("a\0b\r\nc\u202ed", "a b c d"),
        ("\ud800x", "x"),
        ("-w/etc/passwd", "-w/etc/passwd"),
        ("   ", ""),
    ],
)
def test_hostile_text_is_made_plain(text: str, said: str) -> None:
    assert speakable(text) == said


def test_a_text_is_bounded() -> None:
    assert len(speakable("您" * 100_000)) == LONGEST_TEXT
    assert not says_something("。，！ …")


def test_a_wav_file_comes_out_as_it_went_in() -> None:
    wav = wav_of(b"\x01\x02" * 8000)
    assert samples_of(wav) == b"\x01\x02" * 8000
    assert seconds_of(len(wav)) == 1.0
    assert samples_of(wav[:-1000]) == b"\x01\x02" * 7500, "a recording that was broken off"


@pytest.mark.parametrize("body", [b"", b"RIFF", b"RIFF\xff\xff\xff\xffWAVE", b"ID3" * 100, b"<html>", b"RIFF" * 4000])
def test_what_is_no_wav_is_refused(body: bytes) -> None:
    with pytest.raises(NotWavError):
        samples_of(body)


def test_a_wav_of_another_form_is_refused() -> None:
    telephone = wav_of(bytes(1000))
    stereo = telephone[:22] + b"\x02" + telephone[23:]
    faster = telephone[:24] + (16_000).to_bytes(4, "little") + telephone[28:]
    for body in (stereo, faster):
        with pytest.raises(NotWavError):
            samples_of(body)
