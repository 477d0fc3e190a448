import { expect, it } from "vitest";

import { looked, rate, remaining } from "./progress";

it("counts rows a second from what was seen", () => {
  expect(rate([{ at: 0, done: 0 }, { at: 2000, done: 5000 }])).toBe(2500);
  expect(rate([{ at: 0, done: 10 }])).toBe(0);
  expect(rate([])).toBe(0);
});
it("says how long it still takes, or nothing", () => {
  expect(remaining(10_000, 5000, 2500)).toBe(2);
  expect(remaining(10_000, 5000, 0)).toBeNull();
});
it("forgets what was seen of other work", () => {
  expect(looked([{ at: 1, done: 500 }], { at: 2, done: 0 })).toEqual([{ at: 2, done: 0 }]);
  expect(looked([{ at: 1, done: 5 }], { at: 2, done: 9 })).toHaveLength(2);
});
