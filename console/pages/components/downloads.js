// Recordings that are fetched from devices into files: ask for one, see how far it is, save it.
import * as api from "tongshi/api.js";
import * as format from "tongshi/format.js";

const POLL_MS = 2_000;
const SPEEDS = [1, 2, 4, 8];
const USUAL_MS = 5 * 60_000;
const BUSY = ["queued", "running", "waiting"];
const SHOWN = 50;

export default {
  template: `
    <section class="ts-downloads" :aria-label="t('downloads.title')">
      <form class="ts-row-form" @submit.prevent="start">
        <label>{{ t('downloads.from') }}<input class="ts-input" type="time" step="1" required v-model="from"></label>
        <label>{{ t('downloads.to') }}<input class="ts-input" type="time" step="1" required v-model="to"></label>
        <label :title="t('downloads.speed_title')">{{ t('downloads.speed') }}<select class="ts-input" v-model.number="speed"><option v-for="n in speeds" :key="n" :value="n">{{ n }}×</option></select></label>
        <button class="ts-button" type="submit" data-action="download" :disabled="isBusy || !isRange">{{ t('downloads.start') }}</button>
        <span v-if="!isRange" class="ts-warn-text">{{ t('downloads.order') }}</span>
      </form>
      <p v-if="failure" class="ts-panel-note" role="alert">{{ failure.title }} {{ failure.advice }}</p>
      <p v-else-if="items && !items.length" class="ts-panel-note">{{ t('downloads.none') }}</p>
      <ul v-else class="ts-list ts-download-list">
        <li v-for="item in items || []" :key="item.download_id" :data-download="item.download_id" :data-state="item.state">
          <span class="ts-download-what">{{ what(item) }}</span>
          <progress :value="item.progress" max="1" :aria-label="t('downloads.progress')"></progress>
          <span class="ts-download-state" :title="item.detail">{{ standing(item) }}</span>
          <span class="ts-links">
            <a v-for="(part, at) in item.parts" :key="part.part_id" class="ts-button is-small" :href="part.url" :download="fileName(item, at)" :title="size(part)">{{ item.parts.length > 1 ? t('downloads.part', { n: at + 1 }) : t('downloads.save') }}</a>
            <button v-if="isRunning(item)" class="ts-button is-small" data-action="cancel" @click="act('POST', item, '/cancel')">{{ t('panel.cancel') }}</button>
            <button v-else class="ts-icon is-small" data-action="delete" :title="t('downloads.delete')" :aria-label="t('downloads.delete')" @click="act('DELETE', item, '')"><q-icon name="delete_outline"></q-icon></button>
          </span>
        </li>
      </ul>
    </section>`,
  props: { channelKey: String, date: String, around: Date, spans: Array, t: Function },
  emits: ["message"],
  data() {
    return { items: null, failure: null, from: "00:00:00", to: "00:05:00", speed: 4, isBusy: false, speeds: SPEEDS };
  },
  computed: {
    isRange() {
      return Boolean(this.from && this.to && this.at(this.from) < this.at(this.to));
    },
  },
  watch: {
    channelKey() {
      this.items = null;
      this.propose();
      this.refresh();
    },
    date() {
      this.propose();
    },
  },
  mounted() {
    this.propose();
    this.refresh();
    this.timer = setInterval(() => document.hidden || this.refresh(), POLL_MS);
  },
  beforeUnmount() {
    clearInterval(this.timer);
  },
  methods: {
    at(time) {
      const [hours, minutes, seconds = 0] = time.split(":").map(Number);
      const day = format.midnight(this.date);
      return new Date(day.getFullYear(), day.getMonth(), day.getDate(), hours, minutes, seconds);
    },
    // Five minutes from where one looks, within what is there.
    propose() {
      const first = this.spans.length ? Date.parse(this.spans[0].start) : this.at("00:00:00").getTime();
      const start = this.around ? this.around.getTime() : first;
      const span = this.spans.find((one) => Date.parse(one.end) > start);
      const last = span ? Date.parse(span.end) : start + USUAL_MS;
      const end = Math.min(start + USUAL_MS, Math.max(last, start + 1_000), format.nextMidnight(this.at("00:00:00")).getTime() - 1_000);
      this.from = format.clock(new Date(start));
      this.to = format.clock(new Date(end));
    },
    isRunning: (item) => BUSY.includes(item.state),
    size: (part) => format.bytes(part.size_bytes),
    what(item) {
      const [start, end] = [new Date(item.start), new Date(item.end)];
      return `${format.day(start)} ${format.clock(start)} – ${format.clock(end)}`;
    },
    standing(item) {
      const state = this.t.of("download_state", item.state);
      return this.isRunning(item) ? `${state} ${format.percent(item.progress, 0)} · ${format.bytes(item.received_bytes)}` : `${state} · ${format.bytes(item.received_bytes)}`;
    },
    fileName(item, at) {
      const start = new Date(item.start);
      return `${item.channel_id}_${format.day(start)}_${format.clock(start).replaceAll(":", "")}_${at + 1}.mp4`;
    },
    async refresh() {
      const key = this.channelKey;
      try {
        const { items } = await api.call("GET", "/downloads", { params: { limit: SHOWN } });
        if (key !== this.channelKey) return;
        this.items = items.filter((item) => `${item.device_id}~${item.channel_id}` === key);
        this.failure = null;
      } catch (problem) {
        if (!this.items) this.failure = this.t.problem(problem);
      }
    },
    async start() {
      this.isBusy = true;
      try {
        const body = { start: this.at(this.from).toISOString(), end: this.at(this.to).toISOString(), speed: this.speed };
        await api.call("POST", `${api.channelPath(this.channelKey)}/downloads`, { body });
      } catch (problem) {
        this.say(problem);
      } finally {
        this.isBusy = false;
      }
      this.refresh();
    },
    async act(method, item, what) {
      await api.call(method, `/downloads/${encodeURIComponent(item.download_id)}${what}`).catch((problem) => this.say(problem));
      this.refresh();
    },
    say(problem) {
      const { title, advice } = this.t.problem(problem);
      this.$emit("message", `${title} ${advice}`);
    },
  },
};
