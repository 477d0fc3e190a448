/**
 * The desk's live socket: a snapshot, then numbered events, each carrying the whole desk, or how many callers wait.
 *
 * Because an event is whole, a gap in the numbers does no harm, and an event older than the last one is dropped. An
 * event before the snapshot, silence or a broken socket means: connect again, for a new snapshot. Knows nothing of pages.
 */
import type { Desk, DeskMessage } from "../api/types";

export type LiveStatus = "connecting" | "open" | "away" | "taken_over" | "stopped";

export interface LiveWatcher {
  status(status: LiveStatus): void;
  desk(desk: Desk): void;
  /** How many callers wait now; all else is as it was. */
  waiting(waiting: number): void;
  /** A supervisor's message; undefined: one may have been missed, ask for those that were not seen. */
  message?(message: DeskMessage | undefined): void;
  /** The socket failed `attempt` times in a row. */
  failing?(attempt: number): void;
}

/** The few things of a browser's WebSocket that are used here. */
export interface Socket {
  onmessage: ((event: MessageEvent<unknown>) => void) | null;
  onclose: ((event: CloseEvent) => void) | null;
  send(text: string): void;
  close(code?: number): void;
}

export const TAKEN_OVER_CODE = 4001;
const PING_MS = 15_000;
const SILENCE_MS = 40_000;
const FIRST_BACKOFF_MS = 500;
const LAST_BACKOFF_MS = 10_000;

/** How long to wait before attempt `attempt` (0, 1, …): doubling, at most 10 s, half of it by chance. */
export function backoffMs(attempt: number, chance: number): number {
  const whole = Math.min(LAST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** attempt);
  return whole / 2 + (whole / 2) * chance;
}

export class LiveDesk {
  private socket: Socket | null = null;
  private seq: number | null = null;
  private attempt = 0;
  private answersPings = false;
  private heardAt = 0;
  private retryTimer: ReturnType<typeof setTimeout> | undefined;
  private pingTimer: ReturnType<typeof setInterval> | undefined;
  private stopped = false;

  constructor(
    private readonly open: () => Socket,
    private readonly watcher: LiveWatcher,
    private readonly chance: () => number = Math.random,
  ) {}

  start(): void {
    this.watcher.status("connecting");
    this.connect();
  }

  stop(): void {
    this.finish("stopped");
  }

  /** Tries again at once, without waiting for the backoff (the network is back, the page is visible again). */
  hurry(): void {
    if (this.stopped || this.socket !== null) return;
    clearTimeout(this.retryTimer);
    this.connect();
  }

  private connect(): void {
    const socket = this.open();
    this.socket = socket;
    this.seq = null;
    this.heardAt = Date.now();
    this.answersPings = false;
    socket.onmessage = (event) => {
      if (this.socket === socket) this.heard(event.data);
    };
    socket.onclose = (event) => {
      if (this.socket !== socket) return;
      if (event.code === TAKEN_OVER_CODE) this.finish("taken_over");
      else this.broken();
    };
    clearInterval(this.pingTimer);
    this.pingTimer = setInterval(() => this.ping(socket), PING_MS);
  }

  private heard(text: unknown): void {
    this.heardAt = Date.now();
    let message: { type?: string; seq?: number; desk?: Desk; waiting?: number; message?: DeskMessage };
    try {
      message = JSON.parse(String(text)) as typeof message;
    } catch {
      this.broken();
      return;
    }
    if (message.type === "snapshot" && message.desk !== undefined && message.seq !== undefined) {
      this.seq = message.seq;
      this.attempt = 0;
      this.watcher.status("open");
      this.watcher.desk(message.desk);
    } else if (message.type === "desk" || message.type === "waiting") {
      if (this.seq === null || message.seq === undefined) {
        this.broken();
        return;
      }
      if (message.seq < this.seq) return;
      this.seq = message.seq;
      if (message.desk !== undefined) this.watcher.desk(message.desk);
      else if (message.waiting !== undefined) this.watcher.waiting(message.waiting);
    } else if (message.type === "message") this.watcher.message?.(message.message);
    else if (message.type === "taken_over") this.finish("taken_over");
    else if (message.type === "pong") this.answersPings = true;
  }

  private ping(socket: Socket): void {
    if (this.socket !== socket) return;
    if (this.answersPings && Date.now() - this.heardAt > SILENCE_MS) {
      this.broken();
      return;
    }
    if (this.seq !== null) {
      try {
        socket.send('{"type":"ping"}');
      } catch {
        this.broken();
      }
    }
  }

  private broken(): void {
    this.drop();
    if (this.stopped) return;
    this.watcher.status("away");
    this.watcher.failing?.(this.attempt + 1);
    this.retryTimer = setTimeout(() => this.connect(), backoffMs(this.attempt, this.chance()));
    this.attempt += 1;
  }

  private finish(status: "taken_over" | "stopped"): void {
    this.stopped = true;
    clearTimeout(this.retryTimer);
    this.drop();
    this.watcher.status(status);
  }

  private drop(): void {
    clearInterval(this.pingTimer);
    const socket = this.socket;
    this.socket = null;
    if (socket !== null) socket.close();
  }
}
