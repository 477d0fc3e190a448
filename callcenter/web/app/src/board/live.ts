/**
 * The board's live socket: a snapshot, then numbered events, each putting and dropping rows.
 *
 * Events build on one another, so a gap in the numbers means: connect again, for a new snapshot.
 */
import { LiveSocket, type LiveMessage, type LiveStatus, type Socket } from "../api/live";
import { applied, whole, type Board, type Drop, type Put } from "./board";

export interface BoardWatcher {
  status(status: LiveStatus): void;
  board(board: Board): void;
  /** The socket failed `attempt` times in a row. */
  failing?(attempt: number): void;
}

export class LiveBoard extends LiveSocket {
  constructor(open: () => Socket, watcher: BoardWatcher, chance: () => number = Math.random) {
    let board: Board = whole({});
    const show = (next: Board): void => {
      board = next;
      watcher.board(board);
    };
    super(
      open,
      {
        status: (status) => watcher.status(status),
        snapshot: (message) => show(whole((message as { board?: Partial<Board> }).board ?? {})),
        event(message: LiveMessage, before: number): boolean {
          if (message.seq !== before + 1) return false;
          const { put, drop } = message as { put?: Put; drop?: Drop };
          show(applied(board, put ?? {}, drop ?? {}));
          return true;
        },
        failing: watcher.failing?.bind(watcher),
      },
      chance,
    );
  }
}
