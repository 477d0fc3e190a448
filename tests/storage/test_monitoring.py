"""What an operator's Prometheus reads: the board's figures, to promtool's liking, known to rules and dashboard."""

import asyncio
import json
import re
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from callcenter.board.reading import lines
from callcenter.calls.writer import SETTLE_MS, CallWriter
from callcenter.clock import now_ms
from callcenter.events import STREAM, CallEvent, Kind, event
from tests.storage.house import House, open_house

MONITORING = Path("deploy/monitoring")
DASHBOARD = json.loads((MONITORING / "grafana/callcenter.json").read_text(encoding="utf-8"))
RULES = yaml.safe_load((MONITORING / "alerts.yml").read_text(encoding="utf-8"))
RUNBOOK = Path("docs/alerts.md").read_text(encoding="utf-8")
NOT_OURS = {"up", "process_cpu_seconds_total"}


def promtool(*words: str, text: str | None = None) -> str:
    """What promtool says; it must be content."""
    done = subprocess.run(["promtool", *words], input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
async def house(pool: Any, redis: Any) -> AsyncIterator[House]:
    async with open_house(pool, redis) as house:
        await house.hotline.boards.look()
        yield house


async def exposed(house: House) -> str:
    status, text = await house.ask("GET", "/metrics")
    assert status == 200
    return str(text)


def samples(text: str) -> dict[tuple[str, ...], float]:
    """Each sample: its name and its labels as name=value, in order."""
    return {
        (one.name, *(f"{name}={value}" for name, value in sorted(one.labels.items()))): one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
    }


# -- one source ----------------------------------------------------------------------------------------


async def test_the_figures_are_the_board_s(house: House, pool: Any) -> None:
    await pool.execute(
        """
        insert into calls (call_id, node, queue_id, status, arrived_at, answered_at, ended_at, waiting_seconds, rings,
            talking_seconds, abandoned_in)
        select 'node1-1763780000.' || n, 'node1', q, s, now(), case s when 'answered' then now() end, now(), w, r, 60, i
        from (values (1, 'service', 'answered', 6, 2, null), (2, 'service', 'answered', 40, 9, null),
            (3, 'service', 'abandoned', 30, 6, 'queue'), (4, 'service', 'abandoned', 2, 1, 'ringing'),
            (5, null, 'abandoned', 9, 2, 'menu'), (6, null, 'blocked', 0, 1, null)) c (n, q, s, w, r, i)
        """
    )
    house.hotline.boards._dirty_day.all = True
    board = (await house.hotline.boards.snapshot())["board"]
    found = samples(await exposed(house))
    whole, service = board["figures"][""], board["figures"]["service"]
    for name in ("arrived", "answered", "within_target", "short_abandoned", "messages", "closed", "blocked"):
        metric = f"callcenter_today_{name}"
        assert found[metric, "queue=service"] == service[name]
        assert found[metric, "queue=service"] + found[metric, "queue="] == whole[name], "sums are of all calls"
    for where in ("menu", "queue", "ringing"):
        there = found["callcenter_today_abandoned", "queue=service", f"where={where}"]
        assert there == service[f"abandoned_{where}"]
    assert (service["within_target"], service["answered"]) == (1, 2)
    assert found["callcenter_today_service_level_ratio", "queue=service"] == pytest.approx(1 / 3)
    assert found["callcenter_today_hotline_service_level_ratio",] == pytest.approx(1 / 3)
    assert found["callcenter_agents", "state=signed_out"] == len(board["agents"]) == 3
    assert found["callcenter_queue_agents", "queue=service", "state=signed_out"] == 1


async def test_what_is_now_is_the_board_s_too(house: House) -> None:
    boards = house.hotline.boards
    now = now_ms()
    for call_id, place, waited in (("a", "waiting", 75), ("b", "offered", 5), ("c", "callback", 900), ("d", "menu", 9)):
        row = {"queue_id": "" if place == "menu" else "service", "place": place, "arrived_at": now - waited * 1000}
        boards.last["calls"][call_id] = row
    boards.last["alarms"]["waiting:service"] = {"kind": "waiting", "subject": "service", "acknowledged_by": None}
    found = samples(await exposed(house))
    line = lines(boards.last, now)["service"]
    assert found["callcenter_waiting", "queue=service"] == line.waiting == 2
    assert found["callcenter_longest_wait_seconds", "queue=service"] == pytest.approx(line.longest_wait_seconds, abs=20)
    assert found["callcenter_callbacks_waiting", "queue=service"] == line.callbacks == 1
    assert found["callcenter_live_calls", "place=menu", "queue="] == 1
    assert found["callcenter_alarm_active", "kind=waiting", "subject=service"] == 1
    assert found["callcenter_alarms_unacknowledged",] == 1


async def test_no_label_names_a_person_or_a_number(house: House) -> None:
    labels = {label.partition("=")[0] for one in samples(await exposed(house)) for label in one[1:]}
    known = {
        "route",
        "method",
        "queue",
        "state",
        "where",
        "place",
        "kind",
        "subject",
        "status",
        "reason",
        "what",
        "node",
        "result",
        "step",
        "le",
    }
    python = {"generation", "implementation", "major", "minor", "patchlevel", "version"}
    assert labels <= known | python


async def test_a_scrape_asks_nobody(house: House, pool: Any, redis: Any) -> None:
    before = (await redis.info("stats"))["total_commands_processed"]
    house.hotline.pool = house.hotline.boards._pool = None
    for _ in range(3):
        assert "callcenter_waiting" in await exposed(house)
    after = (await redis.info("stats"))["total_commands_processed"]
    assert after - before == 1, "the second look at the counter itself"


# -- calls are counted once ----------------------------------------------------------------------------


def call_of(number: int, *facts: tuple[Kind, int, dict[str, Any]]) -> list[CallEvent]:
    call_id = f"node1-1763780000.{number}"
    return [event(call_id, kind, 1_763_780_000_000 + at, **body) for kind, at, body in facts]


async def counted(house: House) -> dict[str, float]:
    """Status -> calls that were counted so, in the queue `counted`."""
    return {
        one[2].removeprefix("status="): value
        for one, value in samples(await exposed(house)).items()
        if one[0] == "callcenter_calls_total" and one[1] == "queue=counted"
    }


async def test_a_call_is_counted_once_as_what_has_become_of_it(house: House, pool: Any, redis: Any) -> None:
    now = now_ms()
    writer = CallWriter(redis, pool, lambda: now)
    arrived, line = (Kind.ARRIVED, 0, {"node": "node1"}), (Kind.QUEUED, 1, {"queue_id": "counted"})
    ended = (Kind.ENDED, 9000, {"hung_up_by": "caller"})
    first = [
        *call_of(1, arrived, line, (Kind.ANSWERED, 3000, {"agent_id": 1}), ended),
        *call_of(2, arrived, line, ended),
        *call_of(3, arrived, line, ended),
        *call_of(4, arrived, line),
    ]
    late = [
        *call_of(3, (Kind.MESSAGE, 9500, {})),
        *call_of(2, (Kind.LEDGER, 9100, {"hung_up_by": "caller"})),
        *call_of(2, ended),
    ]
    async with pool.acquire() as connection:
        for facts in (first, late):
            entries = [(f"{now}-{place}", fact.to_stream()) for place, fact in enumerate(facts)]
            await writer.store(connection, {STREAM: entries})
            writer.count_settled()
            assert await counted(house) == {}
        now += SETTLE_MS
        writer.count_settled()
        writer.count_settled()
    assert await counted(house) == {"answered": 1, "abandoned": 1, "message": 1}


async def test_the_writer_s_lag_grows_while_nobody_writes(house: House, pool: Any, redis: Any) -> None:
    now = now_ms()
    writer = CallWriter(redis, pool, lambda: now)
    await redis.xadd(STREAM, call_of(1, (Kind.ARRIVED, 0, {}))[0].to_stream(), id=f"{now - 90_000}-0")
    await writer._measure_lag()
    assert samples(await exposed(house))["callcenter_writer_lag_seconds",] == 90
    await redis.delete(STREAM)
    await writer._measure_lag()
    assert samples(await exposed(house))["callcenter_writer_lag_seconds",] == 0


# -- promtool, rules and dashboard ---------------------------------------------------------------------


async def test_promtool_likes_what_is_exposed(house: House) -> None:
    text = await exposed(house)
    assert await asyncio.to_thread(promtool, "check", "metrics", text=text) == ""


def test_rules_and_example_hold() -> None:
    promtool("check", "config", str(MONITORING / "prometheus.yml"))
    promtool("check", "rules", str(MONITORING / "alerts.yml"))
    promtool("test", "rules", str(MONITORING / "alerts_test.yml"))


def alerts() -> list[dict[str, Any]]:
    return [rule for group in RULES["groups"] for rule in group["rules"]]


def test_every_alert_says_what_it_means_in_both_languages_and_what_to_do() -> None:
    for rule in alerts():
        said = rule["annotations"]
        assert said.keys() == {"summary", "summary_zh", "description", "description_zh", "runbook"}, rule["alert"]
        assert rule["labels"]["severity"] in {"warning", "critical"}
        assert said["runbook"] == f"docs/alerts.md#{rule['alert'].lower()}"
        assert f"\n## {rule['alert']}\n" in RUNBOOK
    tested = yaml.safe_load((MONITORING / "alerts_test.yml").read_text(encoding="utf-8"))["tests"]
    fired = {one["alertname"] for test in tested for one in test["alert_rule_test"] if one["exp_alerts"]}
    assert fired == {rule["alert"] for rule in alerts()}


def panels() -> list[dict[str, Any]]:
    return list(DASHBOARD["panels"])


def queries() -> Iterator[str]:
    """Every expression of the dashboard, its variables filled in."""
    for panel in panels():
        for target in panel.get("targets", ()):
            yield target["expr"].replace("$queue", "service").replace("$job", "callcenter")


_NAME = re.compile(r"\b(callcenter_\w+|process_\w+|up)\b(?=[{\[)])")


async def test_every_name_in_rules_and_dashboard_is_exposed(house: House) -> None:
    families = list(text_string_to_metric_families(await exposed(house)))
    names = {family.name + end for family in families for end in ("", "_total", "_bucket", "_sum", "_count")} | NOT_OURS
    asked = {name for text in (*queries(), *(rule["expr"] for rule in alerts())) for name in _NAME.findall(text)}
    variables = [one["definition"] for one in DASHBOARD["templating"]["list"] if "definition" in one]
    asked |= {name for text in variables for name in re.findall(r"callcenter_\w+", text)}
    assert len(asked) > 25
    assert asked <= names


def test_every_query_of_the_dashboard_is_promql(tmp_path: Path) -> None:
    rules = [{"record": f"panel:{place}", "expr": text} for place, text in enumerate(queries())]
    path = tmp_path / "queries.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}), encoding="utf-8")
    promtool("check", "rules", "--lint=none", str(path))


def test_the_dashboard_can_be_brought_in_anywhere() -> None:
    ids = [panel["id"] for panel in panels()]
    assert ids == sorted(set(ids))
    assert DASHBOARD["schemaVersion"] >= 39
    assert "id" not in DASHBOARD, "Grafana gives it"
    for panel in panels():
        assert panel["type"] == "row" or panel["datasource"]["uid"] == "${datasource}"
        assert "·" in panel["title"], "in both languages"
    rows = [panel["title"] for panel in panels() if panel["type"] == "row"]
    assert rows == ["现在 · Now", "今日 · Today", "座席 · Agents", "健康 · Health"]


def test_no_panel_lies_on_another() -> None:
    taken: dict[tuple[int, int], int] = {}
    for panel in panels():
        place = panel["gridPos"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert taken.setdefault((x, y), panel["id"]) == panel["id"]
                assert x < 24
