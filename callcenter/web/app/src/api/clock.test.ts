import { beforeEach, expect, it, vi } from "vitest";

const NOW = Date.UTC(2026, 10, 28, 5, 0, 0);

beforeEach(() => {
  vi.resetModules();
  vi.useFakeTimers();
  vi.setSystemTime(NOW);
});
const clock = (): Promise<typeof import("./clock")> => import("./clock");
const dated = (ms: number): string => new Date(ms).toUTCString();

it("takes a header's time when it is further off than a header is rounded", async () => {
  const { noteServerDate, serverNow } = await clock();
  noteServerDate(dated(NOW + 1000));
  expect(serverNow()).toBe(NOW);
  noteServerDate(dated(NOW + 60_000));
  expect(serverNow()).toBe(NOW + 60_500);
  noteServerDate(null);
  expect(serverNow()).toBe(NOW + 60_500);
});
it("takes a pong's time to the half of its way, and keeps it when headers say about the same", async () => {
  const { noteServerDate, noteServerMoment, serverNow } = await clock();
  noteServerMoment(NOW + 700, NOW - 40, NOW);
  expect(serverNow()).toBe(NOW + 720);
  noteServerDate(dated(NOW + 1000));
  expect(serverNow()).toBe(NOW + 720);
  noteServerMoment(NOW + 9000, NOW - 5000, NOW);
  expect(serverNow(), "a slow pong says too little").toBe(NOW + 720);
});
