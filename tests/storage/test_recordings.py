"""Recordings kept with real PostgreSQL and files: taken once, listened to under audit, deleted with proof."""

import shutil
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from callcenter.clock import now_ms
from callcenter.configuration.model import Configuration, PauseReason, Queue, Recording
from callcenter.errors import ConflictError
from callcenter.recordings import store
from callcenter.recordings.files import Files
from callcenter.recordings.service import HeldError, Recordings
from callcenter.staff.model import Actor
from callcenter.staff.permissions import Permission
from tests.storage.house import NODE_TOKEN, House, open_house

TOKEN = {"Authorization": f"Bearer {NODE_TOKEN}", "Content-Type": "audio/mpeg"}
SOUND = b"\xff\xfb" + bytes(range(256)) * 40
CALL = "node1-1763780000.77"
DAY_MS = 86_400_000


@pytest.fixture
async def house(pool: Any, redis: Any, tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(pool, redis) as house:
        house.hotline.recordings._files = Files(tmp_path)
        yield house


async def ship(house: House, *, call: str = CALL, days_ago: float = 0, sound: bytes = SOUND, **other: Any) -> int:
    """Hand a recording in as a node does; the status."""
    started = round(now_ms() - days_ago * DAY_MS) // 1000 * 1000
    query = {
        "node": "node1",
        "started_at_ms": started,
        "seconds": 9.5,
        "sha256": sha256(sound).hexdigest(),
        "parts": f"{started}:5.5,{started + 9000}:4.0",
        "peaks": "ff00" * 600,
    } | other
    path = f"/node/v1/calls/{call}/recording"
    status, _ = await house.ask("POST", path, headers=TOKEN, params=query, data=sound)
    return status


async def listed(house: House, by: str = "super", **query: Any) -> list[dict[str, Any]]:
    status, page = await house.ask("GET", "/api/v1/recordings", by=by, params=query)
    assert status == 200, page
    found: list[dict[str, Any]] = page["recordings"]
    return found


def files_in(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.is_file()]


async def audited(pool: Any, action: str) -> list[dict[str, Any]]:
    rows = await pool.fetch("select username, detail from audit_log where action = $1 order by audit_id", action)
    return [dict(row) for row in rows]


async def test_what_comes_twice_is_kept_once(house: House, tmp_path: Path) -> None:
    started = now_ms() // 1000 * 1000
    twice: dict[str, Any] = {"started_at_ms": started, "parts": f"{started}:9.5"}
    assert [await ship(house, **twice), await ship(house, **twice)] == [200, 200]
    assert len(await listed(house)) == 1
    assert len(files_in(tmp_path)) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"sha256": "0" * 64},
        {"parts": "x"},
        {"parts": "1763780000000:0"},
        {"parts": "1763780009000:1,1763780000000:1"},
        {"seconds": 0},
        {"call": "no-call"},
        {"sound": b""},
    ],
    ids=str,
)
async def test_half_a_recording_is_refused(house: House, tmp_path: Path, wrong: dict[str, Any]) -> None:
    assert await ship(house, **wrong) in {400, 404}
    assert await listed(house) == []
    assert files_in(tmp_path) == []


async def test_a_sound_that_cannot_be_kept_is_asked_for_again(house: House, tmp_path: Path) -> None:
    (tmp_path / "no-folder").write_text("")
    house.hotline.recordings._files = Files(tmp_path / "no-folder")
    assert await ship(house) == 503
    assert await listed(house) == []
    house.hotline.recordings._files = Files(tmp_path)
    assert await ship(house) == 200


async def test_each_listening_is_audited_and_a_player_may_ask_piece_by_piece(house: House, pool: Any) -> None:
    await ship(house)
    [one] = await listed(house)
    url = house.server.make_url(f"/api/v1/recordings/{one['recording_id']}/sound")
    async with aiohttp.ClientSession(headers=await house.headers("super")) as http:
        async with http.get(url) as answer:
            assert (answer.status, answer.content_type, await answer.read()) == (200, "audio/mpeg", SOUND)
        async with http.get(url, headers={"Range": "bytes=100-199"}) as answer:
            assert (answer.status, await answer.read()) == (206, SOUND[100:200])
    assert [row["username"] for row in await audited(pool, "recording.listened")] == ["super"]
    status, _ = await house.ask("GET", url.path, by="admin")
    assert status == 200
    assert [row["username"] for row in await audited(pool, "recording.listened")] == ["super", "admin"]
    for _ in range(2):
        headers = await house.headers("super")
        where = url.with_path(url.path.replace("sound", "download"))
        async with aiohttp.ClientSession(headers=headers) as http, http.get(where) as answer:
            assert "attachment" in answer.headers["Content-Disposition"]
    assert len(await audited(pool, "recording.downloaded")) == 2


async def test_agents_do_not_listen(house: House, pool: Any) -> None:
    await ship(house)
    [one] = await listed(house)
    for path in (f"recordings/{one['recording_id']}/sound", "recordings", f"calls/{CALL}/recordings"):
        assert (await house.ask("GET", f"/api/v1/{path}", by="alice"))[0] == 403
    assert await audited(pool, "recording.listened") == []


