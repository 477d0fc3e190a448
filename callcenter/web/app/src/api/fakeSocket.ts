/** A socket for tests: what was sent, and ways to be spoken to. */
import type { Socket } from "./live";

export class FakeSocket implements Socket {
  onmessage: Socket["onmessage"] = null;
  onclose: Socket["onclose"] = null;
  sent: string[] = [];
  closed = false;
  send(text: string): void {
    this.sent.push(text);
  }
  close(): void {
    this.closed = true;
  }
  hears(data: string): void {
    this.onmessage?.({ data } as MessageEvent<unknown>);
  }
  breaks(code: number): void {
    this.onclose?.({ code } as CloseEvent);
  }
  says(message: unknown): void {
    this.hears(JSON.stringify(message));
  }
}
