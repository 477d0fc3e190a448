/** Lists the service keeps that every page names things by: call types and queues; loaded once. */
import { defineStore } from "pinia";
import { computed, ref } from "vue";

import { api } from "../api";
import type { CallType, Queue } from "../api/types";
import { nameOf } from "../i18n";

export const useWords = defineStore("words", () => {
  const callTypes = ref<CallType[]>([]);
  const queues = ref<Queue[]>([]);
  const inbound = computed(() => callTypes.value.filter((type) => type.direction === "in"));

  async function load(): Promise<void> {
    const [types, lines] = await Promise.allSettled([api.callTypes(), api.queues()]);
    if (types.status === "fulfilled") callTypes.value = types.value;
    if (lines.status === "fulfilled") queues.value = lines.value;
  }
  const loadOnce = async (): Promise<void> => {
    if (callTypes.value.length === 0 || queues.value.length === 0) await load();
  };

  const callType = (code: string | null | undefined): string =>
    nameOf(callTypes.value.find((type) => type.code === code)) || (code ?? "");
  const queue = (id: string | null | undefined): string =>
    nameOf(queues.value.find((queue) => queue.queue_id === id)) || (id ?? "");

  return { callTypes, inbound, queues, load, loadOnce, callType, queue };
});
