"""The whole configuration as a file, over HTTP and on the command line: out, in, seen first, refused with the line."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from callcenter.configuration.file import profile, profile_names
from tests.storage.house import House, open_house

API = "/api/v1/configuration"
Document = dict[str, Any]


@pytest.fixture
async def house(pool: Any, redis: Any) -> AsyncIterator[House]:
    async with open_house(pool, redis) as house:
        yield house


async def bring_in(house: House, text: str, status: int = 200, **query: Any) -> Document:
    """The answer to a file."""
    options = "&".join(f"{name}={value}" for name, value in query.items())
    got, answer = await house.ask("POST", f"{API}/file?{options}", by="admin", json={"yaml": text})
    assert got == status, answer
    return dict(answer if status == 200 else answer["error"])


async def taken_out(house: House) -> str:
    """What is set, as a file."""
    status, text = await house.ask("GET", f"{API}/file", by="super")
    assert status == 200
    return str(text)


async def what_is_set(house: House) -> Document:
    _, answer = await house.ask("GET", API, by="super")
    return dict(answer)


def differences(answer: Document) -> dict[tuple[str, str], str]:
    """What a file changes, by kind and id."""
    return {(one["kind"], one["id"]): one["what"] for one in answer["changes"] if one["what"] != "same"}


@pytest.mark.parametrize("name", profile_names())
async def test_a_profile_comes_in_and_goes_out_as_the_same(house: House, name: str) -> None:
    _, shipped = await house.ask("GET", f"{API}/profiles/{name}", by="super")
    assert differences(await bring_in(house, shipped["yaml"]))
    before = await what_is_set(house)
    assert before["configuration"]["name"] == shipped["name"]
    members = [len(one["members"]) for one in before["configuration"]["queues"]]
    assert members[:2] == [1, 3], "the queue that was there keeps alice, a new one is everybody's"
    again = await bring_in(house, await taken_out(house))
    assert differences(again) == {}
    assert again["revision"] == before["revision"], "the same is no change"
    assert differences(await bring_in(house, shipped["yaml"])) == {}, "members stay where a file does not name them"
    assert await what_is_set(house) == before


async def test_the_profiles_are_listed(house: House) -> None:
    status, profiles = await house.ask("GET", f"{API}/profiles", by="super")
    assert (status, [one["profile"] for one in profiles]) == (200, profile_names())
    assert all(one["name"] for one in profiles)
    assert (await house.ask("GET", f"{API}/profiles/etc_passwd", by="super"))[0] == 404
    assert (await house.ask("GET", f"{API}/profiles/..%2Fmodel", by="super"))[0] == 400


async def test_a_file_is_an_attachment_for_people(house: House) -> None:
    headers = await house.headers("super")
    async with (
        aiohttp.ClientSession() as http,
        http.get(house.server.make_url(f"{API}/file"), headers=headers) as answer,
    ):
        assert answer.headers["Content-Type"] == "text/yaml; charset=utf-8"
        assert answer.headers["Content-Disposition"].startswith('attachment; filename="callcenter-configuration-')
        assert "name_zh: 客服热线" in await answer.text()


async def test_what_would_change_is_shown_first(house: House, pool: Any) -> None:
    before, rows = await what_is_set(house), await pool.fetchval("select count(*) from audit_log")
    text = await taken_out(house)
    for old, new in (("offer_rings: 4", "offer_rings: 2"), ("apology_ring: 5", "apology_ring: 9"), ("break", "nap")):
        text = text.replace(old, new)
    shown = await bring_in(house, text, dry_run="true")
    assert differences(shown) == {
        ("queue", "service"): "changed",
        ("pause_reason", "nap"): "added",
        ("pause_reason", "break"): "removed",
    }
    assert next(one["fields"] for one in shown["changes"] if one["kind"] == "queue") == ["offer_rings", "apology_ring"]
    assert shown["revision"] == before["revision"]
    assert await what_is_set(house) == before
    assert await pool.fetchval("select count(*) from audit_log") == rows
    done = await bring_in(house, text, revision=shown["revision"])
    assert done["changes"] == shown["changes"]
    assert done["revision"] == shown["revision"] + 1
    assert (await bring_in(house, text, 409, revision=shown["revision"]))["id"] == "conflict"


async def test_what_is_not_in_the_file_goes(house: House, pool: Any) -> None:
    await bring_in(house, profile("property_management"))
    first = await what_is_set(house)
    found = differences(await bring_in(house, profile("decoration")))
    assert found["queue", "payment"] == "removed"
    assert found["queue", "consulting"] == "added"
    assert found["hours", "payment_hall"] == "removed"
    rows = await pool.fetch(
        "select action, object_id from audit_log where action like 'queue.%' order by audit_id desc"
    )
    assert ("queue.removed", "payment") in {(row["action"], row["object_id"]) for row in rows}
    assert differences(await bring_in(house, profile("property_management"))).keys() == found.keys()
    last = await what_is_set(house)
    assert last["configuration"] == first["configuration"]


async def test_a_queue_with_callers_in_line_does_not_go(house: House, redis: Any) -> None:
    await bring_in(house, profile("property_management"))
    await redis.sadd("cc:queues", "payment")
    await redis.zadd("cc:waiting:payment", {"node1-1763780000.1": 1})
    for dry_run in ("true", "false"):
        said = await bring_in(house, profile("decoration"), 409, dry_run=dry_run)
        assert (said["id"], "收费咨询" in said["message"]["zh"]) == ("still_needed", True)


SMALL = """queues:
- queue_id: service
  name_zh: 热线
  name_en: Hotline
  members:
  - {username: ALICE}
