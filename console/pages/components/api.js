// The HTTP API as the page uses it: the same contract as console/client.py, called by the browser itself with
// its session cookie, so that long lists and pictures never go through the page's own channel.

const TIMEOUT_MS = 75_000; // POST .../live answers when the first key frame is there

export const UNAUTHENTICATED = "tongshi-unauthenticated";

// A failure as the server describes it (RFC 9457), or "no-answer-from-platform".
export class Problem extends Error {
  constructor(body) {
    super(body.detail || body.title || body.code);
    this.code = body.code || "unexplained";
    this.title = body.title || "";
    this.detail = body.detail || "";
    this.status = body.status || 0;
    this.sipCode = body.sip_code ?? null;
    this.retryAfterS = body.retry_after_s ?? null;
  }
}

export function apiPath(path) {
  return `${window.path_prefix || ""}/api/v1${path}`;
}

export async function call(method, path, { body, params, keepalive, timeoutMs = TIMEOUT_MS } = {}) {
  const query = params ? `?${new URLSearchParams(params)}` : "";
  const headers = { "X-Requested-With": "tongshi" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(apiPath(path) + query, {
      method,
      headers,
      keepalive,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(timeoutMs),
    });
  } catch (error) {
    throw new Problem({ code: "no-answer-from-platform", detail: String(error.message || error) });
  }
  if (response.ok) return response.status === 204 ? null : response.json();
  const problem = new Problem(await response.json().catch(() => ({ status: response.status })));
  problem.status ||= response.status;
  // A wrong password is no lost log-in.
  if (response.status === 401 && problem.code !== "wrong-password") window.dispatchEvent(new Event(UNAUTHENTICATED));
  throw problem;
}

// Every item of a list, page after page.
export async function all(path, params = {}, limit = 500) {
  const items = [];
  let cursor = null;
  do {
    const page = await call("GET", path, { params: { ...params, limit, ...(cursor && { cursor }) } });
    items.push(...page.items);
    cursor = page.next;
  } while (cursor);
  return items;
}

const id = encodeURIComponent;

export const channelPath = (key) => `/channels/${id(key)}`;
export const devicePath = (deviceId) => `/devices/${id(deviceId)}`;
export const traceUrl = (deviceId, params) => apiPath(`${devicePath(deviceId)}/trace/download?${new URLSearchParams(params)}`);
export const openLive = (key, wanted) => call("POST", `${channelPath(key)}/live`, { body: wanted });
export const closeSession = (sessionId) => call("DELETE", `/sessions/${id(sessionId)}`, { keepalive: true });
export const session = (sessionId) => call("GET", `/sessions/${id(sessionId)}`);
export const channel = (key) => call("GET", channelPath(key));
export const setRecording = (key, wanted) => call(wanted ? "PUT" : "DELETE", `${channelPath(key)}/recording`);
export const snapshotUrl = (key) => apiPath(`${channelPath(key)}/snapshot.jpg`);
export const captureFileUrl = (captureId, name) => apiPath(`/captures/${id(captureId)}/files/${id(name)}`);
export const segmentUrl = (segmentId) => apiPath(`/recordings/${id(segmentId)}.mp4`);
export const recordings = (key, start, end) =>
  all(`${channelPath(key)}/recordings`, { start: start.toISOString(), end: end.toISOString() });
