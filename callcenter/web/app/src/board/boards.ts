/** Boards for tests: rows with what a test names, and boards made by chance. */
import type { AgentStateName } from "../api/types";
import { empty, type AgentRow, type AlarmRow, type Board, type CallRow, type Drop, type Put, type QuarterRow, type QueueRow, type Table } from "./board";
import { NO_FIGURES } from "./figures";

export const queueRow = (row: Partial<QueueRow> = {}): QueueRow => ({
  queue_id: "service", name_zh: "客户服务", name_en: "Service", position: 0, target_kind: "within", target_rings: 2, last_ring: 2, apology_ring: 5, response_seconds: 15, priority: 0, ...row,
});
export const callRow = (row: Partial<CallRow> = {}): CallRow => ({
  call_id: "one", queue_id: "service", place: "waiting", since: 0, arrived_at: 0, answered_at: null, held_at: null, priority: 0, number_display: "13800138000",
  customer_id: null, customer_name: null, kinds: [], agent_ids: [], node: "node1", next_at: null, ...row,
});
export const agentRow = (row: Partial<AgentRow> = {}): AgentRow => ({
  user_id: 1, display_name: "陈晓琳", extension: "8001", phone_kind: "browser", online: true, node: "node1", state: "ready", since: 0, reason: null, until: null,
  call_id: "", misses: 0, queues: ["service"], skills: {}, listener: null, ...row,
});
export const quarterRow = (row: Partial<QuarterRow> = {}): QuarterRow => ({ queue_id: "service", at: 0, arrived: 0, answered: 0, within_target: 0, abandoned: 0, short_abandoned: 0, ...row });
export const alarmRow = (row: Partial<AlarmRow> = {}): AlarmRow => ({ kind: "waiting", subject: "service", since: 0, value: 6, threshold: 5, acknowledged_by: null, ...row });

/** Numbers from 0 to 1 that are the same in every run (mulberry32). */
export function chances(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
const upTo = (chance: () => number, most: number): number => Math.floor(chance() * most);
const AGENT_STATES: readonly AgentStateName[] = ["signed_out", "ready", "offered", "ringing", "talking", "wrapup", "paused"];

/** A board of any size up to a few rows a table, with keys that boards have in common. */
export function anyBoard(chance: () => number): Board {
  const board = empty();
  const some = (make: (key: string) => void): void => {
    for (let at = 0; at < 6; at++) if (chance() < 0.6) make(String(at));
  };
  some((key) => (board.queues[key] = queueRow({ queue_id: key, priority: upTo(chance, 3) })));
  some((key) => (board.calls[key] = callRow({ call_id: key, queue_id: String(upTo(chance, 6)), place: chance() < 0.5 ? "waiting" : "talking", since: upTo(chance, 3) })));
  some((key) => (board.agents[key] = agentRow({ user_id: Number(key), state: AGENT_STATES[upTo(chance, AGENT_STATES.length)] ?? "ready" })));
  some((key) => (board.figures[key] = { ...NO_FIGURES, arrived: upTo(chance, 3) }));
  some((key) => (board.quarters[key] = quarterRow({ at: upTo(chance, 3) })));
  some((key) => (board.nodes[key] = { up: chance() < 0.5 }));
  some((key) => (board.alarms[key] = alarmRow({ value: upTo(chance, 3) })));
  return board;
}

/** What to put and to drop so that `old` becomes `next`, as the service tells it (callcenter/board/model.py). */
export function difference(old: Board, next: Board): { put: Put; drop: Drop } {
  const [put, drop]: [Record<string, object>, Record<string, string[]>] = [{}, {}];
  for (const table of Object.keys(next) as Table[]) {
    const [before, after] = [old[table] as Record<string, object>, next[table] as Record<string, object>];
    const rows = Object.entries(after).filter(([key, row]) => JSON.stringify(row) !== JSON.stringify(before[key]));
    const keys = Object.keys(before).filter((key) => !(key in after));
    if (rows.length > 0) put[table] = Object.fromEntries(rows);
    if (keys.length > 0) drop[table] = keys;
  }
  return { put: put as Put, drop };
}
