"""What is promised of matching: 10,000 agents, 100 queues, 5,000 waiting, on one core."""

import json
from dataclasses import asdict

from tests.bench import matching


def test_the_promise_is_kept() -> None:
    """The margin is wide (twofold at the least on a busy machine), so that this fails only when something is wrong."""
    found = matching.speed(matching.WAITING, matches=3_000)
    assert (found.agents, found.queues) == (10_000, 100)
    assert found.waiting >= matching.WAITING
    assert found.matches_a_second >= matching.LEAST_MATCHES_A_SECOND
    assert found.p99_ms < matching.MOST_P99_MS


def test_a_run_can_be_kept_as_json() -> None:
    found = json.loads(json.dumps(asdict(matching.run(matches=200))))
    assert [one["matches"] >= 200 for one in found["speeds"]] == [True] * 4
    assert found["storm"]["p50_ms"] > 0
