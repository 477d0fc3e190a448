"""Who may listen to whom, what the live queue knows of it, and what is put right. Asterisk is a note."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from callcenter.asterisk.listeners import Listener, ListenerRing
from callcenter.asterisk.model import LegAnswered
from callcenter.errors import UnavailableError
from callcenter.listening.service import YOUNG_MS
from callcenter.routing.model import AgentMove, AgentState, CallMove
from callcenter.routing.script import CallFacts, Ended
from callcenter.routing.store import Part
from callcenter.staff.model import Role
from tests.storage.house import House, open_house

CALL, LEG = "node1-1763780000.1", "node1-1763780000.2"
API = "/api/v1/listening"


class NotedListeners:
    """Supervisors' channels as a note of what Asterisk was told."""

    names = ("node1", "node2")

    def __init__(self) -> None:
        self.rung: list[ListenerRing] = []
        self.there: dict[str, Listener] = {}
        self.dead: set[str] = set()
        self.away = False
        self.loses = ""
        """What of the next ring is lost: the request, or the answer."""
        self.then_away = False

    def alive(self, node: str) -> bool:
        """All nodes live but those that a test lets die."""
        return node not in self.dead

    async def ring_listener(self, ring: ListenerRing) -> None:
        """He answers at once."""
        self._reach()
        self.rung.append(ring)
        if self.loses != "the request":
            self.there[ring.channel_id] = Listener(ring.channel_id, True, ring.mode)
        if self.loses:
            self.away = self.then_away
            raise UnavailableError(detail="Asterisk")

    async def find_listener(self, channel_id: str) -> Listener | None:
        """One of those that are there."""
        self._reach()
        return self.there.get(channel_id)

    async def change_listener(self, channel_id: str, mode: str) -> bool:
        """Whether he is there; then he is in this mode."""
        self._reach()
        if channel_id in self.there:
            self.there[channel_id] = Listener(channel_id, True, mode)
        return channel_id in self.there

    async def end_listener(self, channel_id: str) -> None:
        """He is gone."""
        self._reach()
        self.there.pop(channel_id, None)

    async def listeners(self) -> list[Listener]:
        """Those that are there."""
        return list(self.there.values())

    def _reach(self) -> None:
        if self.away:
            raise UnavailableError(detail="Asterisk")


class NoLegs:
    """Asterisk, where every leg can be ended."""

    async def end_leg(self, channel_id: str) -> None:
        """It is gone."""


class Office(House):
    """A house in which alice talks, and super's phone is registered."""

    asterisk: NotedListeners
    late_ms: int

    @property
    def live(self) -> Any:
        """The live queue."""
        return self.hotline.live

    async def listen(self, by: str = "super", mode: str = "listen", call_id: str = CALL) -> Any:
        """Ask to be at the call; the answer, or the error's id."""
        status, answer = await self.ask("POST", API, by=by, json={"call_id": call_id, "mode": mode})
        return answer if status == 200 else answer["error"]["id"]

    async def desk(self, username: str) -> dict[str, Any]:
        """What somebody's desk shows."""
        _, desk = await self.ask("GET", "/api/v1/desk", by=username)
        return dict(desk)

    async def has(self, username: str, **fields: str) -> None:
        """Set an agent's fields in the live queue."""
        await self.live.step(1, agent=Part(self.ids[username], set=fields))

    async def audited(self) -> list[tuple[str, str]]:
        """What the audit log has of listenings: what, mode."""
        rows = await self.hotline.pool.fetch(
            "select action, detail from audit_log where action like 'listening.%' order by audit_id"
        )
        return [(row["action"].removeprefix("listening."), row["detail"]["mode"]) for row in rows]


@pytest.fixture
async def office(pool: Any, redis: Any) -> AsyncIterator[Office]:
    async with open_house(pool, redis) as house:
        house.__class__ = Office
        assert isinstance(house, Office)
        house.asterisk, house.late_ms = NotedListeners(), 0
        clock = house.hotline.clock
        work: Any = house.hotline.listening
        work._asterisk, work._clock = house.asterisk, lambda: clock() + house.late_ms
        await house.has("super", online="1", node="node1")
        await house.has("admin", online="1", node="node2")
        alice = house.ids["alice"]
        talk = {"agent": str(alice), "leg": LEG, "offer": f"{CALL}/1", "answered_at": "1"}
        done = await house.live.step(
            1,
            agent=Part(alice, move=AgentMove.ADOPT, set={"call": CALL, "offer": f"{CALL}/1", "since": "1"}),
            call=Part(CALL, move=CallMove.ADOPT, set=talk),
        )
        assert done.applied
        yield house


