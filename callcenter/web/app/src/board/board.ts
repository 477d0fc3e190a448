/**
 * What a supervisor's board shows, as tables of rows (callcenter/board/model.py), and how one becomes the next. Pure.
 *
 * Rows are whole: an event puts rows in place of those with their keys and drops others, so nothing drifts or grows.
 */
import type { AgentStateName } from "../api/types";

export type CallPlace = "menu" | "outside" | "waiting" | "offered" | "talking" | "callback" | "calling";

export interface QueueRow {
  queue_id: string;
  name_zh: string;
  name_en: string;
  position: number;
  target_kind: "within" | "before" | "after";
  target_rings: number;
  last_ring: number;
  apology_ring: number;
  response_seconds: number;
  priority: number;
}
export interface CallRow {
  call_id: string;
  queue_id: string;
  place: CallPlace;
  since: number;
  arrived_at: number;
  answered_at: number | null;
  held_at: number | null;
  priority: number;
  number_display: string;
  customer_id: number | null;
  customer_name: string | null;
  kinds: string[];
  agent_ids: number[];
  node: string;
  next_at: number | null;
}
export interface AgentRow {
  user_id: number;
  display_name: string;
  extension: string;
  phone_kind: string;
  online: boolean;
  node: string;
  state: AgentStateName;
  since: number;
  reason: string | null;
  until: number | null;
  call_id: string;
  misses: number;
  queues: string[];
  skills: Record<string, number>;
  listener: string | null;
}
export interface FigureRow {
  arrived: number;
  answered: number;
  within_target: number;
  within_response: number;
  abandoned_menu: number;
  abandoned_queue: number;
  abandoned_ringing: number;
  short_abandoned: number;
  callbacks_asked: number;
  messages: number;
  passed_on: number;
  closed: number;
  blocked: number;
  failed: number;
  waited_seconds: number;
  longest_wait_seconds: number;
  talking_seconds: number;
}
export interface QuarterRow {
  queue_id: string;
  at: number;
  arrived: number;
  answered: number;
  within_target: number;
  abandoned: number;
  short_abandoned: number;
}
export interface AgentDayRow {
  user_id: number;
  calls: number;
  rings: number;
  within_target: number;
  misses: number;
  talking_seconds: number;
  holding_seconds: number;
  outcomes: number;
  seconds: Record<string, number>;
  first_at: number | null;
}
export interface NodeRow {
  up: boolean;
}
export type AlarmKind = "waiting" | "longest_wait" | "service_level" | "abandoned" | "no_agent" | "node_lost";
export interface AlarmRow {
  kind: AlarmKind;
  subject: string;
  since: number;
  value: number | null;
  threshold: number | null;
  acknowledged_by: string | null;
}
export interface GeneralRow {
  tone_seconds: number;
  silence_seconds: number;
  short_abandon_seconds: number;
  leave_out_short: boolean;
  tell_listened: boolean;
  day_began_at: number;
}

export interface Board {
  queues: Record<string, QueueRow>;
  calls: Record<string, CallRow>;
  agents: Record<string, AgentRow>;
  figures: Record<string, FigureRow>;
  agent_days: Record<string, AgentDayRow>;
  quarters: Record<string, QuarterRow>;
  nodes: Record<string, NodeRow>;
  alarms: Record<string, AlarmRow>;
  general: Record<string, GeneralRow>;
}
export type Table = keyof Board;
export type Put = { [T in Table]?: Board[T] };
export type Drop = { [T in Table]?: string[] };

export const empty = (): Board => ({ queues: {}, calls: {}, agents: {}, figures: {}, agent_days: {}, quarters: {}, nodes: {}, alarms: {}, general: {} });

/** The board of a snapshot, with every table there is, so that an older service harms nothing. */
export const whole = (told: Partial<Board>): Board => ({ ...empty(), ...told });

/** The board after an event. Tables and rows that it does not touch stay the same objects; tables unknown here are left out. */
export function applied(board: Board, put: Put, drop: Drop): Board {
  const next: Record<string, Record<string, unknown>> = { ...board };
  for (const table of Object.keys(board) as Table[]) {
    const [rows, keys] = [put[table], drop[table]];
    if (rows === undefined && keys === undefined) continue;
    const gone = new Set(keys);
    const kept = gone.size === 0 ? board[table] : Object.fromEntries(Object.entries(board[table]).filter(([key]) => !gone.has(key)));
    next[table] = { ...kept, ...rows };
  }
  return next as unknown as Board;
}
