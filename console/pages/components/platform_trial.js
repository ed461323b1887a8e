// A test call of a platform above or below: each step with what was seen.
import * as api from "tongshi/api.js";

const LONGEST_MS = 180_000; // a catalogue of 100,000 channels, and a camera that is asleep

export default {
  template: `
    <div class="ts-trial">
      <p class="ts-panel-note">{{ t(word + '.trial_how') }}</p>
      <button class="ts-button" data-action="trial" :disabled="isRunning" @click="run"><span v-if="isRunning" class="ts-spinner is-small"></span>{{ t(isRunning ? 'trial.running' : 'trial.begin') }}</button>
      <p v-if="failure" class="ts-alert" role="alert"><strong>{{ failure.title }}</strong><span>{{ failure.advice }}</span></p>
      <template v-if="result">
        <div class="ts-verdict" :class="result.ok ? 'is-good' : 'is-bad'" role="status" :data-ok="String(result.ok)"><h3><q-icon :name="result.ok ? 'check_circle' : 'error'" size="20px"></q-icon>{{ t(result.ok ? 'trial.ok' : 'trial.bad') }}</h3></div>
        <ol class="ts-steps">
          <li v-for="step in result.steps" :key="step.name" :class="step.ok ? 'is-passed' : 'is-failed'" :data-step="step.name"><q-icon :name="step.ok ? 'check' : 'close'" size="18px"></q-icon><span>{{ t.of('trial_step', step.name) }}</span><span class="ts-step-text">{{ step.detail }} · {{ Math.round(step.took_ms) }} ms</span></li>
        </ol>
      </template>
    </div>`,
  props: { platform: Object, path: String, mayManage: Boolean, t: Function },
  emits: ["changed", "message"],
  computed: {
    word() {
      return this.path.split("/")[1];
    },
  },
  data() {
    return { isRunning: false, result: null, failure: null };
  },
  methods: {
    async run() {
      Object.assign(this, { isRunning: true, result: null, failure: null });
      try {
        this.result = await api.call("POST", `${this.path}/test-call`, { timeoutMs: LONGEST_MS });
      } catch (problem) {
        this.failure = this.t.problem(problem);
      } finally {
        this.isRunning = false;
      }
    },
  },
};
