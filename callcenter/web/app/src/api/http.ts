/** The one door to the HTTP API: JSON in and out (a Blob goes out as it is), the CSRF header, errors as `ApiError`. */
import { noteServerDate } from "./clock";
import { ApiError, readError, SERVICE_AWAY } from "./errors";

export const BASE = "/api/v1";
const TIMEOUT_MS = 15_000;

let csrfToken = "";
let onSignedOut: () => void = () => undefined;
let onRefused: () => void = () => undefined;

export function setCsrfToken(token: string): void {
  csrfToken = token;
}

/** Called when the service says that the session is over. */
export function whenSignedOut(handler: () => void): void {
  onSignedOut = handler;
}

/** Called when something was refused that the page had thought allowed: rights may be others by now. */
export function whenRefused(handler: () => void): void {
  onRefused = handler;
}
/** Has what one may do asked anew. */
export const askAgain = (): void => onRefused();

type Query = Record<string, string | number | boolean | null | undefined>;

/** `?a=1&b=2` of the values that are set; an empty string when none is. */
export function queryString(query: Query): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== "") parameters.set(name, String(value));
  }
  const text = parameters.toString();
  return text === "" ? "" : `?${text}`;
}

async function send(method: string, path: string, body?: unknown): Promise<Response> {
  const headers: Record<string, string> = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = body instanceof Blob ? body.type : "application/json";
  if (method !== "GET" && csrfToken !== "") headers["X-CSRF-Token"] = csrfToken;
  try {
    return await fetch(BASE + path, {
      method,
      headers,
      credentials: "same-origin",
      signal: AbortSignal.timeout(TIMEOUT_MS),
      ...(body === undefined ? {} : { body: body instanceof Blob ? body : JSON.stringify(body) }),
    });
  } catch {
    throw SERVICE_AWAY;
  }
}

/**
 * One request; the answer's JSON (null for an empty one).
 *
 * @throws ApiError always, whatever went wrong.
 */
export async function request<T>(method: string, path: string, body?: unknown): Promise<T> {
  const response = await send(method, path, body);
  noteServerDate(response.headers.get("Date"));
  let answer: unknown = null;
  try {
    const text = await response.text();
    answer = text === "" ? null : JSON.parse(text);
  } catch {
    if (response.ok) throw SERVICE_AWAY;
  }
  if (response.ok) return answer as T;
  const error = readError(response.status, answer);
  if (response.status === 401 && error.id === "not_signed_in") onSignedOut();
  if (response.status === 403 && (error.id === "not_allowed" || error.id === "password_expired")) onRefused();
  throw error;
}

/**
 * Sends a file as it is, telling how much of it has gone (0 to 1); `stop` breaks it off.
 *
 * @throws ApiError always, whatever went wrong.
 */
export function upload<T>(path: string, file: Blob, progress: (share: number) => void, stop?: AbortSignal): Promise<T> {
  return new Promise((done, failed) => {
    const sending = new XMLHttpRequest();
    sending.open("POST", BASE + path);
    sending.setRequestHeader("Accept", "application/json");
    sending.setRequestHeader("Content-Type", "application/octet-stream");
    sending.setRequestHeader("X-CSRF-Token", csrfToken);
    sending.upload.addEventListener("progress", (event) => progress(event.lengthComputable ? event.loaded / event.total : 0));
    sending.addEventListener("error", () => failed(SERVICE_AWAY));
    sending.addEventListener("abort", () => failed(SERVICE_AWAY));
    sending.addEventListener("load", () => {
      let answer: unknown = null;
      try {
        answer = JSON.parse(sending.responseText);
      } catch {
        // an answer that is not the service's is an error below
      }
      if (sending.status < 300 && answer !== null) return done(answer as T);
      const error = readError(sending.status, answer);
      if (sending.status === 401 && error.id === "not_signed_in") onSignedOut();
      return failed(error);
    });
    stop?.addEventListener("abort", () => sending.abort());
    sending.send(file);
  });
}

export const get = <T>(path: string, query: Query = {}): Promise<T> => request<T>("GET", path + queryString(query));
export const post = <T>(path: string, body: unknown = {}): Promise<T> => request<T>("POST", path, body);
export const put = <T>(path: string, body: unknown): Promise<T> => request<T>("PUT", path, body);
export const patch = <T>(path: string, body: unknown): Promise<T> => request<T>("PATCH", path, body);
export const del = <T>(path: string): Promise<T> => request<T>("DELETE", path);

export { ApiError };
