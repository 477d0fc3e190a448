"""Files at a customer's record, over HTTP: attached, read, removed; hostile ones refused or made harmless."""

import io
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from callcenter.customers.files import KEPT_DAYS, MOST_FILES
from callcenter.customers.files_model import MOST_BYTES
from callcenter.customers.model import Draft
from callcenter.db.pool import Pool
from callcenter.staff.model import Actor
from tests.storage.house import House, open_house

ALICE = Actor(None, "alice", "127.0.0.1")
PDF = b"%PDF-1.7\n" + b"x" * 5000


@pytest.fixture
async def house(pool: Any, redis: Any) -> AsyncIterator[House]:
    async with open_house(pool, redis) as house:
        yield house


@pytest.fixture
async def customer_id(house: House) -> int:
    return (await house.hotline.customers.create(ALICE, Draft("王小明"))).customer_id


async def attach(house: House, customer_id: int, name: str, content: bytes, by: str = "alice") -> tuple[int, Any]:
    return await house.ask(
        "POST",
        f"/api/v1/customers/{customer_id}/files",
        by=by,
        params={"name": name},
        data=io.BytesIO(content),
        headers={"Content-Type": "application/octet-stream"},
    )


async def listed(house: House, customer_id: int) -> list[dict[str, Any]]:
    status, files = await house.ask("GET", f"/api/v1/customers/{customer_id}/files", by="alice")
    assert status == 200
    return files  # type: ignore[no-any-return]


async def download(house: House, path: str) -> tuple[aiohttp.ClientResponse, bytes]:
    async with (
        aiohttp.ClientSession() as http,
        http.get(house.server.make_url(path), headers=await house.headers("alice")) as answer,
    ):
        return answer, await answer.read()


async def test_a_file_comes_back_as_it_went_in_to_be_saved(house: House, customer_id: int, pool: Pool) -> None:
    status, made = await attach(house, customer_id, "../装修 合同\u202e.pdf", PDF)
    assert (status, made["name"], made["media_type"], made["size"]) == (201, "装修 合同.pdf", "application/pdf", 5009)
    answer, content = await download(house, f"/api/v1/customers/{customer_id}/files/{made['file_id']}")
    assert content == PDF
    disposition = answer.headers["Content-Disposition"]
    assert disposition == "attachment; filename*=UTF-8''%E8%A3%85%E4%BF%AE%20%E5%90%88%E5%90%8C.pdf"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    actions = [row["action"] for row in await pool.fetch("select action from audit_log where action like '%.file_%'")]
    assert actions == ["customer.file_added", "customer.file_read"]
    _, page = await house.ask("GET", f"/api/v1/customers/{customer_id}/timeline?kinds=file", by="alice")
    assert page["entries"][0]["detail"]["detail"]["name"] == "装修 合同.pdf"


async def test_a_web_page_is_text_to_be_saved(house: House, customer_id: int) -> None:
    _, made = await attach(house, customer_id, "x.html", b"<script>alert(1)</script>")
    answer, _ = await download(house, f"/api/v1/customers/{customer_id}/files/{made['file_id']}")
    assert (made["name"], answer.content_type) == ("x.html.txt", "text/plain")
    assert answer.headers["Content-Disposition"].startswith("attachment")


@pytest.mark.parametrize("content", [b"", b"MZ\x90\0", b"PK\x03\x04", b"a\0b"])
async def test_what_is_no_document_is_refused_in_both_languages(house: House, customer_id: int, content: bytes) -> None:
    status, answer = await attach(house, customer_id, "合同.pdf", content)
    assert status == 400
    assert answer["error"]["fields"]["file"].keys() == {"en", "zh"}
    assert await listed(house, customer_id) == []


async def test_the_largest_is_kept_and_one_byte_more_is_refused(house: House, customer_id: int) -> None:
    assert (await attach(house, customer_id, "a.pdf", b"%PDF-" + b"x" * (MOST_BYTES - 5)))[0] == 201
    assert (await attach(house, customer_id, "a.pdf", b"%PDF-" + b"x" * (MOST_BYTES - 4)))[0] in {400, 413}
    assert [one["size"] for one in await listed(house, customer_id)] == [MOST_BYTES]


async def test_the_same_content_twice_is_one_file(house: House, customer_id: int) -> None:
    first, second = [await attach(house, customer_id, name, PDF) for name in ("a.pdf", "b.pdf")]
    assert first[1]["file_id"] == second[1]["file_id"]
    assert len(await listed(house, customer_id)) == 1


async def test_a_removed_file_can_be_brought_back_until_its_content_is_erased(
    house: House, customer_id: int, pool: Pool
) -> None:
    _, made = await attach(house, customer_id, "a.pdf", PDF)
    path = f"/api/v1/customers/{customer_id}/files/{made['file_id']}"
    for _ in range(2):
        assert (await house.ask("DELETE", path, by="alice"))[0] == 204
    assert (await house.ask("GET", path, by="alice"))[0] == 404
    await house.hotline.customer_files.erase_removed()
    assert (await house.ask("POST", f"{path}/restore", by="alice"))[0] == 204
    assert (await download(house, path))[1] == PDF
    await house.ask("DELETE", path, by="alice")
    await pool.execute(
        "update customer_files set removed_at = now() - make_interval(days => $1, hours => 1)", KEPT_DAYS
    )
    await house.hotline.customer_files.erase_removed()
    assert await pool.fetchval("select octet_length(content) from customer_files") == 0
    assert (await house.ask("POST", f"{path}/restore", by="alice"))[0] == 404
    whats = await pool.fetch(
        "select detail->>'what' as what from customer_changes where kind = 'file' order by change_id"
    )
    assert [row["what"] for row in whats] == ["added", "removed", "restored", "removed"]


async def test_a_file_is_read_at_its_own_customer_alone(house: House, customer_id: int) -> None:
    _, made = await attach(house, customer_id, "a.pdf", PDF)
    other = (await house.hotline.customers.create(ALICE, Draft("张三"))).customer_id
    assert (await house.ask("GET", f"/api/v1/customers/{other}/files/{made['file_id']}", by="alice"))[0] == 404
    assert (await house.ask("DELETE", f"/api/v1/customers/{other}/files/{made['file_id']}", by="alice"))[0] == 404
    assert (await attach(house, 999, "a.pdf", PDF))[0] == 404


async def test_files_of_a_part_are_read_at_the_kept_record(house: House, customer_id: int, pool: Pool) -> None:
    _, made = await attach(house, customer_id, "a.pdf", PDF)
    kept = (await house.hotline.customers.create(ALICE, Draft("张三"))).customer_id
    await pool.execute("update customers set merged_into = $2 where customer_id = $1", customer_id, kept)
    assert [one["file_id"] for one in await listed(house, kept)] == [made["file_id"]]
    assert (await download(house, f"/api/v1/customers/{kept}/files/{made['file_id']}"))[1] == PDF
    assert (await attach(house, customer_id, "b.pdf", PDF + b"1"))[0] == 409, "a part takes no more files"


async def test_a_record_holds_so_many(house: House, customer_id: int, pool: Pool) -> None:
    await pool.execute(
        """insert into customer_files (customer_id, name, media_type, size, sha256, content)
        select $1, 'a.txt', 'text/plain', 1, decode(lpad(n::text, 64, '0'), 'hex'), 'x'
        from generate_series(1, $2) n""",
        customer_id,
        MOST_FILES,
    )
    assert (await attach(house, customer_id, "a.pdf", PDF))[0] == 400
