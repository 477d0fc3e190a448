/** What a board's rows come to: levels, waits, counts, occupancy, curves. Pure; moments in ms, durations in s. */
import type { AgentStateName } from "../api/types";
import { mood, ringsAfter, type RingMood } from "../desk/rings";
import type { AgentDayRow, AgentRow, Board, CallRow, FigureRow, GeneralRow, QuarterRow, QueueRow } from "./board";

/** A share that shows what it is made of; `level` is null while there is nothing to divide by. */
export interface Share {
  part: number;
  whole: number;
  level: number | null;
}
export const share = (part: number, whole: number): Share => ({ part, whole, level: whole > 0 ? part / whole : null });

export const NO_FIGURES: FigureRow = {
  arrived: 0, answered: 0, within_target: 0, within_response: 0, abandoned_menu: 0, abandoned_queue: 0, abandoned_ringing: 0, short_abandoned: 0,
  callbacks_asked: 0, messages: 0, passed_on: 0, closed: 0, blocked: 0, failed: 0, waited_seconds: 0, longest_wait_seconds: 0, talking_seconds: 0,
};

/** Who gave up in line or while a phone rang; without those that gave up at once, where these are left out. */
export function abandoned(figures: FigureRow, leaveOutShort: boolean): number {
  return figures.abandoned_queue + figures.abandoned_ringing - (leaveOutShort ? figures.short_abandoned : 0);
}
/** Answered within target / (answered + abandoned). */
export function serviceLevel(figures: FigureRow, leaveOutShort: boolean): Share {
  return share(figures.within_target, figures.answered + abandoned(figures, leaveOutShort));
}
/** Answered within the second target's seconds / (answered + abandoned). */
export function responseLevel(figures: FigureRow, leaveOutShort: boolean): Share {
  return share(figures.within_response, figures.answered + abandoned(figures, leaveOutShort));
}
/** A percentage that never flatters: 99.6 % is not 100 %. */
export function percent(level: number | null): string {
  return level === null ? "—" : `${Math.floor(level * 100 + 1e-9)}%`;
}

/** Seconds from ring to ring; of China's cadence while the board has not told. */
export const periodOf = (general: GeneralRow | undefined): number | undefined =>
  general === undefined ? undefined : general.tone_seconds + general.silence_seconds;
/** Where a queue's row is not (any more), the handbooks' own rings. */
export const moodOf = (rings: number, queue: QueueRow | undefined): RingMood => mood(rings, queue?.last_ring, queue?.apology_ring);

const IN_LINE: ReadonlySet<string> = new Set(["waiting", "offered"]);
const byArrival = (a: CallRow, b: CallRow): number => a.arrived_at - b.arrived_at || (a.call_id < b.call_id ? -1 : 1);

/** Calls by where they are, those who came first first; of one queue, or all (""). */
export interface CallsByPlace {
  line: CallRow[];
  menu: CallRow[];
  /** Sent out to a number. */
  outside: CallRow[];
  talking: CallRow[];
  /** Without a line: keeping its place, or being called back. */
  callbacks: CallRow[];
}
export function callsByPlace(calls: Record<string, CallRow>, queueId: string): CallsByPlace {
  const sorted: CallsByPlace = { line: [], menu: [], outside: [], talking: [], callbacks: [] };
  for (const call of Object.values(calls)) {
    if (queueId !== "" && call.queue_id !== queueId) continue;
    if (IN_LINE.has(call.place)) sorted.line.push(call);
    else if (call.place === "menu") sorted.menu.push(call);
    else if (call.place === "outside") sorted.outside.push(call);
    else if (call.place === "talking") sorted.talking.push(call);
    else sorted.callbacks.push(call);
  }
  for (const list of Object.values(sorted) as CallRow[][]) list.sort(byArrival);
  return sorted;
}

/** How many callers in line are in time, late, and to be apologised to. */
export function moods(line: readonly CallRow[], queues: Record<string, QueueRow>, now: number, period: number | undefined): Record<RingMood, number> {
  const counts: Record<RingMood, number> = { good: 0, late: 0, sorry: 0 };
  for (const call of line) counts[moodOf(ringsAfter(now - call.arrived_at, period), queues[call.queue_id])] += 1;
  return counts;
}

export const STATES: readonly AgentStateName[] = ["ringing", "talking", "wrapup", "ready", "paused", "signed_out"];
/** An offer is a phone that is about to ring. */
export const shownState = (state: AgentStateName): AgentStateName => (state === "offered" ? "ringing" : state);

/** Agents by state, each group by how long they are in it; of one queue, or all (""). */
export function agentsByState(agents: Record<string, AgentRow>, queueId: string): Map<AgentStateName, AgentRow[]> {
  const groups = new Map<AgentStateName, AgentRow[]>(STATES.map((state) => [state, []]));
  for (const agent of Object.values(agents)) {
    if (queueId === "" || agent.queues.includes(queueId)) groups.get(shownState(agent.state))?.push(agent);
  }
  for (const [state, group] of groups) {
    group.sort(state === "signed_out" ? (a, b) => a.extension.localeCompare(b.extension) || a.user_id - b.user_id : (a, b) => a.since - b.since || a.user_id - b.user_id);
  }
  return groups;
}

