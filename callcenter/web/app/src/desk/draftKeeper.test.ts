import { afterEach, beforeEach, expect, it, vi } from "vitest";

import type { Outcome } from "../api/types";
import { BLANK } from "../forms/filled";
import { DraftKeeper } from "./draftKeeper";

const draft = (notes: string): Outcome => ({ ...BLANK, notes });
let sent: string[];
let told: string[];
let away: boolean;
let keeper: DraftKeeper;
beforeEach(() => {
  vi.useFakeTimers();
  [sent, told, away] = [[], [], false];
  keeper = new DraftKeeper(
    (one) => (away ? Promise.reject(new Error("away")) : Promise.resolve(sent.push(one.notes))),
    (where) => told.push(where),
  );
});
afterEach(() => vi.useRealTimers());

it("sends the last of what is written, once it is quiet", async () => {
  keeper.change(draft("a"));
  await vi.advanceTimersByTimeAsync(500);
  keeper.change(draft("ab"));
  await vi.advanceTimersByTimeAsync(1000);
  expect(sent).toEqual([]);
  await vi.advanceTimersByTimeAsync(300);
  expect([sent, told]).toEqual([["ab"], ["service"]]);
});
it("does not wait longer than a few seconds for quiet", async () => {
  for (let n = 0; n < 10; n += 1) {
    keeper.change(draft(String(n)));
    await vi.advanceTimersByTimeAsync(500);
  }
  expect(sent.length).toBe(1);
});
it("says that it is kept here only, and tries again", async () => {
  away = true;
  keeper.change(draft("a"));
  await vi.advanceTimersByTimeAsync(1300);
  expect([sent, told]).toEqual([[], ["here"]]);
  away = false;
  await vi.advanceTimersByTimeAsync(5100);
  expect([sent, told]).toEqual([["a"], ["here", "service"]]);
});
it("sends nothing after the outcome, and what waits when the form is left", async () => {
  keeper.change(draft("a"));
  await keeper.drop();
  await vi.advanceTimersByTimeAsync(9000);
  expect(sent).toEqual([]);
  keeper.change(draft("b"));
  keeper.leave();
  expect(sent).toEqual(["b"]);
});
