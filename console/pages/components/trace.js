// The SIP trace of a device: its ladder, a filter, and the same as a file for a ticket or Wireshark.
import * as api from "tongshi/api.js";
import * as format from "tongshi/format.js";
import Ladder from "tongshi/ladder.js";

const NEWEST = 200;
const REFRESH_MS = 5_000;

export default {
  components: { ladder: Ladder },
  template: `
    <section class="ts-trace">
      <div class="ts-filter">
        <select class="ts-input" v-model="callId" :aria-label="t('trace.session')" :title="t('trace.session')">
          <option value="">{{ t('trace.all_sessions') }}</option>
          <option v-for="session in sessions" :key="session.call_id" :value="session.call_id">{{ label(session) }}</option>
        </select>
        <select class="ts-input" v-model="method" :aria-label="t('trace.method')" :title="t('trace.method')">
          <option value="">{{ t('trace.all_methods') }}</option><option v-for="name in methods" :key="name" :value="name">{{ name }}</option></select>
        <input class="ts-input" type="search" v-model="text" :placeholder="t('trace.search')" :aria-label="t('trace.search')">
      </div>
      <div class="ts-links">
        <label class="ts-check" :title="t('trace.watch_title')"><input type="checkbox" data-action="watch" :checked="isWatched" :disabled="isBusy" @change="watch($event.target.checked)">{{ t('trace.watch') }}</label>
        <span class="ts-spacer"></span>
        <a class="ts-button is-small" data-action="text" :href="download('text')" download>{{ t('trace.text') }}</a>
        <a class="ts-button is-small" data-action="pcap" :href="download('pcap')" download>{{ t('trace.pcap') }}</a>
      </div>
      <div v-if="failure" class="ts-alert" role="alert"><strong>{{ failure.title }}</strong><span>{{ failure.advice }}</span></div>
      <div v-else-if="steps === null" class="ts-empty"><span class="ts-spinner"></span><p>{{ t('trace.loading') }}</p></div>
      <div v-else-if="!matching.length" class="ts-empty"><p>{{ t(steps.length ? 'trace.no_match' : 'trace.none') }}</p></div>
      <template v-else><p class="ts-panel-hint">{{ t('trace.count', { n: matching.length }) }}</p>
        <ladder :steps="matching" :peer="deviceId" follows-end :t="t"></ladder></template>
    </section>`,
  props: { deviceId: String, t: Function },
  emits: ["message"],
  data() {
    return { sessions: [], steps: null, isWatched: false, isBusy: false, failure: null, callId: "", method: "", text: "" };
  },
  computed: {
    methods() {
      return [...new Set((this.steps || []).map((step) => step.method).filter(Boolean))].sort();
    },
    matching() {
      const text = this.text.trim().toLowerCase();
      const has = (step) => !text || [step.what, step.summary, step.text, step.call_id].some((part) => part?.toLowerCase().includes(text));
      return (this.steps || []).filter((step) => (!this.method || step.method === this.method) && has(step));
    },
  },
  watch: {
    deviceId() {
      Object.assign(this, { callId: "", method: "", text: "" });
      this.load();
    },
    callId() {
      this.load();
    },
  },
  mounted() {
    this.load();
    this.timer = setInterval(() => document.hidden || this.refresh(), REFRESH_MS);
  },
  beforeUnmount() {
    clearInterval(this.timer);
  },
  methods: {
    label(session) {
      const status = session.last_status == null ? this.t("trace.unanswered") : session.last_status;
      return `${format.clock(new Date(session.begin))} ${session.method} ${status} (${session.messages})`;
    },
    async load() {
      this.steps = null;
      this.failure = null;
      const loading = (this.loading = Symbol("loading"));
      try {
        const [view, { sessions }] = await Promise.all([this.read(), api.call("GET", `${api.devicePath(this.deviceId)}/trace/sessions`)]);
        if (loading !== this.loading) return;
        this.take(view);
        this.sessions = sessions.slice().reverse();
      } catch (problem) {
        if (loading === this.loading) this.failure = this.t.problem(problem);
      }
    },
    read() {
      return api.call("GET", `${api.devicePath(this.deviceId)}/trace`, { params: { texts: true, limit: NEWEST, ...(this.callId && { call_id: this.callId }) } });
    },
    take(view) {
      const newest = view.steps[view.steps.length - 1];
      const before = this.steps?.[this.steps.length - 1];
      this.isWatched = view.watched;
      // What did not change is not drawn anew: an opened message stays open.
      if (this.steps && this.steps.length === view.steps.length && newest?.time === before?.time) return;
      this.steps = Object.freeze(view.steps);
    },
    async refresh() {
      const loading = this.loading;
      const view = await this.read().catch(() => null);
      if (view && loading === this.loading && this.steps) this.take(view);
    },
    download(kind) {
      return api.traceUrl(this.deviceId, { format: kind, ...(this.callId && { call_id: this.callId }) });
    },
    async watch(isWanted) {
      this.isBusy = true;
      try {
        await api.call(isWanted ? "PUT" : "DELETE", `${api.devicePath(this.deviceId)}/trace/watch`);
        this.isWatched = isWanted;
      } catch (problem) {
        this.$emit("message", this.t.problem(problem).title);
      } finally {
        this.isBusy = false;
      }
    },
  },
};