pause_reasons: [{code: other, name_zh: 其他, name_en: Other}]
"""


@pytest.mark.parametrize(
    ("old", "new", "field", "en"),
    [
        ("ALICE", "nobody", "queues.0.members.0.username", "Line 6: There is nobody called 'nobody'."),
        ("Hotline", "Hotline\n  hours_id: nights", "queues.0.hours_id", "Line 5: There is no set of opening hours"),
        ("  name_en", "\tname_en", "yaml", "Line 4: Indent with blanks, not with tabs."),
        ("queue_id: service", "queue_id: &a service", "yaml", "Line 2: Anchors"),
    ],
)
async def test_what_is_wrong_is_said_with_its_line(house: House, old: str, new: str, field: str, en: str) -> None:
    before = await what_is_set(house)
    for dry_run in ("true", "false"):
        said = await bring_in(house, SMALL.replace(old, new), 400, dry_run=dry_run)
        assert said["fields"][field]["en"].startswith(en)
        assert said["fields"][field]["zh"].startswith("第 ")
    assert await what_is_set(house) == before


async def test_a_file_too_large_for_a_page_is_refused(house: House) -> None:
    body, headers = BytesIO(b'{"yaml": "' + b"#" * 2_000_000 + b'"}'), {"Content-Type": "application/json"}
    status, said = await house.ask("POST", f"{API}/file", by="admin", data=body, headers=headers)
    assert (status, said["error"]["fields"]["body"]["zh"]) == (413, "内容过大。")


# -- the command line ----------------------------------------------------------------------------------


async def callcenter(pool_url: str, redis_url: str, *words: str | Path) -> tuple[int, str, str]:
    """Run `callcenter configuration …`; its exit status and what it said."""
    surroundings = os.environ | {"CALLCENTER_DATABASE_URL": pool_url, "CALLCENTER_REDIS_URL": redis_url}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "callcenter.cli", "configuration", *map(str, words),
        env=surroundings, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, error = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode is not None
    assert b"Traceback" not in error
    return process.returncode, out.decode(), error.decode()


async def test_out_and_in_on_the_command_line(
    house: House, pool: Any, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    place = tmp_path / "hotline.yaml"
    status, shipped, _ = await callcenter(database_url, redis_url, "profile", "elevator_after_sales")
    assert status == 0
    place.write_text(shipped, encoding="utf-8")
    status, out, error = await callcenter(database_url, redis_url, "import", place, "--dry-run")
    assert (status, error) == (0, "")
    assert "added 新增: queue emergency" in out
    assert "nothing was changed 仅预览" in out
    assert len((await what_is_set(house))["configuration"]["queues"]) == 1
    status, out, _ = await callcenter(database_url, redis_url, "import", place)
    assert (status, "in force as revision" in out) == (0, True)
    assert len((await what_is_set(house))["configuration"]["queues"]) == 5
    row = await pool.fetchrow("select * from audit_log where action = 'queue.added' limit 1")
    assert (row["user_id"], row["address"]) == (None, "console")
    assert (await callcenter(database_url, redis_url, "export", place))[0] == 0
    assert place.read_text(encoding="utf-8") == await taken_out(house)
    assert (await callcenter(database_url, redis_url, "export"))[1] == await taken_out(house)
    status, out, _ = await callcenter(database_url, redis_url, "import", place)
    assert (status, out) == (0, "nothing changes 没有变化\n")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("name: 客服".encode("gbk"), "Line 1: It is not UTF-8"),
        (b"a: 1\n" * 20_000_000, "larger than 4 MB"),
        (SMALL.replace("ALICE", "nobody").encode(), "queues.0.members.0.username: Line 6: There is nobody called"),
        (SMALL.replace("name_zh", "nmae").encode(), "queues.0.nmae: Line 3: Extra inputs"),
    ],
)
async def test_a_file_that_cannot_be_taken(
    database_url: str, redis_url: str, tmp_path: Path, content: bytes, said: str
) -> None:
    place = tmp_path / "wrong.yaml"
    place.write_bytes(content)
    status, _, error = await callcenter(database_url, redis_url, "import", place)
    assert status == 2
    assert said in error
    assert all(line.startswith("error: ") for line in error.splitlines())


async def test_without_a_database_or_a_file_the_command_says_so(redis_url: str, tmp_path: Path) -> None:
    nowhere = "postgresql://callcenter@127.0.0.1:1/none"
    for words in (("export",), ("import", tmp_path / "gone.yaml"), ("import", tmp_path), ("profile", "../model")):
        status, _, error = await callcenter(nowhere, redis_url, *words)
        assert (status, error.startswith("error: ")) == (2, True), error
