"""The pages as a person uses them: find by `data-test`, press keys, read what is shown."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from playwright.async_api import Browser, BrowserContext, Locator, Page, expect

from tests.asterisk.sip.voice import CALLER_HZ
from tests.onebox import RunningHotline
from tests.people import Person, RefusedError
from tests.waiting import until

SECONDS = 10.0
"""How long a person waits for a page to show something."""
expect.set_options(timeout=SECONDS * 1000)

_WATCH = """
window.connections = [];
window.firstSeen = {};
window.RTCPeerConnection = class extends window.RTCPeerConnection {
  constructor(...all) { super(...all); window.connections.push(this); }
};
new MutationObserver(() => {
  for (const element of document.querySelectorAll("[data-test]"))
    window.firstSeen[element.dataset.test] ??= performance.now();
}).observe(document, { subtree: true, childList: true, attributes: true });
"""
"""Runs before the page: keeps its peer connections, and notes when each thing was first there."""

_FLOW = """async () => {
  const flow = { received: 0, sent: 0, lost: 0 };
  for (const connection of window.connections)
    for (const one of (await connection.getStats()).values()) {
      if (one.type === "inbound-rtp") { flow.received += one.packetsReceived; flow.lost += one.packetsLost; }
      if (one.type === "outbound-rtp") flow.sent += one.packetsSent;
    }
  return flow;
}"""

_LOUDEST_HZ = """async () => {
  const live = window.connections.filter((one) => one.connectionState === "connected").at(-1);
  const track = live?.getReceivers()[0]?.track;
  if (!track) return null;
  const context = new AudioContext();
  await context.resume();
  const analyser = context.createAnalyser();
  analyser.fftSize = 8192;
  context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
  await new Promise((done) => setTimeout(done, 300));
  const levels = new Float32Array(analyser.frequencyBinCount);
  analyser.getFloatFrequencyData(levels);
  const at = levels.indexOf(Math.max(...levels));
  await context.close();
  return levels[at] < -60 ? 0 : at * context.sampleRate / analyser.fftSize;
}"""


class Screen:
    """One page of one person."""

    def __init__(self, page: Page, hotline: RunningHotline) -> None:
        self.page = page
        self.hotline = hotline

    def at(self, name: str, **data: str) -> Locator:
        """The element with this `data-test`, and these `data-…`."""
        more = "".join(f'[data-{key.replace("_", "-")}="{value}"]' for key, value in data.items())
        return self.page.locator(f'[data-test="{name}"]{more}')

    async def sees(self, name: str, text: str | re.Pattern[str] | None = None, **data: str) -> Locator:
        """Wait until it is shown (with this text in it)."""
        found = self.at(name, **data).first
        await expect(found).to_be_visible()
        if text is not None:
            await expect(found).to_contain_text(text)
        return found

    async def sees_no(self, name: str, **data: str) -> None:
        """Wait until no such thing is shown."""
        await expect(self.at(name, **data)).to_have_count(0)

    async def click(self, name: str, **data: str) -> None:
        """Press it."""
        await self.at(name, **data).click(timeout=SECONDS * 1000)

    async def type(self, name: str, text: str) -> None:
        """Write into a field; the attribute may stand on the field or around it."""
        field = self.at(name)
        inner = field.locator("input, textarea")
        await (inner if await inner.count() else field).first.fill(text)

    async def press(self, *keys: str) -> None:
        """Press keys, one after another."""
        for key in keys:
            await self.page.keyboard.press(key)

    async def state(self, name: str) -> None:
        """Wait until the desk shows this state of its agent."""
        await self.sees("state", state=name)

    async def phase(self, name: str) -> None:
        """Wait until the card shows this phase of the call."""
        await self.sees("pop", phase=name)

    async def call_id(self) -> str:
        """The id of the call on the desk."""
        return await (await self.sees("pop")).get_attribute("data-call-id") or ""

    # ---- forms of the configuration

    def field(self, path: str, control: str = "input, select, textarea") -> Locator:
        """The control of a field, by the field's name in the API (`callback.key`)."""
        return self.page.locator(f'[data-path="{path}"]').locator(control).first

    async def fill(self, **fields: str) -> None:
        """Write into fields, by their names in the API; `__` for the dot."""
        for name, text in fields.items():
            await self.field(name.replace("__", ".")).fill(text)

    async def is_wrong(self, path: str, text: str) -> None:
        """Wait until the field says this of what was typed."""
        await expect(self.page.locator(f'[data-path="{path}"] .wrong')).to_contain_text(text)

    async def save(self) -> None:
        """Save the form, and wait until it is."""
        await self.click("form-save")
        await self.sees_no("form-discard")

    async def agree(self) -> None:
        """Say yes to the question that is asked before something is lost."""
        await self.page.locator(".el-message-box .el-button--primary").click()

    # ---- signing in

    async def open(self, path: str = "/") -> None:
        """Open an address of the hotline's pages."""
        await self.page.goto(self.hotline.web_url + path)

    async def sign_in(self, username: str, password: str) -> None:
        """Fill in the form and send it."""
        await self.type("username", username)
        await self.type("password", password)
        await self.click("sign-in")

    async def be_ready(self) -> None:
        """At the desk: wait for the phone and go ready."""
        await self.sees("phone-status", line="online")
        await self.click("go-ready")
        await self.state("ready")

    # ---- sound

    async def flow(self) -> dict[str, int]:
        """RTP packets of this page since it was loaded: received, sent, lost."""
        flow: dict[str, int] = await self.page.evaluate(_FLOW)
        return flow

    async def hears_the_caller(self) -> None:
        """Wait until the sound that plays in this page is the caller's."""

        async def he_does() -> bool:
            hertz = await self.page.evaluate(_LOUDEST_HZ)
            return hertz is not None and abs(hertz - CALLER_HZ) < 30

        await until(he_does, "the caller is heard in the page")

    async def first_seen(self, name: str) -> float:
        """When something was first on this page, in milliseconds since it was loaded."""
        at: float = await self.page.evaluate("(name) => window.firstSeen[name]", name)
        return at


