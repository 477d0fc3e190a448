import { expect, it } from "vitest";

import type { RosterView, Shift, ShiftKind } from "../api/shifts";
import { cellHours, changed, dayTotals, daysFrom, hoursOf, kindIn, mondayOf, monthAfter, monthSpan, rebased, shiftsByCell, stillUnsaved, withLastWeek } from "./roster";

const kind = (kind_id: number, code: string, starts: string | null, ends: string | null, removed = false): ShiftKind => ({
  kind_id, code, name_zh: code, name_en: code, starts, ends, colour: "#000000", duty: false, removed,
});
const KINDS = [kind(1, "1", "08:00", "16:00"), kind(3, "3", "22:00", "08:00"), kind(4, "0", null, null), kind(5, "x", "08:00", "09:00", true)];
const shift = (user_id: number, day: string, kind_id: number): Shift => ({ user_id, day, kind_id, starts_at: 0, ends_at: 3_600_000 * 7, duty_number: null, deputy_id: null });
const view = (...shifts: Shift[]): RosterView => ({
  today: "2026-11-25", kinds: KINDS, shifts, rosters: [], rules: { early_minutes: 10, due_day: 28, swap_working_days: 1, duty_number: "" },
  people: [1, 2].map((user_id) => ({ user_id, username: `u${user_id}`, display_name: `U${user_id}`, extension: null })),
});
const CELL = { user_id: 1, day: "2026-12-01" };
const NONE = new Map();

it("knows weeks and months", () => {
  expect(mondayOf("2026-11-29")).toBe("2026-11-23");
  expect(mondayOf("2026-11-30")).toBe("2026-11-30");
  expect(daysFrom("2026-12-30", 3)).toEqual(["2026-12-30", "2026-12-31", "2027-01-01"]);
  expect(monthSpan("2028-02")).toEqual(["2028-02-01", 29]);
  expect(monthAfter("2026-12")).toBe("2027-01");
});

it("keeps a change until it is as saved", () => {
  const saved = shiftsByCell([shift(1, "2026-12-01", 1)]);
  const drafts = changed(saved, NONE, CELL, 3);
  expect([...drafts.values()]).toEqual([{ ...CELL, was: 1, kind_id: 3 }]);
  expect(kindIn(saved, drafts, "1/2026-12-01")).toBe(3);
  expect(changed(saved, drafts, CELL, 1).size).toBe(0);
  expect(kindIn(saved, changed(saved, NONE, CELL, null), "1/2026-12-01")).toBeNull();
});

it("keeps a detail of a cell whose kind stays", () => {
  const saved = shiftsByCell([{ ...shift(1, "2026-12-01", 3), deputy_id: 2 }]);
  expect([...changed(saved, NONE, CELL, 3, { duty_number: "13800138000" }).values()]).toEqual([{ ...CELL, was: 3, kind_id: 3, deputy_id: 2, duty_number: "13800138000" }]);
});

it("tells what others have overtaken, and forgets what they did alike", () => {
  const drafts = changed(NONE, changed(NONE, NONE, CELL, 3), { user_id: 2, day: "2026-12-01" }, 1);
  const saved = shiftsByCell([shift(1, "2026-12-01", 4), shift(2, "2026-12-01", 1)]);
  const after = rebased(saved, drafts);
  expect([...after.overtaken]).toEqual(["1/2026-12-01"]);
  expect([...after.drafts.values()]).toEqual([{ ...CELL, was: 4, kind_id: 3 }]);
});

it("keeps what is changed while a save is on its way", () => {
  const [other, back] = [{ user_id: 2, day: "2026-12-01" }, { user_id: 2, day: "2026-12-02" }];
  const saved = shiftsByCell([shift(2, "2026-12-02", 1)]);
  const sent = changed(saved, changed(saved, changed(saved, NONE, CELL, 3), other, 1), back, 3);
  const typed = changed(saved, changed(saved, changed(saved, sent, CELL, 4), back, 1), { user_id: 1, day: "2026-12-02" }, 1);
  expect([...stillUnsaved(typed, sent).values()]).toEqual([
    { ...CELL, was: 3, kind_id: 4 },
    { user_id: 1, day: "2026-12-02", was: null, kind_id: 1 },
    { ...back, was: 3, kind_id: 1 },
  ]);
  expect(stillUnsaved(sent, sent).size).toBe(0);
});

it("copies last week into empty cells alone, without kinds and people that are gone", () => {
  const before = [shift(1, "2026-11-24", 3), shift(2, "2026-11-24", 1), shift(2, "2026-11-25", 5), shift(9, "2026-11-24", 1)];
  const { drafts, copied } = withLastWeek(view(shift(1, "2026-12-01", 4)), before, NONE);
  expect(copied).toBe(1);
  expect([...drafts.values()]).toEqual([{ user_id: 2, day: "2026-12-01", was: null, kind_id: 1 }]);
});

it("counts hours and people", () => {
  expect(KINDS.map(hoursOf)).toEqual([8, 10, 0, 1]);
  const kinds = new Map(KINDS.map((one) => [one.kind_id, one]));
  const now = view(shift(1, "2026-12-01", 1));
  const saved = shiftsByCell(now.shifts);
  expect(cellHours(saved, NONE, kinds, "1/2026-12-01")).toBe(7);
  const drafts = changed(saved, changed(saved, NONE, CELL, 3), { user_id: 2, day: "2026-12-01" }, 4);
  expect(cellHours(saved, drafts, kinds, "1/2026-12-01")).toBe(10);
  expect(dayTotals(now, drafts, "2026-12-01").map((one) => [one.kind.code, one.count])).toEqual([["3", 1]]);
});
