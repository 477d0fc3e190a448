/**
 * The desk of the signed-in agent: what the service says about him, and his phone beside it.
 *
 * Lives as long as the application, so that calls ring on every page. What the service says is never changed here:
 * verbs go to the service, and the next snapshot tells.
 */
import { defineStore } from "pinia";
import { computed, ref, shallowRef, watch } from "vue";

import { api } from "../api";
import { serverNow } from "../api/clock";
import { ApiError, isAway } from "../api/errors";
import { openSocket, type LiveStatus } from "../api/live";
import type { Desk, DeskCall, Outcome } from "../api/types";
import { type FormCall, owedCall } from "./formCall";
import { usePhone } from "../phone/store";
import { sayWrong } from "../ui/messages";
import { useWords } from "../ui/words";
import { Drafts } from "./drafts";
import { LiveDesk } from "./live";
import { useDeskMessages } from "./messages";
import { localCard, newDeskId, shouldReconnect, withEnd, withPhoneEnd } from "./model";

/** How long the phone may differ from what the service says about the call before it gives way. */
const GIVE_WAY_MS = 4000;
/** How long the end of a call may lag behind its wrap-up before the desk asks. */
const ASK_END_MS = 700;
const OUTBOX_MS = 10_000;

export const useDesk = defineStore("desk", () => {
  const phone = usePhone();
  const messages = useDeskMessages();
  const drafts = new Drafts(localStorage);
  const desk = shallowRef<Desk | null>(null);
  const live = ref<LiveStatus>("stopped");
  const started = ref(false);
  /** A call the phone has and the service did not tell about: it came while the service was away. */
  const local = shallowRef<DeskCall | null>(null);
  const reconnecting = ref<string | null>(null);
  const outboxSize = ref(0);

  let socket: LiveDesk | null = null;
  let outboxTimer: ReturnType<typeof setInterval> | undefined;
  let giveWayTimer: ReturnType<typeof setTimeout> | undefined;
  let endTimer: ReturnType<typeof setTimeout> | undefined;
  let deskId = "";
  let microphoneAsked = false;

  const browserPhone = computed(() => desk.value?.agent.phone_kind === "browser");
  const call = computed<DeskCall | null>(() => {
    const told = local.value ?? desk.value?.call ?? null;
    return told === null ? null : withPhoneEnd(told, phone.call, phone.invite?.callId ?? null, phone.endedAt);
  });
  /** Which of several customers with this number it is, as the agent said. */
  const chosen = ref<number | null>(null);
  /** A call of the past that he writes down between calls, as he chose it from his list. */
  const late = shallowRef<FormCall | null>(null);
  /** The call whose record is open: the one on the desk, the chosen one, or one that he must write down first. */
  const writing = computed<FormCall | null>(() => call.value ?? late.value ?? owedCall(desk.value));
  const away = computed(() => live.value === "away");
  const ringing = computed(
    () => (phone.call === "ringing" && !phone.isListening()) || desk.value?.state.name === "offered" || desk.value?.state.name === "ringing",
  );

  function applyWaiting(waiting: number): void {
    if (desk.value !== null) desk.value = { ...desk.value, waiting };
  }
  function apply(told: Desk): void {
    const next = withEnd(told);
    desk.value = next;
    clearTimeout(endTimer);
    if (next !== told) endTimer = setTimeout(() => void askEnd(), ASK_END_MS);
    if (local.value !== null && (next.call?.call_id === local.value.call_id || phone.call === "idle")) {
      const over = phone.call === "idle" && !drafts.draft(local.value.call_id);
      if (next.call?.call_id === local.value.call_id || over) local.value = null;
    }
    if (next.agent.phone_kind === "browser") {
      void phone.start(deskId);
      // A page opened anew in "ready" has not been asked yet; a refusal pauses the agent before a call comes.
      if (next.state.name === "ready" && !microphoneAsked) {
        microphoneAsked = true;
        void phone.askMicrophone();
      }
    }
    followCall(next);
  }

  /** Asks for the end of the call in wrap-up (who hung up first), which may be told late. */
  async function askEnd(): Promise<void> {
    const now = await api.desk().catch(() => null);
    if (now?.call != null && now.call.ended_at !== null && now.call.call_id === desk.value?.call?.call_id) desk.value = now;
  }

  function followCall(next: Desk): void {
    if (next.call?.reconnecting === true) phone.answerByItself(next.call.call_id);
    void comeBack();
    clearTimeout(giveWayTimer);
    const phoneCall = phone.invite?.callId ?? null;
    if (phone.call === "idle" || phoneCall === null || next.call?.call_id !== phoneCall || next.call.ended_at === null) return;
    giveWayTimer = setTimeout(() => {
      if (phone.invite?.callId === phoneCall && live.value === "open") phone.hangUp();
    }, GIVE_WAY_MS);
  }

  /** After a reload in mid-call: asks the hotline to ring this page's phone for the caller who is still there. */
  async function comeBack(): Promise<void> {
    const now = desk.value;
    if (now === null || !shouldReconnect(now, phone.line, phone.call, phone.invite?.callId ?? null, reconnecting.value)) return;
    const callId = now.call?.call_id;
    if (callId === undefined) return;
    reconnecting.value = callId;
    phone.answerByItself(callId);
    try {
      await api.reconnectCall();
    } catch (error) {
      if (isAway(error)) reconnecting.value = null;
    }
  }

  function start(): void {
    if (started.value) return;
    started.value = true;
    deskId = newDeskId();
    microphoneAsked = false;
    drafts.prune();
    socket = new LiveDesk(
      () => openSocket(`/api/v1/desk/live?desk_id=${deskId}`),
      {
        status: followStatus,
        desk: apply,
        waiting: applyWaiting,
        message: messages.told,
        failing: (attempt) => attempt % 3 === 2 && void checkSession(),
      },
    );
    socket.start();
    window.addEventListener("online", hurry);
    document.addEventListener("visibilitychange", hurry);
    outboxTimer = setInterval(() => void sendOutbox(), OUTBOX_MS);
  }

  function hurry(): void {
    if (document.visibilityState === "visible") socket?.hurry();
  }

  /** A refused socket looks like a broken one; asking who we are tells them apart. */
  async function checkSession(): Promise<void> {
    await api.session().catch(() => undefined);
  }

  function followStatus(status: LiveStatus): void {
    live.value = status;
    if (status === "taken_over") phone.stop();
    if (status !== "open") return;
    void sendOutbox();
    void messages.load();
  }

  function stop(): void {
    if (!started.value) return;
    started.value = false;
    socket?.stop();
    socket = null;
    phone.stop();
    clearInterval(outboxTimer);
    clearTimeout(giveWayTimer);
    clearTimeout(endTimer);
    window.removeEventListener("online", hurry);
    document.removeEventListener("visibilitychange", hurry);
    desk.value = null;
    local.value = null;
    late.value = null;
    reconnecting.value = null;
    messages.forget();
  }

  /** Takes the desk back from the page that took it over. */
  function takeHere(): void {
    stop();
    start();
  }

  /** Ready for calls, once the microphone works. Returns false when it does not. */
  async function goReady(): Promise<boolean> {
    microphoneAsked = true;
    if (browserPhone.value && !(await phone.askMicrophone())) {
      if (desk.value?.state.name === "ready") await pause(microphonePause());
      return false;
    }
    desk.value = await api.setState("ready");
    return true;
  }
  async function pause(reason: string): Promise<void> {
    desk.value = await api.setState("paused", reason);
  }
  /** The reason for a pause that the microphone makes: the general one, where it is among those that are set. */
  function microphonePause(): string {
    const { pauseReasons } = useWords();
    return (pauseReasons.find((one) => one.code === "other") ?? pauseReasons.at(-1))?.code ?? "other";
  }
  async function extendWrapup(): Promise<void> {
    desk.value = await api.extendWrapup();
  }
  async function goOff(): Promise<void> {
    desk.value = await api.setState("signed_out");
  }

  /** Saves what came of a call; kept and sent later when the service is away. Returns whether it is there now. */
  async function saveOutcome(callId: string, outcome: Outcome): Promise<boolean> {
    try {
      await api.saveOutcome(callId, outcome);
    } catch (error) {
      if (!mayWorkLater(callId, error)) throw error;
      drafts.post(callId, outcome);
      outboxSize.value = drafts.outbox().length;
      if (late.value?.call_id === callId) late.value = null;
      closeLocal(callId);
      return false;
    }
    drafts.forget(callId);
    if (late.value?.call_id === callId) late.value = null;
    closeLocal(callId);
    return true;
  }

  /** A call of the fallback is not in the log before its ledger came: 404 is "not yet" for it. */
  function mayWorkLater(callId: string, error: unknown): boolean {
    return isAway(error) || (error instanceof ApiError && error.status === 404 && local.value?.call_id === callId);
  }

  function closeLocal(callId: string): void {
    if (local.value?.call_id === callId && phone.call === "idle") local.value = null;
  }

  async function sendOutbox(): Promise<void> {
    for (const { callId, outcome } of drafts.outbox()) {
      try {
        await api.saveOutcome(callId, outcome);
        drafts.forget(callId);
      } catch (error) {
        if (isAway(error)) break;
        if (error instanceof ApiError && error.status !== 404) {
          drafts.giveBack(callId, outcome);
          void api.keepDraft(callId, outcome).catch(() => undefined);
          sayWrong(error);
        }
      }
    }
    outboxSize.value = drafts.outbox().length;
  }

  watch(
    () => [phone.call, phone.line] as const,
    ([state]) => {
      const invite = phone.invite;
      if (state === "ringing" && invite !== null && invite.listeningId === null) {
        reconnecting.value = null;
        const known = desk.value?.call != null && desk.value.call.call_id === invite.callId;
        local.value = known || live.value === "open" ? null : localCard(invite, serverNow());
      } else if (local.value !== null) {
        const [answered_at, ended_at] = [phone.connectedAt, state === "idle" ? Date.now() : null];
        local.value = { ...local.value, answered_at, ended_at };
      }
      void comeBack();
    },
  );
  watch(
    () => [call.value?.call_id, call.value?.chosen] as const,
    ([, said]) => (chosen.value = said ?? null),
  );
  watch(
    () => phone.microphone,
    (trouble) => {
      if (trouble !== null && desk.value?.state.name === "ready") void pause(microphonePause()).catch(() => undefined);
    },
  );

  return {
    desk,
    live,
    started,
    call,
    chosen,
    late,
    writing,
    local,
    away,
    ringing,
    browserPhone,
    reconnecting,
    outboxSize,
    drafts,
    start,
    stop,
    takeHere,
    goReady,
    pause,
    extendWrapup,
    goOff,
    saveOutcome,
    dismissLocal: () => (local.value = null),
  };
});
