/**
 * What a browser phone can be and do, as two tables: the line (its registration) and the call on it.
 *
 * Pure: no SIP, no page, no time. A pair that is not in a table is illegal, and `step` answers null.
 */

export type LineState =
  | "off" // not started
  | "connecting" // no socket yet, or not registered on it yet
  | "online" // registered: it can ring
  | "lost" // the socket broke; the phone reconnects by itself
  | "refused" // the registration was refused; new credentials are fetched
  | "stopped"; // another desk took over, or signed out

export type LineEvent = "start" | "connected" | "registered" | "unregistered" | "disconnected" | "rejected" | "stop";

export type CallState =
  | "idle"
  | "ringing" // an INVITE is here
  | "answering" // answered by the agent; microphone and media on their way
  | "talking"
  | "held" // by the agent
  | "ending"; // hung up here; the other side has not said so yet

export type CallEvent = "invited" | "answer" | "connected" | "hold" | "resume" | "hang_up" | "ended";

type Table<S extends string, E extends string> = Readonly<Record<S, Readonly<Partial<Record<E, S>>>>>;

export const LINE: Table<LineState, LineEvent> = {
  off: { start: "connecting", stop: "stopped" },
  connecting: {
    connected: "connecting",
    registered: "online",
    disconnected: "lost",
    unregistered: "lost",
    rejected: "refused",
    stop: "stopped",
  },
  online: { registered: "online", unregistered: "lost", disconnected: "lost", rejected: "refused", stop: "stopped" },
  lost: {
    connected: "connecting",
    registered: "online",
    disconnected: "lost",
    unregistered: "lost",
    rejected: "refused",
    stop: "stopped",
  },
  refused: {
    start: "connecting",
    connected: "connecting",
    registered: "online",
    disconnected: "lost",
    unregistered: "refused",
    rejected: "refused",
    stop: "stopped",
  },
  stopped: { start: "connecting", unregistered: "stopped", disconnected: "stopped", stop: "stopped" },
};

export const CALL: Table<CallState, CallEvent> = {
  idle: { invited: "ringing" },
  ringing: { answer: "answering", hang_up: "ending", ended: "idle" },
  answering: { connected: "talking", hang_up: "ending", ended: "idle" },
  talking: { hold: "held", hang_up: "ending", ended: "idle" },
  held: { resume: "talking", hang_up: "ending", ended: "idle" },
  ending: { ended: "idle" },
};

/** The state after an event, or null when the event is illegal in that state. */
export function step<S extends string, E extends string>(table: Table<S, E>, state: S, event: E): S | null {
  return table[state][event] ?? null;
}

/** True while a caller is connected to this phone. */
export function inConversation(state: CallState): boolean {
  return state === "talking" || state === "held";
}
