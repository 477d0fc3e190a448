import { createPinia, setActivePinia } from "pinia";
import { beforeEach, expect, it, vi } from "vitest";

import { api } from "../api";
import type { DeskMessage } from "../api/types";
import { useDeskMessages } from "./messages";

vi.mock("../phone/audio", () => ({ chime: () => undefined }));

const said = (id: number): DeskMessage => ({ message_id: id, text: `说 ${id}`, sent_at: id, sent_by: "周主管" });

beforeEach(() => setActivePinia(createPinia()));

it("keeps a message that comes while the page asks for those it has not seen", async () => {
  let answer: (unseen: DeskMessage[]) => void = () => undefined;
  vi.spyOn(api, "deskMessages").mockReturnValue(new Promise((done) => (answer = done)));
  const desk = useDeskMessages();
  const loaded = desk.load();
  desk.told(said(2));
  answer([said(1)]);
  await loaded;
  expect(desk.messages.map((one) => one.message_id)).toEqual([1, 2]);
});

it("drops what another page has clicked away", async () => {
  vi.spyOn(api, "deskMessages").mockResolvedValue([]);
  const desk = useDeskMessages();
  desk.told(said(1));
  await desk.load();
  expect(desk.messages).toEqual([]);
});
