"""Sounds and messages with real PostgreSQL, Redis and speech: which sounds, in every replica, whatever fails."""

import asyncio
from collections.abc import AsyncIterator, Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from callcenter.clock import now_ms
from callcenter.errors import NotFoundError, UnavailableError
from callcenter.events import STREAM
from callcenter.sounds import service, store
from callcenter.sounds.model import Piece, Text, position_and_wait
from callcenter.sounds.service import Sounds
from callcenter.sounds.wav import samples_of, wav_of
from callcenter.tasks import ended
from tests.storage.house import NODE_TOKEN, House, open_house
from tests.storage.test_calls_writer import CALLER, Writing, abandoned, call_id, tell, until_written
from tests.storage.test_sounds_speech import loudness, seconds, tone
from tests.waiting import until

TOKEN = {"Authorization": f"Bearer {NODE_TOKEN}"}
SENTENCE = ("apology", *position_and_wait(2, 100, "zh"))


@pytest.fixture
async def house(pool: Any, redis: Any) -> AsyncIterator[House]:
    async with open_house(pool, redis) as house:
        yield house


@pytest.fixture
def replica(pool: Any, redis: Any, tmp_path: Path) -> Callable[[str], Sounds]:
    """Another replica on a machine of its own, by a name."""
    return lambda name: Sounds(pool, redis, tmp_path / name)


async def content(house: House, path: str, headers: dict[str, str]) -> bytes:
    async with aiohttp.ClientSession() as http, http.get(house.server.make_url(path), headers=headers) as answer:
        assert answer.status == 200, await answer.text()
        assert answer.content_type == "audio/wav"
        return await answer.read()


# -- which sounds --------------------------------------------------------------------------------------


async def test_a_sentence_is_a_sound_for_each_piece(replica: Callable[[str], Sounds]) -> None:
    sounds = replica("a")
    ids = sounds.ids_for("zh", SENTENCE)
    assert [one.split("-")[1] for one in ids] == list(SENTENCE)
    assert sounds.ids_for("zh", SENTENCE) == ids == replica("b").ids_for("zh", SENTENCE)
    assert not set(ids) & set(sounds.ids_for("en", SENTENCE))
    assert all([seconds(await sounds.get(one)) > 0.3 for one in ids])


@pytest.mark.parametrize("piece", ["no_such_prompt", "", Text(""), Text("。。"), Text("\0"), Text("[[]]")])
async def test_what_cannot_be_said_is_left_out(replica: Callable[[str], Sounds], piece: Piece) -> None:
    sounds = replica("a")
    said = sounds.ids_for("zh", ["apology"])
    await until(lambda: sounds.ids_for("zh", ["apology", piece]) == said)


