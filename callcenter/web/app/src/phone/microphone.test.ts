import { expect, it } from "vitest";

import { troubleOf } from "./microphone";

it.each([
  ["NotAllowedError", "denied"],
  ["SecurityError", "denied"],
  ["NotFoundError", "missing"],
  ["OverconstrainedError", "missing"],
  ["NotReadableError", "busy"],
  ["AbortError", "busy"],
])("%s means that the microphone is %s", (name, trouble) => {
  expect(troubleOf(new DOMException("", name))).toBe(trouble);
});
