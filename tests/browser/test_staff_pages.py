"""Roles, passwords and the audit log as people meet them in a browser."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, expect

from tests.asterisk.stage import administrator
from tests.browser.pages import Screen, signed_in, somebody
from tests.onebox import RunningHotline

NEW_PASSWORD = "Tr4vel-blue-9"


@pytest_asyncio.fixture(loop_scope="session")
async def safety_kept(hotline: RunningHotline) -> AsyncIterator[None]:
    """What is set of passwords and roles is after the test as it was."""
    async with administrator(hotline) as admin:
        before = (await admin.get("/safety"))["safety"]
        yield
        await admin.put("/safety", before)
        for role in ("auditor", "agent"):
            await admin.post(f"/roles/{role}/reset")


async def hire(hotline: RunningHotline, username: str, role: str) -> str:
    """A person without a phone; his password, also when he is there from an earlier test."""
    async with administrator(hotline) as admin:
        for agent in await admin.get("/agents"):
            if agent["username"] == username:
                await admin.patch(f"/agents/{agent['user_id']}", {"role": role, "disabled": False})
                return str((await admin.post(f"/agents/{agent['user_id']}/password"))["password"])
        draft = {"username": username, "display_name": f"试用 {username}", "role": role}
        return str((await admin.post("/agents", draft))["password"])


@asynccontextmanager
async def at_page(
    chromium: Browser, hotline: RunningHotline, username: str, password: str, path: str
) -> AsyncIterator[Screen]:
    """Somebody who was hired in this test, at a page."""
    async with somebody(chromium, hotline) as screen:
        await screen.open(path)
        await screen.sign_in(username, password)
        yield screen


async def database(hotline: RunningHotline, sql: str, *values: Any) -> Any:
    """Run a statement in the hotline's database; its first value."""
    connection = await asyncpg.connect(hotline.database_url)
    try:
        return await connection.fetchval(sql, *values)
    finally:
        await connection.close()


def tick(screen: Screen, role: str, right: str) -> Locator:
    """The box of a role and a right."""
    return screen.page.locator(f'input[data-role="{role}"][data-right="{right}"]')


async def test_a_role_is_made_and_its_person_sees_what_it_may(
    hotline: RunningHotline, chromium: Browser, safety_kept: None
) -> None:
    async with signed_in(chromium, hotline, "admin", "/agents/roles") as admin:
        await admin.sees("roles-page")
        await admin.click("new-role")
        await admin.type("role-name-zh", "回访专员")
        await admin.type("role-name-en", "Follow-up clerk")
        await admin.at("role-copy-of").select_option("department_head")
        await admin.click("role-save-names")
        head = admin.page.locator('[data-test="role-head"]', has_text="回访专员").last
        await expect(head).to_be_visible()
        role_id = await head.get_attribute("data-role") or ""
        await tick(admin, role_id, "read_customers").uncheck()
        await tick(admin, role_id, "read_audit").check()
        await admin.click("roles-save")
        await admin.sees_no("roles-save")
        await expect(tick(admin, role_id, "read_audit")).to_be_checked()

        password = await hire(hotline, "fay", role_id)
        async with at_page(chromium, hotline, "fay", password, "/") as fay:
            await fay.sees("nav-calls")
            await fay.sees("nav-agents")
            await fay.sees_no("nav-customers")
            await fay.click("user-menu")
            await expect(fay.page.get_by_text("fay · 回访专员")).to_be_visible()
            await fay.press("Escape")
            await fay.click("nav-agents")
            await fay.sees("audit-page")
            await fay.open("/customers")
            await fay.sees("page-forbidden")

            await fay.open("/agents/audit")
            await fay.sees("audit-line")
            await tick(admin, role_id, "read_audit").uncheck()
            await admin.click("roles-save")
            await admin.sees_no("roles-save")
            await fay.type("audit-text", "role")
            await fay.sees("page-forbidden")
            await fay.sees_no("nav-agents")
        await admin.page.reload()
        await admin.sees("roles-page")


async def test_who_loses_the_board_sees_it_no_more(
    hotline: RunningHotline, chromium: Browser, safety_kept: None
) -> None:
    async with administrator(hotline) as admin:
        made = await admin.post("/roles", {"name_zh": "看板员", "name_en": "Watcher", "copy_of": "supervisor"})
        password = await hire(hotline, "wes", made["role_id"])
        async with at_page(chromium, hotline, "wes", password, "/board") as wes:
            await wes.sees("nav-board")
            role = next(one for one in (await admin.get("/roles"))["roles"] if one["role_id"] == made["role_id"])
            rights = [right for right in role["permissions"] if right != "watch"]
            names = {"name_zh": "看板员", "name_en": "Watcher"}
            change = names | {"permissions": rights, "seen": role["permissions"]}
            await admin.put(f"/roles/{made['role_id']}", change)
            await wes.sees("page-forbidden")
            await wes.sees_no("nav-board")


async def test_nobody_can_tick_everybody_out(hotline: RunningHotline, chromium: Browser, safety_kept: None) -> None:
    async with signed_in(chromium, hotline, "admin", "/agents/roles") as admin:
        await tick(admin, "administrator", "manage_roles").uncheck()
        await expect(tick(admin, "administrator", "approve_exports")).to_be_disabled()
        await admin.click("roles-save")
        await expect(admin.page.get_by_text("必须保留至少一名可用的管理员")).to_be_visible()
        await admin.click("roles-discard")
        await expect(tick(admin, "administrator", "manage_roles")).to_be_checked()


