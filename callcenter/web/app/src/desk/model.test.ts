import { describe, expect, it } from "vitest";

import type { AgentStateName, Desk, DeskState } from "../api/types";
import type { CallState, LineState } from "../phone/model";
import { localCard, mayGo, newDeskId, pauseLimit, phaseOf, shouldReconnect, withEnd, withPhoneEnd, wrapupLeft } from "./model";

const state = (name: AgentStateName, since: number, more: Partial<DeskState> = {}): DeskState => ({ name, since, reason: null, until: null, may_extend: false, ...more });
const STATES: AgentStateName[] = ["signed_out", "ready", "offered", "ringing", "talking", "wrapup", "paused"];
const call = { ...localCard({ callId: "node1-1.1", number: "13812345678", name: "" }, 1000), answered_at: 2000 };
const talkingDesk: Desk = {
  agent: { user_id: 1, display_name: "a", extension: "1001", phone_kind: "browser", phone_online: true },
  state: state("talking", 0),
  waiting: 0,
  call,
  owed: [],
  owed_call: null,
  listener: null,
  listening: null,
};

describe("asking for the call back", () => {
  it("happens when the reloaded page's phone is registered and has no call", () => {
    expect(shouldReconnect(talkingDesk, "online", "idle", null, null)).toBe(true);
  });
  it.each<[string, Partial<Desk>, LineState, CallState, string | null, string | null]>([
    ["the phone is not registered yet", {}, "connecting", "idle", null, null],
    ["the phone is talking", {}, "online", "talking", "node1-1.1", null],
    ["the phone had it and it just ended", {}, "online", "idle", "node1-1.1", null],
    ["it was asked already", {}, "online", "idle", null, "node1-1.1"],
    ["the agent is in wrap-up", { state: state("wrapup", 0) }, "online", "idle", null, null],
    ["there is no call", { call: null }, "online", "idle", null, null],
    ["he has a desk phone", { agent: { ...talkingDesk.agent, phone_kind: "desk" } }, "online", "idle", null, null],
  ])("does not when %s", (_why, change, line, phone, phoneCallId, asked) => {
    expect(shouldReconnect({ ...talkingDesk, ...change }, line, phone, phoneCallId, asked)).toBe(false);
  });
});

describe("where a call is", () => {
  it("the phone knows sooner", () => {
    expect(phaseOf({ ...call, answered_at: null }, "talking", true, false)).toBe("talking");
    expect(phaseOf(call, "held", true, false)).toBe("held");
  });
  it("the service's word stands when the phone is another's or on the desk", () => {
    expect(phaseOf({ ...call, answered_at: null }, "idle", false, false)).toBe("incoming");
    expect(phaseOf(call, "idle", false, false)).toBe("talking");
    expect(phaseOf({ ...call, held_at: 3000 }, "idle", false, false)).toBe("held");
    expect(phaseOf({ ...call, ended_at: 3000 }, "idle", false, false)).toBe("ended");
    expect(phaseOf(call, "idle", false, true)).toBe("reconnecting");
  });
});

it("ends a call in wrap-up when wrap-up began, until the service says when", () => {
  const wrapup: Desk = { ...talkingDesk, state: state("wrapup", 9000) };
  expect(withEnd(wrapup).call?.ended_at).toBe(9000);
  const told: Desk = { ...wrapup, call: { ...call, ended_at: 8900 } };
  expect(withEnd(told)).toBe(told);
  expect(withEnd(talkingDesk)).toBe(talkingDesk);
});

it("lets an agent change his state only outside of calls", () => {
  const allowed = STATES.flatMap((from) =>
    (["ready", "paused", "signed_out"] as const).filter((to) => mayGo(to, from)).map((to) => `${from}>${to}`),
  );
  expect(allowed).toEqual([
    "signed_out>ready",
    "signed_out>paused",
    "ready>paused",
    "ready>signed_out",
    "wrapup>ready",
    "wrapup>paused",
    "wrapup>signed_out",
    "paused>ready",
    "paused>paused",
    "paused>signed_out",
  ]);
});

it("treats an anonymous INVITE as a withheld number", () => {
  expect(localCard({ callId: null, number: "anonymous", name: "Anonymous" }, 5).anonymous).toBe(true);
  expect(localCard({ callId: null, number: "", name: "" }, 5)).toMatchObject({ number: null, call_id: "phone-5" });
});

it("names each page differently", () => {
  expect(newDeskId()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(newDeskId()).not.toBe(newDeskId());
});

describe("an end that only the phone has seen", () => {
  const talking = { ...call, status: "talking" as const };
  it("ends the call while the service is away", () => {
    expect(withPhoneEnd(talking, "idle", "node1-1.1", 9000).ended_at).toBe(9000);
  });
  it.each([
    ["the phone still has it", talking, "talking" as const, "node1-1.1", null],
    ["it was another call", talking, "idle" as const, "node1-2.2", 9000],
    ["it is rung again", { ...talking, status: "offered" as const }, "idle" as const, "node1-1.1", 9000],
    ["it is being taken back", { ...talking, reconnecting: true }, "idle" as const, "node1-1.1", 9000],
  ])("does not when %s", (_why, one, phone, id, at) => {
    expect(withPhoneEnd(one, phone, id, at)).toBe(one);
  });
});

describe("a call back to a customer", () => {
  const callback = { number_display: "138 1234 5678", asked_at: 0, attempts: 1, calling: true };
  const back = { ...call, answered_at: null, callback };
  it("first rings the own phone, then the customer's, and only then is a talk", () => {
    expect(phaseOf({ ...back, callback: { ...callback, calling: false } }, "ringing", true, false)).toBe("incoming");
    expect(phaseOf(back, "talking", true, false)).toBe("calling");
    expect(phaseOf(back, "idle", false, false)).toBe("calling");
    expect(phaseOf({ ...back, answered_at: 5000 }, "talking", true, false)).toBe("talking");
    expect(phaseOf({ ...back, ended_at: 5000 }, "idle", false, false)).toBe("ended");
  });
});

it("counts the wrap-up down to zero, where it has a limit", () => {
  expect(wrapupLeft(state("wrapup", 0, { until: 61_500 }), 60_000)).toBe(2);
  expect(wrapupLeft(state("wrapup", 0, { until: 61_500 }), 70_000)).toBe(0);
  expect(wrapupLeft(state("wrapup", 0), 60_000)).toBeNull();
  expect(wrapupLeft(state("ready", 0, { until: 61_500 }), 60_000)).toBeNull();
});

it("warns of a pause that is longer than its reason allows", () => {
  const reasons = [{ code: "meal", name_zh: "用餐", name_en: "Meal", productive: false, longest_seconds: 3600 }, { code: "meeting", name_zh: "会议", name_en: "Meeting", productive: true, longest_seconds: null }];
  expect(pauseLimit(state("paused", 0, { reason: "meal" }), reasons, 3_600_000)).toEqual({ seconds: 3600, over: false });
  expect(pauseLimit(state("paused", 0, { reason: "meal" }), reasons, 3_601_000)?.over).toBe(true);
  expect(pauseLimit(state("paused", 0, { reason: "meeting" }), reasons, 9e9)).toBeNull();
  expect(pauseLimit(state("paused", 0, { reason: "missed" }), reasons, 9e9)).toBeNull();
  expect(pauseLimit(state("ready", 0, { reason: "meal" }), reasons, 9e9)).toBeNull();
});
