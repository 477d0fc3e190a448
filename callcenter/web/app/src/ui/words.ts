/** Lists the service keeps that every page names things by: call types, queues, pause reasons; loaded once. */
import { defineStore } from "pinia";
import { computed, ref } from "vue";

import { api } from "../api";
import type { CallType, PauseReason, Queue } from "../api/types";
import { i18n, nameOf } from "../i18n";

export const useWords = defineStore("words", () => {
  const callTypes = ref<CallType[]>([]);
  const queues = ref<Queue[]>([]);
  const pauseReasons = ref<PauseReason[]>([]);
  const inbound = computed(() => callTypes.value.filter((type) => type.direction === "in" && type.active));

  async function load(): Promise<void> {
    const [types, lines, reasons] = await Promise.allSettled([api.callTypes(), api.queues(), api.pauseReasons()]);
    if (types.status === "fulfilled") callTypes.value = types.value;
    if (lines.status === "fulfilled") queues.value = lines.value;
    if (reasons.status === "fulfilled") pauseReasons.value = reasons.value;
  }
  const loadOnce = async (): Promise<void> => {
    if ([callTypes, queues, pauseReasons].some((list) => list.value.length === 0)) await load();
  };

  const callType = (code: string | null | undefined): string =>
    nameOf(callTypes.value.find((type) => type.code === code)) || (code ?? "");
  const queue = (id: string | null | undefined): string =>
    nameOf(queues.value.find((queue) => queue.queue_id === id)) || (id ?? "");
  /** Why somebody is paused: a reason that is set, or one of the hotline's own. */
  function pauseReason(code: string | null | undefined): string {
    const { t, te } = i18n.global;
    const own = `reason.${code ?? ""}`;
    return nameOf(pauseReasons.value.find((reason) => reason.code === code)) || (te(own) ? t(own) : (code ?? ""));
  }

  return { callTypes, inbound, queues, pauseReasons, load, loadOnce, callType, queue, pauseReason };
});
