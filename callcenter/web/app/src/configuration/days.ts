/** Days and hours of opening. Pure; days are `YYYY-MM-DD`, times `HH:MM`, 24:00 is the end of the day. */
import { WEEKDAYS, type HoursDay, type HoursSetting, type Span, type Weekday } from "../api/configuration";

const DAY_MS = 24 * 3600 * 1000;
const two = (n: number): string => String(n).padStart(2, "0");

export const dayOf = (year: number, month: number, day: number): string => `${year}-${two(month)}-${two(day)}`;
const utc = (day: string): Date => new Date(`${day}T00:00:00Z`);
export const plusDays = (day: string, days: number): string => new Date(utc(day).getTime() + days * DAY_MS).toISOString().slice(0, 10);
export const weekdayOf = (day: string): Weekday => WEEKDAYS[(utc(day).getUTCDay() + 6) % 7] ?? "monday";

/** The six weeks (42 days, Monday first) that hold a month. */
export function monthDays(year: number, month: number): string[] {
  const first = dayOf(year, month, 1);
  const start = plusDays(first, -WEEKDAYS.indexOf(weekdayOf(first)));
  return Array.from({ length: 42 }, (_, index) => plusDays(start, index));
}

/** The month `step` months away, as [year, month]. */
export function monthAway(year: number, month: number, step: number): [number, number] {
  const count = year * 12 + (month - 1) + step;
  return [Math.floor(count / 12), (count % 12) + 1];
}

/**
 * What holds a day by settings that are still being typed. `known` is the service's word for the settings as saved:
 * it alone knows the holidays and the weekends that are worked.
 */
export function heldBy(hours: HoursSetting, day: string, known: HoursDay | undefined): HoursDay {
  const own = hours.exceptions.find((one) => one.day === day);
  const calendar_known = known?.calendar_known ?? true;
  if (own !== undefined) return { day, spans: own.spans, why: "exception", name_zh: own.name, name_en: own.name, calendar_known };
  if (hours.china_holidays && known?.why === "holiday") return { ...known, spans: hours.holiday };
  if (hours.china_holidays && known?.why === "swapped_work_day") return { ...known, spans: hours.week.monday };
  return { day, spans: hours.week[weekdayOf(day)], why: "week", name_zh: "", name_en: "", calendar_known };
}

/** Minutes after midnight; NaN while a time is half typed. */
export function minutes(time: string): number {
  const parts = /^(\d{1,2}):(\d{2})$/.exec(time);
  return parts === null ? Number.NaN : Number(parts[1]) * 60 + Number(parts[2]);
}

/** A time as people type it ("9", "930", "9：30", "9.30") in the service's form; what is no time stays as it is. */
export function timeIn(text: string): string {
  const parts = /^\s*(\d{1,2})(?:[:：.]?(\d{2}))?\s*$/.exec(text);
  if (parts === null) return text;
  const [hour, minute] = [Number(parts[1]), Number(parts[2] ?? 0)];
  if (hour > 24 || minute > 59 || (hour === 24 && minute > 0)) return text;
  return `${two(hour)}:${two(minute)}`;
}

/** "09:00–12:00 13:00–18:00"; empty for a closed day. */
export const spansText = (spans: readonly Span[]): string => spans.map((one) => `${one.start}–${one.end}`).join(" ");

/** The same where there is little room: "9–12". */
export const shortSpan = ({ start, end }: Span): string => [start, end].map((time) => time.replace(/^0/, "").replace(/:00$/, "")).join("–");

/** The next span to offer after those a day has: the afternoon after a morning, else after an hour's rest. */
export function nextSpan(spans: readonly Span[]): Span {
  const last = spans.at(-1);
  if (last === undefined) return { start: "09:00", end: "18:00" };
  const start = Math.min(minutes(last.end) + 60, 23 * 60);
  const end = Math.min(start + 4 * 60, 24 * 60);
  return Number.isNaN(start) ? { start: "", end: "" } : { start: `${two(Math.floor(start / 60))}:${two(start % 60)}`, end: `${two(Math.floor(end / 60))}:${two(end % 60)}` };
}
