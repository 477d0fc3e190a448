/**
 * The desk's live socket: a snapshot, then numbered events, each carrying the whole desk, or how many callers wait.
 *
 * Because an event is whole, a gap in the numbers does no harm. Knows nothing of pages.
 */
import { LiveSocket, type LiveMessage, type LiveStatus, type Socket } from "../api/live";
import type { Desk, DeskMessage } from "../api/types";

export interface DeskWatcher {
  status(status: LiveStatus): void;
  desk(desk: Desk): void;
  /** How many callers wait now; all else is as it was. */
  waiting(waiting: number): void;
  /** A supervisor's message; undefined: one may have been missed, ask for those that were not seen. */
  message?(message: DeskMessage | undefined): void;
  /** The socket failed `attempt` times in a row. */
  failing?(attempt: number): void;
}

export class LiveDesk extends LiveSocket {
  constructor(open: () => Socket, watcher: DeskWatcher, chance: () => number = Math.random) {
    const take = (message: LiveMessage): void => {
      const { desk, waiting } = message as { desk?: Desk; waiting?: number };
      if (desk !== undefined) watcher.desk(desk);
      else if (waiting !== undefined) watcher.waiting(waiting);
    };
    super(
      open,
      {
        status: (status) => watcher.status(status),
        snapshot: take,
        event: (message) => {
          take(message);
          return true;
        },
        note: (told) => {
          if (told.type === "message") watcher.message?.(told["message"] as DeskMessage | undefined);
        },
        failing: watcher.failing?.bind(watcher),
      },
      chance,
    );
  }
}
