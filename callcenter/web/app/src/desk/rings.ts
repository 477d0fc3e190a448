/** Rings, as the handbooks count them. Pure. */

/** China's cadence: 1 s tone and 4 s silence, so ring n starts at 5(n-1) seconds. */
export const RING_SECONDS = 5;
/** TEL-01: answer once it has rung twice. */
export const TARGET_RINGS = 2;
/** TEL-02: from five rings on the agent apologises first. */
export const APOLOGY_RINGS = 5;

/** The ring a caller hears after waiting so long (milliseconds): 1 at once. */
export function ringsAfter(waitedMs: number): number {
  return waitedMs < 0 ? 1 : Math.floor(waitedMs / (RING_SECONDS * 1000)) + 1;
}

export type RingMood = "good" | "late" | "sorry";

/** How the count should look: within target, late (TEL-01, TEL-04), or apologise (TEL-02). */
export function mood(rings: number): RingMood {
  if (rings >= APOLOGY_RINGS) return "sorry";
  return rings > TARGET_RINGS ? "late" : "good";
}
