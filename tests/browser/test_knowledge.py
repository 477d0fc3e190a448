"""Scripts and answers beside a call, the knowledge base's page, and a hidden number that is shown."""

import re
from typing import Any

from playwright.async_api import Browser, expect

from tests.asterisk.sip.voice import speaking_caller
from tests.asterisk.stage import administrator
from tests.browser.pages import Screen, at_desk, signed_in
from tests.onebox import RunningHotline
from tests.waiting import until

CALLER = "13755507001"
SCREEN: dict[str, Any] = {"viewport": {"width": 1366, "height": 768}}


async def boxes_apart(desk: Screen, one: str, other: str) -> bool:
    """Whether two things on the page do not cover each other."""
    first, second = await desk.at(one).bounding_box(), await desk.at(other).bounding_box()
    assert first is not None
    assert second is not None
    beside = first["x"] + first["width"] <= second["x"] or second["x"] + second["width"] <= first["x"]
    above = first["y"] + first["height"] <= second["y"] or second["y"] + second["height"] <= first["y"]
    return beside or above


async def test_an_agent_reads_a_script_while_he_talks(hotline: RunningHotline, chromium: Browser) -> None:
    async with at_desk(chromium, hotline, **SCREEN) as desk:
        with speaking_caller(hotline, CALLER, hold_seconds=60):
            await desk.sees("answer")
            await desk.press("Alt+a")
            await desk.phase("talking")
            await desk.press("Alt+n")
            await desk.page.keyboard.type("漏水")
            await desk.press("Alt+s")
            await expect(desk.at("knowledge-search")).to_be_focused()
            assert await boxes_apart(desk, "controls", "knowledge-panel")
            assert await boxes_apart(desk, "outcome-form", "knowledge-panel")

            await desk.page.keyboard.type("dbsl")
            await expect(desk.at("knowledge-line").first).to_contain_text("答不上来时")
            await desk.press("Enter")
            await desk.sees("knowledge-article", "我会给您一个回复")
            await desk.press("Escape")
            await expect(desk.at("knowledge-search")).to_be_focused()
            await desk.at("knowledge-search").fill("回访")
            await expect(desk.at("knowledge-line")).not_to_have_count(1)
            second = await desk.at("knowledge-line").nth(1).locator("strong").inner_text()
            await desk.press("ArrowDown", "Enter")
            await desk.sees("knowledge-article", second)

            await desk.press("Escape", "Escape", "Escape")
            await desk.sees_no("knowledge-panel")
            await expect(desk.at("notes")).to_be_focused()
            await expect(desk.at("notes")).to_have_value("漏水")
            await desk.phase("talking")
            await desk.press("Alt+x")
        await desk.state("wrapup")
        await desk.click("call-type-enquiry")
        await desk.press("Control+Enter")
        await desk.state("ready")


async def test_what_a_supervisor_writes_all_agents_read_at_once(hotline: RunningHotline, chromium: Browser) -> None:
    async with (
        signed_in(chromium, hotline, "super", "/knowledge", **SCREEN) as writer,
        signed_in(chromium, hotline, "alice", "/knowledge", **SCREEN) as agent,
    ):
        await agent.sees("knowledge-row")
        await agent.sees_no("knowledge-new")
        await writer.click("knowledge-new")
        await writer.press("Control+Enter")
        await writer.is_wrong("title", "太短")
        await writer.type("article-form-title", "春节值班安排")
        await writer.type("article-form-body", "**除夕**至初三照常接听。\n\n- 维修：<b>两小时</b>内上门")
        await writer.press("Control+Enter")
        await writer.sees("article-body", "除夕")

        await agent.type("knowledge-page-search", "cjzb")
        await agent.at("knowledge-row").filter(has_text="春节值班安排").click()
        body = await agent.sees("article-body", "<b>两小时</b>内上门")
        assert await body.locator("strong").inner_text() == "除夕"
        assert await body.locator("b").count() == 0, "it is text, never HTML"

        await writer.click("article-change")
        await writer.type("article-form-body", "初五起恢复正常。")
        await writer.press("Control+Enter")
        await writer.sees("article-body", "初五")
        await agent.page.reload()
        await agent.sees("article-body", "初五")

        await writer.click("article-history")
        await writer.click("article-restore")
        await writer.agree()
        await writer.sees("article-body", "除夕")
        await agent.page.reload()
        await agent.sees("article-body", "除夕")


async def test_a_number_is_revealed_and_found_in_the_audit(hotline: RunningHotline, chromium: Browser) -> None:
    async with administrator(hotline) as admin:
        number = {"number": "13755507002", "label": "手机"}
        customer = await admin.post("/customers", {"name": "号码保密", "numbers": [number]})
        record = str(customer["customer_id"])
        async with signed_in(chromium, hotline, "alice", "/customers", **SCREEN) as agent:
            await agent.type("customers-search", "号码保密")
            row = agent.at("customer-row", customer_id=record)
            await expect(row.locator("[data-test=phone-number]")).to_have_text("137 **** 7002")
            await row.locator("[data-test=reveal-number]").focus()
            await agent.press("Enter")
            await expect(row.locator("[data-test=phone-number]")).to_have_text("137 5550 7002")
            assert agent.page.url.endswith("/customers"), "the row was not opened"
            await agent.press("Enter")
            await expect(row.locator("[data-test=phone-number]")).to_have_text("137 **** 7002")

            await row.click()
            await expect(agent.at("customer-number")).to_have_value("137 **** 7002")
            await agent.type("customer-unit", "9 幢 101")
            await agent.click("customer-save")

            async def saved() -> bool:
                now = await admin.get(f"/customers/{record}")
                return bool(now["unit_or_address"] == "9 幢 101" and now["numbers"][0]["number"] == "+8613755507002")

            await until(saved, "the record has the change, and the number it had")
        async with signed_in(chromium, hotline, "super", f"/customers/{record}", **SCREEN) as supervisor:
            await expect(supervisor.at("customer-number")).to_have_value(re.compile(r"137 5550 7002"))
            await supervisor.sees_no("reveal-number")
        async with signed_in(chromium, hotline, "auditor", "/agents/audit", **SCREEN) as auditor:
            await auditor.sees("audit-line")
            await auditor.at("audit-person").select_option(label="陈晓琳（alice）")
            await auditor.at("audit-action").select_option("number.revealed")
            link = auditor.at("audit-line", action="number.revealed").first.locator('[data-test="audit-open"]')
            await expect(link).to_have_attribute("href", f"/customers/{record}")
