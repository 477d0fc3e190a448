"""Roles as data: made, changed, removed; what is taken is taken at once, over HTTP and on open sockets."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from callcenter.staff.errors import LastAdministratorError
from callcenter.staff.model import HOTLINE_ITSELF, Role
from callcenter.staff.permissions import SHIPPED, Permission
from callcenter.staff.role_service import RoleWork
from callcenter.staff.roles import Roles
from callcenter.web.sockets import SIGNED_OUT
from tests.storage.house import House, open_house
from tests.waiting import until


@pytest.fixture
async def house(pool: Any, redis: Any) -> AsyncIterator[House]:
    async with open_house(pool, redis) as house:
        await house.hotline.role_work.reload()
        yield house


async def changed(house: House, role_id: str, *, by: str = "admin", **rights: set[str]) -> dict[str, Any]:
    """What to ask for so that a role is given rights (`given`) and loses others (`taken`), as it is shown now."""
    _, shown = await house.ask("GET", "/api/v1/roles", by=by)
    role = next(one for one in shown["roles"] if one["role_id"] == role_id)
    seen = set(role["permissions"])
    return {
        "name_zh": role["name_zh"],
        "name_en": role["name_en"],
        "seen": sorted(seen),
        "permissions": sorted((seen | rights.get("given", set())) - rights.get("taken", set())),
    }


async def change(house: House, role_id: str, *, by: str = "admin", **rights: set[str]) -> tuple[int, Any]:
    """Give a role and take from it: `given`, `taken`."""
    body = await changed(house, role_id, by=by, **rights)
    return await house.ask("PUT", f"/api/v1/roles/{role_id}", by=by, json=body)


async def make(house: House, copy_of: str = "agent") -> str:
    """A role of this house's own."""
    body = {"name_zh": "夜班座席", "name_en": "Night agent", "copy_of": copy_of}
    status, made = await house.ask("POST", "/api/v1/roles", by="admin", json=body)
    assert status == 201, made
    return str(made["role_id"])


async def test_nine_roles_are_shipped_with_what_the_handbooks_say(house: House) -> None:
    status, shown = await house.ask("GET", "/api/v1/roles", by="alice")
    assert status == 200
    assert {one["role_id"]: set(one["permissions"]) for one in shown["roles"]} == SHIPPED
    assert all(one["shipped"] and one["permissions"] == one["as_shipped"] for one in shown["roles"])
    assert shown["own"] == "agent"


async def test_a_role_of_ones_own_lives_and_goes(house: House, pool: Any) -> None:
    role_id = await make(house)
    assert (await change(house, role_id, given={"watch"}, taken={"take_calls"}))[0] == 204
    person = {"username": "nora", "display_name": "夜班", "role": role_id}
    status, made = await house.ask("POST", "/api/v1/agents", by="admin", json=person)
    assert status == 201, made
    house.ids["nora"] = made["agent"]["user_id"]
    status, session = await house.ask("GET", "/api/v1/session", by="nora")
    assert session["user"]["role_name"] == {"zh": "夜班座席", "en": "Night agent"}
    assert "watch" in session["user"]["permissions"]
    assert "take_calls" not in session["user"]["permissions"]
    status, said = await house.ask("DELETE", f"/api/v1/roles/{role_id}", by="admin")
    assert (status, said["error"]["id"]) == (409, "role_in_use")
    assert (await house.ask("PATCH", f"/api/v1/agents/{house.ids['nora']}", by="admin", json={"role": "agent"}))[
        0
    ] == 200
    assert (await house.ask("DELETE", f"/api/v1/roles/{role_id}", by="admin"))[0] == 204
    assert await make(house) != role_id, "the audit log's ids stay those of one role"
    actions = await pool.fetch("select action from audit_log where object_id = $1 order by audit_id", role_id)
    assert [row["action"] for row in actions] == ["role.created", "role.changed", "role.removed"]


async def test_a_shipped_role_is_reset_and_never_removed(house: House) -> None:
    assert (await change(house, "agent", given={"watch"}, taken={"ring_back"}))[0] == 204
    assert (await house.ask("DELETE", "/api/v1/roles/agent", by="admin"))[0] == 409
    assert (await house.ask("POST", "/api/v1/roles/agent/reset", by="admin"))[0] == 204
    assert house.hotline.roles.of("agent") == SHIPPED["agent"]