@pytest.fixture
async def told(office: Office) -> None:
    """Agents are told that somebody listens."""
    revision = (await office.ask("GET", "/api/v1/configuration", by="admin"))[1]["revision"]
    path = f"/api/v1/configuration/general?revision={revision}"
    assert (await office.ask("PUT", path, by="admin", json={"tell_listened": True}))[0] == 200
    await office.hotline.sync_roster()


async def test_he_is_rung_at_the_node_of_the_agents_leg_and_stands_in_the_list(office: Office) -> None:
    one = await office.listen()
    [ring] = office.asterisk.rung
    assert (ring.phone, ring.leg, ring.mode, ring.shown) == ("1008", LEG, "listen", "1001")
    assert ring.channel_id == one["listening_id"]
    assert ring.channel_id.startswith("node1-listen-")
    other = await office.listen("admin", "whisper")
    assert office.asterisk.rung[1].phone == "1009@node2", "his phone is at another node"
    assert (await office.ask("GET", API, by="super"))[1] == [one, other]
    alice = office.ids["alice"]
    assert await office.hotline.listening.listeners() == {alice: "Admin"}
    assert (await office.hotline.boards.look())["agents"][str(alice)]["listener"] == "Admin"
    assert await office.audited() == [("started", "listen"), ("started", "whisper")]


async def test_an_agent_is_told_only_where_it_is_set_or_he_hears_it_anyway(office: Office) -> None:
    one = await office.listen()
    assert (await office.desk("alice"))["listener"] is None
    assert (await office.desk("super"))["listening"]["agent_name"] == "Alice"
    path = f"{API}/{one['listening_id']}"
    for mode, shown in (("whisper", None), ("barge", "Super"), ("listen", None)):
        assert (await office.ask("PUT", path, by="super", json={"mode": mode}))[0] == 200
        assert (await office.desk("alice"))["listener"] == shown
        assert (await office.desk("super"))["listening"]["mode"] == mode
    assert (await office.ask("DELETE", path, by="super"))[0] == 204
    assert (await office.desk("super"))["listening"] is None
    assert not office.asterisk.there
    assert await office.audited() == [
        ("started", "listen"), ("changed", "whisper"), ("changed", "barge"), ("changed", "listen"), ("ended", "listen"),
    ]  # fmt: skip


@pytest.mark.usefixtures("told")
async def test_the_notice_comes_with_him_and_goes_with_him(office: Office) -> None:
    one = await office.listen()
    assert (await office.desk("alice"))["listener"] == "Super"
    await office.hotline.listening.over(one["listening_id"])
    assert (await office.desk("alice"))["listener"] is None


async def test_each_refusal_says_what_to_do(office: Office) -> None:
    assert await office.listen(call_id="node1-1.9") == "not_in_talk"
    await office.has("super", online="0")
    assert await office.listen() == "phone_away"
    await office.has("super", online="1")
    await office.hire("boss", Role.SUPERVISOR)
    assert await office.listen("boss") == "no_phone"
    await office.hotline.pool.execute("update users set role = 'supervisor' where user_id = $1", office.ids["alice"])
    await office.hotline.role_work.reload()
    assert await office.listen("alice") == "own_call"
    await office.live.step(1, agent=Part(office.ids["super"], move=AgentMove.ADOPT, set={"call": "node1-1.9"}))
    assert await office.listen() == "in_call"
    await office.live.step(1, agent=Part(office.ids["super"], move=AgentMove.END))
    assert await office.listen() == "in_call", "nor while he writes down what came of his own call"
    assert await office.audited() == []
    assert not office.asterisk.rung


