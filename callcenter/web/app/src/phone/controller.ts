/**
 * The browser phone: JsSIP behind the tables of `model.ts`.
 *
 * It talks to Asterisk's own WebSocket and to nothing else, so that a call goes on, rings, is answered and
 * hung up while the service is away. It never sends BYE when the page goes: the hotline rings a reloaded page again.
 */
import { UA, WebSocketInterface } from "jssip";
import type { RTCSession } from "jssip/lib/RTCSession";
import type { IncomingRTCSessionEvent, RTCSessionEvent } from "jssip/lib/UA";

import type { BrowserAccount } from "../api/types";
import { Loudspeaker, startRinging } from "./audio";
import { AUDIO_ONLY, troubleOf, type MicrophoneTrouble } from "./microphone";
import { CALL, inConversation, LINE, step, type CallEvent, type CallState, type LineEvent, type LineState } from "./model";
import { NodesSocket } from "./nodes";

/** Who rings, as the INVITE says; everything in it comes from outside and is only ever shown as text. */
export interface Invite {
  callId: string | null;
  /** Not null: no caller, but a conversation that this person, a supervisor, asked to be at. */
  listeningId: string | null;
  number: string;
  name: string;
  arrivedAt: number;
}

export interface PhoneWatcher {
  line(state: LineState): void;
  call(state: CallState, invite: Invite | null): void;
  muted(muted: boolean): void;
  microphone(trouble: MicrophoneTrouble): void;
}

const REGISTER_SECONDS = 120;
const ICE_PATIENCE_MS = 400;
const RENEW_FIRST_MS = 2000;
const RENEW_LAST_MS = 30_000;

export class SoftPhone {
  private ua: UA | null = null;
  private session: RTCSession | null = null;
  private invite: Invite | null = null;
  private lineState: LineState = "off";
  private callState: CallState = "idle";
  private silenceRing: (() => void) | null = null;
  private renewTimer: ReturnType<typeof setTimeout> | undefined;
  private renewDelayMs = RENEW_FIRST_MS;
  private readonly loudspeaker = new Loudspeaker();
  /** An INVITE with this X-Call-Id is answered by itself: the agent was already talking with this caller. */
  answerByItself: string | null = null;
  /** Whether this page has asked to be at a conversation: an INVITE with X-Listen is answered by itself. */
  answersListening = false;

  constructor(
    private readonly watcher: PhoneWatcher,
    private readonly fetchAccount: () => Promise<BrowserAccount | null>,
  ) {}

  /** Registers; keeps trying, with fresh credentials when they are refused. */
  async start(): Promise<void> {
    if (!this.line("start")) return;
    await this.register();
  }

  /** Leaves the line. A conversation goes on; only then is the socket given up. */
  stop(): void {
    this.line("stop");
    clearTimeout(this.renewTimer);
    if (this.session !== null) {
      this.ua?.unregister();
      return;
    }
    this.ua?.stop();
    this.ua = null;
  }

  answer(): void {
    const session = this.session;
    if (session === null || !this.call("answer")) return;
    try {
      session.answer({ mediaConstraints: AUDIO_ONLY, pcConfig: { iceServers: [] } });
    } catch {
      this.over(session);
    }
  }

  hangUp(): void {
    const session = this.session;
    const ringing = this.callState === "ringing";
    if (session === null || !this.call("hang_up")) return;
    try {
      session.terminate(ringing ? { status_code: 486 } : {});
    } catch {
      this.over(session);
    }
  }

  hold(): void {
    if (this.callState === "talking") this.session?.hold();
  }

  resume(): void {
    if (this.callState === "held") this.session?.unhold();
  }

  setMuted(muted: boolean): void {
    if (muted) this.session?.mute({ audio: true });
    else this.session?.unmute({ audio: true });
  }

  digit(tone: string): void {
    if (inConversation(this.callState)) {
      this.session?.sendDTMF(tone, { transportType: "RFC2833" as never, duration: 120, interToneGap: 70 });
    }
  }

  private line(event: LineEvent): boolean {
    const next = step(LINE, this.lineState, event);
    if (next === null) return false;
    this.lineState = next;
    this.watcher.line(next);
    return true;
  }

  private call(event: CallEvent): boolean {
    const next = step(CALL, this.callState, event);
    if (next === null) return false;
    this.callState = next;
    if (next === "ringing") this.silenceRing = startRinging();
    else {
      this.silenceRing?.();
      this.silenceRing = null;
    }
    this.watcher.call(next, this.invite);
    return true;
  }

  private async register(): Promise<void> {
    let account: BrowserAccount | null;
    try {
      account = await this.fetchAccount();
    } catch {
      this.line("rejected");
      this.renewLater();
      return;
    }
    if (account === null || this.lineState === "stopped") return;
    this.renewDelayMs = RENEW_FIRST_MS;
    if (this.ua !== null && this.session !== null) {
      this.ua.set("password", account.password);
      this.ua.register();
      return;
    }
    this.ua?.stop();
    this.ua = this.userAgent(account);
    this.ua.start();
  }

