import { expect, it } from "vitest";

import { changed, draftOf, rebase } from "./drafts";

const base = { name_zh: "总机", priority: 0, needs: [{ skill_id: "a", level: 1 }] };

it("knows whether anything was changed, whatever the order of fields", () => {
  const draft = draftOf(base);
  expect(changed(draft)).toBe(false);
  draft.value.needs[0] = { level: 1, skill_id: "a" };
  expect(changed(draft)).toBe(false);
  draft.value.priority = 1;
  expect(changed(draft)).toBe(true);
  expect(base.priority).toBe(0);
  expect(changed(draftOf(base, true))).toBe(false);
});
it("takes in what only somebody else changed, and keeps what was typed", () => {
  const draft = draftOf(base);
  draft.value.name_zh = "客服总机";
  const now = rebase(draft, { ...base, priority: 3 });
  expect(now.value).toEqual({ ...base, name_zh: "客服总机", priority: 3 });
  expect(now.clashes).toEqual([]);
  expect(changed(now)).toBe(true);
});
it("names what both changed, and keeps what was typed", () => {
  const draft = draftOf(base);
  draft.value.needs = [];
  const now = rebase(draft, { ...base, needs: [{ skill_id: "a", level: 5 }] });
  expect(now.value.needs).toEqual([]);
  expect(now.clashes).toEqual(["needs"]);
  expect(rebase(now, { ...base, needs: [{ skill_id: "a", level: 5 }] }).clashes).toEqual(["needs"]);
});
it("does not call the same change twice a clash", () => {
  const draft = draftOf(base);
  draft.value.priority = 2;
  const now = rebase(draft, { ...base, priority: 2 });
  expect([now.clashes, changed(now)]).toEqual([[], false]);
});
it("keeps what was typed about something that is gone, and about something new", () => {
  const draft = draftOf(base);
  expect(rebase(draft, null)).toMatchObject({ gone: true, value: base });
  const fresh = draftOf(base, true);
  expect(rebase(fresh, null)).toBe(fresh);
});
