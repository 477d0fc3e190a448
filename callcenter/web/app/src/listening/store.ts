/**
 * A supervisor at an agent's conversation. What is so is said by his desk (`desk.listening`); the verbs are here, and
 * the phone of this page answers by itself when this page has asked for it.
 */
import { defineStore } from "pinia";
import { computed, ref, watch } from "vue";

import { api } from "../api";
import { isAway } from "../api/errors";
import type { ListenMode } from "../api/types";
import { useDesk } from "../desk/store";
import { i18n } from "../i18n";
import { usePhone } from "../phone/store";
import { useSession } from "../session/store";
import { sayWrong } from "../ui/messages";

/** How long this page's phone may take to be connected, and known to the hotline. */
const PHONE_MS = 10_000;

export const useListening = defineStore("listening", () => {
  const session = useSession();
  const desk = useDesk();
  const phone = usePhone();
  const starting = ref(false);
  const now = computed(() => desk.desk?.listening ?? null);
  const mode = computed<ListenMode>(() => now.value?.mode ?? "listen");
  /** Whether his phone has answered: it is not known of a phone on the desk. */
  const answered = computed(() => !desk.browserPhone || (phone.isListening() && phone.inConversation()));

  /** Whether his phone, here or on his desk, can be rung; it is started when no page has needed it yet. */
  function phoneIsThere(): Promise<boolean> {
    if (!desk.started) desk.start();
    else if (desk.live === "taken_over") desk.takeHere();
    return new Promise((resolve) => {
      const done = (there: boolean): void => {
        clearTimeout(timer);
        unwatch();
        resolve(there);
      };
      const timer = setTimeout(() => done(false), PHONE_MS);
      const unwatch = watch(
        () => desk.desk?.agent.phone_online === true && (!desk.browserPhone || phone.line === "online"),
        (there) => {
          if (there) queueMicrotask(() => done(true));
        },
        { immediate: true },
      );
    });
  }

  /** Be at the conversation of a call, in this mode if he is there already; what goes wrong is said. */
  async function start(callId: string, wanted: ListenMode = "listen"): Promise<void> {
    const { t } = i18n.global;
    if (!session.hasPhone) {
      sayWrong(t("listening.noPhone"));
      return;
    }
    if (now.value?.call_id === callId) {
      await change(wanted);
      return;
    }
    if (starting.value) return;
    starting.value = true;
    try {
      if (!(await phoneIsThere())) {
        sayWrong(t("listening.phoneAway"));
        return;
      }
      phone.answerListening(true);
      await api.startListening(callId, wanted);
    } catch (error) {
      phone.answerListening(false);
      sayWrong(error);
    } finally {
      starting.value = false;
    }
  }

  async function change(wanted: ListenMode): Promise<void> {
    if (now.value === null || now.value.mode === wanted) return;
    await api.changeListening(now.value.listening_id, wanted).catch(sayWrong);
  }

  /** Leave. While the service is away the phone here can hang up by itself. */
  async function stop(): Promise<void> {
    const one = now.value;
    if (one === null) return;
    try {
      await api.stopListening(one.listening_id);
    } catch (error) {
      if (isAway(error) && phone.isListening()) phone.hangUp();
      else sayWrong(error);
    }
  }

  watch([answered, mode], () => {
    if (phone.isListening() && phone.inConversation()) phone.setMuted(mode.value === "listen");
  });
  watch(
    () => phone.microphone,
    (trouble) => {
      if (trouble !== null && phone.isListening()) sayWrong(i18n.global.t(`desk.microphone.${trouble}`));
    },
  );

  return { now, mode, starting, answered, phoneIsThere, start, change, stop };
});
