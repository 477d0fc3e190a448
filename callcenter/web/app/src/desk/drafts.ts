/**
 * What an agent wrote about a call, kept on this computer until the service has it.
 *
 * A draft is kept while it is written; an outcome that could not be saved waits in the outbox and is sent when the
 * service is back. Both survive a reload and a crash of the browser.
 */
import type { Outcome } from "../api/types";
import { BLANK } from "../forms/filled";

const DRAFT = "callcenter.draft.";
const OUTBOX = "callcenter.outbox.";
const KEEP_MS = 7 * 24 * 3600 * 1000;

export interface Kept {
  outcome: Outcome;
  at: number;
}

/** The part of localStorage used here. */
export type Shelf = Pick<Storage, "getItem" | "setItem" | "removeItem" | "key" | "length">;

export class Drafts {
  constructor(
    private readonly shelf: Shelf,
    private readonly now: () => number = Date.now,
  ) {}

  draft(callId: string): Outcome | null {
    return this.kept(callId)?.outcome ?? null;
  }

  /** The same, with the moment when it was written (by this computer's clock). */
  kept(callId: string): Kept | null {
    return this.read(DRAFT + callId) ?? this.read(OUTBOX + callId);
  }

  keep(callId: string, outcome: Outcome): void {
    this.write(DRAFT + callId, outcome);
  }

  /** The service has it: nothing is kept any more. */
  forget(callId: string): void {
    this.shelf.removeItem(DRAFT + callId);
    this.shelf.removeItem(OUTBOX + callId);
  }

  /** Keeps an outcome to be sent later. */
  post(callId: string, outcome: Outcome): void {
    this.write(OUTBOX + callId, outcome);
    this.shelf.removeItem(DRAFT + callId);
  }

  /** It was refused as it is: it is something to be finished again. */
  giveBack(callId: string, outcome: Outcome): void {
    this.write(DRAFT + callId, outcome);
    this.shelf.removeItem(OUTBOX + callId);
  }

  /** What still has to be sent, oldest first. */
  outbox(): { callId: string; outcome: Outcome }[] {
    return this.keys(OUTBOX)
      .flatMap((key) => {
        const kept = this.read(key);
        return kept === null ? [] : [{ callId: key.slice(OUTBOX.length), ...kept }];
      })
      .sort((a, b) => a.at - b.at);
  }

  /** Throws away what is older than a week or cannot be read. */
  prune(): void {
    for (const key of [...this.keys(DRAFT), ...this.keys(OUTBOX)]) {
      const kept = this.read(key);
      if (kept === null || this.now() - kept.at > KEEP_MS) this.shelf.removeItem(key);
    }
  }

  private keys(prefix: string): string[] {
    const found: string[] = [];
    for (let i = 0; i < this.shelf.length; i += 1) {
      const key = this.shelf.key(i);
      if (key?.startsWith(prefix)) found.push(key);
    }
    return found;
  }

  private read(key: string): Kept | null {
    try {
      const kept = JSON.parse(this.shelf.getItem(key) ?? "null") as Partial<Kept> | null;
      if (typeof kept?.outcome?.notes !== "string" || typeof kept.at !== "number") return null;
      return { outcome: { ...BLANK, ...kept.outcome }, at: kept.at };
    } catch {
      return null;
    }
  }

  private write(key: string, outcome: Outcome): void {
    try {
      this.shelf.setItem(key, JSON.stringify({ outcome, at: this.now() } satisfies Kept));
    } catch {
      // The browser's storage is full or off: the form still holds the text.
    }
  }
}
