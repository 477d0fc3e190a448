/** Times and durations as people read them. Pure. */

const two = (n: number): string => String(n).padStart(2, "0");

/** Seconds as m:ss, from an hour on h:mm:ss; negative counts as 0. */
export function duration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || Number.isNaN(seconds)) return "—";
  const whole = Math.max(0, Math.floor(seconds));
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/** Seconds between two times in milliseconds, as `duration`. */
export const between = (from: number, to: number): string => duration((to - from) / 1000);

/** HH:MM:SS of a time in milliseconds, in the browser's zone. */
export function clock(at: number): string {
  const time = new Date(at);
  return `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
}

/** HH:MM today, MM-DD HH:MM this year, YYYY-MM-DD HH:MM before. */
export function moment(at: number, now: number = Date.now()): string {
  const time = new Date(at);
  const today = new Date(now);
  const hour = `${two(time.getHours())}:${two(time.getMinutes())}`;
  if (time.toDateString() === today.toDateString()) return hour;
  const day = `${two(time.getMonth() + 1)}-${two(time.getDate())}`;
  return time.getFullYear() === today.getFullYear() ? `${day} ${hour}` : `${time.getFullYear()}-${day} ${hour}`;
}

/** Midnight at the start of a time's day, in the browser's zone, in milliseconds. */
export function dayStart(at: number): number {
  const day = new Date(at);
  day.setHours(0, 0, 0, 0);
  return day.getTime();
}

/** A number for the eye: Chinese mobiles as 138 1234 5678; what is already spaced or foreign stays. */
export function readable(number: string): string {
  const digits = /^(?:\+?86)?(1[3-9]\d)(\d{4})(\d{4})$/.exec(number);
  return digits === null ? number : `${digits[1]} ${digits[2]} ${digits[3]}`;
}

/** The day here, as days are sent: 2026-11-28. */
export function dayOf(at: number): string {
  const day = new Date(at);
  const two = (part: number): string => String(part).padStart(2, "0");
  return `${day.getFullYear()}-${two(day.getMonth() + 1)}-${two(day.getDate())}`;
}
