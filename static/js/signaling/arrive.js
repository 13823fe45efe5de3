// Asking the door over HTTP: `look` changes nothing, `arrive` knocks. Protocol section 1.

/** @typedef {import("./protocol.js").Arrival} Arrival */

const PATIENCE_MS = 10_000;

/** The server's problem document, or `offline` when nothing answered. */
export class ArrivalFailed extends Error {
  /**
   * @param {string} code
   * @param {{field?: string | null, retryAfterMs?: number | null, detail?: string}} [more]
   */
  constructor(code, { field = null, retryAfterMs = null, detail = "" } = {}) {
    super(detail || code);
    this.name = "ArrivalFailed";
    this.code = code;
    this.field = field;
    this.retryAfterMs = retryAfterMs;
  }
}

/**
 * @param {string} url
 * @param {string} csrf
 * @param {object} body
 * @param {typeof fetch} [send]
 * @returns {Promise<Arrival>}
 */
export async function askDoor(url, csrf, body, send = fetch) {
  let response;
  try {
    response = await send(url, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-CSRFToken": csrf, Accept: "application/json" },
      body: JSON.stringify(body),
      credentials: "same-origin",
      cache: "no-store",
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
  } catch {
    throw new ArrivalFailed("offline");
  }
  const answer = await response.json().catch(() => null);
  if (response.ok && answer && typeof answer.outcome === "string") return answer;
  const wait = Number(response.headers.get("Retry-After"));
  throw new ArrivalFailed(answer?.code ?? (response.status >= 500 ? "unavailable" : "bad_request"), {
    field: answer?.field ?? null,
    retryAfterMs: Number.isFinite(wait) && wait > 0 ? wait * 1000 : null,
    detail: answer?.detail ?? "",
  });
}