async def test_without_espeak_callers_hear_recordings_and_the_rest_is_left_out(
    replica: Callable[[str], Sounds], pool: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    await store.put_recording(pool, "apology", "zh", wav_of(b"\x00\x10" * 8000))
    sounds = replica("a")
    await sounds.reload()
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(service, "BREATH_SECONDS", 0)
    await sounds.make_ahead()
    left = sounds.ids_for("zh", ["apology", "closed", "end"])
    assert [one.split("-")[1] for one in left] == ["apology"]
    assert await sounds.get(left[0]) == wav_of(b"\x00\x10" * 8000)
    with pytest.raises(UnavailableError):
        await sounds.get(replica("b").ids_for("zh", ["closed"])[0])


async def test_a_text_that_only_another_replica_has_named_is_served(
    replica: Callable[[str], Sounds], tmp_path: Path
) -> None:
    menu = Text("咨询请按一。报修请按二。", "menu_main")
    (sound,) = replica("a").ids_for("zh", [menu])
    other = replica("b")
    wav = await other.get(sound)
    assert 1 < seconds(wav) < 6
    assert (tmp_path / "b" / f"{sound}.wav").read_bytes() == wav
    assert await replica("b").get(sound) == wav, "after a restart, from the disk"
    assert await replica("c").get(sound) == wav


@pytest.mark.parametrize(
    "sound", ["", "x", "zh-t-0123456789abcdef", "zh-apology-0123456789abcdef", "../../etc/passwd", "zh-../x-0" * 20]
)
async def test_a_sound_of_nobody_is_not_found(replica: Callable[[str], Sounds], sound: str) -> None:
    with pytest.raises(NotFoundError):
        await replica("a").get(sound)


async def test_a_folder_that_cannot_be_written_costs_nothing_but_time(pool: Any, redis: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    sounds = Sounds(pool, redis, tmp_path / "file" / "sounds")
    (sound,) = sounds.ids_for("en", ["end"])
    assert seconds(await sounds.get(sound)) > 1
    assert sounds.ids_for("en", ["end"]) == (sound,)


async def test_many_who_ask_at_once_have_it_made_once(
    replica: Callable[[str], Sounds], monkeypatch: pytest.MonkeyPatch
) -> None:
    sounds, made = replica("a"), []
    monkeypatch.setattr(sounds, "_write", lambda sound, _wav: made.append(sound))
    (sound,) = sounds.ids_for("zh", ["greeting"])
    assert len(set(await asyncio.gather(*(sounds.get(sound) for _ in range(20))))) == 1
    assert made == [sound]


# -- what an administrator sets ------------------------------------------------------------------------


async def test_other_words_are_heard_at_once_in_every_replica(
    house: House, replica: Callable[[str], Sounds], redis: Any
) -> None:
    other = replica("b")
    before = other.ids_for("zh", ["greeting"])
    following = asyncio.create_task(other.listen())
    try:
        async with asyncio.timeout(10):
            while not (await redis.pubsub_numsub(store.CONFIG_CHANNEL))[0][1]:  # noqa: ASYNC110 (as in `until`)
                await asyncio.sleep(0.02)
        path = "/api/v1/prompts/greeting/zh"
        status, said = await house.ask("PUT", path, by="admin", json={"text": "您好，这里是天竺工坊。"})
        assert (status, said["text"], said["recorded"]) == (200, "您好，这里是天竺工坊。", False)
        assert "天竺" not in said["built_in_text"]
        assert house.hotline.sounds.ids_for("zh", ["greeting"]) == (said["sound"],)
        await until(lambda: other.ids_for("zh", ["greeting"]) == (said["sound"],))
        assert seconds(await other.get(said["sound"])) > 1
        assert await house.ask("DELETE", path, by="admin") == (204, "")
        await until(lambda: other.ids_for("zh", ["greeting"]) == before)
    finally:
        await ended([following])


async def test_a_person_s_recording_is_heard_until_it_is_taken_back(house: House, pool: Any) -> None:
    path = "/api/v1/prompts/apology/en"
    headers = {"Content-Type": "audio/mpeg"}
    status, said = await house.ask("PUT", f"{path}/recording", by="admin", data=tone(3, kind="mp3"), headers=headers)
    assert (status, said["recorded"]) == (200, True)
    assert said["seconds"] == pytest.approx(3, abs=0.1)
    wav = await content(house, f"/node/v1/sounds/{said['sound']}", TOKEN)
    assert seconds(wav) == pytest.approx(3, abs=0.1)
    assert wav == await content(house, f"{path}/sound", await house.headers("super"))
    assert house.hotline.sounds.ids_for("en", ["apology"]) == (said["sound"],)

    assert (await house.ask("PUT", path, by="admin", json={"text": "Sorry."}))[1]["recorded"] is False
    assert (await house.ask("DELETE", path, by="admin"))[0] == 204
    (_, listed) = await house.ask("GET", "/api/v1/prompts", by="super")
    english = next(one for one in listed if one["name"] == "apology")["languages"]["en"]
    assert english["text"] == english["built_in_text"]
    actions = await pool.fetch("select action, object_id from audit_log where action like 'prompt.%' order by audit_id")
    assert [row["action"] for row in actions] == ["prompt.recorded", "prompt.changed", "prompt.reset"]
    assert {row["object_id"] for row in actions} == {"apology/en"}


async def test_the_list_names_every_prompt_and_menu(house: House, pool: Any) -> None:
    key = {"key": "1", "name_zh": "咨询", "name_en": "enquiries", "to": {"kind": "queue", "queue_id": "service"}}
    settings = {"name_zh": "总机", "name_en": "Main", "keys": [key], "otherwise": key["to"]}
    await pool.execute("insert into menus values ('main', 1, $1), ('broken', 2, '{}')", settings)
    status, listed = await house.ask("GET", "/api/v1/prompts", by="super")
    assert status == 200
    names = [one["name"] for one in listed]
    assert {"greeting", "apology", "digit_yao", "number_20", "menu_main"} <= set(names)
    assert "menu_broken" not in names
    menu = listed[names.index("menu_main")]
    assert menu["languages"]["zh"]["built_in_text"] == "咨询请按一。"
    assert all(one["languages"][language]["sound"] for one in listed for language in ("zh", "en"))

    sound = menu["languages"]["en"]["sound"]
    await until(lambda: house.hotline.sounds.kept_bytes(sound) is not None)  # before its first caller

    path, headers = "/api/v1/prompts/menu_main/zh", {"Content-Type": "audio/wav"}
    status, refused = await house.ask("PUT", path, by="admin", json={"text": "别的"})
    assert (status, refused["error"]["id"]) == (409, "menu_text")
    status, said = await house.ask("PUT", f"{path}/recording", by="admin", data=tone(1), headers=headers)
    assert status == 200
    spoken = Text("咨询请按一。", "menu_main")
    assert house.hotline.sounds.ids_for("zh", [spoken]) == (said["sound"],)


@pytest.mark.parametrize(
    ("body", "kind", "status", "error"),
    [
        (b"RIFF\xff\xff\xff\xffWAVE", "audio/wav", 400, "no_recording"),
        (b"MZ" * 1000, "audio/wav", 400, "no_recording"),
        (b"", "audio/wav", 400, "no_recording"),
        (wav_of(bytes(16_000)), "audio/wav", 400, "no_recording"),
        (wav_of(b"\x00\x10" * 8000 * 61), "audio/wav", 400, "recording_too_long"),
        (bytes(8 * 1024 * 1024 + 1), "audio/wav", 413, "invalid_input"),
        (b"{}", "application/json", 400, "invalid_input"),
        (wav_of(b"\x00\x10" * 8000), "text/plain", 400, "invalid_input"),
    ],
)
async def test_a_wrong_recording_is_refused_with_a_reason(
    house: House, body: bytes, kind: str, status: int, error: str
) -> None:
    answered, said = await house.ask(
        "PUT", "/api/v1/prompts/end/zh/recording", by="admin", data=BytesIO(body), headers={"Content-Type": kind}
    )
    assert (answered, said["error"]["id"]) == (status, error)
    assert said["error"]["message"]["zh"]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("greeting/zh", {"text": ""}, 400),
        ("greeting/zh", {"text": "。。。"}, 400),
        ("greeting/zh", {"text": "x" * 1001}, 400),
        ("greeting/zh", {"text": ["x"]}, 400),
        ("greeting/fr", {"text": "Bonjour"}, 400),
        ("nothing/zh", {"text": "您好"}, 404),
        ("menu_nothing/zh", {"text": "您好"}, 404),
        ("%00/zh", {"text": "您好"}, 404),
    ],
)
async def test_wrong_words_are_refused(house: House, path: str, body: Any, status: int) -> None:
    assert (await house.ask("PUT", f"/api/v1/prompts/{path}", by="admin", json=body))[0] == status


