/** Notices that this page slept: a closed laptop, a tab that the browser froze, a network that was gone. */

const TICK_MS = 1000;
/** A tick that comes so late tells that nothing ran in between. */
const SLEPT_MS = 5000;

/** Calls `woke` when the page is seen and had slept, or when the network is back; returns how to stop. */
export function whenAwake(woke: () => void): () => void {
  let ticked = Date.now();
  let slept = false;
  function tick(): void {
    const now = Date.now();
    slept ||= now - ticked > SLEPT_MS || now < ticked - SLEPT_MS;
    ticked = now;
    if (!slept || document.visibilityState !== "visible") return;
    slept = false;
    woke();
  }
  function network(): void {
    slept = true;
    tick();
  }
  const timer = setInterval(tick, TICK_MS);
  window.addEventListener("online", network);
  document.addEventListener("visibilitychange", tick);
  return () => {
    clearInterval(timer);
    window.removeEventListener("online", network);
    document.removeEventListener("visibilitychange", tick);
  };
}
