import { expect, it } from "vitest";

import type { CallWithEvents, NotRung, WhyAgent } from "../api/types";
import { byReason, waitOf } from "./why";

const call = { arrived_at: 1000, queued_at: 2000, answered_at: null, ended_at: 62_000 } as CallWithEvents;
const agent = (user_id: number, reason: NotRung | null): WhyAgent => ({ user_id, display_name: `a${user_id}`, extension: "1001", reason, detail: "" });

it("asks about the time in line, at first just before its end", () => {
  expect(waitOf(call, 99_000)).toEqual({ from: 2000, until: 62_000, worst: 61_000 });
  expect(waitOf({ ...call, answered_at: 12_000 }, 99_000).until).toBe(12_000);
  expect(waitOf({ ...call, ended_at: null }, 99_000).until).toBe(99_000);
  expect(waitOf({ ...call, queued_at: null, ended_at: 1200 }, 99_000)).toEqual({ from: 1000, until: 1200, worst: 1000 });
});
it("puts those who were rung first, and those who are no members last", () => {
  const groups = byReason([agent(1, "not_member"), agent(2, "paused"), agent(3, null), agent(4, "paused"), agent(5, "missed")]);
  expect(groups.map((one) => [one.reason, one.agents.map((who) => who.user_id)])).toEqual([[null, [3]], ["missed", [5]], ["paused", [2, 4]], ["not_member", [1]]]);
});
