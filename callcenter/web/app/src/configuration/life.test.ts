import { expect, it } from "vitest";

import type { Configuration, QueueSetting } from "../api/configuration";
import { lastRing, placeOf, queueLife, ringAt, type Life } from "./life";
import { newObject } from "./objects";

const queue = newObject("queues", { queues: [] as QueueSetting[] } as Configuration);
const told = (life: Life): string => life.marks.map((one) => `${one.at} ${one.kind}`).join(", ");

it.each([
  ["within", 3, 3],
  ["before", 3, 2],
  ["before", 1, 1],
  ["after", 2, 2],
] as const)("%s %i rings: the last in time is ring %i", (kind, rings, last) => expect(lastRing({ kind, rings })).toBe(last));

it("tells a caller's life in China's cadence", () => {
  const life = queueLife(queue, null);
  expect(life).toMatchObject({ period: 5, inTimeUntil: 15, apologyAt: 20, answeredAt: 20, leavesAt: null });
  expect(told(life)).toBe("15 late, 20 apology, 35 announcement, 35 callback, 60 response, 95 announcement");
  expect(life.offers.slice(0, 2)).toEqual([{ from: 0, until: 20, owner: false }, { from: 20, until: 40, owner: false }]);
});
it("counts rings in the cadence that is set", () => {
  const life = queueLife(queue, { tone_seconds: 2, silence_seconds: 4 });
  expect([life.inTimeUntil, life.apologyAt]).toEqual([18, 24]);
  expect([0, 5.9, 6, 24].map((at) => ringAt(at, life.period))).toEqual([1, 1, 2, 5]);
});
it("ends where an overflow takes the caller away, but not where it only offers a callback", () => {
  const life = queueLife(
    {
      ...queue,
      overflow: [
        { after_rings: 8, after_seconds: null, to: { kind: "callback" } },
        { after_rings: null, after_seconds: 90, to: { kind: "message" } },
        { after_rings: null, after_seconds: null, to: { kind: "end" } },
      ],
    },
    null,
  );
  expect(life.leavesAt).toBe(90);
  expect(life.marks.filter((one) => one.kind === "overflow").map((one) => [one.at, one.ring])).toEqual([[40, 9], [90, 19]]);
  expect(life.offers.at(-1)?.until).toBe(90);
  expect(life.marks.filter((one) => one.kind === "announcement").every((one) => one.at < 90)).toBe(true);
});
it("greets at once where that is set, and tries the owner first for his rings", () => {
  const life = queueLife({ ...queue, greet_first: true, owner_rings: 2 }, null);
  expect(life.answeredAt).toBe(0);
  expect(life.marks.find((one) => one.kind === "announcement")?.at).toBe(35);
  expect(life.offers[0]).toEqual({ from: 0, until: 10, owner: true });
});
it("offers no callback without a key, and announces nothing when there is nothing to say", () => {
  const quiet = { ...queue.announcements, position: false, expected_wait: false };
  const life = queueLife({ ...queue, announcements: quiet, callback: { ...queue.callback, key: null } }, null);
  expect(told(life)).toBe("15 late, 20 apology, 60 response");
});
it("survives half-typed numbers", () => {
  const half = { ...queue, offer_rings: 0, apology_ring: Number.NaN, response_seconds: null as unknown as number };
  const life = queueLife(half, { tone_seconds: 0, silence_seconds: -1 });
  expect(Number.isFinite(life.shown)).toBe(true);
  expect(life.offers.length).toBeLessThan(30);
});
it("keeps the order of moments on the chart, from 0 to 1", () => {
  const life = queueLife({ ...queue, overflow: [{ after_rings: null, after_seconds: 900, to: { kind: "end" } }] }, null);
  const places = [0, 5, 15, 20, 60, 900].map((at) => placeOf(life, at));
  expect(places).toEqual([...places].sort((a, b) => a - b));
  expect(places[0]).toBe(0);
  expect(placeOf(life, 20)).toBeGreaterThan(0.4);
  expect(placeOf(life, life.shown)).toBe(1);
});
