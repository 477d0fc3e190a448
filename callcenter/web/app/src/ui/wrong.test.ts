import { expect, it } from "vitest";

import { complaint } from "./wrong";

it("finds a complaint at its field, and inside a field that shows it for its parts", () => {
  const wrong = { "needs.0.level": { zh: "数值太大。", en: "Too big." } };
  expect(complaint(wrong, "needs.0.level", false)?.en).toBe("Too big.");
  expect(complaint(wrong, "needs", false)).toBeNull();
  expect(complaint(wrong, "needs", true)?.en).toBe("Too big.");
  expect(complaint(wrong, "need", true)).toBeNull();
});
