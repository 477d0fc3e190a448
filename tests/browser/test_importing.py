"""Lists of customers come in and go out: an import with bad rows, a request that a manager approves."""

import io
import re
from pathlib import Path
from typing import Any

import openpyxl
from playwright.async_api import Browser, FilePayload, expect

from tests.browser.pages import Screen, signed_in
from tests.onebox import RunningHotline

SHANGHAI: dict[str, Any] = {"timezone_id": "Asia/Shanghai", "viewport": {"width": 1366, "height": 768}}
HEAD = "姓名,手机,家庭电话,小区,楼栋,单元,房号,会员等级,VIP,生日,备注"
ROWS = [
    "秦一鸣,13700139501,,云栖小镇,3,1,501,金卡,是,1985-03-12,怕狗",
    "秦二鸣,13700139502,0571-89990502,云栖小镇,3,1,502,,,,",
    ",13700139503,,云栖小镇,3,1,503,,,,没有姓名",
    "秦四鸣,1.37E+10,,云栖小镇,3,1,504,,,,",
    "秦五鸣,13700139505,,云栖小镇,3,1,505,,,1985-02-30,",
    "=1+1,13700139506,,云栖小镇,3,1,506,,,,@SUM(A1)",
    "秦一鸣,13700139501,0571-89990501,云栖小镇,,,,,,,",
]
WAIT = 90_000


async def choose(screen: Screen, name: str, content: bytes) -> None:
    """Choose a file on the page of imports."""
    file = FilePayload(name=name, mimeType="text/csv", buffer=content)
    await screen.at("import-file").set_input_files(file)


async def is_in(screen: Screen, state: str) -> None:
    await expect(screen.at("import-page")).to_have_attribute("data-state", state, timeout=WAIT)


async def test_an_import_with_bad_rows(hotline: RunningHotline, chromium: Browser, tmp_path: Path) -> None:
    content = "\n".join([HEAD, *ROWS]).encode("gb18030")
    async with signed_in(chromium, hotline, "super", "/customers", **SHANGHAI) as screen:
        await screen.click("import-customers")
        await choose(screen, "业主名单.csv", content)
        await is_in(screen, "read")
        await expect(screen.at("import-encoding")).to_have_value("gb18030")
        await expect(screen.at("import-column", column="3")).to_have_value("company_or_project")
        await screen.click("import-duplicates-merge")
        await screen.click("import-check")
        await is_in(screen, "checked")
        await screen.sees("import-count", "3", outcome="new")
        await screen.sees("import-count", "3", outcome="bad")
        await screen.sees("import-row", "缺少姓名", row="4")
        await screen.sees("import-row", "科学计数", row="5")
        await screen.sees("import-row", "不是有效的日期", row="6")
        async with screen.page.expect_download() as download:
            await screen.click("import-bad-rows")
        bad = tmp_path / "bad.csv"
        await (await download.value).save_as(bad)
        await screen.click("import-run")
        await is_in(screen, "done")
        await screen.sees("import-result", re.compile("新建 3.*合并 1.*有误 3"))
        text = bad.read_text(encoding="utf-8-sig")
        assert text.startswith(HEAD + ",行号,原因")
        # Corrected in the file that came back, and imported again.
        corrected = text.replace("\n,13700139503", "\n秦三鸣,13700139503").replace("1.37E+10", "13700139504")
        await screen.open("/customers/import")
        await choose(screen, "改好的.csv", corrected.replace("1985-02-30", "1985-02-28").encode("utf-8-sig"))
        await is_in(screen, "read")
        await screen.click("import-check")
        await is_in(screen, "checked")
        await screen.click("import-run")
        await is_in(screen, "done")
        await screen.sees("import-result", "新建 3")
        await screen.open("/customers")
        await screen.type("customers-search", "云栖小镇")
        await expect(screen.at("customer-row")).to_have_count(6)
        # Undone again, both: nothing of them is left.
        for _ in range(2):
            await screen.open("/customers/import")
            await screen.at("import-one", state="done").first.click()
            await screen.click("import-undo")
            await screen.agree()
            await is_in(screen, "undone")
        await screen.open("/customers")
        await screen.type("customers-search", "云栖小镇")
        await screen.sees("empty")


async def test_a_file_that_is_no_table_is_said_to_be_none(hotline: RunningHotline, chromium: Browser) -> None:
    async with signed_in(chromium, hotline, "super", "/customers/import", language="en", **SHANGHAI) as screen:
        await choose(screen, "empty.csv", b"")
        await screen.sees("import-refused", "This file is empty.")
        await choose(screen, "picture.csv", b"\x89PNG\x00\x01\xff" * 100)
        await is_in(screen, "failed")
        await screen.sees("import-problem", "This is no table")
        await screen.click("import-discard")
        await screen.sees("imports-page")


async def test_a_list_is_asked_for_approved_and_downloaded(
    hotline: RunningHotline, chromium: Browser, tmp_path: Path
) -> None:
    async with (
        signed_in(chromium, hotline, "super", "/exports", **SHANGHAI) as asker,
        signed_in(chromium, hotline, "manager", "/exports/approvals", **SHANGHAI) as boss,
    ):
        await asker.type("export-company_or_project", "天竺花园")
        await asker.type("export-purpose", "回访物业满意度")
        await asker.type("export-reason", "业委会要求，十二月前完成")
        await asker.click("export-ask")
        row = await asker.sees("export-row", "天竺花园", state="asked")
        number = await row.get_attribute("data-export-id") or ""
        await asker.sees_no("export-download")
        await boss.page.reload()
        await boss.sees("approvals-waiting", "1")
        asked = await boss.sees("approval-row", "业委会要求", export_id=number)
        await expect(asked).to_contain_text("周主管")
        await asked.locator('[data-test="approval-note"]').fill("限客服部使用")
        await asked.locator('[data-test="approval-approve"]').click()
        await boss.sees("approval-row", export_id=number, state="approved")
        await asker.page.reload()
        await asker.sees("export-row", "限客服部使用", export_id=number, state="approved")
        async with asker.page.expect_download(timeout=WAIT) as download:
            await asker.click("export-download")
        file = tmp_path / "list.xlsx"
        await (await download.value).save_as(file)
        sheet = openpyxl.load_workbook(io.BytesIO(file.read_bytes())).worksheets[0]
        rows = list(sheet.iter_rows(values_only=True))
        assert f"申请 {number} · 周主管（super）" in str(rows[0][0])
        assert "吴经理 批准" in str(rows[0][0])
        assert len(rows) > 3
        assert all("****" in str(row[2]) and str(row[-1]).startswith(f"#{number}-") for row in rows[2:])
        await asker.sees("export-row", export_id=number, state="used")
        await asker.click("export-destroyed")
        await asker.sees("export-row", export_id=number, state="returned")
        await boss.click("exports-register")
        lent = await boss.sees("register-row", "已销毁", export_id=number)
        await lent.locator('[data-test="register-note"]').fill("已见碎纸")
        await lent.locator('[data-test="register-check"]').click()
        await boss.sees("register-row", "吴经理 核查", export_id=number, state="checked")
