// "Why is there no picture?": asks the platform to probe the channel, and says what it found and what helps.
import * as api from "tongshi/api.js";
import Captures from "tongshi/captures.js";
import * as format from "tongshi/format.js";
import Ladder from "tongshi/ladder.js";
import Panel from "tongshi/panel.js";

const ICONS = { passed: "check_circle", warned: "warning_amber", failed: "cancel", skipped: "remove_circle_outline" };

export default {
  components: { panel: Panel, captures: Captures, ladder: Ladder },
  template: `
    <panel class="ts-diagnosis" icon="troubleshoot" :title="t('diagnosis.title')" :subtitle="name" :t="t" :data-verdict="found ? found.verdict.reason : ''" @close="$emit('close')">
      <p v-if="!channelKey" class="ts-panel-note">{{ t('diagnosis.choose') }}</p>
      <div v-else-if="isRunning" class="ts-empty" role="status"><span class="ts-spinner"></span>
        <p class="ts-notice-title">{{ t('diagnosis.running') }}</p><p>{{ t('diagnosis.patience', { s: elapsedS }) }}</p></div>
      <div v-else-if="failure" class="ts-alert" role="alert"><strong>{{ failure.title }}</strong><span>{{ failure.advice }}</span></div>
      <template v-else-if="found">
        <section class="ts-verdict" :class="isFine ? 'is-good' : 'is-bad'" role="status">
          <h3><q-icon :name="isFine ? 'check_circle' : 'error'" size="22px"></q-icon>{{ words(found.verdict).title }}</h3>
          <p>{{ words(found.verdict).advice }}</p>
        </section>
        <section v-if="found.verdict.evidence.length"><h3>{{ t('diagnosis.evidence') }}</h3>
          <ul class="ts-evidence"><li v-for="line in found.verdict.evidence" :key="line">{{ line }}</li></ul></section>
        <section v-if="found.verdict.settings.length"><h3>{{ t('diagnosis.settings') }}</h3>
          <ul class="ts-list"><li v-for="setting in found.verdict.settings" :key="setting.place + setting.key" class="ts-setting">
            <span class="ts-place">{{ t('place.' + setting.place) }}</span>
            <span class="ts-setting-key">{{ settingName(setting) }}<template v-if="setting.value"> → <strong>{{ t.of('value', setting.value) }}</strong></template></span>
            <button v-if="setting.place === 'profile' && setting.value && mayPin" class="ts-button is-small" data-action="apply" :disabled="isApplying" @click="apply(setting)">{{ t('diagnosis.apply') }}</button>
          </li></ul></section>
        <section v-for="warning in found.warnings" :key="warning.reason" class="ts-verdict is-warn">
          <h3><q-icon name="warning_amber" size="20px"></q-icon>{{ words(warning).title }}</h3><p>{{ words(warning).advice }}</p>
          <ul class="ts-evidence"><li v-for="line in warning.evidence" :key="line">{{ line }}</li></ul></section>
        <section><h3>{{ t('diagnosis.steps') }}</h3>
          <ol class="ts-steps"><li v-for="step in found.steps" :key="step.name" :class="'is-' + step.outcome">
            <q-icon :name="icon(step)" size="18px" :aria-label="t('outcome.' + step.outcome)" :title="t('outcome.' + step.outcome)"></q-icon>
            <span class="ts-step-name">{{ t.of('step', step.name) }}</span><span class="ts-step-text">{{ step.text }}</span></li></ol></section>
        <section v-if="found.call_id && mayTrace">
          <button v-if="!steps" class="ts-button" data-action="ladder" :disabled="isReading" @click="showLadder"><q-icon name="swap_horiz"></q-icon>{{ t('diagnosis.ladder') }}</button>
          <template v-else><h3>{{ t('diagnosis.ladder') }}</h3>
            <p v-if="!steps.length" class="ts-panel-note">{{ t('trace.none') }}</p><ladder v-else :steps="steps" :peer="deviceId" :t="t"></ladder>
            <p class="ts-links"><a class="ts-button is-small" :href="download('text')" download>{{ t('trace.text') }}</a>
              <a class="ts-button is-small" :href="download('pcap')" download>{{ t('trace.pcap') }}</a></p></template>
        </section>
        <p class="ts-panel-hint">{{ t('diagnosis.when', { time: clock(found.begin), s: found.took_s.toFixed(1) }) }}</p>
      </template>
      <button v-if="channelKey && !isRunning" class="ts-button is-large" data-action="diagnose" @click="run">{{ t('diagnosis.again') }}</button>
      <captures v-if="channelKey && mayCapture && !isRunning" :channel-key="channelKey" :t="t" @message="(text) => $emit('message', text)"></captures>
    </panel>`,
  props: { channelKey: String, mayTrace: Boolean, mayCapture: Boolean, mayPin: Boolean, t: Function },
  emits: ["close", "message"],
  data() {
    return { name: "", isRunning: false, elapsedS: 0, found: null, failure: null, steps: null, isReading: false, isApplying: false };
  },
  computed: {
    deviceId() {
      return this.found?.device_id || "";
    },
    isFine() {
      return this.found.verdict.reason === "ok";
    },
  },
  watch: {
    channelKey() {
      this.run();
    },
  },
  mounted() {
    this.run();
  },
  beforeUnmount() {
    this.attempt = null;
    clearInterval(this.timer);
  },
  methods: {
    clock: (time) => format.clock(new Date(time)),
    icon: (step) => ICONS[step.outcome] || "help_outline",
    words(finding) {
      const key = `reason.${finding.reason}`;
      return this.t.has(key) ? { title: this.t(key), advice: this.t(`${key}.advice`) } : finding;
    },
    settingName(setting) {
      const key = `facet.${setting.key}`;
      if (setting.place === "profile" && this.t.has(key)) return this.t(key);
      return this.t.of("setting", setting.key);
    },
    async run() {
      const key = this.channelKey;
      const attempt = (this.attempt = Symbol("attempt"));
      clearInterval(this.timer);
      Object.assign(this, { found: null, failure: null, steps: null, name: (key || "").split("~").pop(), isRunning: Boolean(key), elapsedS: 0 });
      if (!key) return;
      this.timer = setInterval(() => (this.elapsedS += 1), 1_000);
      api.channel(key).then((channel) => attempt === this.attempt && (this.name = channel.name), () => {});
      try {
        const found = await api.call("POST", `${api.channelPath(key)}/diagnosis`);
        if (attempt === this.attempt) this.found = found;
      } catch (problem) {
        if (attempt === this.attempt) this.failure = this.t.problem(problem);
      }
      if (attempt !== this.attempt) return;
      clearInterval(this.timer);
      this.isRunning = false;
    },
    async showLadder() {
      this.isReading = true;
      try {
        const view = await api.call("GET", "/trace/sessions", { params: { call_id: this.found.call_id, texts: true } });
        this.steps = view.steps;
      } catch (problem) {
        const { title, advice } = this.t.problem(problem);
        this.$emit("message", `${title} ${advice}`);
      } finally {
        this.isReading = false;
      }
    },
    download(kind) {
      return api.traceUrl(this.deviceId, { format: kind, call_id: this.found.call_id });
    },
    async apply(setting) {
      this.isApplying = true;
      try {
        await api.call("PUT", `${api.devicePath(this.deviceId)}/profile/${encodeURIComponent(setting.key)}`, { body: { value: setting.value } });
        this.$emit("message", this.t("diagnosis.applied"));
        this.run();
      } catch (problem) {
        const { title, advice } = this.t.problem(problem);
        this.$emit("message", `${title} ${advice}`);
      } finally {
        this.isApplying = false;
      }
    },
  },
};
