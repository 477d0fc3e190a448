/**
 * The service's clock as seen from this browser.
 *
 * Timers on the desk count from times the service gave; a PC whose clock is minutes off must not show
 * a caller waiting "-3:12". The difference is read from the Date header of answers (whole seconds), and better where a
 * live socket tells the time with its pongs.
 */
let offsetMs = 0;
/** A header within this of what is known is header rounding, and tells nothing new. */
const HEADER_ROUNDING_MS = 2000;
/** A pong that came later than this after its ping says too little. */
const QUICK_MS = 1000;

/** Notes the service's time from an answer's Date header; differences below two seconds are header rounding. */
export function noteServerDate(header: string | null, nowMs: number = Date.now()): void {
  const serverMs = header === null ? Number.NaN : Date.parse(header);
  if (Number.isNaN(serverMs)) return;
  const difference = serverMs + 500 - nowMs;
  if (Math.abs(difference - offsetMs) < HEADER_ROUNDING_MS) return;
  offsetMs = Math.abs(difference) < HEADER_ROUNDING_MS ? 0 : difference;
}

/** Notes the service's time `at` that a live socket told between `askedAt` and `heardAt` (this browser's clock). */
export function noteServerMoment(at: number, askedAt: number, heardAt: number): void {
  if (heardAt - askedAt <= QUICK_MS) offsetMs = at - (askedAt + heardAt) / 2;
}

/** Milliseconds since the epoch, by the service's clock. */
export function serverNow(): number {
  return Date.now() + offsetMs;
}
