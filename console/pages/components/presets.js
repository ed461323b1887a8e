// Presets of a camera: turn to one, keep the present direction as one, forget one.
import * as api from "tongshi/api.js";

export default {
  template: `
    <section class="ts-presets" :aria-label="t('presets.title')">
      <header class="ts-group-head"><h3>{{ t('presets.title') }}</h3>
        <button class="ts-icon is-small" data-action="presets-again" :title="t('presets.again')" :aria-label="t('presets.again')" :disabled="isLoading" @click="load">
          <q-icon name="refresh" :class="{ 'ts-turning': isLoading }"></q-icon></button></header>
      <p v-if="isLoading && !presets" class="ts-panel-note">{{ t('presets.loading') }}</p>
      <p v-else-if="failure" class="ts-panel-note" role="alert">{{ failure.title }} {{ failure.advice }}</p>
      <p v-else-if="presets && !presets.length" class="ts-panel-note">{{ t('presets.none') }}</p>
      <ul v-else class="ts-list ts-preset-list">
        <li v-for="preset in presets" :key="preset.number" :data-preset="preset.number">
          <button class="ts-preset" data-action="call" :disabled="isBarred" :title="t('presets.call')" @click="turnTo(preset)">
            <span class="ts-number">{{ preset.number }}</span><span class="ts-preset-name">{{ nameOf(preset) }}</span></button>
          <template v-if="asked === preset.number">
            <button class="ts-button is-small" data-action="confirm" @click="confirmed(preset)">{{ t(askedFor === 'remove' ? 'presets.remove_sure' : 'presets.replace_sure') }}</button>
            <button class="ts-icon is-small" :title="t('panel.cancel')" :aria-label="t('panel.cancel')" @click="asked = null"><q-icon name="close"></q-icon></button>
          </template>
          <template v-else>
            <button class="ts-icon is-small" data-action="replace" :disabled="isBarred" :title="t('presets.replace')" :aria-label="t('presets.replace')" @click="ask(preset, 'replace')"><q-icon name="save_as"></q-icon></button>
            <button class="ts-icon is-small" data-action="remove" :disabled="isBarred" :title="t('presets.remove')" :aria-label="t('presets.remove')" @click="ask(preset, 'remove')"><q-icon name="delete_outline"></q-icon></button>
          </template>
        </li>
      </ul>
      <form class="ts-row-form" @submit.prevent="save(number, name)">
        <input class="ts-input is-number" type="number" min="1" max="255" required v-model.number="number" :aria-label="t('presets.number')" :title="t('presets.number')">
        <input class="ts-input" maxlength="64" v-model.trim="name" :placeholder="t('presets.name')" :aria-label="t('presets.name')">
        <button class="ts-button" type="submit" data-action="save" :disabled="isBarred || isBusy">{{ t('presets.save') }}</button>
      </form>
    </section>`,
  props: { channelKey: String, isBarred: Boolean, t: Function },
  emits: ["message"],
  data() {
    return { presets: null, failure: null, isLoading: false, isBusy: false, number: 1, name: "", asked: null, askedFor: "" };
  },
  watch: {
    channelKey() {
      this.presets = null;
      this.load();
    },
  },
  mounted() {
    this.load();
  },
  methods: {
    path(number) {
      return `${api.channelPath(this.channelKey)}/presets/${number}`;
    },
    nameOf(preset) {
      return preset.name || this.t("presets.unnamed");
    },
    async load() {
      const key = this.channelKey;
      this.isLoading = true;
      this.failure = null;
      try {
        const { items } = await api.call("GET", `${api.channelPath(key)}/presets`);
        if (key !== this.channelKey) return;
        this.presets = items;
        this.number = this.firstFree();
      } catch (problem) {
        if (key === this.channelKey) this.failure = this.t.problem(problem);
      } finally {
        if (key === this.channelKey) this.isLoading = false;
      }
    },
    firstFree() {
      const taken = new Set(this.presets.map((preset) => preset.number));
      for (let number = 1; number < 256; number += 1) if (!taken.has(number)) return number;
      return 255;
    },
    ask(preset, what) {
      this.asked = preset.number;
      this.askedFor = what;
    },
    confirmed(preset) {
      this.asked = null;
      return this.askedFor === "remove" ? this.remove(preset) : this.save(preset.number, preset.name);
    },
    turnTo(preset) {
      return this.done("POST", `${this.path(preset.number)}/call`, "presets.called", preset);
    },
    async save(number, name) {
      if (await this.done("PUT", this.path(number), "presets.saved", { number, name }, { name })) {
        this.name = "";
        const others = (this.presets || []).filter((preset) => preset.number !== number);
        this.presets = [...others, { number, name }].sort((a, b) => a.number - b.number);
        this.number = this.firstFree();
      }
    },
    async remove(preset) {
      if (await this.done("DELETE", this.path(preset.number), "presets.removed", preset)) {
        this.presets = this.presets.filter(({ number }) => number !== preset.number);
      }
    },
    async done(method, path, text, preset, body) {
      this.isBusy = true;
      try {
        await api.call(method, path, { body });
        this.$emit("message", this.t(text, { number: preset.number, name: this.nameOf(preset) }));
        return true;
      } catch (problem) {
        const { title, advice } = this.t.problem(problem);
        this.$emit("message", `${title} ${advice}`);
        return false;
      } finally {
        this.isBusy = false;
      }
    },
  },
};
