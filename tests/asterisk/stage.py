"""The scenes of these tests: agents with desk phones, callers on the trunk, a hotline that loses parts."""

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from typing import Any

from tests.asterisk.sip.driver import Caller, DeskPhone
from tests.onebox import RunningHotline
from tests.people import Agent, Person, RefusedError


@asynccontextmanager
async def administrator(hotline: RunningHotline) -> AsyncIterator[Person]:
    """The administrator, signed in."""
    async with Person(hotline.web_url) as person:
        await person.sign_in("admin", hotline.logins["admin"]["password"])
        yield person


@asynccontextmanager
async def at_desk(
    hotline: RunningHotline, username: str, *, ready: bool = True, node: int = 0, replica: int = 0, **phone: Any
) -> AsyncIterator[Agent]:
    """An agent at his desk with a registered SIP phone on it, ready unless told otherwise; gone after the block.

    `node` and `replica`: where his phone and his page are, counted from 0.
    """
    login = hotline.logins[username]
    async with Agent(hotline.facts["web_urls"][replica]) as agent:
        with DeskPhone(login["extension"], **phone) as desk_phone:
            assert desk_phone.register(hotline.facts["nodes"][node]["sip"], login["sip_password"])
            await agent.sign_in(username, login["password"])
            await agent.sit_down()
            await leave(agent)
            await agent.phone_is_online()
            agent.phone = desk_phone
            if ready:
                await agent.go("ready")
            yield agent
            await leave(agent)
            if len(hotline.facts["nodes"]) > 1:  # or he would seem to have a phone there when he sits elsewhere next
                desk_phone.register(hotline.facts["nodes"][node]["sip"], login["sip_password"], expires_seconds=0)


@asynccontextmanager
async def supervisor(
    hotline: RunningHotline, *, extension: str = "1077", kind: str = "desk", **phone: Any
) -> AsyncIterator[Agent]:
    """A supervisor of the tests' own, who serves no queue, at his desk and off duty; with a phone unless it is in the
    browser (`kind`).
    """
    username = await hire_supervisor(hotline, extension, kind)
    async with at_desk(hotline, username, ready=False, **phone) as boss:
        yield boss


async def hire_supervisor(hotline: RunningHotline, extension: str, kind: str) -> str:
    """Make a supervisor with a phone, once; his username."""
    username = f"boss{extension}"
    if username not in hotline.logins:
        draft = {"username": username, "display_name": "主管", "role": "supervisor", "queues": []}
        async with administrator(hotline) as admin:
            made = await admin.post("/agents", draft | {"extension": extension, "phone_kind": kind})
        login = {"password": made["password"], "extension": extension}
        hotline.logins[username] = login | {"sip_password": (made["sip"] or {}).get("password")}
    return username


@asynccontextmanager
async def configured(hotline: RunningHotline, *, of: str = "service", **changes: Any) -> AsyncIterator[None]:
    """The queue `of` is set like this inside the block, and as it was after it."""
    async with administrator(hotline) as admin:
        before = await _queue(admin, of)
        await _put_queue(admin, before | changes)
        try:
            yield
        finally:
            await _put_queue(admin, before)


async def _queue(admin: Person, queue_id: str) -> dict[str, Any]:
    whole = (await admin.get("/configuration"))["configuration"]
    found: dict[str, Any] = next(queue for queue in whole["queues"] if queue["queue_id"] == queue_id)
    return found


async def _put_queue(admin: Person, queue: dict[str, Any]) -> None:
    revision = (await admin.get("/configuration"))["revision"]
    await admin.put(f"/configuration/queues/{queue['queue_id']}?revision={revision}", queue)


async def leave(agent: Agent) -> None:
    """Wait until the agent's call is over, and sign him out of the line."""
    if agent.desk["state"]["name"] in ("offered", "ringing", "talking"):
        await agent.sees(lambda desk: desk["state"]["name"] not in ("offered", "ringing", "talking"), 40)
    try:
        await agent.go("signed_out")
    except RefusedError:
        await agent.is_in("wrapup")
        await agent.go("signed_out")


@contextmanager
def callers(*every: Caller) -> Iterator[None]:
    """These callers call one after another, in this order; all are gone after the block."""
    with ExitStack() as stack:
        for caller in every:
            stack.enter_context(caller)
            caller.wait_for("invite")
        yield


def kinds(call: dict[str, Any]) -> list[str]:
    """The kinds of a call's facts, in order."""
    return [event["kind"] for event in call["events"]]
