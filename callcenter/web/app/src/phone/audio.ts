/** Sounds of the phone: the ring (made with WebAudio, no file) and the caller's voice. */

const RING_HZ = 450; // GB/T 3380: 450 Hz, 1 s tone, 4 s silence
const RING_SECONDS = 1;
const CADENCE_MS = 5000;
const CHIME_STEP_SECONDS = 0.16;
const CHIME_SECONDS = 0.5;

let context: AudioContext | null = null;

/** Lets the browser make sound later: browsers allow it only after the person has touched the page. */
export function unlockSound(): void {
  try {
    context ??= new AudioContext();
    if (context.state === "suspended") void context.resume();
  } catch {
    // A machine with no sound device: the desk still shows the call.
  }
}

function ringOnce(at: AudioContext): () => void {
  const tone = at.createOscillator();
  const warmth = at.createOscillator();
  const volume = at.createGain();
  tone.frequency.value = RING_HZ;
  warmth.frequency.value = RING_HZ / 2;
  const now = at.currentTime;
  volume.gain.setValueAtTime(0, now);
  volume.gain.linearRampToValueAtTime(0.16, now + 0.04);
  volume.gain.setValueAtTime(0.16, now + RING_SECONDS - 0.06);
  volume.gain.linearRampToValueAtTime(0, now + RING_SECONDS);
  for (const source of [tone, warmth]) {
    source.connect(volume);
    source.start(now);
    source.stop(now + RING_SECONDS);
  }
  volume.connect(at.destination);
  return () => volume.disconnect();
}

/** Rings in the country's cadence (1 s tone, 4 s silence) until the returned function is called. */
export function startRinging(): () => void {
  unlockSound();
  const at = context;
  if (at === null) return () => undefined;
  let silence = ringOnce(at);
  const timer = setInterval(() => {
    silence = ringOnce(at);
  }, CADENCE_MS);
  return () => {
    clearInterval(timer);
    silence();
  };
}

/** Two notes, soft unless told otherwise (`loudness` from 0 to 1): something is to be read. */
export function chime(loudness: number = 0.06): void {
  unlockSound();
  const at = context;
  if (at === null) return;
  [660, 880].forEach((hertz, place) => {
    const note = at.createOscillator();
    const volume = at.createGain();
    const begin = at.currentTime + place * CHIME_STEP_SECONDS;
    note.frequency.value = hertz;
    volume.gain.setValueAtTime(0, begin);
    volume.gain.linearRampToValueAtTime(loudness, begin + 0.02);
    volume.gain.exponentialRampToValueAtTime(0.001, begin + CHIME_SECONDS);
    note.connect(volume).connect(at.destination);
    note.start(begin);
    note.stop(begin + CHIME_SECONDS);
  });
}

/** Whether the browser lets this page make sound; it does once the person has touched the page. */
export const soundAllowed = (): boolean => context?.state === "running";

/** Plays the caller; the element lives outside the pages so that moving between them never cuts a voice. */
export class Loudspeaker {
  private readonly element = new Audio();

  play(stream: MediaStream): void {
    this.element.srcObject = stream;
    this.element.autoplay = true;
    void this.element.play().catch(() => undefined);
  }

  stop(): void {
    this.element.srcObject = null;
  }
}
