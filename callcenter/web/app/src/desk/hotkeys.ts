/** The desk's keys. Alt and a letter: browsers leave these alone, and they work while notes are typed. Pure. */

export type DeskAction = "answer" | "mute" | "hold" | "keypad" | "hangup" | "ready" | "notes" | "type" | "extend" | "scripts" | "transfer" | "back" | "record" | "save";

const BY_CODE: Readonly<Record<string, DeskAction>> = {
  KeyA: "answer",
  KeyM: "mute",
  KeyO: "hold",
  KeyK: "keypad",
  KeyX: "hangup",
  KeyR: "ready",
  KeyN: "notes",
  KeyC: "type",
  KeyL: "extend",
  KeyS: "scripts",
  KeyT: "transfer",
  KeyB: "back",
  KeyP: "record",
};

/** How a key is written on its button. */
export const KEY_LABEL: Readonly<Record<DeskAction, string>> = {
  answer: "Alt+A",
  mute: "Alt+M",
  hold: "Alt+O",
  keypad: "Alt+K",
  hangup: "Alt+X",
  ready: "Alt+R",
  notes: "Alt+N",
  type: "Alt+C",
  extend: "Alt+L",
  scripts: "Alt+S",
  transfer: "Alt+T",
  back: "Alt+B",
  record: "Alt+P",
  save: "Ctrl+Enter",
};

export interface KeyPress {
  code: string;
  altKey: boolean;
  ctrlKey: boolean;
  metaKey: boolean;
  shiftKey: boolean;
  repeat: boolean;
}

/** What a key press means, by the key's place on the board (so that no layout or input method matters). */
export function actionOf(press: KeyPress): DeskAction | null {
  if (press.repeat || press.shiftKey) return null;
  const enter = press.code === "Enter" || press.code === "NumpadEnter";
  if (enter) return (press.ctrlKey || press.metaKey) && !press.altKey ? "save" : null;
  if (!press.altKey || press.ctrlKey || press.metaKey) return null;
  return BY_CODE[press.code] ?? null;
}
