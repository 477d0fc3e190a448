"""A supervisor listens, whispers and barges in: who hears whom, measured at all three phones. Two real nodes."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest
from redis.asyncio import Redis

from callcenter.configuration.model import General
from tests.asterisk.sip.driver import DeskPhone
from tests.asterisk.sip.voice import AGENT_HZ, CALLER_HZ, LISTENER_HZ, Voice, speaking_caller
from tests.asterisk.stage import administrator, at_desk
from tests.onebox import RunningHotline, private_hotline
from tests.people import Agent, Document, Person, RefusedError
from tests.waiting import until

HERTZ = {"caller": CALLER_HZ, "agent": AGENT_HZ, "supervisor": LISTENER_HZ}
LOUD, FAINT = 3000, 300
"""Root mean square of 16-bit samples at a tone that is heard (a phone says about 5700), and at one that is not."""
MOST, HARDLY_ANY = 0.8, 0.1
"""Parts of half a second's packets; those in which sound was lost or began carry a bit of everything."""
WHO_HEARS_WHOM = {
    "listen": {"caller": {"agent"}, "agent": {"caller"}, "supervisor": {"caller", "agent"}},
    "whisper": {"caller": {"agent"}, "agent": {"caller", "supervisor"}, "supervisor": {"caller", "agent"}},
    "barge": {
        "caller": {"agent", "supervisor"},
        "agent": {"caller", "supervisor"},
        "supervisor": {"caller", "agent"},
    },
}


@pytest.fixture(scope="module")
def two_nodes() -> Iterator[RunningHotline]:
    """A hotline of two nodes, with a supervisor at a desk phone who serves no queue."""
    with private_hotline(nodes=2) as running:
        asyncio.run(_hire(running))
        yield running


async def _hire(pair: RunningHotline) -> None:
    boss = {"username": "boss", "display_name": "郑主管", "role": "supervisor", "extension": "1009"}
    async with administrator(pair) as admin:
        made = await admin.post("/agents", boss | {"phone_kind": "desk", "queues": []})
    pair.logins["boss"] = boss | {"password": made["password"], "sip_password": made["sip"]["password"]}


@pytest.fixture
def pair(two_nodes: RunningHotline) -> Iterator[RunningHotline]:
    """The same with every part running, and no call left, after a test."""
    two_nodes.restore()
    yield two_nodes
    two_nodes.restore()
    two_nodes.hang_up_everything()


def shares(levels: list[float]) -> tuple[float, float]:
    """In which part of these packets a tone is loud, and in which it is there at all."""
    count = max(1, len(levels))
    return sum(level > LOUD for level in levels) / count, sum(level > FAINT for level in levels) / count


@dataclass
class Conversation:
    """A caller and an agent who talk, and what they hear."""

    agent: Agent
    call_id: str
    voices: dict[str, Voice]
    caller: Any

    def heard(self) -> dict[str, dict[str, tuple[float, float]]]:
        """Who hears whom: in which part of the packets he is loud, and in which he is there at all."""
        return {
            who: {other: shares(voice.levels(hertz)) for other, hertz in HERTZ.items() if other != who}
            for who, voice in self.voices.items()
        }

    def is_heard_as(self, mode: str) -> bool:
        """Whether everybody hears those whom he should, and nobody else."""
        wanted = WHO_HEARS_WHOM[mode]
        return all(
            loud >= MOST if other in wanted[who] else there <= HARDLY_ANY
            for who, heard in self.heard().items()
            for other, (loud, there) in heard.items()
        )

    def is_heard_by_nobody_else(self, mode: str) -> bool:
        """Whether nobody hears whom he should not."""
        wanted = WHO_HEARS_WHOM[mode]
        return all(
            there <= HARDLY_ANY or other in wanted[who]
            for who, heard in self.heard().items()
            for other, (_, there) in heard.items()
        )

    async def becomes(self, mode: str) -> None:
        """Wait until everybody hears those whom he should and nobody else, and see that nobody else comes to be heard
        for a second.
        """
        try:
            await until(lambda: self.is_heard_as(mode), f"heard as in {mode}", 10)
        except AssertionError as late:
            raise AssertionError(f"{late}: {self.heard()}") from None
        for _ in range(4):
            heard = {who: voice.packets for who, voice in self.voices.items()}
            await until(lambda: all(voice.packets > heard[who] + 15 for who, voice in self.voices.items()))  # noqa: B023
            assert self.is_heard_by_nobody_else(mode), self.heard()


@asynccontextmanager
async def conversation(
    pair: RunningHotline, number: str, *, at: int = 0, agent_at: int = 0
) -> AsyncIterator[Conversation]:
    """A caller at one node talks with an agent at one node."""
    with Voice(hertz=AGENT_HZ) as mouth:
        async with at_desk(pair, "carol", node=agent_at, media_port=mouth.port) as carol:
            with speaking_caller(pair, number, node=at) as (caller, voice):
                desk = await carol.is_in("talking")
                mouth.speaks_to(carol.phone)
                talk = Conversation(carol, desk["call"]["call_id"], {"caller": voice, "agent": mouth}, caller)
                await talk.becomes("listen")
                yield talk
                pair.restore()
                pair.hang_up_everything()


