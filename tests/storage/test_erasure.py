"""A customer's data is erased for good, in steps that any replica goes on with; figures stay."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from callcenter.calls.model import fold, started_at
from callcenter.calls.store import events_of
from callcenter.clock import milliseconds, now_ms
from callcenter.customers import erasure
from callcenter.customers.erasure import ERASED_NAME, Erasures, _pattern_of
from callcenter.db.pool import Connection
from callcenter.events import STREAM, CallEvent, Kind, event
from callcenter.recordings import store as recordings_store
from callcenter.recordings.files import Files
from callcenter.sounds import store as sounds_store
from callcenter.staff.model import Actor, Role
from tests.storage.house import House, open_house

NUMBER, SHARED = "+8613911107701", "+8613911107702"
SECRETS = ("王小名", "13911107701", "绿苑", "地址甲", "狗叫", "杭州", "合同甲", "旧号")


@pytest.fixture
async def house(pool: Any, redis: Any) -> AsyncIterator[House]:
    async with open_house(pool, redis) as house:
        await house.hire("boss", Role.MANAGER)
        yield house


async def make_customer(pool: Any, name: str = "王小名", *numbers: str) -> int:
    """A customer with everything there is of one."""
    customer_id = int(
        await pool.fetchval(
            """
            insert into customers (name, company_or_project, unit_or_address, notes, vip, initials, member_level,
                birthday, tags, own_fields)
            values ($1, '绿苑', '地址甲', '狗叫', true, 'wxm', '金', '1980-05-01', '{绿苑}', '{"a": "狗叫"}')
            returning customer_id
            """,
            name,
        )
    )
    for place, number in enumerate(numbers):
        await pool.execute("insert into customer_numbers values ($1, $2, '', $3)", number, customer_id, place)
    await pool.execute(
        "insert into customer_addresses (customer_id, position, address) values ($1, 0, '地址甲')", customer_id
    )
    await pool.execute(
        "insert into customer_contracts (customer_id, kind, name) values ($1, 'household', '合同甲')", customer_id
    )
    await pool.execute(
        """insert into customer_files (customer_id, name, media_type, size, sha256, content)
        values ($1, '合同甲.pdf', 'application/pdf', 1, sha256('x'), 'x')""",
        customer_id,
    )
    await pool.execute(
        """insert into customer_changes (customer_id, kind, detail)
        values ($1, 'changed', '{"name": ["旧号", "王小名"]}')""",
        customer_id,
    )
    return customer_id


async def make_call(pool: Any, n: int, customer_id: int | None, number: str, status: str = "answered") -> str:
    """A call with its facts, begun in November 2025."""
    call_id = f"node1-17637800{n:02d}.{n}"
    await pool.execute(
        """
        insert into calls (call_id, node, status, arrived_at, caller_number, caller_name, place, carrier, customer_id,
            notes, rings, talking_seconds, callback_number, call_type)
        values ($1, 'node1', $2, to_timestamp(1763780000 + $3), $4, '王小名', '{"zh": "杭州", "en": "Hangzhou"}',
            '{"zh": "移动", "en": "Mobile"}', $5, '狗叫', 3, 42, $4, (select min(code) from call_types))
        """,
        call_id,
        status,
        n,
        number,
        customer_id,
    )
    for kind, body in (
        (Kind.ARRIVED, {"node": "node1", "called": "4008001234", "caller_number": number, "caller_name": "王小名"}),
        (Kind.IDENTIFIED, {"customer_id": customer_id, "place": {"zh": "杭州", "en": "Hangzhou"}}),
        (Kind.CALLBACK_ASKED, {"number": number, "queue_id": "service"}),
        (Kind.OUTCOME, {"by": 1, "call_type": "enquiry", "notes": "狗叫", "next_step": "none", "form": {"x": "狗叫"}}),
    ):
        await pool.execute(
            "insert into call_events values ($1, $2, $3, to_timestamp($4), $5, to_timestamp($4))",
            f"{call_id}/{kind.value}",
            call_id,
            kind.value,
            1763780000 + n,
            body,
        )
    return call_id


async def all_that_is_known(pool: Any) -> str:
    """Every table that may say who somebody is, as text; the audit log is apart."""
    tables = ("customers", "customer_numbers", "customer_addresses", "customer_contracts", "customer_files",
              "customer_changes", "calls", "call_events", "ring_backs", "messages", "outcome_drafts", "import_rows",
              "import_customers", "recordings")  # fmt: skip
    rows = [await pool.fetch(f"select to_jsonb(t)::text as row from {table} t") for table in tables]
    return "\n".join(row["row"] for found in rows for row in found)


async def ask(house: House, customer_id: int, name: str = "王小名", **how: Any) -> tuple[int, Any]:
    """Ask for an erasure as the manager."""
    body = {"reason": "客户书面要求", "name": name}
    path = f"/api/v1/customers/{customer_id}/erasure"
    return await house.ask("POST", path, by=how.get("by", "boss"), json=body)


async def furnished(pool: Any) -> int:
    """A customer with calls, a message, and a task to ring back."""
    customer_id = await make_customer(pool, "王小名", NUMBER)
    await make_call(pool, 1, customer_id, NUMBER)
    left = await make_call(pool, 2, None, NUMBER, "message")
    await pool.execute(
        "insert into messages (call_id, number, seconds, recording, recorded_at) values ($1, $2, 3, 'x', now())",
        left,
        NUMBER,
    )
    await pool.execute(
        "insert into ring_backs (number, call_id, first_at, last_at) values ($1, $2, now(), now())", NUMBER, left
    )
    await pool.execute(
        "update calls set sub_type = 'price', form_version = 1, form_fields = $2, read_back = $3 where call_id = $1",
        left,
        {"phone": "13911107701", "what": "狗叫"},
        ["phone"],
    )
    await pool.execute(
        """insert into outcome_drafts (call_id, user_id, draft, written_at)
        select $1, min(user_id), $2, now() from users""",
        left,
        {"notes": "狗叫"},
    )
    return customer_id


async def imported(pool: Any, customer_id: int, state: str = "checked") -> int:
    """A file in which he stands three times: found, as a new row, and as one that was changed; and another person."""
    import_id = await pool.fetchval(
        """insert into imports (file_name, size, state, total_rows) values ('x.csv', 9, $1, 4)
        returning import_id""",
        state,
    )
    rows: tuple[tuple[list[str], int | None], ...] = (
        (["王小名", "无号码"], customer_id),
        (["王小名", "139-1110 7701"], None),
        (["小名", "02066667777;8613911107701"], None),
        (["李四", "13911107709"], None),
    )
    for place, (cells, whose) in enumerate(rows, 1):
        await pool.execute(
            """insert into import_rows (import_id, row_number, cells, draft, outcome, customer_id)
            values ($1, $2, $3, $4, 'new', $5)""",
            import_id,
            place,
            cells,
            {"cells": cells},
            whose,
        )
    await pool.execute("insert into import_parts values ($1, 0, 'all of it')", import_id)
    await pool.execute(
        "insert into import_customers (import_id, customer_id, before, after_at) values ($1, $2, $3, now())",
        import_id,
        customer_id,
        {"name": "王小名"},
    )
    return int(import_id)


async def recorded(house: House, pool: Any, folder: Path, call_id: str, *, held: bool = False) -> int:
    """A recording of a call, with its file."""
    house.hotline.recordings._files = Files(folder)
    await house.hotline.recordings._files.put(f"{call_id}.mp3", b"his voice")
    return int(
        await pool.fetchval(
            """insert into recordings (call_id, node, started_at, seconds, bytes, sha256, parts, peaks, file, held_at)
            values ($1, 'node1', now(), 1, 9, repeat('0', 64), '[]', 'loud', $1 || '.mp3', case when $2 then now() end)
            returning recording_id""",
            call_id,
            held,
        )
    )


async def test_all_that_says_who_he_was_is_gone_and_figures_stay(house: House, pool: Any) -> None:
    customer_id = await furnished(pool)
    _, shown = await house.ask("GET", f"/api/v1/customers/{customer_id}/erasure", by="boss")
    assert shown["counts"] == {
        "numbers": 1, "addresses": 1, "contracts": 1, "files": 1, "changes": 1, "calls": 2, "messages": 1,
        "recordings": 0, "ring_backs": 1,
    }  # fmt: skip
    assert (shown["on_the_line"], shown["erasure"]) == (False, None)
    assert (await ask(house, customer_id))[0] == 204
    await house.hotline.erasures.work()
    left = await all_that_is_known(pool)
    assert not [secret for secret in SECRETS if secret in left]
    calls = await pool.fetch("select * from calls order by call_id")
    assert [(row["rings"], row["talking_seconds"], row["customer_id"]) for row in calls] == [
        (3, 42, customer_id),
        (3, 42, None),
    ]
    assert all(row["erased_at"] and row["call_type"] for row in calls)
    outcome = await pool.fetchval("select body from call_events where kind = 'outcome' limit 1")
    assert outcome == {"by": 1, "call_type": "enquiry", "next_step": "none"}
    assert [row["sub_type"] for row in calls] == [None, "price"]
    assert calls[1]["read_back"] == ["phone"], "what was read back is a figure"
    record = await pool.fetchrow("select name, erased_at from customers where customer_id = $1", customer_id)
    assert (record["name"], record["erased_at"] is not None) == (ERASED_NAME, True)
    _, shown = await house.ask("GET", f"/api/v1/customers/{customer_id}/erasure", by="boss")
    proof = shown["erasure"]
    assert (proof["reason"], proof["asked_by"], proof["done_at"] is not None) == ("客户书面要求", "Boss", True)
    assert (proof["counts"]["calls"], proof["counts"]["messages"], proof["counts"]["numbers"]) == (2, 1, 1)
    assert set(shown["counts"].values()) <= {0, 1, 2}
    lines = await pool.fetch("select username, action from audit_log where action like 'customer.erase%' order by 1")
    assert [tuple(row) for row in lines] == [("boss", "customer.erase_asked"), ("callcenter", "customer.erased")]


async def test_a_row_that_is_folded_again_says_no_more(house: House, pool: Any) -> None:
    customer_id = await furnished(pool)
    await ask(house, customer_id)
    await house.hotline.erasures.work()
    call_id = "node1-1763780001.1"
    record = fold(call_id, (await events_of(pool, [call_id]))[call_id])
    assert (record.caller_number, record.caller_name, record.place, record.notes) == (None, None, None, None)
    assert (record.customer_id, record.call_type) == (customer_id, "enquiry")


async def test_it_goes_on_after_any_step_and_by_any_replica(
    house: House, pool: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    customer_id = await furnished(pool)
    for n in range(10, 30):
        await make_call(pool, n, customer_id, NUMBER)
    monkeypatch.setattr(erasure, "_BATCH", erasure._BATCH.replace("limit 200", "limit 3"))
    await ask(house, customer_id)
    callers = house.hotline.erasures._callers
    first, second = Erasures(pool, callers), Erasures(pool, callers)
    erasure_id = await pool.fetchval("select erasure_id from customer_erasures")
    assert await first._step(erasure_id), "and dies after its first step"
    await asyncio.gather(second.work(), Erasures(pool, callers).work())
    await second.work()
    counts = (await second.find(customer_id) or pytest.fail("gone")).counts
    assert counts["calls"] == 22
    assert "13911107701" not in await all_that_is_known(pool)
    assert await pool.fetchval("select count(*) from audit_log where action = 'customer.erased'") == 1


async def test_a_step_that_fails_leaves_all_as_it_was(house: House, pool: Any) -> None:
    customer_id = await furnished(pool)
    await ask(house, customer_id)

    async def fail(_connection: Connection, _call_ids: Sequence[str]) -> int:
        raise ConnectionResetError

    before = await all_that_is_known(pool)
    with pytest.raises(ConnectionResetError):
        await Erasures(pool, house.hotline.erasures._callers, {"recordings": fail}).work()
    assert await all_that_is_known(pool) == before
    erased: list[str] = []

    async def erase(_connection: Connection, call_ids: Sequence[str]) -> int:
        erased.extend(call_ids)
        return len(call_ids)

    await Erasures(pool, house.hotline.erasures._callers, {"recordings": erase}).work()
    assert len(erased) == 2
    assert (await house.hotline.erasures.find(customer_id) or pytest.fail("gone")).counts["recordings"] == 2


async def test_what_another_customer_has_too_stays_his(house: House, pool: Any) -> None:
    customer_id = await make_customer(pool, "王小名", NUMBER, SHARED)
    other = await make_customer(pool, "李四", SHARED)
    mine, theirs = await make_call(pool, 1, customer_id, SHARED), await make_call(pool, 2, other, SHARED)
    nobodys = await make_call(pool, 3, None, SHARED)
    await ask(house, customer_id)
    await house.hotline.erasures.work()
    kept = await pool.fetch("select call_id from calls where caller_number = $1 order by 1", SHARED)
    assert [row["call_id"] for row in kept] == [theirs, nobodys]
    assert await pool.fetchval("select erased_at is not null from calls where call_id = $1", mine)
    assert await pool.fetchval("select name from customers where customer_id = $1", other) == "李四"
    assert await pool.fetchval("select count(*) from customer_numbers where customer_id = $1", other) == 1


async def test_the_parts_of_a_merged_record_go_along(house: House, pool: Any) -> None:
    customer_id, part = await make_customer(pool, "王小名", NUMBER), await make_customer(pool, "旧号", SHARED)
    await pool.execute("update customers set merged_into = $1 where customer_id = $2", customer_id, part)
    status, said = await ask(house, part, "旧号")
    assert (status, said["error"]["id"]) == (409, "part_of_another")
    await make_call(pool, 1, part, SHARED)
    assert (await ask(house, customer_id))[0] == 204
    await house.hotline.erasures.work()
    left = await all_that_is_known(pool)
    assert not [secret for secret in SECRETS if secret in left]


@pytest.mark.parametrize("status", ["talking", "waiting", "callback"])
async def test_nobody_is_erased_while_he_is_on_the_line(house: House, pool: Any, status: str) -> None:
    customer_id = await furnished(pool)
    call_id = await make_call(pool, 5, None, NUMBER, status)
    await pool.execute("update calls set arrived_at = now() where call_id = $1", call_id)
    code, said = await ask(house, customer_id)
    assert (code, said["error"]["id"]) == (409, "customer_on_the_line")
    assert not await pool.fetchval("select erased_at from customers where customer_id = $1", customer_id)


async def test_it_wants_the_name_a_reason_and_the_right(house: House, pool: Any) -> None:
    customer_id = await furnished(pool)
    status, said = await ask(house, customer_id, "王小")
    assert (status, list(said["error"]["fields"])) == (400, ["name"])
    assert (await ask(house, customer_id, by="super"))[0] == 403
    assert (await ask(house, 999_999))[0] == 404
    path = f"/api/v1/customers/{customer_id}/erasure"
    assert (await house.ask("POST", path, by="boss", json={"reason": " ", "name": "王小名"}))[0] == 400
    done = await asyncio.gather(*(ask(house, customer_id) for _ in range(3)))
    assert [one[0] for one in done] == [204, 204, 204], "asked for already counts as success"
    assert await pool.fetchval("select count(*) from customer_erasures") == 1


async def test_facts_that_come_late_are_erased_too(house: House, pool: Any) -> None:
    customer_id = await furnished(pool)
    await ask(house, customer_id)
    await house.hotline.erasures.work()
    await pool.execute(
        "update calls set caller_number = $1, notes = '狗叫' where customer_id = $2", NUMBER, customer_id
    )
    await pool.execute(
        "update call_events set body = $1 where kind = 'arrived'", orjson.loads('{"caller_number": "+8613911107701"}')
    )
    assert await house.hotline.erasures.sweep() == 1
    assert await house.hotline.erasures.sweep() == 0
    assert await pool.fetchval("select count(*) from calls where caller_number is not null") == 0


def told_late(call_id: str, number: str, **more: Any) -> list[CallEvent]:
    """What an Asterisk that nobody could reach tells of a call in which he gave up: the script's facts and its CDR."""
    at = milliseconds(started_at(call_id))
    caller = {"node": "node1", "called": "4008001234", "caller_number": number, "caller_name": "王小名"}
    ledger = caller | {"clid": f'"王小名" <{number}>', "started_at_ms": at, "disposition": "NO ANSWER"}
    return [
        event(call_id, Kind.ARRIVED, at, **caller),
        event(call_id, Kind.IDENTIFIED, at, place={"zh": "杭州", "en": "Hangzhou"}, **more),
        event(call_id, Kind.ENDED, at + 9000, hung_up_by="caller"),
        event(call_id, Kind.LEDGER, at + 9000, about=f"{call_id}/alone", **ledger),
    ]


