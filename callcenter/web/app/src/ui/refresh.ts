/** Pages that keep themselves fresh: while they are looked at, and at once when they are looked at again. */
import { onActivated, onBeforeUnmount, onDeactivated } from "vue";

/** Calls `load` now, every `everyMs` and when the browser's tab is shown again, while the page is. */
export function useRefresh(load: () => unknown, everyMs: number): void {
  let timer: ReturnType<typeof setInterval> | undefined;
  const loadIfSeen = (): void => {
    if (document.visibilityState === "visible") load();
  };
  function stop(): void {
    clearInterval(timer);
    document.removeEventListener("visibilitychange", loadIfSeen);
  }
  onActivated(() => {
    load();
    timer = setInterval(loadIfSeen, everyMs);
    document.addEventListener("visibilitychange", loadIfSeen);
  });
  onDeactivated(stop);
  onBeforeUnmount(stop);
}
