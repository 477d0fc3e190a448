import { afterEach, beforeEach, expect, it, vi } from "vitest";

import { whenAwake } from "./awake";

let woke: number;
let stop: () => void;
let page: EventTarget & { visibilityState: string };
let browser: EventTarget;

beforeEach(() => {
  vi.useFakeTimers();
  page = Object.assign(new EventTarget(), { visibilityState: "visible" });
  browser = new EventTarget();
  vi.stubGlobal("document", page);
  vi.stubGlobal("window", browser);
  woke = 0;
  stop = whenAwake(() => (woke += 1));
});
afterEach(() => {
  stop();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});
/** Nothing runs for so long. */
const sleep = (ms: number): void => void vi.setSystemTime(Date.now() + ms);

it("does nothing while the page runs", () => {
  vi.advanceTimersByTime(3_600_000);
  expect(woke).toBe(0);
});
it("tells once, within a tick, that the page slept", () => {
  sleep(60_000);
  vi.advanceTimersByTime(1000);
  expect(woke).toBe(1);
  vi.advanceTimersByTime(60_000);
  expect(woke).toBe(1);
});
it("waits until a page that slept is seen", () => {
  page.visibilityState = "hidden";
  sleep(60_000);
  vi.advanceTimersByTime(5000);
  expect(woke).toBe(0);
  page.visibilityState = "visible";
  page.dispatchEvent(new Event("visibilitychange"));
  expect(woke).toBe(1);
});
it("does not tell when a page that ran on is only looked at again", () => {
  page.visibilityState = "hidden";
  vi.advanceTimersByTime(60_000);
  page.visibilityState = "visible";
  page.dispatchEvent(new Event("visibilitychange"));
  expect(woke).toBe(0);
});
it("tells that the network is back", () => {
  browser.dispatchEvent(new Event("online"));
  expect(woke).toBe(1);
});
it("tells when the computer's clock was set back", () => {
  sleep(-3_600_000);
  vi.advanceTimersByTime(1000);
  expect(woke).toBe(1);
});
