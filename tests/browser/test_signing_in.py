"""Signing in, in the person's language; what each role may see."""

import re
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from tests.browser.pages import at_desk, signed_in, somebody
from tests.onebox import RunningHotline


@pytest.mark.parametrize(
    ("language", "title", "refused"),
    [("zh-CN", "登录", "用户名或密码"), ("en-GB", "Sign in", "password")],
)
async def test_a_wrong_password_is_said_in_the_browsers_language(
    hotline: RunningHotline, chromium: Browser, language: str, title: str, refused: str
) -> None:
    async with somebody(chromium, hotline, language=language) as screen:
        await screen.open("/calls")
        await screen.sees("sign-in", title)
        await screen.sign_in("bob", "not his password")
        await screen.sees("sign-in-error", refused)
        await screen.sign_in("bob", hotline.logins["bob"]["password"])
        await screen.sees("calls-page")
        assert screen.page.url.endswith("/calls"), "he comes to the page that he asked for"


async def test_the_language_can_be_switched_and_is_kept(hotline: RunningHotline, chromium: Browser) -> None:
    async with signed_in(chromium, hotline, "bob", language="en") as screen:
        await screen.sees("nav-desk", "Desk")
        await screen.click("language-zh-CN")
        await screen.sees("nav-desk", "工作台")
        await screen.page.reload()
        await screen.sees("nav-desk", "工作台")
        await expect(screen.page.locator("html")).to_have_attribute("lang", "zh-CN")


async def test_an_agent_has_no_agents_page(hotline: RunningHotline, chromium: Browser) -> None:
    async with signed_in(chromium, hotline, "bob") as screen:
        await screen.sees("nav-desk")
        await screen.sees_no("nav-agents")
        await screen.open("/agents")
        await screen.sees("page-forbidden")


async def test_somebody_without_a_phone_has_no_desk(hotline: RunningHotline, chromium: Browser) -> None:
    async with signed_in(chromium, hotline, "admin") as screen:
        await screen.sees("nav-calls")
        await screen.sees_no("nav-desk")
        await screen.open("/no/such/page")
        await screen.sees("page-notFound")


async def test_signing_out_leaves_the_line(hotline: RunningHotline, chromium: Browser) -> None:
    async with at_desk(chromium, hotline, "bob") as desk, signed_in(chromium, hotline, "super", "/agents") as watcher:
        await watcher.sees("agent-row", username="bob", state="ready")
        await desk.click("user-menu")
        await desk.click("sign-out")
        await desk.sees("sign-in")
        await watcher.sees("agent-row", username="bob", state="signed_out")


@pytest.mark.parametrize("username", ["admin", "super"])
@pytest.mark.parametrize("language", ["zh-CN", "en-US"])
async def test_the_navigation_fits_a_small_screen(
    hotline: RunningHotline, chromium: Browser, username: str, language: str
) -> None:
    size: Any = {"width": 1366, "height": 768}
    async with signed_in(chromium, hotline, username, "/calls", language=language, viewport=size) as screen:
        links = await screen.page.locator("header nav > *").all()
        boxes = [box for link in links if (box := await link.bounding_box())]
        assert len(boxes) == len(links) > 5
        assert len({round(box["y"] + box["height"] / 2) for box in boxes}) == 1, "they stand in one row"
        user = await screen.at("user-menu").bounding_box()
        assert user is not None
        assert boxes[-1]["x"] + boxes[-1]["width"] < user["x"]
        assert user["x"] + user["width"] <= 1366
        await screen.click("nav-more")
        await screen.click("nav-shifts")
        await screen.sees("nav-more")
        await expect(screen.page).to_have_url(re.compile(r"/shifts"))
