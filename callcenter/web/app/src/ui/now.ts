/** One ticking clock for every timer on a page. */
import { computed, onScopeDispose, readonly, ref, type Ref } from "vue";

import { serverNow } from "../api/clock";

const now = ref(serverNow());
let watchers = 0;
let timer: ReturnType<typeof setInterval> | undefined;

/** The service's time, twice a second, for as long as the component lives. */
export function useNow(): Readonly<Ref<number>> {
  watchers += 1;
  now.value = serverNow();
  timer ??= setInterval(() => (now.value = serverNow()), 500);
  onScopeDispose(() => {
    watchers -= 1;
    if (watchers === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  });
  return readonly(now);
}

/** The service's time in whole seconds (ms), for what many rows count: it changes once a second. */
export function useSeconds(): Readonly<Ref<number>> {
  const exact = useNow();
  return computed(() => Math.floor(exact.value / 1000) * 1000);
}
