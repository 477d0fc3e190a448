/** How many requests wait for this person's decision, for the navigation. */
import { defineStore } from "pinia";
import { ref } from "vue";

import { exportsApi } from "../api/exports";

export const useApprovals = defineStore("approvals", () => {
  const waiting = ref(0);
  async function look(): Promise<void> {
    waiting.value = await exportsApi.waiting().then((answer) => answer.waiting, () => waiting.value);
  }
  return { waiting, look };
});
