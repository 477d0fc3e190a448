/** The wallboard's slides, one after the other in turn. Pure. */
import type { QueueRow } from "./board";

const SECONDS = 15;
const FEWEST_SECONDS = 3;
const MOST_SECONDS = 3600;

export interface Wall {
  /** Which queues are shown; empty: all of them. */
  queues: string[];
  /** How long each slide stays. */
  seconds: number;
}
/** What the address asks for: `?queues=a,b&seconds=20`; what cannot be read is as if it was not there. */
export function wallOf(query: Readonly<Record<string, unknown>>): Wall {
  const seconds = Number(query["seconds"]);
  const queues = typeof query["queues"] === "string" ? query["queues"].split(",").map((id) => id.trim()).filter((id) => id !== "") : [];
  return { queues, seconds: Number.isFinite(seconds) && query["seconds"] !== undefined && query["seconds"] !== "" ? Math.min(MOST_SECONDS, Math.max(FEWEST_SECONDS, seconds)) : SECONDS };
}

/** The ids of the slides: the whole hotline (""), then the queues in their order. A hotline with one queue needs one slide. */
export function slidesOf(queues: Readonly<Record<string, QueueRow>>, chosen: readonly string[]): string[] {
  const all = Object.values(queues).sort((a, b) => a.position - b.position || (a.queue_id < b.queue_id ? -1 : 1)).map((queue) => queue.queue_id);
  const shown = chosen.length === 0 ? all : chosen.filter((id) => id in queues);
  return all.length === 1 ? [""] : ["", ...shown];
}

/** Which slide is on, since when, and whether it is held. */
export interface Turning {
  slide: string;
  since: number;
  held: boolean;
}
/** The slide `by` steps on, around the end; the first where the one that was on is gone. */
export function turned(turning: Turning, slides: readonly string[], by: number, now: number): Turning {
  const at = slides.indexOf(turning.slide);
  const next = at === -1 ? 0 : (at + by + slides.length * Math.abs(by)) % slides.length;
  return { ...turning, slide: slides[next] ?? "", since: now };
}
/** The slide that should be on at `now`; the same object when nothing turns. */
export function rotated(turning: Turning, slides: readonly string[], seconds: number, now: number): Turning {
  if (!slides.includes(turning.slide)) return turned(turning, slides, 0, now);
  if (turning.held || slides.length < 2 || now - turning.since < seconds * 1000) return turning;
  return turned(turning, slides, 1, now);
}