@dataclass
class Supervisor:
    """A supervisor with a desk phone who speaks into it all the time."""

    person: Person
    phone: DeskPhone
    voice: Voice

    async def joins(self, talk: Conversation, mode: str) -> Document:
        """He is at the conversation; the answer of the hotline."""
        rung = len([event for event in self.phone.events() if event.kind == "answer"])
        one: Document = await self.person.post("/listening", {"call_id": talk.call_id, "mode": mode})
        await asyncio.to_thread(self.phone.wait_for, "answer", count=rung + 1)
        self.voice.speaks_to(self.phone, count=rung + 1)
        talk.voices["supervisor"] = self.voice
        return one

    async def changes(self, one: Document, mode: str) -> None:
        """He goes on in another mode."""
        changed = await self.person.put(f"/listening/{one['listening_id']}", {"mode": mode})
        assert changed["mode"] == mode

    def rings(self) -> int:
        """How often his phone has rung."""
        return len([event for event in self.phone.events() if event.kind == "invite"])


@contextmanager
def _phone(pair: RunningHotline, node: int) -> Iterator[tuple[DeskPhone, Voice]]:
    with Voice(hertz=LISTENER_HZ) as voice, DeskPhone("1009", media_port=voice.port) as phone:
        assert phone.register(str(pair.facts["nodes"][node]["sip"]), pair.logins["boss"]["sip_password"])
        yield phone, voice


@asynccontextmanager
async def supervisor(pair: RunningHotline, *, at: int = 0) -> AsyncIterator[Supervisor]:
    """The supervisor, with his phone at a node."""
    with _phone(pair, at) as (phone, voice):
        async with Person(pair.web_url) as person:
            await person.sign_in("boss", pair.logins["boss"]["password"])

            async def is_there() -> bool:
                return bool((await person.get("/desk"))["agent"]["phone_online"]) and await _node(pair, person) == at

            await until(is_there, "his phone is known where it is")
            yield Supervisor(person, phone, voice)


async def _node(pair: RunningHotline, person: Person) -> int:
    redis: Any = Redis.from_url(pair.redis_url, decode_responses=True)
    try:
        return int((await redis.hget(f"cc:agent:{person.user['user_id']}", "node"))[-1]) - 1
    finally:
        await redis.aclose()


async def audited(pair: RunningHotline, call_id: str) -> list[tuple[str, str, str]]:
    """What the audit log has of listenings to a call: who, what, mode."""
    connection = await asyncpg.connect(pair.database_url)
    try:
        rows = await connection.fetch(
            "select username, action, detail::jsonb ->> 'mode' as mode from audit_log"
            " where object_kind = 'call' and object_id = $1 and action like 'listening.%' order by audit_id",
            call_id,
        )
    finally:
        await connection.close()
    return [tuple(row) for row in rows]


PLACES = [(0, 0, 0), (0, 0, 1), (0, 1, 0), (0, 1, 1)]


@pytest.mark.parametrize(("caller", "agent", "boss"), PLACES, ids=["-".join(map(str, place)) for place in PLACES])
async def test_each_mode_is_heard_by_whom_it_should_and_by_nobody_else(
    pair: RunningHotline, caller: int, agent: int, boss: int
) -> None:
    number = f"1380013{caller}{agent}{boss}1"
    async with (
        supervisor(pair, at=boss) as his,
        conversation(pair, number, at=caller, agent_at=agent) as talk,
    ):
        one = await his.joins(talk, "listen")
        assert his.phone.wait_for("listen").text == one["listening_id"], "his phone knows that it is no caller"
        await talk.becomes("listen")
        for mode in ("whisper", "barge", "listen", "barge", "whisper"):
            await his.changes(one, mode)
            await talk.becomes(mode)
        assert his.rings() == 1, "another mode is no other ring"
        assert (await his.person.get("/listening"))[0]["mode"] == "whisper"
        await his.person.delete(f"/listening/{one['listening_id']}")
        await asyncio.to_thread(his.phone.wait_for, "hung-up-on")
        del talk.voices["supervisor"]
        await talk.becomes("listen")
        assert await his.person.get("/listening") == []
        await his.person.delete(f"/listening/{one['listening_id']}")
    modes = ["whisper", "barge", "listen", "barge", "whisper"]
    assert await audited(pair, talk.call_id) == [
        ("boss", "listening.started", "listen"),
        *(("boss", "listening.changed", mode) for mode in modes),
        ("boss", "listening.ended", "whisper"),
    ]


