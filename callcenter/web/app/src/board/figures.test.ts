import { describe, expect, it } from "vitest";

import { empty, type AgentDayRow } from "./board";
import { agentRow, callRow, quarterRow, queueRow } from "./boards";
import { abandoned, agentsByState, callsByPlace, curveOf, levels, moods, NO_FIGURES, occupancy, percent, quarterOf, responseLevel, serviceLevel, summaries, upTo, usedSpan } from "./figures";

const figures = { ...NO_FIGURES, arrived: 30, answered: 20, within_target: 18, within_response: 19, abandoned_menu: 4, abandoned_queue: 3, abandoned_ringing: 2, short_abandoned: 2 };
const QUARTER = 15 * 60_000;
const DAY = 96 * QUARTER;

describe("the service level", () => {
  it("is what was answered within target of all that was answered or gave up in line or ringing", () => {
    expect(serviceLevel(figures, false)).toEqual({ part: 18, whole: 25, level: 18 / 25 });
    expect(abandoned(figures, false), "those who left in a menu waited for nobody").toBe(5);
  });
  it("leaves out those who gave up at once, when that is wanted", () => {
    expect(serviceLevel(figures, true)).toEqual({ part: 18, whole: 23, level: 18 / 23 });
    expect(responseLevel(figures, true)).toEqual({ part: 19, whole: 23, level: 19 / 23 });
  });
  it("is none while nobody was answered or gave up", () => {
    expect(serviceLevel(NO_FIGURES, false).level).toBeNull();
    expect(percent(null)).toBe("—");
  });
  it("is never shown better than it is", () => {
    expect(percent(0.996)).toBe("99%");
    expect(percent(1)).toBe("100%");
    expect(percent(0.29)).toBe("29%");
  });
});

describe("who waits", () => {
  const calls = {
    late: callRow({ call_id: "late", arrived_at: 1000, place: "offered" }),
    early: callRow({ call_id: "early", arrived_at: 500 }),
    other: callRow({ call_id: "other", arrived_at: 100, queue_id: "repair" }),
    menu: callRow({ call_id: "menu", place: "menu", queue_id: "" }),
    out: callRow({ call_id: "out", place: "outside" }),
    talks: callRow({ call_id: "talks", place: "talking" }),
    kept: callRow({ call_id: "kept", place: "callback" }),
    calling: callRow({ call_id: "calling", place: "calling" }),
  };
  it("is in line by arrival, the longest wait first, apart from those without a line", () => {
    const all = callsByPlace(calls, "");
    expect(all.line.map((call) => call.call_id)).toEqual(["other", "early", "late"]);
    expect(all.callbacks.map((call) => call.call_id)).toEqual(["calling", "kept"]);
    expect(all.outside.map((call) => call.call_id)).toEqual(["out"]);
    expect(callsByPlace(calls, "service").line.map((call) => call.call_id)).toEqual(["early", "late"]);
  });
  it("is in time, late, or to be apologised to, by the rings of the call's own queue", () => {
    const queues = { service: queueRow(), repair: queueRow({ queue_id: "repair", last_ring: 4, apology_ring: 9 }) };
    const line = [callRow({ arrived_at: 0 }), callRow({ arrived_at: 10_000 }), callRow({ arrived_at: 14_000 }), callRow({ arrived_at: 0, queue_id: "repair" })];
    expect(moods(line, queues, 20_000, 5)).toEqual({ good: 1, late: 2, sorry: 1 });
  });
  it("is counted for each queue and for the hotline, with the agents of each", () => {
    const board = { ...empty(), calls, queues: { repair: queueRow({ queue_id: "repair", position: 1 }), service: queueRow() }, figures: { "": figures },
      agents: { 1: agentRow({ queues: ["service", "repair"] }), 2: agentRow({ user_id: 2, state: "offered" as const }) } };
    const all = summaries(board);
    expect([...all.keys()]).toEqual(["", "service", "repair"]);
    expect(all.get("")?.oldest).toBe(100);
    expect(all.get("")?.calls.menu).toHaveLength(1);
    expect(all.get("service")?.oldest).toBe(500);
    expect(all.get("service")?.agents).toMatchObject({ ready: 1, ringing: 1, offered: 0 });
    expect(all.get("repair")?.agents).toMatchObject({ ready: 1, ringing: 0 });
    expect(all.get("repair")?.figures, "a queue without calls today").toEqual(NO_FIGURES);
  });
});

describe("agents", () => {
  it("stand by what they do, the longest first", () => {
    const groups = agentsByState({ 1: agentRow({ since: 5 }), 2: agentRow({ user_id: 2, since: 3 }), 3: agentRow({ user_id: 3, state: "talking", queues: ["repair"] }) }, "service");
    expect(groups.get("ready")?.map((agent) => agent.user_id)).toEqual([2, 1]);
    expect(groups.get("talking")).toEqual([]);
  });
  it("are busy by talks and wrap-up of these and of being ready, now included, pauses left out", () => {
    const day: AgentDayRow = { user_id: 1, calls: 3, rings: 5, within_target: 3, misses: 0, talking_seconds: 100, holding_seconds: 0, outcomes: 3, first_at: 0, seconds: { talking: 100, wrapup: 50, ready: 100, paused: 500 } };
    expect(occupancy(day, agentRow({ state: "talking", since: 0 }), 50_000, 0)).toEqual({ part: 200, whole: 300, level: 2 / 3 });
    expect(occupancy(day, agentRow({ state: "paused", since: 0 }), 50_000, 0)).toMatchObject({ part: 150, whole: 250 });
    expect(occupancy(day, agentRow({ state: "ringing", since: 0 }), 50_000, 0)).toMatchObject({ part: 150, whole: 300 });
    expect(occupancy(undefined, agentRow({ state: "signed_out" }), 50_000, 0).level).toBeNull();
    expect(occupancy(undefined, agentRow({ state: "talking", since: -60_000 }), 30_000, 0), "only since midnight").toMatchObject({ part: 30, whole: 30 });
  });
});

describe("a day by quarters of an hour", () => {
  it("is laid over today by the time of day, whichever day it was", () => {
    const midnight = 1_000 * DAY - 8 * 3_600_000;
    expect(quarterOf(midnight + 9 * 4 * QUARTER, midnight)).toBe(36);
    expect(quarterOf(midnight - DAY + 36 * QUARTER, midnight)).toBe(36);
    expect(quarterOf(midnight - 7 * DAY + DAY - 1, midnight)).toBe(95);
  });
  it("adds queues up, or shows one", () => {
    const rows = [quarterRow({ at: QUARTER, arrived: 3, answered: 2, within_target: 1, abandoned: 1 }), quarterRow({ at: QUARTER, arrived: 4, answered: 4, within_target: 4, queue_id: "repair" }), quarterRow({ at: 5 * QUARTER, arrived: 1 })];
    const all = curveOf(rows, "", 0);
    expect(all.arrived[1]).toBe(7);
    expect(upTo(all.arrived, 4)).toBe(7);
    expect(curveOf(rows, "repair", 0).arrived[1]).toBe(4);
    expect(levels(all, false).slice(0, 3)).toEqual([null, 71, null]);
    expect(usedSpan([all], 9), "whole hours, with the present one").toEqual([0, 11]);
    expect(usedSpan([curveOf([], "", 0)], 50)).toEqual([48, 51]);
  });
});
