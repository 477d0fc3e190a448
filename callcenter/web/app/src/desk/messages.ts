/**
 * What supervisors tell this agent: on the desk until he clicks it away.
 *
 * New ones come by the desk's socket; those that he has not seen are asked for whenever the socket is there again, and
 * from time to time, as a service may die between keeping a message and telling of it.
 */
import { defineStore } from "pinia";
import { ref } from "vue";

import { api } from "../api";
import type { DeskMessage } from "../api/types";
import { chime } from "../phone/audio";

export const useDeskMessages = defineStore("deskMessages", () => {
  /** The oldest first. */
  const messages = ref<DeskMessage[]>([]);
  const dismissed = new Set<number>();

  function put(told: readonly DeskMessage[]): void {
    const news = told.filter((one) => !dismissed.has(one.message_id) && !messages.value.some((known) => known.message_id === one.message_id));
    if (news.length === 0) return;
    messages.value = [...messages.value, ...news].sort((a, b) => a.message_id - b.message_id);
    chime();
  }

  /** Asks for all that he has not seen. */
  async function load(): Promise<void> {
    const before = new Set(messages.value.map((one) => one.message_id));
    const unseen = await api.deskMessages().catch(() => null);
    if (unseen === null) return;
    // What another page of his has clicked away is gone here too; what came by the socket meanwhile stays.
    messages.value = messages.value.filter((one) => !before.has(one.message_id) || unseen.some((known) => known.message_id === one.message_id));
    for (const id of dismissed) if (unseen.some((one) => one.message_id === id)) void tell(id);
    put(unseen);
  }

  function told(message: DeskMessage | undefined): void {
    if (message === undefined) void load();
    else put([message]);
  }

  function dismiss(messageId: number): void {
    messages.value = messages.value.filter((one) => one.message_id !== messageId);
    dismissed.add(messageId);
    void tell(messageId);
  }

  /** One that can't be told now is told with the next `load`. */
  async function tell(messageId: number): Promise<void> {
    await api.messageSeen(messageId).catch(() => undefined);
  }

  function forget(): void {
    messages.value = [];
    dismissed.clear();
  }

  return { messages, load, told, dismiss, forget };
});
