import { describe, expect, it } from "vitest";

import { CALL, LINE, inConversation, step, type CallEvent, type CallState, type LineEvent, type LineState } from "./model";

const CALL_EVENTS: CallEvent[] = ["invited", "answer", "connected", "hold", "resume", "hang_up", "ended"];
const LINE_EVENTS: LineEvent[] = ["start", "connected", "registered", "unregistered", "disconnected", "rejected", "stop"];

describe("the call on a phone", () => {
  const legal: Record<CallState, string> = {
    idle: "invited>ringing",
    ringing: "answer>answering hang_up>ending ended>idle",
    answering: "connected>talking hang_up>ending ended>idle",
    talking: "hold>held hang_up>ending ended>idle",
    held: "resume>talking hang_up>ending ended>idle",
    ending: "ended>idle",
  };

  it.each(Object.keys(CALL) as CallState[])("from %s takes exactly its legal events", (state) => {
    const taken = CALL_EVENTS.flatMap((event) => {
      const next = step(CALL, state, event);
      return next === null ? [] : [`${event}>${next}`];
    });
    expect(taken.join(" ")).toBe(legal[state]);
  });

  it("never rings for a second call", () => {
    for (const state of Object.keys(CALL) as CallState[]) {
      expect(step(CALL, state, "invited")).toBe(state === "idle" ? "ringing" : null);
    }
  });

  it("comes back to idle from everywhere but idle when the call ends", () => {
    for (const state of Object.keys(CALL) as CallState[]) {
      expect(step(CALL, state, "ended")).toBe(state === "idle" ? null : "idle");
    }
  });

  it("knows when a caller is on the line", () => {
    expect((Object.keys(CALL) as CallState[]).filter(inConversation)).toEqual(["talking", "held"]);
  });
});

describe("the line of a phone", () => {
  it("can be stopped from everywhere and started again only from off, refused and stopped", () => {
    for (const state of Object.keys(LINE) as LineState[]) {
      expect(step(LINE, state, "stop")).toBe("stopped");
      const startable = state === "off" || state === "refused" || state === "stopped";
      expect(step(LINE, state, "start")).toBe(startable ? "connecting" : null);
    }
  });

  it("is online only after a registration, and a stopped line never comes online by itself", () => {
    for (const state of Object.keys(LINE) as LineState[]) {
      for (const event of LINE_EVENTS) {
        if (step(LINE, state, event) === "online") expect(event).toBe("registered");
      }
    }
    expect(step(LINE, "stopped", "registered")).toBeNull();
    expect(step(LINE, "stopped", "connected")).toBeNull();
  });

  it("is lost when its socket breaks, and online again after the next registration", () => {
    expect(step(LINE, "online", "disconnected")).toBe("lost");
    expect(step(LINE, "lost", "connected")).toBe("connecting");
    expect(step(LINE, "connecting", "registered")).toBe("online");
  });
});
