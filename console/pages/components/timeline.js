// A day of recordings as a bar: what is there, what is missing, where the play head is.
import * as format from "tongshi/format.js";

const HOUR_MS = 3_600_000;
const ZOOM_HOURS = [24, 6, 1];
const JOIN_MS = 1_500; // segments nearer than this are shown as one
const STEP_MS = 10_000;

export default {
  template: `
    <div class="ts-timeline">
      <div class="ts-zoom" role="group" :aria-label="t('playback.zoom')">
        <button v-for="hours in zooms" :key="hours" class="ts-toggle" :class="{ 'is-on': zoom === hours }"
          :aria-pressed="String(zoom === hours)" @click="zoom = hours">{{ hours }} h</button>
      </div>
      <div ref="bar" class="ts-bar" role="slider" tabindex="0" :aria-label="t('playback.timeline')"
          :aria-valuetext="head ? clock(head) : ''" :aria-valuemin="from.getTime()" :aria-valuemax="until.getTime()"
          :aria-valuenow="head ? head.getTime() : from.getTime()" @click="clicked" @mousemove="moved"
          @mouseleave="hover = null" @keydown="keyPressed">
        <div v-for="run in runs" :key="run.start" class="ts-run" :class="{ 'is-open': run.isOpen }"
          :style="{ left: at(run.start), width: width(run.start, run.end) }"></div>
        <div v-if="isToday" class="ts-future" :style="{ left: at(now) }"></div>
        <div v-for="tick in ticks" :key="tick.ms" class="ts-tick" :style="{ left: at(tick.ms) }"><span>{{ tick.text }}</span></div>
        <div v-if="head" class="ts-head" :style="{ left: at(head.getTime()) }"></div>
        <div v-if="hover" class="ts-hover" :style="{ left: at(hover) }"><span>{{ clock(new Date(hover)) }}</span></div>
      </div>
    </div>`,
  props: { segments: Array, from: Date, until: Date, head: Date, t: Function },
  emits: ["seek"],
  data() {
    return { zoom: 24, hover: null, now: Date.now(), zooms: ZOOM_HOURS };
  },
  computed: {
    view() {
      const [from, until] = [this.from.getTime(), this.until.getTime()];
      if (this.zoom === 24) return [from, until];
      const half = (this.zoom * HOUR_MS) / 2;
      const last = this.runs.length ? this.runs[this.runs.length - 1].end : from + 12 * HOUR_MS;
      const middle = this.head ? this.head.getTime() : last - half / 2;
      const start = Math.max(from, Math.min(until - 2 * half, middle - half));
      return [start, start + 2 * half];
    },
    runs() {
      const runs = [];
      for (const segment of this.segments) {
        const [start, end] = [Date.parse(segment.start), Date.parse(segment.end)];
        const last = runs[runs.length - 1];
        if (last && start - last.end < JOIN_MS) {
          last.end = Math.max(last.end, end);
          last.isOpen = segment.complete === false;
        } else runs.push({ start, end, isOpen: segment.complete === false });
      }
      return runs;
    },
    ticks() {
      const step = { 24: 2 * HOUR_MS, 6: HOUR_MS / 2, 1: HOUR_MS / 12 }[this.zoom];
      const ticks = [];
      for (let ms = Math.ceil(this.view[0] / step) * step; ms < this.view[1]; ms += step) {
        ticks.push({ ms, text: format.clock(new Date(ms)).slice(0, 5) });
      }
      return ticks;
    },
    isToday() {
      return this.now > this.from.getTime() && this.now < this.until.getTime();
    },
  },
  watch: {
    from() {
      this.isZoomed = false;
    },
    // The first look shows all that is there, as large as it can be.
    runs(runs) {
      if (this.isZoomed || !runs.length) return;
      this.isZoomed = true;
      const hours = (runs[runs.length - 1].end - runs[0].start) / HOUR_MS;
      this.zoom = ZOOM_HOURS.findLast((zoom) => hours < zoom * 0.9) || ZOOM_HOURS[0];
    },
  },
  mounted() {
    this.timer = setInterval(() => (this.now = Date.now()), 10_000);
  },
  beforeUnmount() {
    clearInterval(this.timer);
  },
  methods: {
    clock: format.clock,
    fraction(ms) {
      return (ms - this.view[0]) / (this.view[1] - this.view[0]);
    },
    at(ms) {
      return `${this.fraction(ms) * 100}%`;
    },
    width(start, end) {
      return `max(2px, ${(this.fraction(end) - this.fraction(start)) * 100}%)`;
    },
    msAt(event) {
      const box = this.$refs.bar.getBoundingClientRect();
      return this.view[0] + ((event.clientX - box.left) / box.width) * (this.view[1] - this.view[0]);
    },
    moved(event) {
      this.hover = this.msAt(event);
    },
    clicked(event) {
      this.$emit("seek", new Date(this.msAt(event)));
    },
    keyPressed(event) {
      const step = { ArrowLeft: -STEP_MS, ArrowRight: STEP_MS, PageUp: -60_000, PageDown: 60_000 }[event.key];
      if (!step) return;
      event.preventDefault();
      const start = this.head || (this.runs.length ? new Date(this.runs[0].start) : this.from);
      this.$emit("seek", new Date(start.getTime() + step));
    },
  },
};