# -- messages ------------------------------------------------------------------------------------------


def voice(of_seconds: float) -> bytes:
    return wav_of(b"\x00\x10" * int(8000 * of_seconds))


async def hand_in(house: House, call: str, wav: bytes, step: str = "s1") -> tuple[int, Any]:
    path = f"/node/v1/calls/{call}/message?step_id={step}&recorded_at_ms={now_ms()}"
    return await house.ask("POST", path, data=BytesIO(wav), headers=TOKEN | {"Content-Type": "audio/wav"})


async def test_a_message_is_kept_told_and_heard(house: House, redis: Any, pool: Any) -> None:
    await tell(redis, abandoned(1)[:2])
    assert await hand_in(house, call_id(1), voice(7)) == (200, {})
    assert await hand_in(house, call_id(1), voice(7)) == (200, {}), "the node did not hear the answer"
    await tell(redis, abandoned(1)[2:])
    async with Writing(redis, pool):
        await until_written(redis)
    status, call = await house.ask("GET", f"/api/v1/calls/{call_id(1)}", by="alice")
    assert (status, call["status"]) == (200, "message")
    assert [one["body"] for one in call["events"] if one["kind"] == "message"] == [{"seconds": 7.0}]
    (_, found) = await house.ask("GET", "/api/v1/ring-backs", by="super")
    (task,) = found["ring_backs"]
    assert (task["kind"], task["message_seconds"], task["call_count"], task["number"]) == ("message", 7.0, 1, CALLER)

    wav = await content(house, f"/api/v1/messages/{call_id(1)}", await house.headers("alice"))
    assert samples_of(wav) == samples_of(voice(7))
    assert loudness(wav) > 0.1
    await content(house, f"/api/v1/messages/{call_id(1)}", await house.headers("super"))
    assert await pool.fetchval("select heard_by from messages") == house.ids["alice"]
    heard = await pool.fetch("select username from audit_log where action = 'message.heard' order by audit_id")
    assert [row["username"] for row in heard] == ["alice", "super"]


