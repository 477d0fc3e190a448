/** A caller's life in a queue, in rings and seconds, from the queue's settings. Pure. */
import type { Cadence, Destination, QueueSetting, RingTarget } from "../api/configuration";

/** China's ringing tone, where the configuration names none. */
export const DEFAULT_CADENCE: Cadence = { tone_seconds: 1, silence_seconds: 4 };

export interface Offer {
  from: number;
  until: number;
  owner: boolean;
}
export type MarkKind = "late" | "apology" | "response" | "announcement" | "callback" | "overflow";
export interface Mark {
  kind: MarkKind;
  /** Seconds after the arrival. */
  at: number;
  /** The ring that the caller hears, or would hear, at that moment. */
  ring: number;
  to?: Destination;
}
export interface Life {
  /** Seconds from ring to ring, and of the tone in each. */
  period: number;
  tone: number;
  /** Seconds until an answer is no longer in time. */
  inTimeUntil: number;
  /** When the apology is due: the caller is answered by then. */
  apologyAt: number;
  /** When the caller stops hearing the ringing tone (0: he is greeted at once). */
  answeredAt: number;
  /** When the caller leaves the queue at the latest; null: he may wait for ever. */
  leavesAt: number | null;
  /** How many seconds are shown. */
  shown: number;
  rings: number[];
  offers: Offer[];
  marks: Mark[];
}

const MOST_MARKS = 12;
const MOST_OFFERS = 24;

/** The last ring in which an answer is in time: within 3 and after 3 are the 3rd, before the 3rd is the 2nd. */
export const lastRing = (target: RingTarget): number => (target.kind === "before" ? Math.max(1, target.rings - 1) : target.rings);

/** The ring a caller hears `at` seconds after his arrival; the first begins at once. */
export const ringAt = (at: number, period: number): number => Math.floor(Math.max(0, at) / period + 1e-9) + 1;

/** Whether a way out takes the caller out of the line for good (an offer of a callback he may leave alone). */
const leaves = (to: Destination): boolean => to.kind !== "callback";

/** A number typed into a field, while it is not one. */
const known = (value: number | null | undefined, otherwise: number): number =>
  typeof value === "number" && Number.isFinite(value) && value > 0 ? value : otherwise;

/** Seconds after which an overflow takes the caller away; null while neither measure is filled in. */
export function overflowAt(one: QueueSetting["overflow"][number], period: number): number | null {
  if (one.after_rings !== null) return known(one.after_rings, 1) * period;
  return one.after_seconds === null ? null : known(one.after_seconds, 1);
}

function announcedAt(queue: QueueSetting, apologyAt: number, until: number): number[] {
  const { position, expected_wait, first_after_seconds, every_seconds } = queue.announcements;
  if (!position && !expected_wait && queue.callback.key === null) return [];
  const found: number[] = [];
  let at = apologyAt + known(first_after_seconds, 0);
  while (at < until && found.length < MOST_MARKS) {
    found.push(at);
    at += Math.max(20, known(every_seconds, 60));
  }
  return found;
}

function offersUntil(queue: QueueSetting, period: number, until: number): Offer[] {
  const found: Offer[] = [];
  let from = 0;
  while (from < until && found.length < MOST_OFFERS) {
    const owner = found.length === 0 && queue.owner_rings > 0;
    const length = known(owner ? queue.owner_rings : queue.offer_rings, 1) * period;
    found.push({ from, until: Math.min(from + length, until), owner });
    from += length;
  }
  return found;
}

/** All that a chart of the queue shows. Half-typed numbers count as the smallest that makes sense. */
export function queueLife(queue: QueueSetting, cadence: Cadence | null): Life {
  const { tone_seconds, silence_seconds } = cadence ?? DEFAULT_CADENCE;
  const tone = known(tone_seconds, 1);
  const period = tone + known(silence_seconds, 4);
  const inTimeUntil = known(lastRing(queue.ring_target), 1) * period;
  const apologyAt = (known(queue.apology_ring, 1) - 1) * period;
  const answeredAt = queue.greet_first ? 0 : apologyAt;
  const outs = queue.overflow.flatMap((one) => {
    const at = overflowAt(one, period);
    return at === null ? [] : [{ at, to: one.to }];
  });
  const goes = outs.filter((one) => leaves(one.to)).map((one) => one.at);
  const leavesAt = goes.length === 0 ? null : Math.min(...goes);
  const announced = announcedAt(queue, apologyAt, leavesAt ?? Number.POSITIVE_INFINITY);
  const offerAfter = known(queue.callback.offer_after_seconds, 0);
  const callbackAt = queue.callback.key === null ? null : (announced.find((at) => at >= offerAfter) ?? null);
  const latest = Math.max(inTimeUntil, apologyAt + period, known(queue.response_seconds, 0), callbackAt ?? 0, announced[1] ?? 0);
  const shown = Math.max(latest, ...outs.map((one) => one.at)) * 1.06;
  const ends = leavesAt ?? shown;

  const marks: Omit<Mark, "ring">[] = [
    { kind: "late", at: inTimeUntil },
    { kind: "apology", at: apologyAt },
    { kind: "response", at: known(queue.response_seconds, 0) },
    ...announced.filter((at) => at <= shown).map((at) => ({ kind: "announcement" as const, at })),
    ...(callbackAt === null || callbackAt >= ends ? [] : [{ kind: "callback" as const, at: callbackAt }]),
    ...outs.map((one) => ({ kind: "overflow" as const, at: one.at, to: one.to })),
  ];
  return {
    period,
    tone,
    inTimeUntil,
    apologyAt,
    answeredAt,
    leavesAt,
    shown,
    rings: Array.from({ length: Math.ceil(Math.max(apologyAt, inTimeUntil) / period) + 1 }, (_, index) => index * period),
    offers: offersUntil(queue, period, ends),
    marks: marks.map((mark) => ({ ...mark, ring: ringAt(mark.at, period) })).sort((a, b) => a.at - b.at),
  };
}

/** How much of the chart's width belongs to the rings; what comes after is drawn smaller. */
const RINGS_SHARE = 0.46;

/**
 * Where `at` seconds stand on the chart, 0 to 1: the first rings have room, the long wait after them is pressed
 * together, and both stay in proportion to themselves.
 */
export function placeOf(life: Life, at: number): number {
  const bend = Math.max(life.apologyAt, life.inTimeUntil);
  if (life.shown <= bend * 2) return Math.min(1, at / life.shown);
  if (at <= bend) return (at / bend) * RINGS_SHARE;
  return Math.min(1, RINGS_SHARE + ((at - bend) / (life.shown - bend)) * (1 - RINGS_SHARE));
}
