import { describe, expect, it } from "vitest";

import type { AgentStateName } from "../api/types";
import { actOfKey, ACTS_OF_QUEUE, actsOfAgent, actsOfCall, LETTER, type Act } from "./acts";
import { alarmsInOrder } from "./alarms";
import { agentRow, alarmRow, callRow } from "./boards";
import type { CallPlace } from "./board";
import { movedTo } from "./roving";

const PLACES: CallPlace[] = ["menu", "outside", "waiting", "offered", "talking", "callback", "calling"];
const STATES: AgentStateName[] = ["signed_out", "ready", "offered", "ringing", "talking", "wrapup", "paused"];
const press = (code: string, more: object = {}): Parameters<typeof actOfKey>[0] => ({ code, altKey: false, ctrlKey: false, metaKey: false, shiftKey: false, repeat: false, ...more });

describe("what a row offers", () => {
  it("never has one letter twice", () => {
    const rows: (readonly Act[])[] = [ACTS_OF_QUEUE];
    for (const place of PLACES) {
      const call = callRow({ place, customer_id: 3 });
      rows.push(actsOfCall(call, true));
      for (const state of STATES) rows.push(actsOfAgent(agentRow({ state }), call, true));
    }
    for (const acts of rows) expect(new Set(acts.map((act) => LETTER[act])).size, acts.join()).toBe(acts.length);
  });
  it("listens and takes over only for those who have a phone", () => {
    expect(actsOfCall(callRow({ place: "talking" }), true)).toEqual(["listen", "whisper", "barge", "move", "takeOver", "end"]);
    expect(actsOfCall(callRow({ place: "talking" }), false)).toEqual(["move", "end"]);
  });
  it("changes the priority of those who wait, and cancels a callback instead of ending it", () => {
    expect(actsOfCall(callRow({ place: "waiting" }), false)).toEqual(["priority", "move", "end"]);
    expect(actsOfCall(callRow({ place: "callback" }), true)).toEqual(["move", "dropCallback"]);
  });
  it("offers what an agent's state allows, and his call's acts before", () => {
    expect(actsOfAgent(agentRow({ state: "paused" }), undefined, true)).toEqual(["ready", "pause", "signOut", "message", "queues", "skills"]);
    expect(actsOfAgent(agentRow({ state: "signed_out" }), undefined, true)).toEqual(["queues", "skills"]);
    expect(actsOfAgent(agentRow({ state: "talking" }), callRow({ place: "talking" }), true).slice(0, 3)).toEqual(["listen", "whisper", "barge"]);
  });
});

it("reads a letter alone, and only one that the row offers", () => {
  expect(actOfKey(press("KeyM"), ["move", "end"])).toBe("move");
  expect(actOfKey(press("KeyL"), ["move", "end"])).toBeNull();
  for (const held of ["altKey", "ctrlKey", "metaKey", "shiftKey", "repeat"]) expect(actOfKey(press("KeyM", { [held]: true }), ["move"])).toBeNull();
});

it("moves through a list, and stays in it", () => {
  expect(movedTo("ArrowDown", 0, 3)).toBe(1);
  expect(movedTo("ArrowDown", 2, 3)).toBe(2);
  expect(movedTo("ArrowUp", 0, 3)).toBe(0);
  expect(movedTo("End", 0, 3)).toBe(2);
  expect(movedTo("PageUp", 2, 3)).toBe(0);
  expect(movedTo("KeyM", 0, 3)).toBeNull();
  expect(movedTo("ArrowDown", 0, 0)).toBeNull();
});

it("shows alarms that nobody acknowledged first, the newest first", () => {
  const alarms = { a: alarmRow({ since: 1 }), b: alarmRow({ since: 3, acknowledged_by: "周" }), c: alarmRow({ since: 2 }) };
  expect(alarmsInOrder(alarms).map((one) => one.key)).toEqual(["c", "a", "b"]);
});