async def write(house: House, facts: Sequence[CallEvent]) -> None:
    """The writer takes these facts off the stream."""
    async with house.hotline.pool.acquire() as connection:
        entries = [(f"{place}-1", fact.to_stream()) for place, fact in enumerate(facts, 1)]
        await house.hotline.writer.store(connection, {STREAM: entries})


@pytest.mark.parametrize("whole_call", [False, True])
async def test_what_is_told_late_of_an_erased_caller_is_written_without_him(
    house: House, pool: Any, whole_call: bool
) -> None:
    customer_id = await furnished(pool)
    await ask(house, customer_id)
    await house.hotline.erasures.work()
    call_id = "node1-1763780050.50" if whole_call else "node1-1763780001.1"
    facts = told_late(call_id, NUMBER)
    await write(house, facts if whole_call else facts[-1:])
    left = await all_that_is_known(pool)
    assert not [secret for secret in SECRETS if secret in left]
    call = await pool.fetchrow("select * from calls where call_id = $1", call_id)
    assert (call["caller_number"], call["erased_at"] is not None) == (None, True)
    assert await pool.fetchval("select count(*) from call_events where call_id = $1 and kind = 'ledger'", call_id) == 1
    assert await pool.fetchval("select count(*) from ring_backs where state = 'open'") == 0
    again = fold(call_id, (await events_of(pool, [call_id]))[call_id])
    assert again.caller_number is None
    assert call["status"] == ("abandoned" if whole_call else "callback"), "what became of it stays"


