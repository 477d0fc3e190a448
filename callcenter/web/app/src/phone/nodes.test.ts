import { describe, expect, it } from "vitest";
import type { Socket } from "jssip/lib/Socket";

import { NodesSocket } from "./nodes";

/** A node's socket that opens, is cut or can't be had, as the test says. */
class Told implements Socket {
  via_transport = "WS";
  sip_uri = "";
  asked = 0;
  onconnect: Socket["onconnect"] = () => undefined;
  ondisconnect: Socket["ondisconnect"] = () => undefined;
  ondata: Socket["ondata"] = () => undefined;
  constructor(readonly url: string) {}
  connect(): void {
    this.asked += 1;
  }
  disconnect(): void {}
  send(): boolean {
    return true;
  }
  isConnected(): boolean {
    return false;
  }
  isConnecting(): boolean {
    return false;
  }
}

function twoNodes() {
  const first = new Told("ws://node1/ws");
  const second = new Told("ws://node2/ws");
  const heard: string[] = [];
  const socket = new NodesSocket([first, second]);
  socket.onconnect = () => heard.push(`open ${socket.url}`);
  socket.ondisconnect = () => heard.push("cut");
  return { first, second, socket, heard };
}

describe("the socket over all nodes", () => {
  it("goes back to the node of the conversation after a cut", () => {
    const { first, socket, heard } = twoNodes();
    socket.connect();
    first.onconnect();
    first.ondisconnect(true);
    socket.connect();
    first.onconnect();
    expect(heard).toEqual(["open ws://node1/ws", "cut", "open ws://node1/ws"]);
  });

  it("goes on to the next node when one can't be had, and round to the first again", () => {
    const { first, second, socket, heard } = twoNodes();
    socket.connect();
    first.ondisconnect(true);
    socket.connect();
    second.onconnect();
    second.ondisconnect(true);
    socket.connect();
    second.ondisconnect(true);
    socket.connect();
    first.onconnect();
    expect(heard).toEqual(["cut", "open ws://node2/ws", "cut", "cut", "open ws://node1/ws"]);
    expect([first.asked, second.asked]).toEqual([2, 2]);
  });
});