async def test_a_message_that_comes_after_the_end_makes_the_task_one_with_a_message(
    house: House, redis: Any, pool: Any
) -> None:
    await tell(redis, abandoned(1))
    async with Writing(redis, pool):
        await until_written(redis)
        assert await pool.fetchval("select kind from ring_backs") == "abandoned"
        await hand_in(house, call_id(1), voice(4))
        await until_written(redis)
        rows = await pool.fetch("select kind, call_count from ring_backs")
        assert [tuple(row) for row in rows] == [("message", 1)]
        await tell(redis, abandoned(2, 1_763_780_100_000))
        await until_written(redis)
    row = await pool.fetchrow("select kind, call_id, call_count from ring_backs")
    assert tuple(row) == ("message", call_id(1), 2), "a later call without one does not hide it"
    assert await pool.fetchval("select status from calls where call_id = $1", call_id(1)) == "message"


async def test_a_longer_message_of_the_same_call_replaces_a_shorter(house: House, redis: Any, pool: Any) -> None:
    for of_seconds, kept in ((3, 3), (9, 9), (2, 9)):
        assert (await hand_in(house, call_id(1), voice(of_seconds), f"s{of_seconds}"))[0] == 200
        assert await pool.fetchval("select seconds from messages") == kept
    await content(house, f"/api/v1/messages/{call_id(1)}", await house.headers("alice"))
    await hand_in(house, call_id(1), voice(12))
    assert await pool.fetchval("select heard_at from messages") is None, "what is new has not been heard"
    assert await redis.xlen(STREAM) >= 4


async def test_a_caller_who_said_nothing_has_left_no_message(house: House, redis: Any, pool: Any) -> None:
    assert await hand_in(house, call_id(1), voice(0.2)) == (200, {})
    assert await pool.fetchval("select count(*) from messages") == 0
    assert await redis.xlen(STREAM) == 0


@pytest.mark.parametrize(
    ("call", "body", "status", "error"),
    [
        (call_id(1), b"", 400, "no_wav"),
        (call_id(1), b"<html>", 400, "no_wav"),
        (call_id(1), b"RIFF\xff\xff\xff\xffWAVEfmt ", 400, "no_wav"),
        ("nothing", voice(1), 400, "invalid_input"),
        ("a-1.1'; drop table calls", voice(1), 400, "invalid_input"),
        (call_id(1), bytes(8 * 1024 * 1024 + 1), 413, "invalid_input"),
    ],
)
async def test_what_is_no_message_is_refused(house: House, call: str, body: bytes, status: int, error: str) -> None:
    answered, said = await hand_in(house, call, body)
    assert (answered, said["error"]["id"]) == (status, error)


async def test_a_recording_of_another_rate_is_no_message(house: House) -> None:
    status, said = await hand_in(house, call_id(1), tone(1, rate=16_000))
    assert (status, said["error"]["id"]) == (400, "no_wav")


@pytest.mark.parametrize("call", ["node1-1763780000.77", "nothing", "%00"])
async def test_a_message_of_nobody_is_not_found(house: House, call: str) -> None:
    assert (await house.ask("GET", f"/api/v1/messages/{call}", by="alice"))[0] == 404