async def test_a_late_call_that_was_said_to_be_his_is_erased_whatever_the_number(house: House, pool: Any) -> None:
    customer_id = await furnished(pool)
    await pool.execute("insert into customer_numbers values ($1, $2, '', 1)", SHARED, customer_id)
    other = await make_customer(pool, "李四", SHARED)
    await ask(house, customer_id)
    await house.hotline.erasures.work()
    await write(house, told_late("node1-1763780050.50", SHARED, customer_id=customer_id))
    await write(house, told_late("node1-1763780051.51", SHARED, customer_id=other))
    rows = await pool.fetch("select caller_number from calls where call_id > 'node1-176378005' order by call_id")
    assert [row["caller_number"] for row in rows] == [None, SHARED]


@pytest.mark.parametrize("whole_call", [False, True])
@pytest.mark.parametrize("identified", ["nobody", "himself", "the other"])
async def test_another_s_call_from_an_erased_customer_s_telephone_stays_his(
    house: House, pool: Any, whole_call: bool, identified: str
) -> None:
    """The number says the erased one; the agent has chosen who it was."""
    customer_id, other = await furnished(pool), await make_customer(pool, "李四")
    named = {"nobody": None, "himself": customer_id, "the other": other}[identified]
    call_id = "node1-1763780050.50"
    at = milliseconds(started_at(call_id))
    *facts, ledger = told_late(call_id, NUMBER, customer_id=named)
    outcome: dict[str, Any] = {
        "by": house.ids["boss"],
        "call_type": "enquiry",
        "notes": "下周量房",
        "fields": {"room": "1203"},
    }
    facts.append(event(call_id, Kind.OUTCOME, at + 9500, customer_id=other, next_step="none", **outcome))
    if not whole_call:
        await write(house, facts)
    await ask(house, customer_id)
    await house.hotline.erasures.work()
    await write(house, [*facts, ledger] if whole_call else [ledger])
    await house.hotline.erasures.sweep()
    call = await pool.fetchrow("select * from calls where call_id = $1", call_id)
    assert (call["customer_id"], call["erased_at"], call["caller_number"]) == (other, None, NUMBER)
    assert (call["notes"], call["form_fields"], call["place"]["en"]) == ("下周量房", {"room": "1203"}, "Hangzhou")
    again = fold(call_id, (await events_of(pool, [call_id]))[call_id])
    assert (again.notes, again.form_fields) == ("下周量房", {"room": "1203"})