async def test_a_player_gets_both_sides_and_what_was_left_out(house: House, pool: Any) -> None:
    started = now_ms() // 1000 * 1000
    await ship(house, started_at_ms=started, parts=f"{started}:5.5,{started + 9000}:4.0")
    await pool.execute(
        """insert into call_events (event_id, call_id, kind, at, call_started_at)
        values ('p', $1, 'recording_paused', to_timestamp($2::bigint / 1000.0), to_timestamp(1763780000))""",
        CALL,
        started + 5600,
    )
    status, [one] = await house.ask("GET", f"/api/v1/calls/{CALL}/recordings", by="super")
    assert status == 200
    assert one["breaks"] == [
        {"offset_seconds": 5.5, "started_at": started + 5500, "seconds": 3.5, "why": "paused"},
    ]
    assert len(one["caller_peaks"]) == len(one["agent_peaks"]) == 600


async def test_a_deletion_leaves_its_proof_and_does_not_come_back(house: House, pool: Any, tmp_path: Path) -> None:
    started = now_ms() // 1000 * 1000
    same: dict[str, Any] = {"started_at_ms": started, "parts": f"{started}:9.5"}
    await ship(house, **same)
    [one] = await listed(house)
    path = f"/api/v1/recordings/{one['recording_id']}"
    why = {"json": {"reason": "客户要求删除"}}
    assert (await house.ask("POST", f"{path}/deletion", by="super", **why))[0] == 403
    assert (await house.ask("POST", f"{path}/deletion", by="admin", json={"reason": " "}))[0] == 400
    status, proof = await house.ask("POST", f"{path}/deletion", by="admin", **why)
    assert status == 200
    assert files_in(tmp_path) == []
    assert proof["gone_at"] is not None
    assert (proof["deleted_by_name"], proof["deleted_for"], proof["delete_reason"]) == (
        "admin",
        "by_hand",
        "客户要求删除",
    )
    assert (proof["sha256"], proof["bytes"]) == (sha256(SOUND).hexdigest(), len(SOUND))
    assert (await house.ask("GET", f"{path}/sound", by="admin"))[0] == 410
    assert [row["detail"]["reason"] for row in await audited(pool, "recording.deleted")] == ["客户要求删除"]
    assert (await house.ask("POST", f"{path}/deletion", by="admin", **why))[0] == 200
    assert await ship(house, **same) == 200
    assert files_in(tmp_path) == []
    assert len(await audited(pool, "recording.deleted")) == 1


async def test_what_is_kept_long_enough_goes_and_what_is_held_stays(house: House, pool: Any, tmp_path: Path) -> None:
    await ship(house, call="node1-1763780000.1", days_ago=181)
    await ship(house, call="node1-1763780000.2", days_ago=181)
    await ship(house, call="node1-1763780000.3", days_ago=179)
    held = next(one for one in await listed(house) if one["call_id"].endswith(".2"))
    path = f"/api/v1/recordings/{held['recording_id']}"
    assert (await house.ask("PUT", f"{path}/hold", by="admin", json={"reason": "诉讼"}))[0] == 200
    assert await house.hotline.recordings.retain() == 1
    [gone] = await listed(house, state="deleted")
    assert (gone["call_id"][-2:], gone["deleted_for"], gone["gone_at"] is not None) == (".1", "retention", True)
    assert len(files_in(tmp_path)) == 2
    with pytest.raises(HeldError):
        await house.hotline.recordings.delete(
            Actor(house.ids["admin"], "admin"), held["recording_id"], "no longer needed"
        )
    assert await house.hotline.recordings.retain() == 0
    assert (await house.ask("DELETE", f"{path}/hold", by="admin"))[0] == 200
    assert await house.hotline.recordings.retain() == 1
    assert [row["username"] for row in await audited(pool, "recording.deleted")] == ["callcenter", "callcenter"]
    assert issubclass(HeldError, ConflictError)


async def test_a_queues_days_count(house: House, pool: Any, redis: Any, tmp_path: Path) -> None:
    await ship(house, days_ago=8)
    await pool.execute(
        "insert into calls (call_id, node, status, arrived_at, queue_id)"
        " values ($1, 'node1', 'answered', now(), 'service')",
        CALL,
    )
    queue = Queue(
        queue_id="service", name_zh="客服", name_en="Service", recording=Recording(rule="always", keep_days=7)
    )
    week = Configuration(queues=[queue], pause_reasons=[PauseReason(code="other", name_zh="其他", name_en="Other")])
    recordings = Recordings(pool, redis, tmp_path, now_ms, lambda: week)
    assert await recordings.retain() == 1