async def test_an_expired_password_is_changed_before_anything_else(
    hotline: RunningHotline, chromium: Browser, safety_kept: None
) -> None:
    password = await hire(hotline, "pia", "agent")
    async with signed_in(chromium, hotline, "admin", "/agents/safety") as admin:
        await admin.click("safety-handbook")
        await expect(admin.field("password_days")).to_have_value("15")
        await admin.click("safety-save")
        await expect(admin.at("safety-save")).to_be_disabled()
    await database(
        hotline, "update users set password_changed_at = now() - interval '16 days' where username = $1", "pia"
    )
    async with at_page(chromium, hotline, "pia", password, "/calls") as pia:
        await pia.sees("password-must")
        await pia.open("/customers")
        await pia.sees("password-must")
        await pia.type("password-old", password)
        await pia.type("password-new", "short")
        await pia.type("password-again", "short")
        await pia.click("password-save")
        await pia.is_wrong("new_password", "密码须多于 8 位")
        await pia.type("password-new", password)
        await pia.type("password-again", password)
        await pia.click("password-save")
        await pia.is_wrong("new_password", "最近 5 次")
        await pia.type("password-new", NEW_PASSWORD)
        await pia.type("password-again", NEW_PASSWORD)
        await pia.press("Enter")
        await pia.sees("customers-page")
    async with at_page(chromium, hotline, "pia", NEW_PASSWORD, "/calls") as pia:
        await pia.sees("calls-page")


async def test_an_act_is_found_in_the_audit_log(hotline: RunningHotline, chromium: Browser) -> None:
    async with signed_in(chromium, hotline, "super", "/customers") as clerk:
        await clerk.at("customer-row").first.click()
        await clerk.sees("timeline")  # stands below the record once that has been read
        customer_id = clerk.page.url.rsplit("/", 1)[1]
    async with signed_in(chromium, hotline, "auditor", "/") as auditor:
        await auditor.click("nav-agents")
        await auditor.click("staff-audit")
        await auditor.sees("audit-line")
        await auditor.at("audit-person").select_option(label="周主管（super）")
        await auditor.at("audit-action").select_option("customer.read")
        line = auditor.at("audit-line", action="customer.read").first
        await expect(line).to_contain_text("周主管")
        await expect(line).to_contain_text("查看客户")
        link = line.locator('[data-test="audit-open"]')
        await expect(link).to_have_attribute("href", f"/customers/{customer_id}")
        await line.hover()
        await line.locator('[data-test="audit-only"]').click()
        await auditor.sees("audit-object", customer_id)
        await auditor.click("audit-clear")
        await auditor.type("audit-text", uuid.uuid4().hex)
        await auditor.sees("empty")


async def test_the_week_is_reviewed(hotline: RunningHotline, chromium: Browser) -> None:
    await database(hotline, "update users set created_at = now() - interval '20 days' where username = 'admin'")
    async with signed_in(chromium, hotline, "auditor", "/agents/sign-ins") as auditor:
        week = auditor.page.locator('[data-test="week"][data-open="true"]').first
        await expect(week).to_contain_text("待审查")
        monday = await week.get_attribute("data-week") or ""
        await auditor.type("review-note", "未见异常")
        await auditor.click("review-done")
        await auditor.agree()
        await expect(auditor.at("week", week=monday)).to_contain_text("已审查")
        await auditor.click("week", week=monday)
        await auditor.sees("review", "未见异常")


async def test_a_customer_is_erased_by_the_manager(hotline: RunningHotline, chromium: Browser) -> None:
    async with administrator(hotline) as admin:
        made = await admin.post("/customers", {"name": "要删的人", "numbers": [{"number": "13911107791"}]})
    path = f"/customers/{made['customer_id']}"
    async with signed_in(chromium, hotline, "alice", path) as alice:
        await alice.sees("customer-page")
        await alice.sees_no("erase-open")
    async with signed_in(chromium, hotline, "manager", path) as manager:
        await manager.click("erase-open")
        await manager.sees("erase-counts", "电话号码")
        await manager.type("erase-reason", "客户书面要求")
        await manager.type("erase-name", "要删的")
        await expect(manager.at("erase-submit")).to_be_disabled()
        await manager.type("erase-name", "要删的人")
        await manager.click("erase-submit")
        await manager.sees("erase-state", done="true")
    left = await database(hotline, "select name from customers where customer_id = $1", made["customer_id"])
    assert left == "已删除 · Erased"
    assert not await database(hotline, "select count(*) from customer_numbers where number = '+8613911107791'")


async def test_one_changes_his_own_password(hotline: RunningHotline, chromium: Browser) -> None:
    password = await hire(hotline, "ola", "agent")
    async with at_page(chromium, hotline, "ola", password, "/calls") as ola:
        await ola.sees("calls-page")
        await ola.click("user-menu")
        await ola.click("own-password")
        await ola.type("password-old", "not it")
        await ola.type("password-new", NEW_PASSWORD)
        await ola.type("password-again", NEW_PASSWORD)
        await ola.click("password-save")
        await ola.is_wrong("old_password", "原密码不正确")
        await ola.type("password-old", password)
        await ola.click("password-save")
        await ola.sees("calls-page")


@pytest.mark.parametrize("username", ["manager", "clerk", "auditor"])
async def test_the_sample_s_people_can_be_tried(hotline: RunningHotline, chromium: Browser, username: str) -> None:
    async with signed_in(chromium, hotline, username) as screen:
        await asyncio.gather(screen.sees("nav-calls"), screen.sees("nav-customers"))