async def test_who_rings_again_after_his_erasure_is_a_caller_like_another(house: House, pool: Any) -> None:
    customer_id = await furnished(pool)
    await ask(house, customer_id)
    await house.hotline.erasures.work()
    call_id = f"node1-{now_ms() // 1000 + 5}.60"
    await write(house, told_late(call_id, NUMBER))
    call = await pool.fetchrow("select caller_number, erased_at from calls where call_id = $1", call_id)
    assert tuple(call) == (NUMBER, None)
    assert await pool.fetchval("select number from ring_backs where state = 'open'") == NUMBER


@pytest.mark.parametrize("first", ["message", "facts"])
async def test_a_message_that_comes_late_is_not_kept(house: House, pool: Any, first: str) -> None:
    customer_id = await furnished(pool)
    await ask(house, customer_id)
    await house.hotline.erasures.work()
    call_id = "node1-1763780050.50"

    async def message() -> None:
        await sounds_store.put_message(pool, call_id, 3.0, b"his voice", datetime.now(UTC))

    if first == "message":
        await message()
    await write(house, told_late(call_id, NUMBER))
    if first == "facts":
        await message()
    await house.hotline.erasures.sweep()
    assert await pool.fetchval("select count(*) from messages") == 0


async def test_a_transfer_s_note_and_the_number_it_led_to_go(house: House, pool: Any) -> None:
    customer_id = await furnished(pool)
    for place, body in enumerate(
        (
            {"to_kind": "number", "to": "13911107799", "agent_id": 1, "note": "找小名的爱人", "attended": False},
            {"to_kind": "queue", "to": "service", "agent_id": 1, "note": "狗叫", "attended": True},
        )
    ):
        await pool.execute(
            """insert into call_events (event_id, call_id, kind, at, body, call_started_at)
            values ($1, 'node1-1763780001.1', 'transferred', to_timestamp(1763780001), $2, to_timestamp(1763780001))""",
            f"x/{place}",
            body,
        )
    await ask(house, customer_id)
    await house.hotline.erasures.work()
    rows = await pool.fetch("select body from call_events where kind = 'transferred' order by event_id")
    assert [row["body"] for row in rows] == [
        {"to_kind": "number", "agent_id": 1, "attended": False},
        {"to_kind": "queue", "to": "service", "agent_id": 1, "attended": True},
    ]


