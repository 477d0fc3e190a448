/** Whether this browser can hear the agent, asked before a caller depends on it. */

export type MicrophoneTrouble =
  | "insecure" // the page is not on https (or localhost): the browser hides all microphones
  | "denied" // the person or a policy refused it
  | "missing" // no microphone is plugged in
  | "busy"; // another program holds it

/** What a failed getUserMedia means to a person. */
export function troubleOf(error: unknown): MicrophoneTrouble {
  const name = error instanceof Error || error instanceof DOMException ? error.name : "";
  if (name === "NotAllowedError" || name === "SecurityError" || name === "PermissionDeniedError") return "denied";
  if (name === "NotFoundError" || name === "DevicesNotFoundError" || name === "OverconstrainedError") return "missing";
  return "busy";
}

export const AUDIO_ONLY: MediaStreamConstraints = {
  audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true },
  video: false,
};

/** Asks for the microphone (the browser may ask the person) and gives it back at once; null when all is well. */
export async function checkMicrophone(): Promise<MicrophoneTrouble | null> {
  const devices = (navigator as { mediaDevices?: MediaDevices }).mediaDevices;
  if (devices === undefined) return "insecure";
  try {
    const stream = await devices.getUserMedia(AUDIO_ONLY);
    for (const track of stream.getTracks()) track.stop();
    return null;
  } catch (error) {
    return troubleOf(error);
  }
}

/** Calls back when a microphone is plugged in or out, or the permission changes; returns how to stop watching. */
export function watchMicrophone(changed: () => void): () => void {
  const devices = (navigator as { mediaDevices?: MediaDevices }).mediaDevices;
  devices?.addEventListener("devicechange", changed);
  let permission: PermissionStatus | null = null;
  let watching = true;
  navigator.permissions
    ?.query({ name: "microphone" as PermissionName })
    .then((status) => {
      if (!watching) return;
      permission = status;
      status.addEventListener("change", changed);
    })
    .catch(() => undefined);
  return () => {
    watching = false;
    devices?.removeEventListener("devicechange", changed);
    permission?.removeEventListener("change", changed);
  };
}
