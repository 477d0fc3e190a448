/**
 * Brings what is written of a call to the service while it is written: a moment after the last change, at the latest a
 * few seconds after the first. What the service can't take just now is tried again; the computer keeps it meanwhile.
 */
import type { Outcome } from "../api/types";

const QUIET_MS = 1200;
const LATEST_MS = 4000;
const AGAIN_MS = 5000;

export type KeptWhere = "service" | "here";

export class DraftKeeper {
  private waiting: Outcome | null = null;
  private since = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private under: Promise<void> | null = null;

  constructor(
    private readonly send: (draft: Outcome) => Promise<unknown>,
    private readonly told: (where: KeptWhere) => void,
    private readonly now: () => number = Date.now,
  ) {}

  change(draft: Outcome): void {
    if (this.waiting === null) this.since = this.now();
    this.waiting = draft;
    this.later(Math.max(0, Math.min(QUIET_MS, this.since + LATEST_MS - this.now())));
  }

  /** Sends what waits now; returns when nothing is under way. */
  async flush(): Promise<void> {
    clearTimeout(this.timer);
    await this.under;
    const draft = this.waiting;
    if (draft === null) return;
    this.waiting = null;
    this.under = this.send(draft).then(
      () => this.told("service"),
      () => {
        this.told("here");
        if (this.waiting === null) {
          this.waiting = draft;
          this.since = this.now();
          this.later(AGAIN_MS);
        }
      },
    );
    await this.under;
    this.under = null;
  }

  /** Sends nothing more; returns when what was under way is over, so that it can't come after the outcome. */
  async drop(): Promise<void> {
    clearTimeout(this.timer);
    this.waiting = null;
    await this.under;
    clearTimeout(this.timer);
    this.waiting = null;
  }

  /** The form is left: what waits goes at once, and is not tried again. */
  leave(): void {
    clearTimeout(this.timer);
    const draft = this.waiting;
    this.waiting = null;
    if (draft !== null) void this.send(draft).catch(() => undefined);
  }

  private later(ms: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.flush(), ms);
  }
}