async def microphone_allowed(context: BrowserContext, hotline: RunningHotline) -> None:
    """The person has allowed the microphone."""
    await context.grant_permissions(["microphone"], origin=hotline.web_url)


@asynccontextmanager
async def somebody(
    browser: Browser, hotline: RunningHotline, *, language: str = "zh-CN", microphone: bool = True, **how: Any
) -> AsyncIterator[Screen]:
    """A browser window of a person who is not signed in. No page may throw or complain in its console."""
    async with await browser.new_context(locale=language, **how) as context:
        if microphone:
            await microphone_allowed(context, hotline)
        await context.add_init_script(_WATCH)
        page = await context.new_page()
        wrong: list[str] = []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        yield Screen(page, hotline)
        assert not wrong, f"the page threw {wrong}"


@asynccontextmanager
async def signed_in(
    browser: Browser, hotline: RunningHotline, username: str, path: str = "/", **how: Any
) -> AsyncIterator[Screen]:
    """A person who has signed in at a page."""
    async with somebody(browser, hotline, **how) as screen:
        await screen.open(path)
        await screen.sign_in(username, hotline.logins[username]["password"])
        await screen.sees("user-menu")
        yield screen


@asynccontextmanager
async def at_desk(
    browser: Browser, hotline: RunningHotline, username: str = "alice", *, ready: bool = True, **how: Any
) -> AsyncIterator[Screen]:
    """An agent at his desk with a browser phone, ready unless told otherwise; off duty and without a call after it."""
    try:
        async with signed_in(browser, hotline, username, "/desk", **how) as screen:
            await screen.sees("desk")
            if ready:
                await screen.be_ready()
            yield screen
    finally:
        await off_duty(hotline, username)


async def off_duty(hotline: RunningHotline, username: str) -> None:
    """End all calls and sign this agent out of the line."""
    hotline.restore()
    hotline.hang_up_everything()
    async with Person(hotline.web_url) as person:
        await person.sign_in(username, hotline.logins[username]["password"])

        async def is_out() -> bool:
            try:
                await person.post("/desk/state", {"state": "signed_out"})
            except RefusedError:
                return False
            return True

        await until(is_out, f"{username} is off duty", 20)
