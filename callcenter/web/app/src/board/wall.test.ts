import { describe, expect, it } from "vitest";

import { queueRow } from "./boards";
import { rotated, slidesOf, turned, wallOf, type Turning } from "./wall";

const queues = { b: queueRow({ queue_id: "b", position: 1 }), a: queueRow({ queue_id: "a", position: 0 }), c: queueRow({ queue_id: "c", position: 2 }) };
const first: Turning = { slide: "", since: 0, held: false };

describe("what the address asks of a wallboard", () => {
  it("is all queues for a quarter of a minute each, unless it says otherwise", () => {
    expect(wallOf({})).toEqual({ queues: [], seconds: 15 });
    expect(wallOf({ queues: "a, b,", seconds: "20" })).toEqual({ queues: ["a", "b"], seconds: 20 });
  });
  it("is kept within reason", () => {
    expect(wallOf({ seconds: "0" }).seconds).toBe(3);
    expect(wallOf({ seconds: "-5" }).seconds).toBe(3);
    expect(wallOf({ seconds: "soon" }).seconds).toBe(15);
    expect(wallOf({ seconds: "" }).seconds).toBe(15);
    expect(wallOf({ seconds: "1e9" }).seconds).toBe(3600);
    expect(wallOf({ queues: ["a", "b"] }).queues).toEqual([]);
  });
});

describe("slides", () => {
  it("begin with the whole hotline, then come the queues as they are ordered, or as asked for", () => {
    expect(slidesOf(queues, [])).toEqual(["", "a", "b", "c"]);
    expect(slidesOf(queues, ["c", "gone", "a"])).toEqual(["", "c", "a"]);
    expect(slidesOf({}, [])).toEqual([""]);
    expect(slidesOf({ a: queueRow() }, [])).toEqual([""]);
  });
  it("turn after their time, one after the other and around", () => {
    const slides = ["", "a", "b"];
    expect(rotated(first, slides, 15, 14_999)).toBe(first);
    let on = first;
    const seen = [on.slide];
    for (let now = 0; now <= 60_000; now += 1000) {
      const next = rotated(on, slides, 15, now);
      if (next !== on) seen.push(next.slide);
      on = next;
    }
    expect(seen).toEqual(["", "a", "b", "", "a"]);
  });
  it("stay while they are held, and while there is only one", () => {
    const held = { ...first, held: true };
    expect(rotated(held, ["", "a"], 15, 1e9)).toBe(held);
    expect(rotated(first, [""], 15, 1e9)).toBe(first);
  });
  it("are turned by hand both ways, and have their whole time then", () => {
    const slides = ["", "a", "b"];
    expect(turned(first, slides, -1, 500)).toEqual({ slide: "b", since: 500, held: false });
    expect(turned({ ...first, slide: "b" }, slides, 1, 500).slide).toBe("");
    expect(turned({ ...first, held: true }, slides, 1, 500)).toEqual({ slide: "a", since: 500, held: true });
  });
  it("begin anew when the queue that was on is no more", () => {
    expect(rotated({ slide: "gone", since: 0, held: true }, ["", "a"], 15, 100)).toEqual({ slide: "", since: 100, held: true });
  });
});
