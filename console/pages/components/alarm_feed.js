// Alarms as they come: the newest page of them, how many are not acknowledged, and word of each new one.
//
// The events say that something changed; the list is then read again, at most every REREAD_MS, so that a storm of
// alarms costs the browser and the platform one request every other second.
import * as api from "tongshi/api.js";

const PAGE = 100;
const REREAD_MS = 2_000;
const SOON_MS = 300;
const RETRY_MS = 5_000;
const NEWS = ["alarm-raised", "alarm-changed", "alarm-file", "lost"];

export class AlarmFeed {
  // state: a reactive object that gets items, count, isMore, isLive, next, problem. onRaised(alarm) for each new one.
  constructor(state, onRaised) {
    this.state = state;
    this.onRaised = onRaised;
    this.onVisible = () => (document.hidden ? this.disconnect() : this.connect());
    document.addEventListener("visibilitychange", this.onVisible);
    this.connect();
  }

  close() {
    document.removeEventListener("visibilitychange", this.onVisible);
    this.disconnect();
  }

  // A page that nobody sees holds no connection: browsers allow only six to a host.
  disconnect() {
    clearTimeout(this.rereading);
    clearTimeout(this.retrying);
    this.rereading = null;
    this.source?.close();
    this.source = null;
  }

  connect() {
    this.disconnect();
    this.source = new EventSource(api.apiPath("/events?kinds=alarm"));
    this.source.onopen = () => {
      this.state.isLive = true;
      this.readSoon(0);
    };
    this.source.onerror = () => {
      this.state.isLive = false;
      // After a refusal the browser does not try again by itself.
      if (this.source.readyState !== EventSource.CLOSED) return;
      clearTimeout(this.retrying);
      this.retrying = setTimeout(() => this.connect(), RETRY_MS);
    };
    for (const name of NEWS) this.source.addEventListener(name, () => this.readSoon(SOON_MS));
    this.source.addEventListener("alarm-raised", ({ data }) => this.onRaised(JSON.parse(data)));
    this.readSoon(0);
  }

  // Which of them are listed: those that nobody acknowledged, or all.
  show(isAll) {
    this.state.isAll = isAll;
    this.state.items = null;
    return this.read();
  }

  readSoon(afterMs) {
    if (this.rereading) return;
    const sinceMs = performance.now() - (this.readAt ?? -REREAD_MS);
    this.rereading = setTimeout(() => this.read(), Math.max(afterMs, REREAD_MS - sinceMs));
  }

  async read() {
    clearTimeout(this.rereading);
    this.rereading = null;
    this.readAt = performance.now();
    const { state } = this;
    const isAll = state.isAll;
    try {
      const [open, all] = await Promise.all([this.page({ acknowledged: false }), isAll ? this.page({}) : null]);
      if (isAll !== state.isAll) return;
      const page = all || open;
      state.count = open.items.length;
      state.isMore = Boolean(open.next);
      const isLonger = Boolean(page.next && state.items && state.items.length > page.items.length);
      state.items = isLonger ? this.joined(page.items, state.items) : page.items;
      if (!isLonger) state.next = page.next;
      state.problem = null;
    } catch (problem) {
      if (state.items === null) state.problem = problem;
    }
  }

  async readOlder() {
    const { state } = this;
    const page = await this.page({ ...(state.isAll ? {} : { acknowledged: false }), cursor: state.next });
    const known = new Set(state.items.map((alarm) => alarm.alarm_id));
    state.items = [...state.items, ...page.items.filter((alarm) => !known.has(alarm.alarm_id))];
    state.next = page.next;
  }

  // The newest page in front of the older ones that were read before.
  joined(newest, before) {
    const last = newest[newest.length - 1].received;
    const known = new Set(newest.map((alarm) => alarm.alarm_id));
    return [...newest, ...before.filter((alarm) => alarm.received <= last && !known.has(alarm.alarm_id))];
  }

  // What this page itself changed is shown at once.
  replace(alarm) {
    const { state } = this;
    if (alarm.acknowledged_by && !state.isAll) state.items = state.items.filter((item) => item.alarm_id !== alarm.alarm_id);
    else state.items = state.items.map((item) => (item.alarm_id === alarm.alarm_id ? alarm : item));
    if (alarm.acknowledged_by && state.count) state.count -= 1;
    this.readSoon(SOON_MS);
  }

  page(params) {
    return api.call("GET", "/alarms", { params: { limit: PAGE, ...params } });
  }
}

export const emptyFeed = () => ({ items: null, count: 0, isMore: false, isLive: true, isAll: false, next: null, problem: null });
