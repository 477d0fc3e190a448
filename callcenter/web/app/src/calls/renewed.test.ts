import { describe, expect, it } from "vitest";

import type { Call } from "../api/types";
import { renewed } from "./renewed";

const calls = (...arrived: number[]): Call[] => arrived.map((at) => ({ call_id: `c${at}`, arrived_at: at }) as Call);
const times = (list: Call[]): number[] => list.map((one) => one.arrived_at);

describe("a list of calls that is renewed", () => {
  it("is the latest page alone where nothing more was loaded", () => {
    expect(renewed(calls(3, 2, 1), calls(4, 3, 2), false)).toEqual({ calls: calls(4, 3, 2), extended: false });
  });
  it("keeps what was loaded below, and takes the latest as they are now", () => {
    const now = renewed(calls(4, 3, 2, 1), [{ ...calls(5)[0], status: "talking" } as Call, ...calls(4, 3)], true);
    expect(times(now.calls)).toEqual([5, 4, 3, 2, 1]);
    expect(now.calls[0]?.status).toBe("talking");
  });
  it("begins anew when calls would be missing between the two", () => {
    expect(renewed(calls(3, 2, 1), calls(9, 8, 7), true)).toEqual({ calls: calls(9, 8, 7), extended: false });
  });
});
