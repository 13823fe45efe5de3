// Asking the door over HTTP: `look` changes nothing, `arrive` knocks. Protocol section 1.

/** @typedef {import("./protocol.js").Arrival} Arrival */

const PATIENCE_MS = 10_000;

/** The server's problem document, or `offline` when nothing answered. */
export class ArrivalFailed extends Error {
  /**
   * @param {string} code
   * @param {{
   *   field?: string | null, retryAfterMs?: number | null, detail?: string, verdict?: string | null,
   *   emailCode?: import("./protocol.js").EmailCode | null, most?: number | null,
   * }} [more] most: a limit that was reached; verdict, emailCode: what was wrong with a mailed code, and where it stands
   */
  constructor(code, { field = null, retryAfterMs = null, detail = "", verdict = null, emailCode = null, most = null } = {}) {
    super(detail || code);
    this.name = "ArrivalFailed";
    this.code = code;
    this.field = field;
    this.retryAfterMs = retryAfterMs;
    this.verdict = verdict;
    this.emailCode = emailCode;
    this.most = most;
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
  const answer = await post(url, csrf, body, send);
  if (typeof answer.outcome === "string") return answer;
  throw new ArrivalFailed("bad_request");
}

/**
 * Mails a newer link to the invited address, where a link was replaced and this device has proved that address.
 * @param {string} url
 * @param {string} csrf
 * @param {object} body
 * @returns {Promise<{sent_to: string}>}
 */
export const askForNewLink = (url, csrf, body) => post(url, csrf, body, fetch);

/**
 * @param {string} url
 * @param {string} csrf
 * @param {object} body
 * @param {typeof fetch} send
 * @returns {Promise<any>}
 */
async function post(url, csrf, body, send) {
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
  if (response.ok && answer) return answer;
  const wait = Number(response.headers.get("Retry-After"));
  throw new ArrivalFailed(answer?.code ?? (response.status >= 500 ? "unavailable" : "bad_request"), {
    field: answer?.field ?? null,
    retryAfterMs: Number.isFinite(wait) && wait > 0 ? wait * 1000 : null,
    detail: answer?.detail ?? "",
    verdict: answer?.verdict ?? null,
    emailCode: answer?.email_code ?? null,
    most: answer?.most ?? null,
  });
}
