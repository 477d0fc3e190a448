import { expect, test } from "vitest";

import { otherSpeed, placeOf, squeezed } from "./wave";

test("each column is the loudest of its stretch", () => {
  expect(squeezed([1, 9, 3, 4], 2)).toEqual([9, 4]);
  expect(squeezed([5, 7], 4)).toEqual([5, 5, 7, 7]);
  expect(squeezed([], 4)).toEqual([]);
  expect(squeezed([1], 0)).toEqual([]);
});

test("a place is within the sound", () => {
  expect([placeOf(5, 10), placeOf(-1, 10), placeOf(11, 10), placeOf(1, 0)]).toEqual([0.5, 0, 1, 0]);
});

test("speeds end at both ends", () => {
  expect([otherSpeed(1, 1), otherSpeed(2, 1), otherSpeed(1, -1), otherSpeed(2, -1)]).toEqual([1.25, 2, 1, 1.5]);
});
