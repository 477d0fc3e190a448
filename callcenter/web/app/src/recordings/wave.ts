/** The drawing of a recording: what is where on it. Pure. */

/** The loudest of each of `columns` equal stretches. */
export function squeezed(peaks: readonly number[], columns: number): number[] {
  if (peaks.length === 0 || columns < 1) return [];
  return Array.from({ length: columns }, (_, column) => {
    const from = Math.floor((column * peaks.length) / columns);
    const to = Math.max(from + 1, Math.floor(((column + 1) * peaks.length) / columns));
    return Math.max(...peaks.slice(from, to));
  });
}

/** Where (0 to 1) a moment of the sound is. */
export function placeOf(seconds: number, whole: number): number {
  return whole > 0 ? Math.min(1, Math.max(0, seconds / whole)) : 0;
}

export const SPEEDS = [1, 1.25, 1.5, 2] as const;

/** The next speed up (+1) or down (-1), staying within what there is. */
export function otherSpeed(now: number, step: 1 | -1): number {
  const at = SPEEDS.findIndex((one) => one === now);
  return SPEEDS[Math.min(SPEEDS.length - 1, Math.max(0, at + step))] ?? 1;
}
