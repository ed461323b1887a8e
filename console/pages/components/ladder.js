// SIP messages between this platform and a device as a ladder: one line for each, its arrow in the direction that it took.
import * as format from "tongshi/format.js";

export default {
  template: `
    <div class="ts-ladder" :aria-label="t('ladder.name')">
      <div class="ts-ladder-heads"><span>{{ t('ladder.platform') }}</span><span>{{ peer || t('ladder.device') }}</span></div>
      <ol ref="list">
        <li v-for="(step, at) in steps" :key="at" :class="[step.sent ? 'is-sent' : 'is-received', tone(step)]">
          <button class="ts-step" :aria-expanded="String(opened === at)" :title="title(step)" @click="opened = opened === at ? null : at">
            <span class="ts-step-time">{{ time(step) }}</span>
            <span class="ts-step-what">{{ step.what }}<small v-if="step.status != null"> {{ step.method }}</small></span>
            <span class="ts-arrow" aria-hidden="true"></span>
            <span class="ts-step-summary">{{ step.summary }}</span>
          </button>
          <pre v-if="opened === at" class="ts-message-text">{{ step.text || t('ladder.no_text') }}</pre>
        </li>
      </ol>
    </div>`,
  props: { steps: Array, peer: String, followsEnd: Boolean, t: Function },
  data() {
    return { opened: null };
  },
  watch: {
    steps() {
      this.opened = null;
      this.toEnd();
    },
  },
  mounted() {
    this.toEnd();
  },
  methods: {
    async toEnd() {
      if (!this.followsEnd) return;
      await this.$nextTick();
      this.$refs.list.scrollTop = this.$refs.list.scrollHeight;
    },
    time(step) {
      const at = new Date(step.time);
      return `${format.clock(at)}.${String(at.getMilliseconds()).padStart(3, "0")}`;
    },
    title(step) {
      const way = this.t(step.sent ? "ladder.sent" : "ladder.received");
      return [way, `${step.transport} ${step.local} ${step.sent ? "→" : "←"} ${step.remote}`, step.call_id, step.summary].filter(Boolean).join("\n");
    },
    tone(step) {
      if (step.status == null) return "";
      if (step.status >= 300 && step.status !== 401 && step.status !== 407) return "is-bad";
      return step.status >= 200 && step.status < 300 ? "is-good" : "";
    },
  },
};
