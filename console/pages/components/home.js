// The home position of a camera: the preset to which it returns when nobody moves it.
import * as api from "tongshi/api.js";

export default {
  template: `
    <details class="ts-details" data-section="home" @toggle="toggled">
      <summary>{{ t('home.title') }}</summary>
      <p v-if="isLoading" class="ts-panel-note">{{ t('home.loading') }}</p>
      <p v-else-if="failure" class="ts-panel-note" role="alert">{{ failure.title }} {{ failure.advice }}</p>
      <form v-else class="ts-home" @submit.prevent="save">
        <label class="ts-check"><input type="checkbox" v-model="enabled">{{ t('home.enabled') }}</label>
        <label>{{ t('home.preset') }}<input class="ts-input is-number" type="number" min="1" max="255" required v-model.number="preset"></label>
        <label>{{ t('home.after') }}<input class="ts-input is-number" type="number" min="5" max="86400" required v-model.number="resetTimeS"></label>
        <button class="ts-button" type="submit" :disabled="isBusy">{{ t('home.save') }}</button>
      </form>
    </details>`,
  props: { channelKey: String, t: Function },
  emits: ["message"],
  data() {
    return { isLoading: false, isBusy: false, failure: null, enabled: false, preset: 1, resetTimeS: 60 };
  },
  methods: {
    path() {
      return `${api.channelPath(this.channelKey)}/home-position`;
    },
    // Asked of the device only when somebody wants to see it.
    async toggled(event) {
      if (!event.target.open) return;
      this.isLoading = true;
      this.failure = null;
      try {
        const { home_position: home } = await api.call("GET", this.path());
        this.enabled = Boolean(home?.enabled);
        this.preset = home?.preset ?? 1;
        this.resetTimeS = home?.reset_time_s ?? 60;
      } catch (problem) {
        this.failure = this.t.problem(problem);
      } finally {
        this.isLoading = false;
      }
    },
    async save() {
      this.isBusy = true;
      try {
        const body = { enabled: this.enabled, preset: this.preset, reset_time_s: this.resetTimeS };
        const { outcome } = await api.call("PUT", this.path(), { body });
        this.$emit("message", this.t(outcome === "no_result" ? "home.no_result" : "home.saved"));
      } catch (problem) {
        const { title, advice } = this.t.problem(problem);
        this.$emit("message", `${title} ${advice}`);
      } finally {
        this.isBusy = false;
      }
    },
  },
};
