/**
 * A live socket of the service: a snapshot, then numbered events; pings, silence, and coming back after a break.
 *
 * An event older than the last one is dropped. An event before the snapshot, one that the reader cannot follow, silence or
 * a broken socket means: connect again, for a new snapshot. Knows nothing of what the messages say.
 */
import { noteServerMoment } from "./clock";
import { askAgain } from "./http";

export type LiveStatus = "connecting" | "open" | "away" | "taken_over" | "stopped";

export interface LiveMessage {
  type?: string;
  seq?: number;
  at?: number;
  [more: string]: unknown;
}

export interface LiveReader {
  status(status: LiveStatus): void;
  snapshot(message: LiveMessage): void;
  /** Takes an event; `before` is the number of what came before it. False: it cannot be followed from there. */
  event(message: LiveMessage, before: number): boolean;
  /** A message without a number: it changes nothing of what is shown. */
  note?: ((message: LiveMessage) => void) | undefined;
  /** The socket failed `attempt` times in a row. */
  failing?: ((attempt: number) => void) | undefined;
}

/** The few things of a browser's WebSocket that are used here. */
export interface Socket {
  onmessage: ((event: MessageEvent<unknown>) => void) | null;
  onclose: ((event: CloseEvent) => void) | null;
  send(text: string): void;
  close(code?: number): void;
}

export const TAKEN_OVER_CODE = 4001;
/** The person may not see it any more: his rights or his session have gone. */
const NO_MORE_CODE = 1008;
const PING_MS = 15_000;
const SILENCE_MS = 40_000;
const FIRST_BACKOFF_MS = 500;
const LAST_BACKOFF_MS = 10_000;

/** Opens a WebSocket of the service this page came from; `path` begins with a slash. */
export function openSocket(path: string): Socket {
  return new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${path}`);
}

/** How long to wait before attempt `attempt` (0, 1, …): doubling, at most 10 s, half of it by chance. */
export function backoffMs(attempt: number, chance: number): number {
  const whole = Math.min(LAST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** attempt);
  return whole / 2 + (whole / 2) * chance;
}

export class LiveSocket {
  private socket: Socket | null = null;
  private seq: number | null = null;
  private attempt = 0;
  private answersPings = false;
  private heardAt = 0;
  private pingedAt = 0;
  private retryTimer: ReturnType<typeof setTimeout> | undefined;
  private pingTimer: ReturnType<typeof setInterval> | undefined;
  private stopped = false;

  constructor(
    private readonly open: () => Socket,
    private readonly reader: LiveReader,
    private readonly chance: () => number = Math.random,
  ) {}

  start(): void {
    this.reader.status("connecting");
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

  /** Lets the socket go and connects at once: what it told may be old (the page slept). */
  renew(): void {
    if (this.stopped) return;
    clearTimeout(this.retryTimer);
    this.drop();
    this.start();
  }

  private connect(): void {
    const socket = this.open();
    this.socket = socket;
    this.seq = null;
    this.heardAt = Date.now();
    this.answersPings = false;
    socket.onmessage = (event) => {
      if (this.socket === socket) this.heard(socket, event.data);
    };
    socket.onclose = (event) => {
      if (this.socket !== socket) return;
      if (event.code === TAKEN_OVER_CODE) this.finish("taken_over");
      else this.broken();
      if (event.code === NO_MORE_CODE) askAgain();
    };
    clearInterval(this.pingTimer);
    this.pingTimer = setInterval(() => this.check(socket), PING_MS);
  }

  private heard(socket: Socket, text: unknown): void {
    this.heardAt = Date.now();
    let message: LiveMessage;
    try {
      message = JSON.parse(String(text)) as LiveMessage;
    } catch {
      this.broken();
      return;
    }
    if (message.type === "taken_over") this.finish("taken_over");
    else if (message.type === "pong") {
      this.answersPings = true;
      if (message.at !== undefined) noteServerMoment(message.at, this.pingedAt, this.heardAt);
    } else if (message.seq === undefined) this.reader.note?.(message);
    else this.take(socket, message, message.seq);
  }

  private take(socket: Socket, message: LiveMessage, seq: number): void {
    if (message.type === "snapshot") {
      this.seq = seq;
      this.attempt = 0;
      this.reader.status("open");
      this.reader.snapshot(message);
      this.ping(socket);
      return;
    }
    const before = this.seq;
    if (before !== null && seq < before) return;
    if (before !== null && this.reader.event(message, before)) this.seq = seq;
    else this.broken();
  }

  /** A socket that gave no snapshot yet, or that answered pings and then fell silent, is given up. */
  private check(socket: Socket): void {
    if (this.socket !== socket) return;
    if (this.seq === null || (this.answersPings && Date.now() - this.heardAt > SILENCE_MS)) this.broken();
    else this.ping(socket);
  }

  private ping(socket: Socket): void {
    if (this.socket !== socket) return;
    this.pingedAt = Date.now();
    try {
      socket.send('{"type":"ping"}');
    } catch {
      this.broken();
    }
  }

  private broken(): void {
    this.drop();
    if (this.stopped) return;
    this.reader.status("away");
    this.reader.failing?.(this.attempt + 1);
    this.retryTimer = setTimeout(() => this.connect(), backoffMs(this.attempt, this.chance()));
    this.attempt += 1;
  }

  private finish(status: "taken_over" | "stopped"): void {
    this.stopped = true;
    clearTimeout(this.retryTimer);
    this.drop();
    this.reader.status(status);
  }

  private drop(): void {
    clearInterval(this.pingTimer);
    const socket = this.socket;
    this.socket = null;
    if (socket !== null) socket.close();
  }
}
