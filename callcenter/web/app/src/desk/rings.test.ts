import { expect, it } from "vitest";

import { mood, ringsAfter } from "./rings";

it.each([
  [-1, 1],
  [0, 1],
  [4999, 1],
  [5000, 2],
  [9999, 2],
  [20_000, 5],
])("after %i ms the caller hears ring %i", (waited, rings) => expect(ringsAfter(waited)).toBe(rings));

it("is good up to two rings, late from three, and apologises from five", () => {
  expect([1, 2, 3, 4, 5, 12].map((rings) => mood(rings))).toEqual(["good", "good", "late", "late", "sorry", "sorry"]);
});

it("goes by the queue's own rings and cadence", () => {
  expect([3, 4, 6, 7].map((rings) => mood(rings, 3, 7))).toEqual(["good", "late", "late", "sorry"]);
  expect(mood(2, 5, 2)).toBe("sorry");
  expect([0, 5999, 6000].map((waited) => ringsAfter(waited, 6))).toEqual([1, 1, 2]);
});
