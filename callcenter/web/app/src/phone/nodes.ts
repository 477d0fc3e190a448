/**
 * One socket for JsSIP over the sockets of all nodes.
 *
 * A conversation lives on one node: after a cut the same node is tried again, and the next one only when it can't
 * be had. (JsSIP's own list of sockets goes to the next at once.)
 */
import type { Socket } from "jssip/lib/Socket";

export class NodesSocket implements Socket {
  private place = 0;
  private opened = false;
  onconnect: Socket["onconnect"] = () => undefined;
  ondisconnect: Socket["ondisconnect"] = () => undefined;
  ondata: Socket["ondata"] = () => undefined;

  /** `sockets`: one for each node, at least one; the first is tried first. */
  constructor(private readonly sockets: [Socket, ...Socket[]]) {}

  private get socket(): Socket {
    return this.sockets[this.place] ?? this.sockets[0];
  }

  get via_transport(): string {
    return this.socket.via_transport;
  }

  set via_transport(value: string) {
    for (const socket of this.sockets) socket.via_transport = value;
  }

  get url(): string {
    return this.socket.url;
  }

  get sip_uri(): string {
    return this.socket.sip_uri;
  }

  connect(): void {
    const socket = this.socket;
    this.opened = false;
    socket.onconnect = () => {
      this.opened = true;
      this.onconnect();
    };
    socket.ondisconnect = (error, code, reason) => {
      if (!this.opened) this.place = (this.place + 1) % this.sockets.length;
      this.ondisconnect(error, code, reason);
    };
    socket.ondata = (event) => this.ondata(event);
    socket.connect();
  }

  disconnect(): void {
    this.socket.disconnect();
  }

  send(message: string | ArrayBufferLike | Blob | ArrayBufferView): boolean {
    return this.socket.send(message);
  }

  isConnected(): boolean {
    return this.socket.isConnected();
  }

  isConnecting(): boolean {
    return this.socket.isConnecting();
  }
}
