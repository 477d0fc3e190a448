"""The sample that a first run loads: once, whole, and never over what people have changed."""

from typing import Any

from callcenter.customers.model import facts_of
from callcenter.customers.service import Customers
from callcenter.db.sample import load_sample
from callcenter.settings import Settings
from callcenter.staff.model import sip_digest
from callcenter.staff.service import Staff
from tests.storage.house import NotedPhones


def secret(name: str) -> str:
    return f"{name} 7xQ"


async def test_everybody_can_sign_in_and_desk_phones_register(pool: Any, redis: Any) -> None:
    logins = await load_sample(pool, secret)
    staff = Staff(pool, redis, NotedPhones(), Settings())
    for login in logins:
        _, session = await staff.sign_in(login["username"], login["password"], "127.0.0.1")
        assert (session.role, session.extension) == (login["role"], login["extension"])
    digests = {phone.extension: phone.ha1_digest for phone in await staff.phones_to_push()}
    desks = {one["sip_username"]: one["sip_password"] for one in logins if "sip_password" in one}
    assert desks.keys() == {"1003", "1004"}
    assert digests == {extension: sip_digest(extension, password) for extension, password in desks.items()}


async def test_the_supervisor_has_a_phone_to_listen_with_and_no_queue(pool: Any) -> None:
    logins = {login["username"]: login for login in await load_sample(pool, secret)}
    assert (logins["super"]["extension"], logins["super"]["phone_kind"]) == ("1005", "browser")
    members = {
        row["username"] for row in await pool.fetch("select username from queue_members join users using (user_id)")
    }
    assert members == {"alice", "bob", "carol", "dave"}, "the specialist of complaints has a phone, and no queue"


async def test_a_second_run_leaves_everything_as_it_is(pool: Any) -> None:
    first = await load_sample(pool, secret)
    await pool.execute("update customers set notes = '改过', name = '新名' where customer_id = 1")
    await pool.execute("delete from customers where customer_id = 2")
    before = await pool.fetch("select * from customers order by 1")
    assert await load_sample(pool, secret) == first
    assert await pool.fetch("select * from customers order by 1") == before


async def test_each_customer_is_found_by_his_numbers(pool: Any) -> None:
    await load_sample(pool, secret)
    customers = Customers(pool)
    rows = await pool.fetch("select number, customer_id from customer_numbers")
    assert len(rows) >= 30
    for row in rows:
        assert facts_of(row["number"]).e164 == row["number"], "the sample's numbers are real ones"
        found = await customers.identify(row["number"])
        assert row["customer_id"] in {one.customer_id for one in found.candidates}


async def test_one_customer_is_hard_to_show(pool: Any) -> None:
    await load_sample(pool, secret)
    names = [row["name"] for row in await pool.fetch("select name from customers")]
    assert any({"'", '"', "<"} <= set(name) and any(ord(c) > 0xFFFF for c in name) for name in names)


async def test_the_pages_are_full(pool: Any) -> None:
    await load_sample(pool, secret)
    counts = await pool.fetchrow(
        """select (select count(*) from customers where member_level <> '') as levels,
        (select count(*) from customers where cardinality(tags) > 0) as tags, count(birthday) as birthdays,
        (select count(*) from customer_addresses where building <> '' and unit <> '' and room <> '') as addresses,
        (select count(*) from customer_contracts where warranty_until > now()) as in_warranty,
        (select count(*) from customer_contracts where warranty_until < now()) as out_of_warranty,
        count(owner_id) as owned, (select count(*) from (select from customer_numbers group by number
            having count(*) > 1) as shared) as shared from customers"""
    )
    assert min(dict(counts).values()) > 0, dict(counts)
    [owner] = await pool.fetch(
        "select distinct username from customers join users on user_id = owner_id where owner_id is not null"
    )
    assert owner["username"] == "alice"
