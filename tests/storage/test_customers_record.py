"""Customers' records over HTTP: all that they hold, found by any part, whose they are, who calls."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from callcenter.routing.model import AgentState
from callcenter.staff.model import Role
from tests.storage.house import House, open_house

RECORD = {
    "name": "单雄信",
    "numbers": [{"number": "138 0013 7701", "label": "手机"}, {"number": "0571-87123456", "label": "家里"}],
    "addresses": [
        {"label": "家", "address": "锦绣家园", "building": "3", "unit": "1", "room": "502"},
        {"address": "滨江名苑", "building": "12", "room": "1801"},
    ],
    "member_level": "金卡",
    "birthday": "1980-02-29",
    "tags": ["业主", "团购"],
    "contracts": [
        {"kind": "decoration", "name": "全屋装修", "number": "HT-2024-0815", "warranty_until": "2099-01-01"},
        {"kind": "elevator", "name": "电梯维保", "warranty_until": "2020-01-01"},
    ],
}


@pytest.fixture
async def house(pool: Any, redis: Any) -> AsyncIterator[House]:
    async with open_house(pool, redis) as opened:
        yield opened


async def made(house: House, **fields: Any) -> dict[str, Any]:
    status, answer = await house.ask("POST", "/api/v1/customers", by="alice", json=RECORD | fields)
    assert status == 201, answer
    return dict(answer)


async def found(house: House, q: str) -> list[str]:
    status, answer = await house.ask("GET", "/api/v1/customers", by="super", params={"q": q})
    assert status == 200, answer
    return [one["name"] for one in answer["customers"]]


async def put(house: House, customer: dict[str, Any], **fields: Any) -> tuple[int, Any]:
    path = f"/api/v1/customers/{customer['customer_id']}"
    return await house.ask("PUT", path, by="alice", json={"name": customer["name"]} | fields)


async def test_a_record_comes_back_as_it_was_written(house: House) -> None:
    done = await made(house)
    assert done["unit_or_address"] == "锦绣家园 3幢 1单元 502"
    assert [one["in_warranty"] for one in done["contracts"]] == [True, False]
    for name in ("member_level", "birthday", "tags"):
        assert done[name] == RECORD[name]
    assert done["addresses"][1]["room"] == "1801"


@pytest.mark.parametrize(
    "q",
    ["雄信", "单", "sxx", "dxx", "SX", "锦绣家园3幢", "1单元502", "滨江名苑", "1801", "ht-2024", "7701", "0137",
     "1380013",     "87123456", "0571-8712", "1234", "金卡"],
)  # fmt: skip
async def test_he_is_found_by_any_part(house: House, q: str) -> None:
    await made(house)
    await made(house, name="路人", numbers=[], addresses=[], contracts=[])
    assert await found(house, q) == ([] if q == "金卡" else ["单雄信"])


@pytest.mark.parametrize("gone", ["merged_into = 1", "erased_at = now()"])
async def test_who_is_part_of_another_or_erased_is_not_found(house: House, pool: Any, gone: str) -> None:
    await made(house, name="别人", numbers=[], addresses=[], contracts=[])
    done = await made(house)
    await pool.execute(f"update customers set {gone} where customer_id = $1", done["customer_id"])
    for q in ("雄信", "单", "sxx", "7701", "滨江名苑", "HT-2024-0815"):
        assert await found(house, q) == []
    assert (await house.hotline.customers.identify("13800137701")).candidates == ()
    assert (await put(house, done))[0] == (409 if "merged" in gone else 404)


async def test_what_an_older_page_does_not_send_stays(house: House, pool: Any) -> None:
    done = await made(house)
    status, now = await put(
        house, done, vip=True, unit_or_address=done["unit_or_address"], notes="", numbers=RECORD["numbers"]
    )
    assert status == 200
    assert now["vip"] is True
    for name in ("addresses", "member_level", "birthday", "tags", "contracts", "numbers"):
        assert now[name] == done[name], name
    _, moved = await put(house, now, unit_or_address="7 号楼")
    assert [one["address"] for one in moved["addresses"]] == ["7 号楼", "滨江名苑"]
    details = [
        row["detail"]
        for row in await pool.fetch("select detail from customer_changes where kind = 'changed' order by change_id")
    ]
    assert details[0]["changed"] == {"vip": [False, True]}
    assert details[1]["changed"]["unit_or_address"] == ["锦绣家园 3幢 1单元 502", "7 号楼"]


async def test_the_second_of_two_clerks_is_told(house: House) -> None:
    done = await made(house)
    assert (await put(house, done, vip=True, updated_at=done["updated_at"]))[0] == 200
    status, refused = await put(house, done, vip=False, updated_at=done["updated_at"])
    assert status == 409, refused


async def test_a_contract_keeps_its_id(house: House) -> None:
    done = await made(house)
    first = {name: value for name, value in done["contracts"][0].items() if name != "in_warranty"}
    _, now = await put(house, done, contracts=[{"kind": "other", "name": "新"}, first | {"number": "HT-9"}])
    assert [(one["name"], one["number"]) for one in now["contracts"]] == [("新", ""), ("全屋装修", "HT-9")]
    assert now["contracts"][1]["contract_id"] == first["contract_id"]
    other = await made(house, name="别人", contracts=[])
    status, said = await put(house, other, contracts=[first | {"name": "不是他的"}])
    assert (status, said["error"]["id"]) == (409, "contract_gone")
    _, again = await house.ask("GET", f"/api/v1/customers/{done['customer_id']}", by="alice")
    assert again["contracts"] == now["contracts"]


@pytest.mark.parametrize("replaced", [False, True])
async def test_a_contract_that_somebody_removed_meanwhile_is_a_conflict_and_nothing_is_saved(
    house: House, replaced: bool
) -> None:
    done = await made(house)
    sent = [{name: value for name, value in one.items() if name != "in_warranty"} for one in done["contracts"]]
    _, now = await put(house, done, contracts=[{"kind": "other", "name": "换的"}] if replaced else [])
    for stale in ([sent[0] | {"name": "改的"}], [*sent, {"kind": "other", "name": "又一份"}]):
        status, said = await put(house, done, name="改的", contracts=stale)
        assert (status, said["error"]["id"]) == (409, "contract_gone")
        assert "contracts.0.contract_id" in said["error"]["fields"]
    _, again = await house.ask("GET", f"/api/v1/customers/{done['customer_id']}", by="alice")
    assert again == now


async def test_one_contract_sent_twice_or_with_a_new_customer_is_refused(house: House) -> None:
    done = await made(house)
    first = {name: value for name, value in done["contracts"][0].items() if name != "in_warranty"}
    assert (await put(house, done, contracts=[first, first]))[0] == 409
    new = {"name": "新客", "contracts": [first]}
    assert (await house.ask("POST", "/api/v1/customers", by="alice", json=new))[0] == 409


async def test_own_fields_are_asked_for_and_their_values_outlive_them(house: House) -> None:
    field = {"name_zh": "车位", "name_en": "Parking", "kind": "choice", "choices": ["有", "无"], "required": True}
    assert (await house.ask("PUT", "/api/v1/customer-fields/parking", by="alice", json=field))[0] == 403
    assert (await house.ask("PUT", "/api/v1/customer-fields/parking", by="admin", json=field))[0] == 200
    other = field | {"kind": "text", "choices": []}
    assert (await house.ask("PUT", "/api/v1/customer-fields/parking", by="admin", json=other))[0] == 400
    done = await made(house)  # not sent: not asked for, as at the desk
    assert (await put(house, done, own_fields={}))[1]["error"]["fields"].keys() == {"own_fields.parking"}
    _, now = await put(house, done, own_fields={"parking": "有"})
    assert now["own_fields"] == {"parking": "有"}
    assert (await house.ask("DELETE", "/api/v1/customer-fields/parking", by="admin"))[0] == 204
    _, later = await put(house, done, own_fields={})
    assert later["own_fields"] == {"parking": "有"}


async def test_initials_that_are_missing_are_made(house: House, pool: Any) -> None:
    await pool.execute("insert into customers (name) values ('刘秀英'), ('🙂')")
    await house.hotline.customers.fill_initials()
    assert await found(house, "lxy") == ["刘秀英"]


# Owners


async def test_the_first_registrant_owns_while_his_claim_holds(house: House, pool: Any) -> None:
    assert (await made(house, name="甲"))["owner"] is None, "off as shipped"
    rules = {"first_contact_owns": True, "owner_valid_months": 2}
    assert (await house.ask("PUT", "/api/v1/customer-settings", by="admin", json=rules))[0] == 200
    done = await made(house)
    assert (done["owner"]["user_id"], done["owner"]["valid"]) == (house.ids["alice"], True)
    card = await house.hotline.callers.card("13800137701", "")
    assert card["owner_agent"] is None or card["customers"][0]["name"] in {"甲", "单雄信"}
    await pool.execute("update customers set owner_until = now() - interval '1 day' where name = '单雄信'")
    [candidate] = [c for c in (await house.hotline.customers.identify("13800137701")).candidates if c.name == "单雄信"]
    assert candidate.owner is not None
    assert not candidate.owner.valid
    await pool.execute(
        """insert into calls (call_id, node, status, arrived_at, answered_at, customer_id, agent_id)
        values ('node1-1763780000.1', 'node1', 'answered', now() - interval '1 month', now(), $1, $2)""",
        done["customer_id"],
        house.ids["alice"],
    )
    _, now = await house.ask("GET", f"/api/v1/customers/{done['customer_id']}", by="alice")
    assert now["owner"]["valid"], "he spoke with him a month ago"
    assert now["last_contact_at"] is not None


async def test_a_profile_brings_the_rules_of_owners(house: House) -> None:
    _, shipped = await house.ask("GET", "/api/v1/configuration/profiles/decoration", by="admin")
    file = {"yaml": shipped["yaml"]}
    assert (await house.ask("POST", "/api/v1/configuration/file", by="admin", json=file))[0] == 200
    _, rules = await house.ask("GET", "/api/v1/customer-settings", by="admin")
    assert rules == {"first_contact_owns": True, "owner_valid_months": 2}
    assert (await made(house))["owner"]["user_id"] == house.ids["alice"]
    _, audited = await house.ask("GET", "/api/v1/audit?action=configuration.changed", by="admin")
    assert "first_contact_owns" in str(audited)


async def test_all_customers_of_who_leaves_go_by_lots_once(house: House, pool: Any) -> None:
    heirs = [await house.hire(name, Role.AGENT, extension) for name, extension in (("bob", "1002"), ("carol", "1003"))]
    alice = house.ids["alice"]
    await pool.execute(
        """insert into customers (name, owner_id, owner_since) select '客户' || n, $1, now()
        from generate_series(1, 1101) n""",
        alice,
    )
    path = f"/api/v1/customer-owners/{alice}/hand-over"
    assert (await house.ask("POST", path, by="alice", json={"to": heirs}))[0] == 403
    assert (await house.ask("POST", path, by="super", json={"to": [alice]}))[0] == 400
    lefts = []
    for _ in range(4):
        status, told = await house.ask("POST", path, by="super", json={"to": heirs})
        assert status == 200
        lefts.append(told["left"])
    assert lefts == [601, 101, 0, 0]
    counts = dict(await pool.fetch("select owner_id, count(*) from customers group by owner_id"))
    assert abs(counts[heirs[0]] - counts[heirs[1]]) <= 3
    assert sum(counts.values()) == 1101
    assert await pool.fetchval("select count(*) from customer_changes where kind = 'owner'") == 1101
    assert await pool.fetchval("select count(*) from audit_log where action = 'customers.handed_over'") == 3


async def test_a_customer_is_given_to_an_agent_by_hand(house: House) -> None:
    done = await made(house)
    path = f"/api/v1/customers/{done['customer_id']}/owner"
    assert (await house.ask("PUT", path, by="alice", json={"user_id": house.ids["alice"]}))[0] == 403
    status, now = await house.ask("PUT", path, by="super", json={"user_id": house.ids["alice"], "reason": "熟客"})
    assert (status, now["owner"]["name"]) == (200, "Alice")
    assert (await house.ask("PUT", path, by="super", json={"user_id": house.ids["admin"] + 99}))[0] == 400
    assert (await house.hotline.callers.card("13800137701", ""))["owner_agent"] == house.ids["alice"]
    assert (await house.ask("PUT", path, by="super", json={"user_id": None}))[1]["owner"] is None


# Who calls


async def talking(house: House, call_id: str) -> None:
    """Alice has this call."""
    key = f"cc:agent:{house.ids['alice']}"
    card = '{"number_e164": "+8613800137702", "customers": [], "place": null, "carrier": null}'
    await house.hotline.redis.hset(key, mapping={"call": call_id, "state": AgentState.TALKING.value})
    await house.hotline.redis.hset(f"cc:call:{call_id}", mapping={"state": "talking", "card": card})


async def test_a_first_time_caller_is_made_a_customer_once_and_kept_with_the_call(house: House, pool: Any) -> None:
    call_id = "node1-1763780000.7"
    await talking(house, call_id)
    new = {"name": "钱多多", "numbers": [{"number": "13800137702"}], "call_id": call_id}
    ids = set()
    for _ in range(2):
        status, done = await house.ask("POST", "/api/v1/customers", by="alice", json=new)
        assert status == 201, done
        ids.add(done["customer_id"])
    assert len(ids) == 1, "what comes twice is done once"
    _, desk = await house.ask("GET", "/api/v1/desk", by="alice")
    assert desk["call"]["chosen"] in ids
    assert desk["call"]["customers"][0]["name"] == "钱多多"
    facts = await house.hotline.redis.xrange("cc:events")
    assert [fields["kind"] for _, fields in facts if fields["call"] == call_id] == ["identified"]
    other = await made(house, name="钱太太", numbers=[])
    body = {"call_id": call_id, "customer_id": other["customer_id"]}
    assert (await house.ask("POST", "/api/v1/desk/customer", by="alice", json=body))[0] == 204
    _, desk = await house.ask("GET", "/api/v1/desk", by="alice")
    assert [one["name"] for one in desk["call"]["customers"]] == ["钱太太", "钱多多"]
    wrong = body | {"call_id": "node1-1763780000.8"}
    assert (await house.ask("POST", "/api/v1/desk/customer", by="alice", json=wrong))[0] == 409
    assert (await house.ask("POST", "/api/v1/desk/customer", by="alice", json=body | {"customer_id": 10**9}))[0] == 404


async def test_candidates_are_ranked_with_reasons(house: House, pool: Any) -> None:
    number = [{"number": "13800137703"}]
    main = await made(house, name="常用", numbers=number, contracts=[])
    other = [{"number": "13800137704"}, *number]
    recent = await made(house, name="近期", numbers=other, contracts=[])
    opened = await made(house, name="未办", numbers=other, contracts=[])
    important = await made(house, name="贵宾", numbers=other, vip=True)
    await pool.executemany(
        """insert into calls (call_id, node, status, arrived_at, answered_at, customer_id, next_step)
        values ($1, 'node1', 'answered', now() - $2 * interval '1 day', now(), $3, $4)""",
        [
            ("node1-1763780000.2", 3, recent["customer_id"], "none"),
            ("node1-1763780000.3", 29, opened["customer_id"], "callback"),
        ],
    )
    await pool.execute("update calls set answered_at = null where call_id = 'node1-1763780000.3'")
    customers = (await house.hotline.callers.card("13800137703", ""))["customers"]
    assert [one["name"] for one in customers] == ["近期", "未办", "常用", "贵宾"]
    codes = [[reason["code"] for reason in one["reasons"]] for one in customers]
    assert codes == [["recent_contact"], ["open_case"], ["main_number"], ["vip"]]
    assert customers[0]["reasons"][0]["at"] is not None
    assert customers[3]["warranty_until"] == "2099-01-01"
    assert main["customer_id"] != important["customer_id"]