async def test_a_right_that_is_taken_is_gone_with_the_next_request(house: House) -> None:
    headers = await house.headers("alice")
    assert (await house.ask("GET", "/api/v1/customers", headers=headers))[0] == 200
    assert (await change(house, "agent", taken={"read_customers"}))[0] == 204
    assert (await house.ask("GET", "/api/v1/customers", headers=headers))[0] == 403
    _, session = await house.ask("GET", "/api/v1/session", headers=headers)
    assert "read_customers" not in session["user"]["permissions"]
    assert (await change(house, "agent", given={"read_customers"}))[0] == 204
    assert (await house.ask("GET", "/api/v1/customers", headers=headers))[0] == 200


@pytest.mark.parametrize("how", ["right", "role", "disabled"])
async def test_a_socket_of_who_may_see_no_more_is_closed(house: House, how: str) -> None:
    headers = await house.headers("super")
    async with (
        aiohttp.ClientSession(headers=headers) as http,
        http.ws_connect(house.server.make_url("/api/v1/board/live"), autoclose=False) as socket,
    ):
        assert (await socket.receive_json())["type"] == "snapshot"
        if how == "right":
            assert (await change(house, "supervisor", taken={"watch"}))[0] == 204
        else:
            changed = {"role": "agent"} if how == "role" else {"disabled": True}
            path = f"/api/v1/agents/{house.ids['super']}"
            assert (await house.ask("PATCH", path, by="admin", json=changed))[0] == 200
        while (message := await socket.receive(timeout=5)).type is aiohttp.WSMsgType.TEXT:
            pass
        assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, SIGNED_OUT)


async def test_a_desk_stays_open_for_who_keeps_his_right(house: House) -> None:
    async with (
        aiohttp.ClientSession(headers=await house.headers("alice")) as http,
        http.ws_connect(house.server.make_url("/api/v1/desk/live?desk_id=d1")) as socket,
    ):
        assert (await socket.receive_json())["type"] == "snapshot"
        assert (await change(house, "agent", taken={"read_customers"}))[0] == 204
        await socket.send_str('{"type": "ping"}')
        assert (await socket.receive_json(timeout=5))["type"] == "pong"


async def test_another_replica_learns_it(house: House, pool: Any, redis: Any) -> None:
    other = Roles()
    work = RoleWork(pool, redis, other)
    await work.reload()
    heard: list[bool] = []
    other.when_changed(lambda: heard.append(True))
    async with redis.pubsub() as channel:
        await channel.subscribe("cc:config")
        assert (await change(house, "agent", taken={"ring_back"}))[0] == 204
        await until(lambda: _told(channel))
    await work.reload()
    assert Permission.RING_BACK not in other.of("agent")
    assert heard


async def _told(channel: Any) -> bool:
    message = await channel.get_message(timeout=0.1)
    return bool(message) and message["type"] == "message"


async def test_without_postgresql_what_was_known_holds(house: House, pool: Any, redis: Any) -> None:
    assert (await change(house, "agent", taken={"ring_back"}))[0] == 204

    class Away:
        def __getattr__(self, name: str) -> Any:
            raise ConnectionRefusedError

    known, started_later = RoleWork(Away(), redis, house.hotline.roles), Roles()
    known._is_known = True
    await known.reload()
    assert Permission.RING_BACK not in house.hotline.roles.of("agent")
    await RoleWork(Away(), redis, started_later).reload()
    assert Permission.RING_BACK not in started_later.of("agent"), "a service that starts now knows it from Redis"
    assert started_later.people == house.hotline.roles.people


# -- guards --------------------------------------------------------------------------------------------


async def test_nobody_can_lock_everybody_out(house: House) -> None:
    for right in ("manage_roles", "manage_staff"):
        status, said = await change(house, "administrator", taken={right})
        assert (status, said["error"]["id"]) == (409, "last_administrator")
    await house.hire("second", Role.ADMINISTRATOR)
    with pytest.raises(LastAdministratorError):
        await house.hotline.role_work.change(
            HOTLINE_ITSELF,
            "administrator",
            ("管理员", "Administrator"),
            wanted=SHIPPED["administrator"] - {Permission.MANAGE_ROLES},
            seen=SHIPPED["administrator"],
        )


