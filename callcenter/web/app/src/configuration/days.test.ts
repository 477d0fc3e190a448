import { expect, it } from "vitest";

import type { Configuration, HoursDay } from "../api/configuration";
import { heldBy, monthAway, monthDays, nextSpan, shortSpan, spansText, timeIn, weekdayOf } from "./days";
import { newObject } from "./objects";

const hours = { ...newObject("hours", { queues: [] as unknown } as Configuration), holiday: [{ start: "10:00", end: "16:00" }], exceptions: [{ day: "2026-10-01", name: "盘点", spans: [] }] };
const known = (why: HoursDay["why"], day: string): HoursDay => ({ day, spans: [], why, name_zh: "国庆节", name_en: "National Day", calendar_known: true });

it("shows a month in six weeks from a Monday", () => {
  const days = monthDays(2026, 11);
  expect([days.length, days[0], days[41]]).toEqual([42, "2026-10-26", "2026-12-06"]);
  expect(weekdayOf("2026-11-24")).toBe("tuesday");
  expect([monthAway(2026, 12, 1), monthAway(2026, 1, -1)]).toEqual([[2027, 1], [2025, 12]]);
});
it("lets an exception come first, then a holiday, then a swapped weekend, then the week", () => {
  expect(heldBy(hours, "2026-10-01", known("holiday", "2026-10-01"))).toMatchObject({ why: "exception", name_zh: "盘点", spans: [] });
  expect(spansText(heldBy(hours, "2026-10-02", known("holiday", "2026-10-02")).spans)).toBe("10:00–16:00");
  expect(spansText(heldBy(hours, "2026-10-10", known("swapped_work_day", "2026-10-10")).spans)).toBe("09:00–18:00");
  expect(heldBy(hours, "2026-10-11", undefined)).toMatchObject({ why: "week", spans: [] });
  expect(heldBy({ ...hours, china_holidays: false }, "2026-10-02", known("holiday", "2026-10-02")).why).toBe("week");
});
it.each([
  ["9", "09:00"],
  ["930", "09:30"],
  ["9：30", "09:30"],
  ["18.15", "18:15"],
  ["24:00", "24:00"],
  ["25:00", "25:00"],
  ["noon", "noon"],
])("reads the time %s as %s", (text, time) => expect(timeIn(text)).toBe(time));
it("is brief in the calendar", () => {
  expect(shortSpan({ start: "09:00", end: "12:30" })).toBe("9–12:30");
  expect(shortSpan({ start: "00:00", end: "24:00" })).toBe("0–24");
});
it("offers the afternoon after a morning", () => {
  expect(nextSpan([{ start: "09:00", end: "12:00" }])).toEqual({ start: "13:00", end: "17:00" });
  expect(nextSpan([])).toEqual({ start: "09:00", end: "18:00" });
});
