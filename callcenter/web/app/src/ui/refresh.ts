/** Pages that keep themselves fresh: while they are looked at, and at once when they are looked at again. */
import { onActivated, onBeforeUnmount, onDeactivated } from "vue";

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
  function stop(): void {
    clearInterval(timer);
    document.removeEventListener("visibilitychange", loadIfSeen);
  }
  onActivated(() => {
    void loadUnlessLoading();
    timer = setInterval(loadIfSeen, everyMs);
    document.addEventListener("visibilitychange", loadIfSeen);
  });
  onDeactivated(stop);
  onBeforeUnmount(stop);
}
