/** Pages that keep themselves fresh: while they are looked at, and at once when they are looked at again. */
import { onActivated, onBeforeUnmount, onDeactivated, onMounted } from "vue";

/** Calls `load` now, every `everyMs` and when the browser's tab is shown again, while the page is; never twice at once. */
export function useRefresh(load: () => unknown, everyMs: number): void {
  let timer: ReturnType<typeof setInterval> | undefined;
  let loading = false;
  async function loadUnlessLoading(): Promise<void> {
    if (loading) return;
    loading = true;
    try {
      await load();
    } finally {
      loading = false;
    }
  }
  const loadIfSeen = (): void => {
    if (document.visibilityState === "visible") void loadUnlessLoading();
  };
  function start(): void {
    if (timer !== undefined) return;
    void loadUnlessLoading();
    timer = setInterval(loadIfSeen, everyMs);
    document.addEventListener("visibilitychange", loadIfSeen);
  }
  function stop(): void {
    clearInterval(timer);
    timer = undefined;
    document.removeEventListener("visibilitychange", loadIfSeen);
  }
  onMounted(start);
  onActivated(start);
  onDeactivated(stop);
  onBeforeUnmount(stop);
}
