import { expect, it } from "vitest";

import { actionOf, type KeyPress } from "./hotkeys";

const press = (code: string, held: Partial<KeyPress> = {}): KeyPress => ({
  code,
  altKey: false,
  ctrlKey: false,
  metaKey: false,
  shiftKey: false,
  repeat: false,
  ...held,
});

it("answers with Alt+A and saves with Ctrl+Enter or Cmd+Enter", () => {
  expect(actionOf(press("KeyA", { altKey: true }))).toBe("answer");
  expect(actionOf(press("Enter", { ctrlKey: true }))).toBe("save");
  expect(actionOf(press("Enter", { metaKey: true }))).toBe("save");
});

it.each([
  ["a plain letter", press("KeyA")],
  ["AltGr, which is Ctrl+Alt on some keyboards", press("KeyA", { altKey: true, ctrlKey: true })],
  ["a key held down", press("KeyX", { altKey: true, repeat: true })],
  ["Alt+D, the browser's address bar", press("KeyD", { altKey: true })],
  ["Alt+F, the browser's menu", press("KeyF", { altKey: true })],
  ["Enter alone", press("Enter")],
])("leaves %s alone", (_what, key) => expect(actionOf(key)).toBeNull());