async def test_who_listens_is_offered_nobody_and_ready_again_afterwards(office: Office) -> None:
    assert (await office.ask("POST", "/api/v1/desk/state", by="super", json={"state": "ready"}))[0] == 200
    one = await office.listen()
    desk = await office.desk("super")
    assert (desk["state"]["name"], desk["state"]["reason"]) == ("paused", "listening")
    status, answer = await office.ask("POST", "/api/v1/desk/state", by="super", json={"state": "ready"})
    assert (status, answer["error"]["id"]) == (409, "listening")
    await office.ask("DELETE", f"{API}/{one['listening_id']}", by="super")
    assert (await office.desk("super"))["state"]["name"] == "ready"
    await office.listen()
    await office.ask("POST", "/api/v1/desk/state", by="super", json={"state": "signed_out"})
    await office.ask("DELETE", f"{API}/{office.asterisk.rung[-1].channel_id}", by="super")
    assert (await office.desk("super"))["state"]["name"] == "signed_out", "what he has said since holds"


async def test_who_takes_the_caller_over_leaves_first_and_is_ready_again_afterwards(office: Office) -> None:
    boss, hotline = office.ids["super"], office.hotline
    assert (await office.ask("POST", "/api/v1/desk/state", by="super", json={"state": "ready"}))[0] == 200
    await office.live.step(1, call=Part(CALL, set={"arrived": "1"}))
    hotline.call_acts._asterisk = hotline.call_acts._talks._asterisk = NoLegs()  # type: ignore[assignment]
    await office.listen()
    path = f"/api/v1/supervision/calls/{CALL}/take-over"
    assert (await office.ask("POST", path, by="super", json={}))[0] == 204
    assert not office.asterisk.there, "his phone can't ring while he listens"
    assert (await office.live.call(CALL)).rung == (boss,)
    assert await office.audited() == [("started", "listen"), ("ended", "listen")]
    offer = (await office.live.call(CALL)).offer_id
    await hotline.witness.take(LegAnswered(CALL, offer, "1008", "node1-1.8", hotline.clock()))
    assert (await office.desk("super"))["state"]["name"] == "talking"
    facts = CallFacts(CALL, "node1", "PJSIP/trunk-1", "", "138", "", 1)
    await hotline.routing.ended(facts, Ended(hotline.clock(), offer, None, "caller", 16, fallback=False))
    assert await hotline.work.finish(boss, CALL, {"call_type": "enquiry"})
    agent = await office.live.agent(boss)
    assert (agent.state, agent.fields["reason"]) == (AgentState.READY, "")


async def test_one_who_can_not_leave_takes_nobody_over(office: Office) -> None:
    await office.live.step(1, call=Part(CALL, set={"arrived": "1"}))
    await office.listen()
    office.asterisk.away = True
    status, answer = await office.ask("POST", f"/api/v1/supervision/calls/{CALL}/take-over", by="super", json={})
    assert (status, answer["error"]["id"]) == (503, "unavailable")
    assert (await office.live.call(CALL)).agent_id == office.ids["alice"]
    assert len(await office.hotline.listening.list()) == 1


async def test_who_is_paused_for_a_listening_that_is_lost_is_ready_again(office: Office) -> None:
    paused = Part(office.ids["super"], move=AgentMove.PAUSE, set={"reason": "listening"})
    await office.live.step(1, agent=paused)
    await office.has("admin", reason="listening")
    await office.hotline.listening.compare()
    states = {name: (await office.desk(name))["state"]["name"] for name in ("super", "admin")}
    assert states == {"super": "ready", "admin": "signed_out"}
    await office.listen()
    await office.hotline.listening.compare()
    assert (await office.desk("super"))["state"]["reason"] == "listening", "he does listen"


async def test_another_one_ends_the_first(office: Office) -> None:
    first, second = await office.listen(), await office.listen(mode="whisper")
    assert list(office.asterisk.there) == [second["listening_id"]]
    assert (await office.ask("GET", API, by="super"))[1] == [second]
    assert await office.audited() == [("started", "listen"), ("ended", "listen"), ("started", "whisper")]
    assert (await office.ask("PUT", f"{API}/{first['listening_id']}", by="super", json={"mode": "barge"}))[0] == 404
    assert (await office.ask("DELETE", f"{API}/{first['listening_id']}", by="super"))[0] == 204
    assert (await office.ask("DELETE", f"{API}/{second['listening_id']}", by="admin"))[0] == 404
    assert (await office.ask("PUT", f"{API}/{second['listening_id']}", by="admin", json={"mode": "barge"}))[0] == 404
    assert office.asterisk.there[second["listening_id"]].mode == "whisper"


