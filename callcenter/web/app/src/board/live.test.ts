import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { FakeSocket } from "../api/fakeSocket";
import type { LiveStatus } from "../api/live";
import { applied, empty, whole, type Board } from "./board";
import { anyBoard, callRow, chances, difference, queueRow } from "./boards";
import { LiveBoard } from "./live";

describe("the board's live socket", () => {
  let sockets: FakeSocket[];
  let statuses: LiveStatus[];
  let shown: Board[];
  let live: LiveBoard;
  const latest = (): FakeSocket => {
    const socket = sockets.at(-1);
    if (socket === undefined) throw new Error("no socket was opened");
    return socket;
  };
  const calls = (): string[] => Object.keys(shown.at(-1)?.calls ?? {});

  beforeEach(() => {
    vi.useFakeTimers();
    [sockets, statuses, shown] = [[], [], []];
    live = new LiveBoard(
      () => {
        sockets.push(new FakeSocket());
        return latest();
      },
      { status: (status) => statuses.push(status), board: (board) => shown.push(board) },
      () => 0,
    );
    live.start();
  });
  afterEach(() => {
    live.stop();
    vi.useRealTimers();
  });

  it("applies a snapshot and the events that follow it", () => {
    latest().says({ type: "snapshot", seq: 7, at: 1, board: { ...empty(), calls: { a: callRow({ call_id: "a" }) } } });
    latest().says({ type: "event", seq: 8, at: 2, put: { calls: { b: callRow({ call_id: "b" }) } }, drop: {} });
    latest().says({ type: "event", seq: 9, at: 3, put: {}, drop: { calls: ["a"] } });
    expect(calls()).toEqual(["b"]);
    expect(statuses).toEqual(["connecting", "open"]);
  });

  it("connects again after a gap, and shows the new snapshot", () => {
    latest().says({ type: "snapshot", seq: 7, at: 1, board: { ...empty(), calls: { a: callRow() } } });
    latest().says({ type: "event", seq: 9, at: 2, put: {}, drop: { calls: ["a"] } });
    expect(calls(), "an event after a gap changes nothing").toEqual(["a"]);
    vi.advanceTimersByTime(500);
    expect(sockets).toHaveLength(2);
    latest().says({ type: "snapshot", seq: 2, at: 3, board: { ...empty(), calls: { c: callRow() } } });
    latest().says({ type: "event", seq: 3, at: 3, put: { calls: { d: callRow() } }, drop: {} });
    expect(calls()).toEqual(["c", "d"]);
    expect(statuses.at(-1)).toBe("open");
  });

  it("drops an event that is older than the snapshot, and takes no event twice", () => {
    latest().says({ type: "snapshot", seq: 7, at: 1, board: empty() });
    latest().says({ type: "event", seq: 5, at: 2, put: { calls: { a: callRow() } }, drop: {} });
    expect(calls()).toEqual([]);
    expect(sockets).toHaveLength(1);
    latest().says({ type: "event", seq: 7, at: 2, put: { calls: { a: callRow() } }, drop: {} });
    expect(calls()).toEqual([]);
    expect(statuses.at(-1)).toBe("away");
  });

  it("connects anew at once when the page slept, whatever the old socket says", () => {
    latest().says({ type: "snapshot", seq: 7, at: 1, board: { ...empty(), calls: { a: callRow() } } });
    const old = latest();
    live.renew();
    expect(sockets).toHaveLength(2);
    expect(old.closed).toBe(true);
    old.says({ type: "event", seq: 8, at: 2, put: {}, drop: { calls: ["a"] } });
    expect(calls()).toEqual(["a"]);
    latest().says({ type: "snapshot", seq: 1, at: 3, board: empty() });
    expect(calls()).toEqual([]);
    expect(statuses).toEqual(["connecting", "open", "connecting", "open"]);
  });

  it("shows a board that lacks tables as one with empty tables", () => {
    latest().says({ type: "snapshot", seq: 1, at: 1, board: { queues: { a: queueRow() } } });
    expect(Object.keys(shown.at(-1) ?? {}).sort()).toEqual(Object.keys(empty()).sort());
  });
});

describe("a board and its events", () => {
  it("come to the board of a new snapshot, whatever happened", () => {
    const chance = chances(11);
    for (let round = 0; round < 300; round++) {
      const boards = Array.from({ length: 5 }, () => anyBoard(chance));
      let [board] = boards as [Board];
      for (const next of boards.slice(1)) {
        const { put, drop } = difference(board, next);
        board = applied(board, put, drop);
        expect(board).toEqual(next);
      }
    }
  });

  it("leave what they do not touch as it is, so that nothing is drawn anew", () => {
    const board = whole({ calls: { a: callRow(), b: callRow() }, queues: { q: queueRow() } });
    const next = applied(board, { calls: { b: callRow({ priority: 2 }) } }, {});
    expect(next.queues).toBe(board.queues);
    expect(next.calls["a"]).toBe(board.calls["a"]);
    expect(next.calls["b"]).not.toBe(board.calls["b"]);
  });

  it("put what they also drop, and drop what is not there", () => {
    const next = applied(whole({ calls: { a: callRow() } }), { calls: { a: callRow({ priority: 3 }) } }, { calls: ["a", "z"] });
    expect(next.calls).toEqual({ a: callRow({ priority: 3 }) });
  });

  it("name tables that this page does not know", () => {
    expect(applied(empty(), { weather: { a: {} } } as object, { weather: ["b"] } as object)).toEqual(empty());
  });
});
