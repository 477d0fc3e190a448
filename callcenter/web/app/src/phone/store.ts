/** The browser phone as the pages see it; one for the whole application, so that it outlives a change of page. */
import { defineStore } from "pinia";
import { ref, shallowRef } from "vue";

import { api } from "../api";
import { isAway } from "../api/errors";
import { unlockSound } from "./audio";
import type { Invite, SoftPhone } from "./controller";
import { checkMicrophone, watchMicrophone, type MicrophoneTrouble } from "./microphone";
import { inConversation, type CallState, type LineState } from "./model";

export const usePhone = defineStore("phone", () => {
  const line = ref<LineState>("off");
  const call = ref<CallState>("idle");
  const invite = shallowRef<Invite | null>(null);
  const connectedAt = ref<number | null>(null);
  const heldAt = ref<number | null>(null);
  const endedAt = ref<number | null>(null);
  const muted = ref(false);
  const microphone = ref<MicrophoneTrouble | null>(null);

  /** Made once: a conversation outlives the desk that began it. */
  let phone: SoftPhone | null = null;
  let running = false;
  let desk = "";
  let unwatch: (() => void) | null = null;

  function followCall(state: CallState, from: Invite | null): void {
    const before = call.value;
    call.value = state;
    if (state === "ringing") {
      invite.value = from;
      connectedAt.value = null;
      endedAt.value = null;
    }
    if (state === "talking" && before === "answering") connectedAt.value = Date.now();
    heldAt.value = state === "held" ? Date.now() : null;
    if (state === "idle") endedAt.value = Date.now();
  }

  async function start(deskId: string): Promise<void> {
    if (running) return;
    running = true;
    desk = deskId;
    const { SoftPhone } = await import("./controller");
    if (!running) return;
    phone ??= new SoftPhone(
      {
        line: (state) => (line.value = state),
        call: followCall,
        muted: (now) => (muted.value = now),
        microphone: (trouble) => (microphone.value = trouble),
      },
      async () => {
        const account = await api.phone(desk);
        return account.kind === "browser" ? account : null;
      },
    );
    window.addEventListener("pointerdown", unlockSound);
    window.addEventListener("keydown", unlockSound);
    unwatch?.();
    unwatch = watchMicrophone(() => void recheckMicrophone());
    await phone.start().catch((error: unknown) => {
      if (!isAway(error)) throw error;
    });
  }

  function stop(): void {
    if (!running) return;
    running = false;
    phone?.stop();
    unwatch?.();
    unwatch = null;
  }

  /** Asks for the microphone; true when a caller would hear the agent. */
  async function askMicrophone(): Promise<boolean> {
    microphone.value = await checkMicrophone();
    return microphone.value === null;
  }

  async function recheckMicrophone(): Promise<void> {
    if (call.value === "idle") await askMicrophone();
  }

  return {
    line,
    call,
    invite,
    connectedAt,
    heldAt,
    endedAt,
    muted,
    microphone,
    start,
    stop,
    askMicrophone,
    answer: () => phone?.answer(),
    hangUp: () => phone?.hangUp(),
    toggleHold: () => (call.value === "held" ? phone?.resume() : phone?.hold()),
    toggleMute: () => phone?.setMuted(!muted.value),
    setMuted: (quiet: boolean) => phone?.setMuted(quiet),
    digit: (tone: string) => phone?.digit(tone),
    answerByItself: (callId: string) => {
      if (phone !== null) phone.answerByItself = callId;
    },
    answerListening: (yes: boolean) => {
      if (phone !== null) phone.answersListening = yes;
    },
    /** Whether what the phone has is no call of one's own but another's conversation. */
    isListening: () => call.value !== "idle" && invite.value?.listeningId != null,
    inConversation: () => inConversation(call.value),
  };
});