async def test_files_that_were_imported_have_no_row_of_his(house: House, pool: Any) -> None:
    customer_id = await furnished(pool)
    first = await imported(pool, customer_id)
    await ask(house, customer_id)
    await house.hotline.erasures.work()
    left = await pool.fetch("select cells from import_rows where import_id = $1", first)
    assert [row["cells"] for row in left] == [["李四", "13911107709"]]
    assert await pool.fetchval("select count(*) from import_parts") == 0, "else it could be read again"
    assert await pool.fetchval("select count(*) from import_customers") == 0
    assert (await house.hotline.erasures.find(customer_id) or pytest.fail("gone")).counts["import_rows"] == 3


def sounds_in(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*.mp3")]


async def test_his_recordings_are_deleted_with_proof_and_come_no_more(house: House, pool: Any, tmp_path: Path) -> None:
    customer_id = await furnished(pool)
    call_id, left = "node1-1763780001.1", "node1-1763780002.2"
    gone = await recorded(house, pool, tmp_path, call_id)
    held = await recorded(house, pool, tmp_path, left, held=True)
    await ask(house, customer_id)
    await house.hotline._erase()
    row = await house.hotline.recordings.get(gone)
    assert (row["deleted_for"], row["deleted_by_name"], row["peaks"]) == ("erasure", "callcenter", b"")
    assert row["gone_at"] is not None
    assert sounds_in(tmp_path) == [f"{left}.mp3"], "what is held stays"
    assert (await house.hotline.erasures.find(customer_id) or pytest.fail("gone")).counts["recordings"] == 1
    deleted = await pool.fetchval("select detail from audit_log where action = 'recording.deleted'")
    assert deleted["why"] == "erasure"

    await house.hotline.recordings.release(Actor(None, "boss"), held)
    assert (await house.hotline.recordings.get(held))["deleted_for"] == "erasure"
    assert sounds_in(tmp_path) == []
    assert await recordings_store.is_known(pool, call_id, "node2", datetime.now(UTC)), "a late one is not taken"


async def test_a_record_that_was_split_off_is_gone_from_the_other_s_history_too(house: House, pool: Any) -> None:
    names = ("王小名", "赵六")
    for erased, other in (names, names[::-1]):
        made = {name: await _made(house, name, number) for name, number in zip(names, (NUMBER, SHARED), strict=True)}
        await _merged(house, made["赵六"], made["王小名"])
        await house.ask("POST", f"/api/v1/customers/{made['王小名']}/split", by="boss", json={})
        assert (await ask(house, made[erased], erased))[0] == 204
        await house.hotline.erasures.work()
        rows = await pool.fetch("select detail::text from customer_changes where customer_id = $1", made[other])
        number = {"王小名": "13911107701", "赵六": "13911107702"}[erased]
        assert not [row["detail"] for row in rows if erased in row["detail"] or number in row["detail"]]
        await pool.execute("delete from customer_numbers")


async def _made(house: House, name: str, number: str) -> int:
    body = {"name": name, "numbers": [{"number": number}], "unit_or_address": "地址甲"}
    _, made = await house.ask("POST", "/api/v1/customers", by="boss", json=body)
    return int(made["customer_id"])


async def _merged(house: House, kept: int, part: int) -> None:
    path = f"/api/v1/customers/{kept}/merge"
    _, seen = await house.ask("GET", f"{path}?part_id={part}", by="boss")
    body = {
        "part_id": part,
        "kept_updated_at": seen["kept"]["updated_at"],
        "part_updated_at": seen["part"]["updated_at"],
    }
    status, said = await house.ask("POST", path, by="boss", json=body)
    assert status == 200, said


async def test_an_erased_record_refuses_whatever_is_done_to_it(house: House) -> None:
    customer_id, part = await _made(house, "王小名", NUMBER), await _made(house, "赵六", SHARED)
    other = await _made(house, "李四", "13911107703")
    await _merged(house, customer_id, part)
    assert (await ask(house, customer_id))[0] == 204
    for when in ("asked for", "done"):
        for path, method, body in (
            ("", "PUT", {"name": "又一个"}),
            ("/owner", "PUT", {"user_id": house.ids["alice"]}),
            ("/split", "POST", {}),
        ):
            for one in (customer_id, part):
                answer = await house.ask(method, f"/api/v1/customers/{one}{path}", by="boss", json=body)
                assert answer[0] == 404, (when, one, path, answer)
        for kept, gone in ((customer_id, other), (other, customer_id), (other, part)):
            body = {"part_id": gone, "kept_updated_at": 1, "part_updated_at": 1}
            assert (await house.ask("POST", f"/api/v1/customers/{kept}/merge", by="boss", json=body))[0] == 404
        file: dict[str, Any] = {"data": b"text", "headers": {"Content-Type": "application/octet-stream"}}
        path = f"/api/v1/customers/{customer_id}/files?name=x.txt"
        assert (await house.ask("POST", path, by="boss", **file))[0] == 404
        assert (await house.ask("GET", f"/api/v1/customers/{customer_id}/timeline", by="boss"))[0] == 404
        await house.hotline.erasures.work()


async def test_the_audit_log_says_what_was_done_and_never_what_stood_there(house: House, pool: Any) -> None:
    customer_id, part = await _made(house, "王小名", NUMBER), await _made(house, "旧号", SHARED)
    path = f"/api/v1/customers/{customer_id}"
    changed = {"name": "王小名", "company_or_project": "绿苑", "notes": "狗叫", "numbers": [{"number": NUMBER}]}
    await house.ask("PUT", path, by="boss", json=changed)
    for typed in ("绿苑", "13911107701", "王小名"):
        await house.ask("GET", f"/api/v1/customers?q={typed}", by="boss")
    file: dict[str, Any] = {"data": b"text", "headers": {"Content-Type": "application/octet-stream"}}
    await house.ask("POST", f"{path}/files?name=合同甲.txt", by="boss", **file)
    await _merged(house, customer_id, part)
    await house.ask("POST", f"/api/v1/customers/{part}/split", by="boss", json={})
    await ask(house, customer_id)
    await house.hotline.erasures.work()
    rows = await pool.fetch("select action, to_jsonb(a)::text as line, detail from audit_log a order by audit_id")
    assert not [row["line"] for row in rows if any(secret in row["line"] for secret in SECRETS)]
    details = {row["action"]: row["detail"] for row in rows}
    assert details["customer.changed"]["fields"] == ["company_or_project", "notes"]
    assert details["customers.searched"] == {"by": "words", "found": 1}
    assert details["customer.split"] == {"part": part, "from": customer_id}
    assert {"customer.merged", "customer.file_added"} <= details.keys()


# -- old calls -----------------------------------------------------------------------------------------


async def test_old_calls_say_no_more_who_rang(house: House, pool: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    customer_id = await make_customer(pool, "王小名", NUMBER)
    for n in range(1, 8):
        await make_call(pool, n, customer_id, NUMBER)
    await pool.execute("update calls set arrived_at = now() - interval '3 months' where call_id like '%.7'")
    await pool.execute("update calls set arrived_at = now() - interval '13 months' where call_id not like '%.7'")
    erasures = house.hotline.erasures
    assert await erasures.erase_old_calls() == 0, "by default for ever"
    await pool.execute("update safety_settings set keep_calls_months = 12")
    monkeypatch.setattr(erasure, "_OLD", erasure._OLD.replace("limit 1000", "limit 2"))
    assert sum(await asyncio.gather(erasures.erase_old_calls(), erasures.erase_old_calls())) == 6
    assert await erasures.erase_old_calls() == 0
    kept = await pool.fetch("select call_id from calls where caller_number is not null")
    assert [row["call_id"][-2:] for row in kept] == [".7"]
    assert await pool.fetchval("select name from customers where customer_id = $1", customer_id) == "王小名"
    await pool.execute("update safety_settings set keep_calls_months = 2")
    assert await erasures.erase_old_calls() == 1


@pytest.mark.parametrize(
    ("numbers", "fits", "others"),
    [
        (["+8613911107701"], ["13911107701", "8613911107701;0571", "x,13911107701"], ["13911107709"]),
        (["62345678"], ["62345678", "a,62345678;1"], ["13862345678", "623456789"]),
        (["110", "5"], [], ["110", "13811001105", "5"]),
    ],
)
async def test_rows_are_known_by_whole_numbers(
    pool: Any, numbers: list[str], fits: list[str], others: list[str]
) -> None:
    pattern = _pattern_of(numbers)
    for text in fits:
        assert await pool.fetchval("select $1::text ~ $2::text", text, pattern) is True
    for text in others:
        assert await pool.fetchval("select $1::text ~ $2::text", text, pattern) is not True