@pytest.mark.parametrize("agent_at", [0, 1])
@pytest.mark.parametrize("by", ["caller", "agent"])
async def test_the_conversations_end_ends_it(pair: RunningHotline, by: str, agent_at: int) -> None:
    async with supervisor(pair, at=1) as his, conversation(pair, "13800136001", agent_at=agent_at) as talk:
        await his.joins(talk, "barge")
        await talk.becomes("barge")
        leg = f"PJSIP/{talk.agent.desk['agent']['extension']}" if by == "agent" else "PJSIP/trunk"
        hang_up(pair, leg, node=agent_at if by == "agent" else 0)
        await asyncio.to_thread(his.phone.wait_for, "hung-up-on")
        await nobody_listens(his)
        call = talk.call_id
    assert [action for _, action, _ in await audited(pair, call)] == ["listening.started", "listening.ended"]


async def test_the_supervisor_hangs_up_and_the_conversation_goes_on(pair: RunningHotline) -> None:
    async with supervisor(pair) as his, conversation(pair, "13800136002") as talk:
        await his.joins(talk, "barge")
        await talk.becomes("barge")
        hang_up(pair, "PJSIP/1009", node=0)
        await nobody_listens(his)
        del talk.voices["supervisor"]
        await talk.becomes("listen")


async def test_a_service_that_dies_takes_nobody_along_and_knows_of_it_afterwards(pair: RunningHotline) -> None:
    async with supervisor(pair) as his, conversation(pair, "13800136003") as talk:
        one = await his.joins(talk, "whisper")
        await talk.becomes("whisper")
        with pair.without("serve"):
            await talk.becomes("whisper")
        assert await his.person.get("/listening") == [one]
        await his.changes(one, "listen")
        await talk.becomes("listen")
        assert his.rings() == 1
        pair.kill("serve")
        hang_up(pair, "PJSIP/1009", node=0)
        pair.start("serve")
        await nobody_listens(his)
    assert (await audited(pair, talk.call_id))[-1] == ("boss", "listening.ended", "listen")


async def test_he_goes_on_to_another_conversation(pair: RunningHotline) -> None:
    async with supervisor(pair) as his, conversation(pair, "13800136004") as talk:
        first = await his.joins(talk, "barge")
        await talk.becomes("barge")
        second = await his.joins(talk, "listen")
        await asyncio.to_thread(his.phone.wait_for, "hung-up-on")
        await talk.becomes("listen")
        assert first != second
        assert await his.person.get("/listening") == [second]


async def test_only_supervisors_listen(pair: RunningHotline) -> None:
    async with conversation(pair, "13800136005") as talk, Person(pair.web_url) as stranger:
        for person, status in ((talk.agent, 403), (stranger, 401)):
            for method, path, body in (
                ("POST", "/listening", {"call_id": talk.call_id, "mode": "listen"}),
                ("GET", "/listening", None),
                ("PUT", "/listening/node1-listen-1-1", {"mode": "barge"}),
                ("DELETE", "/listening/node1-listen-1-1", None),
            ):
                with pytest.raises(RefusedError) as refused:
                    await person._ask(method, path, json=body)
                assert refused.value.status == status


@pytest.mark.parametrize("told", [True, False])
async def test_the_agents_desk_tells_of_him_where_that_is_set(pair: RunningHotline, told: bool) -> None:
    async with administrator(pair) as admin:
        await set_told(admin, told)
        async with supervisor(pair) as his, conversation(pair, "13800136006") as talk:
            shown = await _shown_of_a_listening(his, talk, told)
        await set_told(admin, False)
    changes = [one for one, before in zip(shown[1:], shown, strict=False) if one != before]
    assert changes == ["郑主管", None], "nothing else was on his desk"


async def _shown_of_a_listening(his: Supervisor, talk: Conversation, told: bool) -> list[str | None]:
    """Whom the agent's desk showed as his listener, from the first to the last."""
    one = await his.joins(talk, "listen")
    if told:
        await talk.agent.sees(lambda desk: desk["listener"] == "郑主管", 5)
    await his.changes(one, "barge")
    await talk.agent.sees(lambda desk: desk["listener"] == "郑主管", 5)
    await his.changes(one, "whisper")
    await talk.agent.sees(lambda desk: (desk["listener"] is not None) is told, 5)
    await his.person.delete(f"/listening/{one['listening_id']}")
    await talk.agent.sees(lambda desk: desk["listener"] is None, 5)
    return [desk["listener"] for desk in talk.agent.shown]


async def set_told(admin: Person, told: bool) -> None:
    """Set whether agents are told."""
    whole = await admin.get("/configuration")
    general = {name: whole["configuration"][name] for name in General.model_fields} | {"tell_listened": told}
    await admin.put(f"/configuration/general?revision={whole['revision']}", general)


async def nobody_listens(his: Supervisor) -> None:
    """Returns as soon as the hotline knows that nobody does."""

    async def nobody() -> bool:
        return bool(await his.person.get("/listening") == [])

    await until(nobody, "nobody listens", 10)


def hang_up(pair: RunningHotline, name: str, *, node: int) -> None:
    """End the channel whose name begins so, as if its phone had."""
    channels = pair.asterisk("core show channels concise", node=node).splitlines()
    [found] = [line.partition("!")[0] for line in channels if line.startswith(name)]
    pair.asterisk(f"channel request hangup {found}", node=node)
