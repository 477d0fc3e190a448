import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { FakeSocket } from "../api/fakeSocket";
import { backoffMs, type LiveStatus, TAKEN_OVER_CODE } from "../api/live";
import type { Desk, DeskMessage } from "../api/types";
import { LiveDesk } from "./live";

const desk = (waiting: number): Desk => ({ waiting }) as Desk;

describe("the desk's live socket", () => {
  let sockets: FakeSocket[];
  let statuses: LiveStatus[];
  let waiting: number[];
  let messages: (DeskMessage | undefined)[];
  let live: LiveDesk;
  const latest = (): FakeSocket => {
    const socket = sockets.at(-1);
    if (socket === undefined) throw new Error("no socket was opened");
    return socket;
  };

  beforeEach(() => {
    vi.useFakeTimers();
    sockets = [];
    statuses = [];
    waiting = [];
    messages = [];
    live = new LiveDesk(
      () => {
        sockets.push(new FakeSocket());
        return latest();
      },
      {
        status: (status) => statuses.push(status),
        desk: (now) => waiting.push(now.waiting),
        waiting: (now) => waiting.push(now),
        message: (message) => messages.push(message),
      },
      () => 0,
    );
    live.start();
  });
  afterEach(() => {
    live.stop();
    vi.useRealTimers();
  });

  it("applies a snapshot and the events that follow it", () => {
    latest().says({ type: "snapshot", seq: 7, desk: desk(0) });
    latest().says({ type: "desk", seq: 8, desk: desk(1) });
    latest().says({ type: "desk", seq: 9, desk: desk(2) });
    expect(waiting).toEqual([0, 1, 2]);
    expect(statuses).toEqual(["connecting", "open"]);
  });

  it("takes how many callers wait alone, and not before a snapshot", () => {
    latest().says({ type: "snapshot", seq: 7, desk: desk(0) });
    latest().says({ type: "waiting", seq: 8, waiting: 3 });
    latest().says({ type: "waiting", seq: 7, waiting: 1 });
    expect(waiting).toEqual([0, 3]);
    latest().breaks(1006);
    vi.advanceTimersByTime(500);
    latest().says({ type: "waiting", seq: 1, waiting: 2 });
    expect(waiting).toEqual([0, 3]);
    expect(statuses.at(-1)).toBe("away");
  });

  it("tells a supervisor's message, and that some may have been missed, without a number", () => {
    const message = { message_id: 3, text: "<b>", sent_at: 1, sent_by: null };
    latest().says({ type: "snapshot", seq: 7, desk: desk(0) });
    latest().says({ type: "message", message });
    latest().says({ type: "message" });
    latest().says({ type: "desk", seq: 8, desk: desk(1) });
    expect(messages).toEqual([message, undefined]);
    expect(waiting).toEqual([0, 1]);
  });

  it("takes an event after a gap, since it is whole, and drops one that is older", () => {
    latest().says({ type: "snapshot", seq: 4, desk: desk(0) });
    latest().says({ type: "desk", seq: 9, desk: desk(5) });
    latest().says({ type: "desk", seq: 7, desk: desk(3) });
    latest().says({ type: "desk", seq: 9, desk: desk(6) });
    expect(waiting).toEqual([0, 5, 6]);
    expect(sockets).toHaveLength(1);
  });

  it("starts from a new snapshot after a break, whatever its number", () => {
    latest().says({ type: "snapshot", seq: 40, desk: desk(1) });
    latest().breaks(1006);
    vi.advanceTimersByTime(500);
    latest().says({ type: "snapshot", seq: 2, desk: desk(2) });
    expect(waiting).toEqual([1, 2]);
  });

  it("does not take an event before the first snapshot", () => {
    latest().says({ type: "desk", seq: 1, desk: desk(1) });
    expect(waiting).toEqual([]);
    expect(statuses.at(-1)).toBe("away");
  });

  it("comes back after a break, later each time, and hurries when asked", () => {
    latest().breaks(1006);
    vi.advanceTimersByTime(250);
    latest().breaks(1006);
    vi.advanceTimersByTime(250);
    expect(sockets).toHaveLength(2);
    live.hurry();
    expect(sockets).toHaveLength(3);
    vi.advanceTimersByTime(14_000);
    expect(sockets).toHaveLength(3);
  });

  it("gives up a socket that never gave a snapshot", () => {
    vi.advanceTimersByTime(16_000);
    expect(sockets).toHaveLength(2);
    expect(sockets[0]?.closed).toBe(true);
  });

  it.each([
    ["by message", (socket: FakeSocket) => socket.says({ type: "taken_over" })],
    ["by close code", (socket: FakeSocket) => socket.breaks(TAKEN_OVER_CODE)],
  ])("stays away once another desk took over (%s)", (_how, happen) => {
    latest().says({ type: "snapshot", seq: 1, desk: desk(0) });
    happen(latest());
    vi.advanceTimersByTime(600_000);
    expect(sockets).toHaveLength(1);
    expect(statuses.at(-1)).toBe("taken_over");
  });

  it("gives up a socket that answered pings and then fell silent", () => {
    latest().says({ type: "snapshot", seq: 1, desk: desk(0) });
    latest().says({ type: "pong" });
    vi.advanceTimersByTime(60_000);
    expect(sockets[0]?.sent.length).toBeGreaterThan(0);
    expect(sockets.length).toBeGreaterThan(1);
  });

  it("treats what it cannot read as a break", () => {
    latest().hears("<html>");
    expect(statuses.at(-1)).toBe("away");
  });
});

it("backs off to ten seconds at most, half of it by chance", () => {
  expect(backoffMs(0, 0)).toBe(250);
  expect(backoffMs(0, 1)).toBe(500);
  expect(backoffMs(20, 0)).toBe(5000);
  expect(backoffMs(20, 1)).toBe(10_000);
});
