/** What went wrong with a request, in both languages, ready to be shown. */
import type { Bilingual } from "./types";

export class ApiError extends Error {
  constructor(
    readonly id: string,
    readonly status: number,
    readonly messages: Bilingual,
    readonly retryable: boolean,
    readonly fields: Record<string, Bilingual> = {},
  ) {
    super(messages.en);
  }
}

/** True when the service could not be reached or said that it is not ready: the same request may work later. */
export function isAway(error: unknown): boolean {
  return error instanceof ApiError && (error.status === 0 || error.status >= 502);
}

/** True when somebody else was quicker: what is on show is old. */
export function isConflict(error: unknown): boolean {
  return error instanceof ApiError && error.id === "conflict";
}

export const SERVICE_AWAY = new ApiError(
  "service_away",
  0,
  { zh: "服务暂时不可用，请稍后再试。", en: "The service cannot be reached just now. Try again in a moment." },
  true,
);
const UNKNOWN: Bilingual = {
  zh: "操作没有成功，请重试；若仍不行，请联系管理员。",
  en: "That did not work. Try again; if it stays so, tell an administrator.",
};

function bilingual(value: unknown, otherwise: Bilingual): Bilingual {
  if (typeof value === "string" && value !== "") return { zh: value, en: value };
  if (typeof value === "object" && value !== null) {
    const { zh, en } = value as Partial<Record<"zh" | "en", unknown>>;
    if (typeof zh === "string" && typeof en === "string") return { zh, en };
  }
  return otherwise;
}

/** Reads the service's error body `{error: {id, message: {en, zh}, retryable, fields}}`; anything else becomes one plain sentence. */
export function readError(status: number, body: unknown): ApiError {
  const error = typeof body === "object" && body !== null ? (body as { error?: unknown }).error : undefined;
  if (typeof error !== "object" || error === null) {
    return status >= 502 ? SERVICE_AWAY : new ApiError("failed", status, UNKNOWN, status >= 500);
  }
  const { id, message, retryable, fields } = error as Record<string, unknown>;
  const marked: Record<string, Bilingual> = {};
  if (typeof fields === "object" && fields !== null) {
    for (const [name, text] of Object.entries(fields)) marked[name] = bilingual(text, UNKNOWN);
  }
  return new ApiError(typeof id === "string" ? id : "failed", status, bilingual(message, UNKNOWN), retryable === true, marked);
}
