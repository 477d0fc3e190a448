"""A customer's page: two records merged and split again, a file attached and saved, the timeline."""

import asyncio
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, expect

from tests.asterisk.sip.driver import Caller
from tests.asterisk.stage import administrator
from tests.browser.pages import at_desk, signed_in
from tests.browser.test_troubles import answer
from tests.onebox import RunningHotline

PDF = b"%PDF-1.7\n" + b"a contract " * 4000


async def a_customer(hotline: RunningHotline, name: str, *numbers: str, **fields: Any) -> int:
    async with administrator(hotline) as admin:
        made = await admin.post("/customers", {"name": name, "numbers": [{"number": one} for one in numbers], **fields})
    return int(made["customer_id"])


async def test_two_records_are_merged_and_split_again(hotline: RunningHotline, chromium: Browser) -> None:
    kept = await a_customer(hotline, "孔令辉", "13800138461", notes="早上来电")
    part = await a_customer(hotline, "孔令晖", "13800138462", notes="有狗", vip=True)
    async with signed_in(chromium, hotline, "super", f"/customers/{kept}") as screen:
        await screen.click("merge-open")
        await screen.type("merge-search", "孔令晖")
        await screen.click("merge-found", customer_id=str(part))
        row = await screen.sees("merge-field", field="name")
        await row.locator('[data-test="merge-part"]').check()
        await expect(screen.at("merge-both")).to_be_checked()
        await screen.click("merge-do")
        await screen.sees_no("merge-dialog")
        await expect(screen.page.locator("h1")).to_have_text("孔令晖")
        await expect(screen.at("customer-notes")).to_have_value("早上来电\n有狗")
        await expect(screen.at("customer-number")).to_have_count(2)
        await screen.sees("timeline-entry", "孔令晖", kind="merge")

        await screen.open(f"/customers/{part}")
        await screen.sees("part-row", "孔令晖")
        assert screen.page.url.endswith(f"/customers/{kept}"), "its page is the kept record's"
        await screen.click("part-split")
        await screen.agree()
        await screen.sees_no("part-row")
        await expect(screen.page.locator("h1")).to_have_text("孔令辉")
        await screen.open(f"/customers/{part}")
        await expect(screen.page.locator("h1")).to_have_text("孔令晖")
        assert screen.page.url.endswith(f"/customers/{part}")


async def test_possible_duplicates_are_compared_and_merged(hotline: RunningHotline, chromium: Browser) -> None:
    first = await a_customer(hotline, "苗重复", "13800138466")
    await a_customer(hotline, "苗 重复", "13800138466", unit_or_address="8 幢 801")
    async with signed_in(chromium, hotline, "super", f"/customers/{first}", language="en") as screen:
        await screen.click("duplicates-link")
        row = await screen.sees("duplicate", "8 幢 801", number="+8613800138466")
        await row.locator('[data-test="duplicate-merge"]').click()
        await screen.sees("merge-field", "8 幢 801", field="unit_or_address")
        await screen.click("merge-do")
        await screen.sees("part-row", "苗 重复")
        await screen.open("/customers/duplicates")
        await screen.sees("duplicates-page")
        await screen.sees_no("loading")
        await screen.sees_no("duplicate", number="+8613800138466")


async def test_a_file_is_attached_and_saved(hotline: RunningHotline, chromium: Browser, tmp_path: Path) -> None:
    customer_id = await a_customer(hotline, "严文件", "13800138463")
    async with signed_in(chromium, hotline, "alice", f"/customers/{customer_id}") as screen:
        contract, program = tmp_path / "装修合同.pdf", tmp_path / "合同.pdf"
        contract.write_bytes(PDF)
        program.write_bytes(b"MZ\x90\0\x03")
        await screen.at("file-input").set_input_files(program)
        await screen.sees("file-wrong", "PDF")
        await screen.sees_no("file-row")
        await screen.at("file-input").set_input_files(contract)
        link = await screen.sees("file-link", "装修合同.pdf")
        async with screen.page.expect_download() as saving:
            await link.click()
        saved = await saving.value
        assert saved.suggested_filename == "装修合同.pdf"
        assert await asyncio.to_thread((await saved.path()).read_bytes) == PDF
        await screen.sees("timeline-entry", "装修合同.pdf", kind="file")
        await screen.click("file-remove")
        await screen.click("file-restore")
        await screen.sees("file-link", "装修合同.pdf")


async def test_the_last_calls_stand_beside_the_caller_and_open(hotline: RunningHotline, chromium: Browser) -> None:
    customer_id = await a_customer(hotline, "尤常来", "13800138464")
    async with at_desk(chromium, hotline, "bob") as desk:
        with Caller(hotline.sip, number="13800138464", hold_seconds=1):
            await answer(desk)
            await desk.state("wrapup")
        call_id = await desk.call_id()
        await desk.click("call-type-enquiry")
        await desk.type("notes", "问电梯年检")
        await desk.press("Control+Enter")
        await desk.state("ready")
        await desk.open(f"/customers/{customer_id}")
        await (await desk.sees("timeline-entry", "问电梯年检", kind="call")).click()
        await desk.sees("call-drawer", call_id=call_id)
        await desk.open("/desk")
        await desk.sees("phone-status", line="online")
        await desk.state("ready")
        with Caller(hotline.sip, number="13800138464", hold_seconds=1):
            await answer(desk)
            entry = desk.at("recent-calls").locator('[data-test="timeline-entry"]')
            await expect(entry.first).to_contain_text("问电梯年检")
            await expect(entry).to_have_count(1)
            await desk.state("wrapup")
        await desk.click("call-type-enquiry")
        await desk.press("Control+Enter")
        await desk.state("ready")