async def test_his_phone_must_be_answered_before_the_mode_is_another(office: Office) -> None:
    one = await office.listen()
    office.asterisk.there[one["listening_id"]] = Listener(one["listening_id"], False, "")
    status, answer = await office.ask("PUT", f"{API}/{one['listening_id']}", by="super", json={"mode": "barge"})
    assert (status, answer["error"]["id"]) == (409, "not_answered")


async def test_nobody_listens_unaudited_and_what_asterisk_refuses_has_not_begun(office: Office) -> None:
    office.asterisk.loses = "the request"
    assert await office.listen() == "unavailable"
    assert (await office.ask("GET", API, by="super"))[1] == []
    assert (await office.desk("super"))["listening"] is None
    assert await office.audited() == [("started", "listen"), ("ended", "listen")]


async def test_a_phone_that_rings_though_nobody_was_told_does_so_no_longer(office: Office) -> None:
    office.asterisk.loses = "the answer"
    assert await office.listen() == "unavailable"
    assert not office.asterisk.there, "he could listen after the end that is audited"
    assert (await office.desk("super"))["listening"] is None
    assert await office.audited() == [("started", "listen"), ("ended", "listen")]


@pytest.mark.parametrize("rings", [True, False])
async def test_while_it_is_not_known_whether_his_phone_rings_no_end_is_told(office: Office, rings: bool) -> None:
    office.asterisk.loses, office.asterisk.then_away = "the answer" if rings else "the request", True
    assert await office.listen() == "unavailable"
    assert (await office.desk("super"))["listening"]["mode"] == "listen"
    assert await office.audited() == [("started", "listen")]
    office.asterisk.away, office.late_ms = False, YOUNG_MS
    await office.hotline.listening.compare()
    left = await office.hotline.listening.list()
    assert [one.listening_id for one in left] == list(office.asterisk.there)
    assert len(left) == rings
    assert await office.audited() == [("started", "listen"), ("ended", "listen")][: 1 if rings else 2]


async def test_an_end_that_nobody_saw_is_found(office: Office) -> None:
    one = await office.listen()
    del office.asterisk.there[one["listening_id"]]
    work = office.hotline.listening
    await work.compare()
    assert len(await work.list()) == 1, "his phone may not ring yet"
    office.late_ms = YOUNG_MS
    await work.compare()
    await work.compare()
    await work.over(one["listening_id"])
    assert await work.list() == []
    assert (await office.desk("super"))["listening"] is None
    assert await office.audited() == [("started", "listen"), ("ended", "listen")], "once, whoever sees it"


async def test_what_asterisk_has_is_what_is_so(office: Office) -> None:
    one = await office.listen()
    office.asterisk.there[one["listening_id"]] = Listener(one["listening_id"], True, "barge")
    office.asterisk.there["node1-listen-1-77"] = Listener("node1-listen-1-77", True, "listen")
    await office.hotline.listening.compare()
    await office.hotline.listening.end_unknown()
    assert (await office.desk("alice"))["listener"] == "Super"
    assert list(office.asterisk.there) == [one["listening_id"]], "nobody listens of whom nothing is known"


@pytest.mark.parametrize("what", ["the talk has ended", "the agent's node is dead", "his phone's node is dead"])
async def test_where_there_is_no_conversation_nobody_listens(office: Office, what: str) -> None:
    await office.listen("admin")
    if what == "the talk has ended":
        await office.live.step(1, call=Part(CALL, move=CallMove.END))
    else:
        office.asterisk.dead = {"node1" if "agent" in what else "node2"}
    await office.hotline.listening.compare()
    assert await office.hotline.listening.list() == []
    assert what == "the agent's node is dead" or not office.asterisk.there
    assert await office.audited() == [("started", "listen"), ("ended", "listen")]


async def test_an_end_is_audited_when_the_database_is_back(office: Office) -> None:
    one = await office.listen()
    work: Any = office.hotline.listening
    pool, work._pool = work._pool, Away()
    await work.over(one["listening_id"])
    assert (await office.desk("super"))["listening"] is None, "he is free at once"
    office.late_ms = YOUNG_MS
    await work.compare()
    work._pool = pool
    assert await office.audited() == [("started", "listen")]
    await work.compare()
    await work.compare()
    assert await office.audited() == [("started", "listen"), ("ended", "listen")]
    assert await office.live.redis.hlen("cc:listening") == 0


class Away:
    """A database that is away."""

    def acquire(self) -> Any:
        """Nobody answers."""
        raise ConnectionRefusedError