async def test_a_file_that_cannot_be_deleted_is_tried_again(
    house: House, pool: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ship(house, days_ago=200)

    async def stuck(_self: Files, _name: str) -> None:
        raise PermissionError

    with monkeypatch.context() as while_stuck:
        while_stuck.setattr(Files, "delete", stuck)
        await house.hotline.recordings.retain()
        [row] = await listed(house)
        assert (row["deleted_at"] is not None, row["gone_at"]) == (True, None)
        assert len(files_in(tmp_path)) == 1
    await house.hotline.recordings.retain()
    [row] = await listed(house)
    assert row["gone_at"] is not None
    assert files_in(tmp_path) == []


async def test_a_lost_file_is_said(house: House, tmp_path: Path) -> None:
    await ship(house)
    [one] = await listed(house)
    shutil.rmtree(tmp_path)
    status, body = await house.ask("GET", f"/api/v1/recordings/{one['recording_id']}/sound", by="admin")
    assert (status, body["error"]["id"]) == (503, "recording_away")


async def test_a_node_says_what_waits(house: House) -> None:
    told = {"node": "node1", "waiting": 3, "put_aside": 1, "has_room": False}
    headers = {"Authorization": f"Bearer {NODE_TOKEN}"}
    assert (await house.ask("POST", "/node/v1/recordings-waiting", headers=headers, json=told))[0] == 200
    await house.hotline.recordings.watch()
    _, metrics = await house.ask("GET", "/metrics")
    assert 'callcenter_recordings_waiting{node="node1"} 3.0' in metrics
    assert 'callcenter_recordings_room{node="node1"} 0.0' in metrics


async def called(house: House, pool: Any, place: int, number: str) -> str:
    """A recorded call from a number; its id."""
    call_id = f"node1-1763780000.{place}"
    await ship(house, call=call_id, started_at_ms=1763780000000 + place, parts=f"{1763780000000 + place}:9.5")
    await pool.execute(
        "insert into calls (call_id, node, status, arrived_at, caller_number, agent_id)"
        " values ($1, 'node1', 'answered', now(), $2, $3)",
        call_id,
        number,
        house.ids["alice"],
    )
    return call_id


async def test_a_whole_number_is_found_however_old_and_a_part_of_it_step_by_step(
    house: House, pool: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    his = await called(house, pool, 1, "+8613800138001")
    for place in range(2, 9):
        await called(house, pool, place, f"+86139001390{place:02}")
    monkeypatch.setattr(store, "LOOKED_THROUGH", 3)
    for form in ("13800138001", "+86 138 0013 8001"):
        assert [one["call_id"] for one in await listed(house, number=form)] == [his]
    found: list[str] = []
    before: dict[str, int] = {}
    looks = 0
    while looks < 5:
        status, page = await house.ask("GET", "/api/v1/recordings", by="super", params={"number": "8001", **before})
        assert status == 200
        found += [one["call_id"] for one in page["recordings"]]
        looks += 1
        if page["next"] is None:
            break
        before = {"before": page["next"]}
    assert (found, looks) == ([his], 3)
    assert len(await listed(house, number="1390013900", limit=2)) == 2, "a page is full before the look ends"


async def test_a_foreign_number_is_found_without_its_plus_by_who_may_see_it(
    house: House, pool: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = await called(house, pool, 1, "+17185550123")
    await called(house, pool, 2, "+8613900139002")
    for form in ("17185550123", "1 718 555 0123", "+1 718 555 0123", "7185550123"):
        assert [one["call_id"] for one in await listed(house, number=form)] == [theirs], form
    with monkeypatch.context() as without:
        without.setattr(house.hotline.roles, "may", lambda role, right: role and right is not Permission.SEE_NUMBERS)
        assert await listed(house, number="17185550123") == []
        assert [one["call_id"] for one in await listed(house, number="+17185550123")] == [theirs]
    his = await called(house, pool, 3, "+8617185550123")
    assert [one["call_id"] for one in await listed(house, number="17185550123")] == [his], "a whole one goes first"


async def test_a_whole_number_is_looked_up_by_its_index(house: House, pool: Any) -> None:
    """With many others of either kind no table is read from end to end."""
    await pool.execute(
        """insert into calls (call_id, node, status, arrived_at, caller_number)
        select 'node1-1763780000.' || n, 'node1', 'answered', now(), '+8613' || 900000000 + n
        from generate_series(1, 20000) n"""
    )
    await pool.execute(
        """insert into recordings (call_id, node, started_at, seconds, bytes, sha256, parts, peaks, file)
        select 'node1-1763780000.' || n, 'node1', now(), 1, 1, repeat('0', 64), '[]', '', n || '.mp3'
        from generate_series(1, 20000) n"""
    )
    await pool.execute("analyze calls")
    await pool.execute("analyze recordings")
    statements: list[tuple[str, tuple[Any, ...]]] = []

    class Noting:
        """A connection that notes what it is asked."""

        async def fetch(self, sql: str, *values: Any) -> Any:
            """Note and ask."""
            statements.append((sql, values))
            return await pool.fetch(sql, *values)

    rows, _ = await store.search(Noting(), store.RecordingFilter(number="+8613900000077"), 50)
    assert [row["call_id"] for row in rows] == ["node1-1763780000.77"]
    for sql, values in statements:
        plan = "\n".join(row[0] for row in await pool.fetch(f"explain {sql}", *values))
        assert "Seq Scan on calls" not in plan, plan
        assert "Seq Scan on recordings" not in plan, plan
