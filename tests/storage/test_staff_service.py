"""Staff in real PostgreSQL and Redis: signing in, lock-out, sessions, agents and their phones."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from argon2 import PasswordHasher

from callcenter.errors import InvalidInputError, NotFoundError, UnavailableError
from callcenter.staff.errors import LastAdministratorError, LockedOutError, WrongPasswordError
from callcenter.staff.model import HOTLINE_ITSELF, PhoneKind, Role, sip_digest
from callcenter.staff.service import AgentDraft, Staff
from callcenter.staff.sessions import IDLE_SECONDS
from tests.storage.house import House, open_house
from tests.waiting import until

BROWSER = "192.0.2.7"


@pytest.fixture
async def house(pool: Any, redis: Any) -> AsyncIterator[House]:
    async with open_house(pool, redis) as house:
        yield house


@pytest.fixture
def staff(house: House) -> Staff:
    return house.hotline.staff


async def _forgotten(redis: Any) -> bool:
    return not await redis.exists("cc:failures:user:alice")


def carol(**fields: Any) -> AgentDraft:
    return AgentDraft(
        **{
            "display_name": "王芳",
            "role": Role.AGENT,
            "extension": "1003",
            "phone_kind": PhoneKind.DESK,
            "queues": ("service",),
        }
        | fields
    )


async def test_signing_in_in_any_case_of_letters(house: House, staff: Staff) -> None:
    token, session = await staff.sign_in("ALICE", house.passwords["alice"], BROWSER)
    assert await staff.sessions.find(token) == session
    assert (session.username, session.role, session.extension) == ("alice", Role.AGENT, "1001")


@pytest.mark.parametrize("username", ["alice", "nobody", "'; drop table users; --", "${SHELL(id)}"])
async def test_wrong_passwords_and_strangers_are_told_the_same(staff: Staff, username: str) -> None:
    with pytest.raises(WrongPasswordError):
        await staff.sign_in(username, "wrong", BROWSER)


async def test_five_failures_lock_the_username_and_say_how_long(house: House, staff: Staff) -> None:
    for _ in range(5):
        with pytest.raises(WrongPasswordError):
            await staff.sign_in("alice", "wrong", BROWSER)
    with pytest.raises(LockedOutError) as refused:
        await staff.sign_in("Alice", house.passwords["alice"], "192.0.2.8")
    assert "15 minutes" in refused.value.message()["en"]
    assert "15 分钟" in refused.value.message()["zh"]
    await staff.sign_in("super", house.passwords["super"], BROWSER)


async def test_a_lock_ends(house: House, staff: Staff, redis: Any) -> None:
    for _ in range(5):
        with pytest.raises(WrongPasswordError):
            await staff.sign_in("alice", "wrong", BROWSER)
    assert 890 < await redis.ttl("cc:failures:user:alice") <= 900
    await redis.pexpire("cc:failures:user:alice", 1)
    await until(lambda: _forgotten(redis), seconds=5)
    await staff.sign_in("alice", house.passwords["alice"], BROWSER)


async def test_many_guesses_at_once_are_counted_too(staff: Staff, pool: Any) -> None:
    tries = [staff.sign_in("alice", f"guess {n}", BROWSER) for n in range(20)]
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(one, WrongPasswordError) for one in outcomes) == 5
    assert sum(isinstance(one, LockedOutError) for one in outcomes) == 15
    assert await pool.fetchval("select count(*) from audit_log where action = 'session.refused'") == 5


async def test_an_address_that_tries_many_names_is_locked(house: House, staff: Staff) -> None:
    for n in range(30):
        with pytest.raises(WrongPasswordError):
            await staff.sign_in(f"name{n}", "wrong", BROWSER)
    with pytest.raises(LockedOutError):
        await staff.sign_in("alice", house.passwords["alice"], BROWSER)
    await staff.sign_in("alice", house.passwords["alice"], "192.0.2.8")


async def test_a_right_password_is_no_failure(house: House, staff: Staff) -> None:
    for _ in range(40):
        await staff.sign_in("alice", house.passwords["alice"], BROWSER)


async def test_signing_in_does_not_hold_up_the_loop(house: House, staff: Staff) -> None:
    longest, stop = 0.0, asyncio.Event()

    async def watch() -> None:
        nonlocal longest
        loop = asyncio.get_running_loop()
        while not stop.is_set():
            before = loop.time()
            await asyncio.sleep(0.001)
            longest = max(longest, loop.time() - before)

    watching = asyncio.create_task(watch())
    await asyncio.gather(*(staff.sign_in("alice", house.passwords["alice"], BROWSER) for _ in range(5)))
    stop.set()
    await watching
    assert longest < 0.25


async def test_an_old_hash_is_made_anew(house: House, staff: Staff, pool: Any) -> None:
    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("Tr4vel-blue")
    await pool.execute("update users set password_hash = $1 where username = 'alice'", weak)
    await staff.sign_in("alice", "Tr4vel-blue", BROWSER)
    assert "m=19456,t=2,p=1" in await pool.fetchval("select password_hash from users where username = 'alice'")
    await staff.sign_in("alice", "Tr4vel-blue", BROWSER)


async def test_a_session_lives_twelve_hours_after_its_last_use(house: House, staff: Staff, redis: Any) -> None:
    token, session = await staff.sign_in("alice", house.passwords["alice"], BROWSER)
    key = f"cc:session:{session.token_id}"
    await redis.expire(key, 5)
    assert await staff.sessions.find(token)
    assert IDLE_SECONDS - 5 < await redis.ttl(key) <= IDLE_SECONDS
    await house.hotline.pool.execute("update sessions set expires_at = now()")
    await redis.delete(key)
    assert await staff.sessions.find(token) is None


async def test_redis_loses_everything_and_nobody_has_to_sign_in_again(house: House, staff: Staff, redis: Any) -> None:
    token, session = await staff.sign_in("alice", house.passwords["alice"], BROWSER)
    other, left = await staff.sign_in("alice", house.passwords["alice"], BROWSER)
    await staff.sessions.end(left)
    await redis.flushall()
    assert await staff.sessions.find(token) == session
    assert await staff.sessions.find(other) is None, "an ended session stays ended"
    await staff.sessions.end_all(session.user_id)
    await redis.flushall()
    assert await staff.sessions.find(token) is None


async def test_the_token_itself_is_kept_nowhere(house: House, staff: Staff, redis: Any) -> None:
    token, _ = await staff.sign_in("alice", house.passwords["alice"], BROWSER)
    assert not [key async for key in redis.scan_iter() if token in key]
    assert not [key async for key in redis.scan_iter("cc:session:*") if token in await redis.get(key)]


@pytest.mark.parametrize(
    "change",
    [{"disabled": True}, {"role": Role.SUPERVISOR}, {"extension": "1033"}, {"extension": None}],
)
async def test_a_session_ends_when_rights_or_phone_change(house: House, staff: Staff, change: dict[str, Any]) -> None:
    token, _ = await staff.sign_in("alice", house.passwords["alice"], BROWSER)
    kept = {"extension": "1001", "phone_kind": PhoneKind.BROWSER}
    await staff.change_agent(HOTLINE_ITSELF, house.ids["alice"], carol(**kept | change))
    assert await staff.sessions.find(token) is None


async def test_disabled_staff_cannot_sign_in(house: House, staff: Staff) -> None:
    await staff.change_agent(HOTLINE_ITSELF, house.ids["alice"], carol(extension="1001", disabled=True))
    with pytest.raises(WrongPasswordError):
        await staff.sign_in("alice", house.passwords["alice"], BROWSER)
    assert "1001" not in house.phones.known
    assert "1001" not in {phone.extension for phone in await staff.phones_to_push()}


async def test_ones_own_password(house: House, staff: Staff) -> None:
    _, mine = await staff.sign_in("alice", house.passwords["alice"], BROWSER)
    other, _ = await staff.sign_in("alice", house.passwords["alice"], BROWSER)
    for old, new in (("wrong", "Tr4vel-blue"), (house.passwords["alice"], "weak")):
        with pytest.raises(InvalidInputError):
            await staff.change_own_password(mine, HOTLINE_ITSELF, old, new)
    await staff.change_own_password(mine, HOTLINE_ITSELF, house.passwords["alice"], "Tr4vel-blue")
    assert await staff.sessions.find(other) is None
    await staff.sign_in("alice", "Tr4vel-blue", BROWSER)


async def test_a_desk_phone_gets_a_password_that_asterisk_knows_as_a_digest(house: House, staff: Staff) -> None:
    done, password = await staff.create_agent(HOTLINE_ITSELF, "carol", carol())
    assert done.sip is not None
    assert done.phone_pushed is True
    assert house.phones.known["1003"] == ("desk", sip_digest("1003", done.sip.password))
    await staff.sign_in("carol", password, BROWSER)


async def test_asterisk_away_the_agent_stands_and_his_phone_comes_later(house: House, staff: Staff) -> None:
    house.phones.away = True
    done, _ = await staff.create_agent(HOTLINE_ITSELF, "carol", carol())
    assert done.phone_pushed is False
    assert done.sip is not None
    later = {phone.extension: phone.ha1_digest for phone in await staff.phones_to_push()}
    assert later["1003"] == sip_digest("1003", done.sip.password)
    with pytest.raises(UnavailableError):
        await staff.phone_account(house.ids["alice"])


@pytest.mark.parametrize(
    ("username", "draft", "field"),
    [
        ("ALICE", carol(), "username"),
        ("carol", carol(extension="1001"), "extension"),
        ("carol", carol(queues=("nowhere",)), "queues"),
    ],
)
async def test_a_refused_agent_leaves_nothing_half_done(
    house: House, pool: Any, username: str, draft: AgentDraft, field: str
) -> None:
    count = "select (select count(*) from users), (select count(*) from agents), (select count(*) from audit_log)"
    before = await pool.fetchrow(count)
    with pytest.raises(InvalidInputError) as refused:
        await house.hotline.staff.create_agent(HOTLINE_ITSELF, username, draft)
    assert list(refused.value.fields) == [field]
    assert await pool.fetchrow(count) == before
    assert "1003" not in house.phones.known


async def test_other_queues_leave_alone_when_a_membership_opens(house: House, staff: Staff, pool: Any) -> None:
    await pool.execute("insert into queues (queue_id, name_zh, name_en, position) values ('night', '夜班', 'Night', 2)")
    await pool.execute("update queue_members set opens_after_seconds = 45 where user_id = $1", house.ids["alice"])
    change = carol(extension="1001", phone_kind=PhoneKind.BROWSER, queues=("night", "service", "night"))
    await staff.change_agent(HOTLINE_ITSELF, house.ids["alice"], change)
    rows = await pool.fetch(
        "select queue_id, opens_after_seconds from queue_members where user_id = $1 order by 1", house.ids["alice"]
    )
    assert [tuple(row) for row in rows] == [("night", 0), ("service", 45)]


async def test_another_extension_takes_the_old_phone_away(house: House, staff: Staff) -> None:
    made, _ = await staff.create_agent(HOTLINE_ITSELF, "carol", carol())
    done = await staff.change_agent(HOTLINE_ITSELF, made.agent.user_id, carol(extension="1033"))
    assert done.sip is not None
    assert "1003" not in house.phones.known
    assert house.phones.known["1033"] == ("desk", sip_digest("1033", done.sip.password))


async def test_another_name_keeps_the_phone_s_password(house: House, staff: Staff) -> None:
    made, _ = await staff.create_agent(HOTLINE_ITSELF, "carol", carol())
    known = house.phones.known["1003"]
    done = await staff.change_agent(HOTLINE_ITSELF, made.agent.user_id, carol(display_name="王小芳", queues=()))
    assert (done.sip, done.agent.queues, house.phones.known["1003"]) == (None, (), known)


async def test_each_page_gets_a_phone_password_of_its_own(house: House, staff: Staff) -> None:
    first = await staff.phone_account(house.ids["alice"])
    second = await staff.phone_account(house.ids["alice"])
    assert first["password"] != second["password"]
    assert house.phones.known["1001"] == ("browser", sip_digest("1001", second["password"]))
    assert second["websocket_url"] == "ws://127.0.0.1:1/ws"
    assert second["websocket_urls"] == ["ws://127.0.0.1:1/ws"]
    assert second["uri"] == "sip:1001@127.0.0.1"


@pytest.mark.parametrize("change", [{"disabled": True}, {"role": Role.AGENT}])
async def test_an_administrator_remains(house: House, staff: Staff, change: dict[str, Any]) -> None:
    await house.hire("second", Role.ADMINISTRATOR)
    fields = {"role": Role.ADMINISTRATOR, "extension": None, "queues": ()}
    outcomes = await asyncio.gather(
        *(
            staff.change_agent(HOTLINE_ITSELF, house.ids[name], carol(**fields | change))
            for name in ("admin", "second")
        ),
        return_exceptions=True,
    )
    assert [type(one) for one in outcomes].count(LastAdministratorError) == 1


async def test_nobody_is_not_found(staff: Staff) -> None:
    with pytest.raises(NotFoundError):
        await staff.change_agent(HOTLINE_ITSELF, 999_999, carol())
    with pytest.raises(NotFoundError):
        await staff.reset_password(HOTLINE_ITSELF, 999_999)


async def test_what_was_done_is_audited_without_secrets(house: House, staff: Staff, pool: Any) -> None:
    made, password = await staff.create_agent(HOTLINE_ITSELF, "carol", carol())
    await staff.change_agent(HOTLINE_ITSELF, made.agent.user_id, carol(display_name="王小芳"))
    again = await staff.reset_password(HOTLINE_ITSELF, made.agent.user_id)
    rows = await pool.fetch(
        "select action, detail::text as detail from audit_log where object_id = $1", str(made.agent.user_id)
    )
    assert [row["action"] for row in rows] == ["agent.created", "agent.changed", "password.reset"]
    assert made.sip is not None
    assert not any(secret in row["detail"] for row in rows for secret in (password, again, made.sip.password))
