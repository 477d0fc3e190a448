/**
 * The service's clock as seen from this browser.
 *
 * Timers on the desk count from times the service gave; a PC whose clock is minutes off must not show
 * a caller waiting "-3:12". The difference is read from the Date header of answers (whole seconds).
 */
let offsetMs = 0;

/** Notes the service's time from an answer's Date header; differences below two seconds are header rounding. */
export function noteServerDate(header: string | null, nowMs: number = Date.now()): void {
  const serverMs = header === null ? Number.NaN : Date.parse(header);
  if (Number.isNaN(serverMs)) return;
  const difference = serverMs + 500 - nowMs;
  offsetMs = Math.abs(difference) < 2000 ? 0 : difference;
}

/** Milliseconds since the epoch, by the service's clock. */
export function serverNow(): number {
  return Date.now() + offsetMs;
}
