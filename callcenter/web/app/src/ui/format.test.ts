import { expect, it } from "vitest";

import { dayStart, duration, moment, readable } from "./format";

it.each([
  [0, "0:00"],
  [7.9, "0:07"],
  [65, "1:05"],
  [3599, "59:59"],
  [3661, "1:01:01"],
  [-3, "0:00"],
  [null, "—"],
])("%s seconds read %s", (seconds, text) => expect(duration(seconds)).toBe(text));

it("leaves out what the day already says", () => {
  const now = new Date(2025, 10, 22, 18, 0).getTime();
  expect(moment(new Date(2025, 10, 22, 9, 5).getTime(), now)).toBe("09:05");
  expect(moment(new Date(2025, 10, 3, 9, 5).getTime(), now)).toBe("11-03 09:05");
  expect(moment(new Date(2024, 0, 3, 9, 5).getTime(), now)).toBe("2024-01-03 09:05");
  expect(new Date(dayStart(now)).getHours()).toBe(0);
});

it.each([
  ["13812345678", "138 1234 5678"],
  ["+8613812345678", "138 1234 5678"],
  ["0571-87654321", "0571-87654321"],
  ["4008001234", "4008001234"],
  ["10086", "10086"],
  ["\"; DROP", "\"; DROP"],
])("%s is shown as %s", (number, shown) => expect(readable(number)).toBe(shown));
