import { beforeEach, describe, expect, it } from "vitest";

import type { Outcome } from "../api/types";
import { BLANK } from "../forms/filled";
import { Drafts, type Shelf } from "./drafts";

class MemoryShelf implements Shelf {
  private readonly items = new Map<string, string>();
  get length(): number {
    return this.items.size;
  }
  key = (index: number): string | null => [...this.items.keys()][index] ?? null;
  getItem = (key: string): string | null => this.items.get(key) ?? null;
  setItem = (key: string, value: string): void => void this.items.set(key, value);
  removeItem = (key: string): void => void this.items.delete(key);
}

const outcome = (notes: string): Outcome => ({ ...BLANK, call_type: "repair", notes });

describe("drafts", () => {
  let shelf: MemoryShelf;
  let now: number;
  let drafts: Drafts;
  beforeEach(() => {
    shelf = new MemoryShelf();
    now = 1000;
    drafts = new Drafts(shelf, () => now);
  });

  it("keeps one draft a call until it is forgotten", () => {
    drafts.keep("node1-1.1", outcome("电梯"));
    drafts.keep("node1-1.1", outcome("电梯停在三楼"));
    expect(drafts.draft("node1-1.1")?.notes).toBe("电梯停在三楼");
    expect(drafts.draft("node1-1.2")).toBeNull();
    drafts.forget("node1-1.1");
    expect(shelf.length).toBe(0);
  });

  it("lists what could not be sent, oldest first, and still shows it in the form", () => {
    drafts.post("node1-1.2", outcome("later"));
    now = 500;
    drafts.post("node1-1.1", outcome("earlier"));
    expect(drafts.outbox().map((entry) => entry.callId)).toEqual(["node1-1.1", "node1-1.2"]);
    expect(drafts.draft("node1-1.2")).toEqual(outcome("later"));
    expect(drafts.outbox()[0]?.outcome).toEqual(outcome("earlier"));
  });

  it("throws away what is a week old or unreadable, and nothing of others", () => {
    drafts.keep("node1-1.1", outcome("old"));
    shelf.setItem("callcenter.draft.broken", "{");
    shelf.setItem("callcenter.language", "en");
    now += 8 * 24 * 3600 * 1000;
    drafts.keep("node1-1.2", outcome("new"));
    drafts.prune();
    expect(drafts.draft("node1-1.1")).toBeNull();
    expect(drafts.draft("node1-1.2")?.notes).toBe("new");
    expect(shelf.getItem("callcenter.draft.broken")).toBeNull();
    expect(shelf.getItem("callcenter.language")).toBe("en");
  });

  it("gives back what was refused, to be finished", () => {
    drafts.post("node1-1.1", outcome("refused"));
    drafts.giveBack("node1-1.1", outcome("refused"));
    expect(drafts.outbox()).toEqual([]);
    expect(drafts.draft("node1-1.1")).toEqual(outcome("refused"));
  });
});
