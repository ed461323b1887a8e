// Captures of what a camera sends, for whoever must prove what is wrong with it: begun, ended, fetched, deleted.
import * as api from "tongshi/api.js";
import * as format from "tongshi/format.js";

const REFRESH_MS = 3_000;
const LENGTHS_S = [10, 60, 300, 1800];
const STREAMS = ["main", "sub"];

export default {
  template: `
    <section class="ts-captures" data-section="captures"><h3>{{ t('captures.title') }}</h3>
      <p class="ts-panel-hint">{{ t('captures.what') }}</p>
      <form class="ts-row-form" @submit.prevent="start">
        <select v-model="stream" class="ts-input" name="stream" :aria-label="t('stream.choose')"><option v-for="each in streams" :key="each" :value="each">{{ t('stream_choice.' + each) }}</option></select>
        <select v-model.number="lengthS" class="ts-input" name="length" :aria-label="t('captures.length')"><option v-for="s in lengths" :key="s" :value="s">{{ length(s) }}</option></select>
        <button class="ts-button is-small" data-action="capture" :disabled="isBusy">{{ t('captures.start') }}</button>
      </form>
      <div v-if="failure" class="ts-alert" role="alert"><strong>{{ failure.title }}</strong><span>{{ failure.advice }}</span></div>
      <p v-else-if="!captures" class="ts-panel-note">{{ t('captures.reading') }}</p>
      <p v-else-if="!captures.length" class="ts-panel-note">{{ t('captures.none') }}</p>
      <ul v-else class="ts-list"><li v-for="one in captures" :key="one.capture_id" class="ts-capture" :data-state="one.state">
        <div><span class="ts-dot" :class="{ 'is-busy': one.state !== 'ended', 'is-off': one.state === 'ended' }"></span>
          <strong>{{ clock(one.requested_at) }}</strong><span class="ts-tag">{{ t('stream.' + streamOf(one)) }}</span><span class="ts-dim ts-grow" :title="standing(one)">{{ standing(one) }}</span>
          <button v-if="one.state === 'running'" class="ts-button is-small" data-action="stop-capture" @click="ask('POST', one, '/stop')">{{ t('captures.stop') }}</button>
          <button class="ts-icon is-small" data-action="delete-capture" :title="t('captures.delete')" :aria-label="t('captures.delete')" @click="ask('DELETE', one)"><q-icon name="delete_outline"></q-icon></button></div>
        <p v-if="one.state === 'ended'" class="ts-dim">{{ t('captures.by', { user: one.requested_by, n: one.packets }) }}<span v-if="one.dropped" class="ts-warn-text"> {{ t('captures.dropped', { n: one.dropped }) }}</span></p>
        <p v-if="one.files.length" class="ts-links"><a v-for="file in one.files" :key="file.name" class="ts-button is-small" :href="fileUrl(one, file)" :download="file.name"><q-icon name="download"></q-icon>{{ kind(file) }} · {{ size(file.size_bytes) }}</a></p>
      </li></ul>
    </section>`,
  props: { channelKey: String, t: Function },
  emits: ["message"],
  data() {
    return { captures: null, failure: null, stream: "main", lengthS: 60, isBusy: false, streams: STREAMS, lengths: LENGTHS_S };
  },
  watch: {
    channelKey() {
      this.captures = null;
      this.refresh();
    },
  },
  mounted() {
    this.refresh();
    this.timer = setInterval(() => document.hidden || this.refresh(), REFRESH_MS);
  },
  beforeUnmount() {
    clearInterval(this.timer);
  },
  methods: {
    size: format.bytes,
    clock: (time) => format.clock(new Date(time)),
    streamOf: (one) => (one.what.endsWith(" sub") ? "sub" : "main"),
    fileUrl: (one, file) => api.captureFileUrl(one.capture_id, file.name),
    length(s) {
      return s < 60 ? this.t("captures.seconds", { n: s }) : this.t("captures.minutes", { n: s / 60 });
    },
    kind(file) {
      return this.t(file.name.endsWith(".pcap") ? "captures.packets" : "captures.payload");
    },
    standing(one) {
      if (one.state !== "ended") return this.t(`captures.${one.state}`);
      return this.t.of("capture_reason", one.reason);
    },
    async refresh() {
      const key = this.channelKey;
      try {
        const { items } = await api.call("GET", "/captures");
        if (key !== this.channelKey) return;
        this.captures = items.filter(({ what }) => what === key || what === `${key} sub`).reverse();
        this.failure = null;
      } catch (problem) {
        this.failure = this.t.problem(problem);
      }
    },
    start() {
      return this.change(() => api.call("POST", `${api.channelPath(this.channelKey)}/captures`, { body: { stream: this.stream, max_s: this.lengthS } }));
    },
    ask(method, one, path = "") {
      return this.change(() => api.call(method, `/captures/${encodeURIComponent(one.capture_id)}${path}`));
    },
    async change(act) {
      this.isBusy = true;
      try {
        await act();
      } catch (problem) {
        const { title, advice } = this.t.problem(problem);
        this.$emit("message", `${title} ${advice}`);
      } finally {
        this.isBusy = false;
      }
      this.refresh();
    },
  },
};
