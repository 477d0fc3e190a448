/** Where a call's time went, as pieces of one bar. Pure. */
import type { Call, CallEvent } from "../api/types";

export type Piece = "waiting" | "ringing" | "talking" | "holding" | "wrapup";
export interface Segment {
  piece: Piece;
  seconds: number;
}

/** Holds between `from` and `to`, as pairs of times; one that never ended lasts until `to`. */
function holds(events: readonly CallEvent[], from: number, to: number): [number, number][] {
  const found: [number, number][] = [];
  let since: number | null = null;
  for (const event of [...events].sort((a, b) => a.at - b.at)) {
    if (event.kind === "held") since ??= event.at;
    else if (event.kind === "resumed" && since !== null) {
      found.push([Math.max(since, from), Math.min(event.at, to)]);
      since = null;
    }
  }
  if (since !== null) found.push([Math.max(since, from), to]);
  return found.filter(([start, end]) => end > start);
}

/**
 * The pieces of a call in the order in which they happened.
 *
 * `now` (milliseconds) ends what is still going on. Ringing is the last time an agent's phone rang before the answer;
 * what an agent's phone rang in vain belongs to the caller's waiting.
 */
export function segments(call: Call, events: readonly CallEvent[], now: number): Segment[] {
  const end = call.ended_at ?? now;
  const answered = call.answered_at;
  const rang = answered === null ? null : (call.ringing_at ?? call.offered_at);
  const pieces: Segment[] = [];
  const add = (piece: Piece, from: number, to: number): void => {
    if (to > from) pieces.push({ piece, seconds: (to - from) / 1000 });
  };
  add("waiting", call.arrived_at, rang ?? answered ?? end);
  if (answered !== null) {
    if (rang !== null) add("ringing", rang, answered);
    let at = answered;
    for (const [from, to] of holds(events, answered, end)) {
      add("talking", at, from);
      add("holding", from, to);
      at = to;
    }
    add("talking", at, end);
  }
  const wrapup = Number(call.wrapup_seconds ?? 0);
  if (wrapup > 0) pieces.push({ piece: "wrapup", seconds: wrapup });
  return pieces;
}
