/** Rings, as the handbooks count them. Pure. */

/** China's cadence: 1 s tone and 4 s silence, so ring n starts at 5(n-1) seconds. */
export const RING_SECONDS = 5;
/** TEL-01: answer once it has rung twice. */
export const TARGET_RINGS = 2;
/** TEL-02: from five rings on the agent apologises first. */
export const APOLOGY_RINGS = 5;

/** The ring a caller hears after waiting so long (milliseconds): 1 at once. `period`: seconds from ring to ring. */
export function ringsAfter(waitedMs: number, period: number = RING_SECONDS): number {
  return waitedMs < 0 ? 1 : Math.floor(waitedMs / (period * 1000)) + 1;
}

export type RingMood = "good" | "late" | "sorry";

/**
 * How the count should look: in time, late (TEL-01, TEL-03, TEL-04), or apologise (TEL-02). A queue's own rings where
 * they are known.
 */
export function mood(rings: number, lastInTime: number = TARGET_RINGS, apology: number = APOLOGY_RINGS): RingMood {
  if (rings >= apology) return "sorry";
  return rings > lastInTime ? "late" : "good";
}
