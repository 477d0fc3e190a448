import { expect, it } from "vitest";

import type { Call, CallEvent } from "../api/types";
import { segments } from "./timeline";

const base = {
  arrived_at: 0,
  offered_at: 2000,
  ringing_at: 2500,
  answered_at: 8000,
  ended_at: 68_000,
  wrapup_seconds: 20,
} as Call;
const at = (kind: string, seconds: number): CallEvent => ({ event_id: `${kind}${seconds}`, kind, at: seconds * 1000, body: null });
const told = (call: Call, events: CallEvent[] = [], now = 100_000): string =>
  segments(call, events, now)
    .map(({ piece, seconds }) => `${piece} ${seconds}`)
    .join(", ");

it("tells waiting, ringing, talking and wrap-up in order", () => {
  expect(told(base)).toBe("waiting 2.5, ringing 5.5, talking 60, wrapup 20");
});
it("cuts holds out of the talk", () => {
  expect(told(base, [at("held", 18), at("resumed", 28), at("held", 58)])).toBe(
    "waiting 2.5, ringing 5.5, talking 10, holding 10, talking 30, holding 10, wrapup 20",
  );
});
it("is all waiting for a caller who gave up, even if a phone rang", () => {
  expect(told({ ...base, answered_at: null, ended_at: 31_000, wrapup_seconds: null })).toBe("waiting 31");
});
it("goes on until now while the call does", () => {
  expect(told({ ...base, ended_at: null, wrapup_seconds: null }, [], 9000)).toBe("waiting 2.5, ringing 5.5, talking 1");
});
it("does without the times that nobody saw (a call of the fallback)", () => {
  expect(told({ ...base, offered_at: null, ringing_at: null, wrapup_seconds: null })).toBe("waiting 8, talking 60");
});