/** One queue (or the whole hotline, "") at a glance. */
export interface Summary {
  queue_id: string;
  calls: CallsByPlace;
  /** Since when the one waits who waits longest; null: nobody does. */
  oldest: number | null;
  agents: Record<AgentStateName, number>;
  figures: FigureRow;
}
export function summaries(board: Pick<Board, "queues" | "calls" | "agents" | "figures">): Map<string, Summary> {
  const ids = ["", ...Object.values(board.queues).sort((a, b) => a.position - b.position || (a.queue_id < b.queue_id ? -1 : 1)).map((queue) => queue.queue_id)];
  const made = new Map<string, Summary>(
    ids.map((queue_id) => [
      queue_id,
      {
        queue_id,
        calls: { line: [], menu: [], outside: [], talking: [], callbacks: [] },
        oldest: null,
        agents: { signed_out: 0, ready: 0, offered: 0, ringing: 0, talking: 0, wrapup: 0, paused: 0 },
        figures: board.figures[queue_id] ?? NO_FIGURES,
      },
    ]),
  );
  const all = callsByPlace(board.calls, "");
  for (const place of Object.keys(all) as (keyof CallsByPlace)[]) {
    for (const call of all[place]) {
      made.get("")?.calls[place].push(call);
      if (call.queue_id !== "") made.get(call.queue_id)?.calls[place].push(call);
    }
  }
  for (const one of made.values()) one.oldest = one.calls.line[0]?.arrived_at ?? null;
  for (const agent of Object.values(board.agents)) {
    for (const id of ["", ...agent.queues]) {
      const one = made.get(id);
      if (one !== undefined) one.agents[shownState(agent.state)] += 1;
    }
  }
  return made;
}

const OF_TALKS: ReadonlySet<string> = new Set(["talking", "wrapup"]);
const COUNTED: ReadonlySet<string> = new Set(["talking", "wrapup", "ready", "ringing", "offered"]);

/** (talking + wrap-up) / (talking + wrap-up + ready) of an agent's day, the state he is in now included. */
export function occupancy(day: AgentDayRow | undefined, agent: AgentRow, now: number, dayBeganAt: number): Share {
  let [busy, counted] = [0, 0];
  const add = (state: string, seconds: number): void => {
    if (OF_TALKS.has(state)) busy += seconds;
    if (COUNTED.has(state)) counted += seconds;
  };
  for (const [state, seconds] of Object.entries(day?.seconds ?? {})) add(state, seconds);
  add(agent.state, Math.max(0, now - Math.max(agent.since, dayBeganAt)) / 1000);
  return share(busy, counted);
}

export const QUARTERS_A_DAY = 96;
const QUARTER_MS = 15 * 60_000;
const DAY_MS = QUARTERS_A_DAY * QUARTER_MS;

/** Which quarter of its day a moment is in, by the hotline's own midnight. */
export const quarterOf = (at: number, dayBeganAt: number): number => Math.floor(((((at - dayBeganAt) % DAY_MS) + DAY_MS) % DAY_MS) / QUARTER_MS);

/** One day by quarters of an hour. */
export interface Curve {
  arrived: number[];
  answered: number[];
  within: number[];
  abandoned: number[];
  short: number[];
}
export function curveOf(rows: Iterable<QuarterRow>, queueId: string, dayBeganAt: number): Curve {
  const zeros = (): number[] => new Array<number>(QUARTERS_A_DAY).fill(0);
  const curve: Curve = { arrived: zeros(), answered: zeros(), within: zeros(), abandoned: zeros(), short: zeros() };
  const add = (list: number[], at: number, count: number): void => {
    list[at] = (list[at] ?? 0) + count;
  };
  for (const row of rows) {
    if (queueId !== "" && row.queue_id !== queueId) continue;
    const at = quarterOf(row.at, dayBeganAt);
    add(curve.arrived, at, row.arrived);
    add(curve.answered, at, row.answered);
    add(curve.within, at, row.within_target);
    add(curve.abandoned, at, row.abandoned);
    add(curve.short, at, row.short_abandoned);
  }
  return curve;
}
/** The service level of each quarter, in per cent; null where nobody was answered or gave up. */
export function levels(curve: Curve, leaveOutShort: boolean): (number | null)[] {
  return curve.within.map((within, at) => {
    const level = share(within, (curve.answered[at] ?? 0) + (curve.abandoned[at] ?? 0) - (leaveOutShort ? (curve.short[at] ?? 0) : 0)).level;
    return level === null ? null : Math.floor(level * 100 + 1e-9);
  });
}
/** How many up to and with a quarter. */
export const upTo = (counts: readonly number[], quarter: number): number => counts.slice(0, quarter + 1).reduce((sum, count) => sum + count, 0);

/** The whole hours (first and last quarter) in which anything happened on one of the days, the present one included. */
export function usedSpan(days: readonly Curve[], quarter: number): [number, number] {
  const used = Array.from({ length: QUARTERS_A_DAY }, (_, at) => at).filter((at) => at === quarter || days.some((day) => (day.arrived[at] ?? 0) > 0));
  const [first, last] = [used[0] ?? 0, used.at(-1) ?? 0];
  return [first - (first % 4), last + (3 - (last % 4))];
}

/** Other days that today is measured against: their quarters by queue. */
export interface OtherDays {
  yesterday: Record<string, QuarterRow[]>;
  last_week: Record<string, QuarterRow[]>;
}