async def test_an_own_role_can_be_the_last_that_administers(house: House) -> None:
    role_id = await make(house, "administrator")
    await house.hire("second", role_id)
    path = f"/api/v1/agents/{house.ids['admin']}"
    assert (await house.ask("PATCH", path, by="second", json={"disabled": True}))[0] == 200
    status, said = await change(house, role_id, by="second", taken={"manage_staff"})
    assert (status, said["error"]["id"]) == (409, "last_administrator")


async def test_nobody_gives_himself_more(house: House) -> None:
    status, said = await change(house, "administrator", given={"approve_exports"})
    assert (status, said["error"]["id"]) == (403, "own_rights")
    path = f"/api/v1/agents/{house.ids['admin']}"
    await house.hire("second", Role.ADMINISTRATOR)
    status, said = await house.ask("PATCH", path, by="admin", json={"role": "manager"})
    assert (status, said["error"]["id"]) == (403, "own_rights")
    assert (await change(house, "administrator", taken={"listen"}))[0] == 204
    assert (await change(house, "administrator", given={"listen"}))[0] == 204, "what it was shipped with comes back"
    assert (await change(house, "manager", given={"read_audit"}))[0] == 204, "to others one may give any"


async def test_who_manages_staff_alone_stays_within_his_rights(house: House) -> None:
    assert (await change(house, "supervisor", given={"manage_staff"}))[0] == 204
    new = {"username": "eve", "display_name": "夏娃", "role": "administrator"}
    refused = [await house.ask("POST", "/api/v1/agents", by="super", json=new)]
    admin = f"/api/v1/agents/{house.ids['admin']}"
    refused.append(await house.ask("POST", f"{admin}/password", by="super"))
    refused.append(await house.ask("PATCH", admin, by="super", json={"role": "agent"}))
    refused.append(await house.ask("POST", f"{admin}/phone-secret", by="super"))
    alice = f"/api/v1/agents/{house.ids['alice']}"
    refused.append(await house.ask("PATCH", alice, by="super", json={"role": "manager"}))
    assert [(status, said["error"]["id"]) for status, said in refused] == [(403, "beyond_own_rights")] * 5
    assert (await house.ask("POST", "/api/v1/agents", by="super", json=new | {"role": "agent"}))[0] == 201
    assert (await house.ask("POST", f"{alice}/password", by="super"))[0] == 200
    _, shown = await house.ask("GET", "/api/v1/roles", by="super")
    may_give = {one["role_id"] for one in shown["roles"] if one["may_give"]}
    assert {"agent", "supervisor"} <= may_give
    assert not {"administrator", "manager"} & may_give


async def test_two_changes_at_once_lose_nothing(house: House) -> None:
    bodies = [await changed(house, "agent", given={right}) for right in ("watch", "export_lists")]
    done = await asyncio.gather(*(house.ask("PUT", "/api/v1/roles/agent", by="admin", json=body) for body in bodies))
    assert sorted(status for status, _ in done) == [204, 409]


async def test_what_is_no_role_or_right_is_refused(house: House) -> None:
    person = {"username": "eve", "display_name": "夏娃", "role": "no_such_role"}
    status, said = await house.ask("POST", "/api/v1/agents", by="admin", json=person)
    assert (status, list(said["error"]["fields"])) == (400, ["role"])
    status, _ = await change(house, "agent", given={"fly"})
    assert status == 400
    body = {"name_zh": "", "name_en": "x", "copy_of": "agent"}
    assert (await house.ask("POST", "/api/v1/roles", by="admin", json=body))[0] == 400
    assert (await house.ask("POST", "/api/v1/roles", by="admin", json=body | {"name_zh": "x", "copy_of": "none"}))[
        0
    ] == 404


async def test_rights_of_another_release_are_left_alone(house: House, pool: Any) -> None:
    await pool.execute("insert into role_permissions values ('agent', 'teleport', true)")
    await house.hotline.role_work.reload()
    assert house.hotline.roles.of("agent") == SHIPPED["agent"]
    assert (await change(house, "agent", taken={"ring_back"}))[0] == 204
    assert await pool.fetchval("select granted from role_permissions where permission = 'teleport'")