  private renewLater(): void {
    clearTimeout(this.renewTimer);
    this.renewTimer = setTimeout(() => void this.renew(), this.renewDelayMs);
    this.renewDelayMs = Math.min(this.renewDelayMs * 2, RENEW_LAST_MS);
  }

  private async renew(): Promise<void> {
    if (this.lineState === "refused" && this.line("start")) await this.register();
  }

  private userAgent(account: BrowserAccount): UA {
    const [first = account.websocket_url, ...others] = account.websocket_urls;
    const ua = new UA({
      sockets: new NodesSocket([new WebSocketInterface(first), ...others.map((url) => new WebSocketInterface(url))]),
      uri: account.uri,
      authorization_user: account.username,
      password: account.password,
      realm: account.realm,
      display_name: account.display_name,
      register_expires: REGISTER_SECONDS,
      session_timers: false,
      connection_recovery_min_interval: 1,
      connection_recovery_max_interval: 8,
      user_agent: "callcenter desk",
    });
    const mine = (event: LineEvent) => () => {
      if (this.ua === ua) this.line(event);
    };
    ua.on("connected", () => {
      mine("connected")();
      this.refreshConversation();
    });
    ua.on("registered", mine("registered"));
    ua.on("unregistered", mine("unregistered"));
    ua.on("disconnected", mine("disconnected"));
    ua.on("registrationFailed", (event) => {
      if (this.ua !== ua) return;
      // Without an answer it was the socket: JsSIP connects and registers again by itself.
      if ((event.response as unknown) === null) return;
      this.line("rejected");
      this.renewLater();
    });
    ua.on("newRTCSession", (event: RTCSessionEvent) => {
      if (event.originator === ("remote" as never)) this.invited(event as IncomingRTCSessionEvent);
      else event.session.terminate();
    });
    return ua;
  }

  /** After the socket was renewed, tells Asterisk where the conversation's phone is now. */
  private refreshConversation(): void {
    if (this.callState !== "talking") return;
    try {
      this.session?.renegotiate();
    } catch {
      // The conversation's media does not depend on it.
    }
  }

  private invited({ session, request }: IncomingRTCSessionEvent): void {
    const callId = (request.getHeader("X-Call-Id") as string | undefined) ?? null;
    const listeningId = (request.getHeader("X-Listen") as string | undefined) ?? null;
    if (listeningId !== null && this.invite?.listeningId != null) this.hangUpNow();
    if (this.session !== null) {
      const replaces = callId !== null && callId === this.invite?.callId && this.answerByItself === callId;
      if (!replaces) {
        session.terminate({ status_code: 486 });
        return;
      }
    }
    this.session = session;
    this.invite = {
      callId,
      listeningId,
      number: session.remote_identity.uri.user ?? "",
      name: session.remote_identity.display_name ?? "",
      arrivedAt: Date.now(),
    };
    this.listen(session);
    if (!this.call("invited")) return;
    if (callId !== null && callId === this.answerByItself) {
      this.answerByItself = null;
      this.answer();
    }
    if (listeningId !== null && this.answersListening) {
      this.answersListening = false;
      this.answer();
    }
  }

  /** The next conversation to be listened to is here: the one before is over, whatever its phone says. */
  private hangUpNow(): void {
    const session = this.session;
    this.hangUp();
    if (session !== null) this.over(session);
  }

  private listen(session: RTCSession): void {
    const mine = (event: CallEvent) => () => {
      if (this.session === session) this.call(event);
    };
    session.on("peerconnection", ({ peerconnection }) => {
      peerconnection.addEventListener("track", (event) => {
        const [stream] = event.streams;
        this.loudspeaker.play(stream ?? new MediaStream([event.track]));
      });
    });
    let patience: ReturnType<typeof setTimeout> | undefined;
    session.on("icecandidate", ({ ready }) => {
      patience ??= setTimeout(ready, ICE_PATIENCE_MS);
    });
    session.on("confirmed", mine("connected"));
    session.on("hold", ({ originator }) => {
      if (originator === ("local" as never)) mine("hold")();
    });
    session.on("unhold", ({ originator }) => {
      if (originator === ("local" as never)) mine("resume")();
    });
    session.on("muted", () => this.watcher.muted(true));
    session.on("unmuted", () => this.watcher.muted(false));
    session.on("getusermediafailed", (error: unknown) => this.watcher.microphone(troubleOf(error)));
    session.on("ended", () => this.over(session));
    session.on("failed", () => this.over(session));
  }

  private over(session: RTCSession): void {
    if (this.session !== session) return;
    this.session = null;
    this.loudspeaker.stop();
    this.call("ended");
    this.invite = null;
    this.watcher.muted(false);
    if (this.lineState === "stopped") {
      this.ua?.stop();
      this.ua = null;
    }
  }
}
