import { createPinia, setActivePinia } from "pinia";
import { afterEach, beforeEach, expect, it, vi } from "vitest";

import { FakeSocket } from "../api/fakeSocket";
import { applied, empty, type Board, type Drop, type Put } from "./board";
import { agentRow, callRow, chances, quarterRow, queueRow } from "./boards";
import { useBoard } from "./store";

let sockets: FakeSocket[];
let store: ReturnType<typeof useBoard>;
const latest = (): FakeSocket => {
  const socket = sockets.at(-1);
  if (socket === undefined) throw new Error("no socket was opened");
  return socket;
};

beforeEach(() => {
  vi.useFakeTimers();
  sockets = [];
  vi.stubGlobal("document", Object.assign(new EventTarget(), { visibilityState: "visible" }));
  vi.stubGlobal("window", new EventTarget());
  vi.stubGlobal("location", { protocol: "http:", host: "here" });
  vi.stubGlobal("localStorage", { getItem: () => null, setItem: () => undefined });
  vi.stubGlobal("fetch", () => Promise.reject(new TypeError("no network in this test")));
  vi.stubGlobal("WebSocket", function () {
    sockets.push(new FakeSocket());
    return latest();
  });
  setActivePinia(createPinia());
  store = useBoard();
  store.start();
});
afterEach(() => {
  store.stop();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

it("shows changes that come close together as one, and the last of them always", () => {
  latest().says({ type: "snapshot", seq: 1, at: 0, board: empty() });
  for (let seq = 2; seq <= 40; seq++) latest().says({ type: "event", seq, at: 0, put: { calls: { [seq]: callRow() } }, drop: {} });
  expect(Object.keys(store.board.calls).length).toBeLessThan(39);
  vi.advanceTimersByTime(100);
  expect(Object.keys(store.board.calls)).toHaveLength(39);
});

it("says that it is old once the socket is gone for a second, and not for a short break", () => {
  latest().says({ type: "snapshot", seq: 1, at: 0, board: empty() });
  latest().breaks(1006);
  vi.advanceTimersByTime(600);
  latest().says({ type: "snapshot", seq: 1, at: 0, board: empty() });
  vi.advanceTimersByTime(2000);
  expect(store.staleAt).toBeNull();
  const lost = Date.now();
  latest().breaks(1006);
  vi.advanceTimersByTime(1000);
  expect(store.staleAt).toBe(lost);
});

it("shows the truth at once after a sleep", () => {
  latest().says({ type: "snapshot", seq: 1, at: 0, board: { ...empty(), calls: { a: callRow() } } });
  vi.setSystemTime(Date.now() + 3_600_000);
  vi.advanceTimersByTime(1000);
  expect(sockets).toHaveLength(2);
  latest().says({ type: "snapshot", seq: 9, at: 0, board: { ...empty(), calls: { b: callRow() } } });
  expect(Object.keys(store.board.calls)).toEqual(["b"]);
});

it("forgets everything when no page shows it any more", () => {
  latest().says({ type: "snapshot", seq: 1, at: 0, board: { ...empty(), calls: { a: callRow() } } });
  store.start();
  store.stop();
  expect(store.known).toBe(true);
  store.stop();
  expect([store.known, store.status, store.board.calls]).toEqual([false, "stopped", {}]);
  expect(vi.getTimerCount()).toBe(0);
});

const EVENTS = 100_000;
const SHIFT_MS = 8 * 3_600_000;
const MOST_CALLS = 24;
it("keeps no more after the events of a whole shift than one board", () => {
  const chance = chances(3);
  const began = Date.now();
  let board: Board = { ...empty(), queues: { service: queueRow() }, agents: Object.fromEntries(Array.from({ length: 12 }, (_, at) => [String(at), agentRow({ user_id: at })])) };
  latest().says({ type: "snapshot", seq: 0, at: began, board });
  const rows = (shown: Board): number => Object.values(shown).reduce((sum: number, table: object) => sum + Object.keys(table).length, 0);
  let most = 0;
  for (let seq = 1; seq <= EVENTS; seq++) {
    const calls = Object.keys(board.calls);
    const put: Put = {};
    const drop: Drop = {};
    if (calls.length < MOST_CALLS && chance() < 0.5) put.calls = { [`call-${seq}`]: callRow({ call_id: `call-${seq}` }) };
    else if (calls.length > 0) drop.calls = [calls[Math.floor(chance() * calls.length)] ?? ""];
    if (chance() < 0.3) put.agents = { "7": agentRow({ user_id: 7, since: seq }) };
    if (chance() < 0.1) put.quarters = { [`service/${Math.floor((SHIFT_MS * seq) / EVENTS / 900_000)}`]: quarterRow({ arrived: seq }) };
    board = applied(board, put, drop);
    latest().says({ type: "event", seq, at: began, put, drop });
    vi.advanceTimersByTime(SHIFT_MS / EVENTS);
    if (seq % 100 === 0) most = Math.max(most, rows(store.board));
  }
  vi.advanceTimersByTime(1000);
  expect(store.board).toEqual(board);
  expect(most, "rows kept at any time: calls, agents, the queue, the quarters of a shift").toBeLessThanOrEqual(MOST_CALLS + 12 + 1 + 33);
  expect(sockets, "one socket all day").toHaveLength(1);
  expect(latest().sent.every((text) => text === '{"type":"ping"}')).toBe(true);
  expect(vi.getTimerCount(), "pings, and the watch for sleep").toBeLessThanOrEqual(3);
}, 60_000);
