// What a superior may do: grants and limits, edited as a whole and saved at once.
import * as api from "tongshi/api.js";
import * as format from "tongshi/format.js";

const RIGHTS = ["live", "playback", "download", "ptz", "talk", "configuration"];
const SCOPES = ["all", "region", "group", "device", "channel"];
const STREAMS = ["as_asked", "main", "sub"];

export default {
  template: `
    <div class="ts-rights">
      <div v-if="failure" class="ts-alert" role="alert"><strong>{{ failure.title }}</strong><span>{{ failure.advice }}</span></div>
      <div v-else-if="!form" class="ts-empty"><span class="ts-spinner"></span></div>
      <form v-else @submit.prevent="save" @input="isTouched = true" @change="isTouched = true">
        <p class="ts-panel-note" data-usage>{{ usageText }}</p>
        <p v-if="isInitial" class="ts-panel-note" data-initial>{{ t('rights.initial') }}</p>
        <p v-if="!form.grants.length" class="ts-warn-text" data-empty>{{ t('rights.none') }}</p>
        <fieldset v-for="(grant, at) in form.grants" :key="at" class="ts-rules" :disabled="!mayManage" data-grant>
          <legend>{{ t('rights.grant', { n: at + 1 }) }}</legend>
          <button v-if="mayManage" class="ts-icon ts-drop" type="button" data-action="drop-grant" :title="t('rights.drop')" :aria-label="t('rights.drop')" @click="drop(form.grants, at)"><q-icon name="close"></q-icon></button>
          <div class="ts-choices"><label v-for="right in rights" :key="right" class="ts-check"><input v-model="grant.actions" type="checkbox" :value="right" :data-right="right"> {{ t('right.' + right) }}</label></div>
          <div class="ts-choices">
            <select v-model="grant.scope" class="ts-input" :aria-label="t('rights.scope')" data-field="scope" @change="grant.value = ''"><option v-for="scope in scopes" :key="scope" :value="scope">{{ t.of('share_kind', scope) }}</option></select>
            <input v-if="grant.scope !== 'all'" v-model.trim="grant.value" class="ts-input ts-grow" required maxlength="144" data-field="value" :aria-label="t.of('share_kind', grant.scope)" :placeholder="t.of('share_example', grant.scope)">
          </div>
          <div v-for="(hours, row) in grant.hours" :key="row" class="ts-choices" data-hours>
            <span class="ts-week" role="group" :aria-label="t('rights.weekdays')"><label v-for="day in 7" :key="day" :class="{ 'is-on': hours.weekdays.includes(day) }"><input v-model="hours.weekdays" type="checkbox" :value="day"> {{ t('weekday.' + day) }}</label></span>
            <span class="ts-period"><input v-model.trim="hours.start" class="ts-input" required maxlength="5" pattern="([01][0-9]|2[0-3]):[0-5][0-9]" data-field="start" :aria-label="t('rights.from')" :title="t('rights.clock')"> –
              <input v-model.trim="hours.end" class="ts-input" required maxlength="5" pattern="([01][0-9]|2[0-3]):[0-5][0-9]|24:00" data-field="end" :aria-label="t('rights.to')" :title="t('rights.clock')"></span>
            <button class="ts-icon" type="button" data-action="drop-hours" :title="t('rights.drop_hours')" :aria-label="t('rights.drop_hours')" @click="drop(grant.hours, row)"><q-icon name="close"></q-icon></button>
          </div>
          <div class="ts-choices"><span v-if="!grant.hours.length" class="ts-dim">{{ t('rights.always') }}</span><button v-if="mayManage" class="ts-button is-small" type="button" data-action="add-hours" @click="addHours(grant)"><q-icon name="schedule"></q-icon>{{ t('rights.add_hours') }}</button></div>
        </fieldset>
        <button v-if="mayManage" class="ts-button is-small" type="button" data-action="add-grant" @click="addGrant"><q-icon name="add"></q-icon>{{ t('rights.add') }}</button>
        <fieldset class="ts-rules" :disabled="!mayManage">
          <legend>{{ t('rights.limits') }}</legend>
          <div class="ts-choices">
            <label>{{ t('rights.streams') }}<input v-model.number="form.limits.streams" class="ts-input" type="number" min="0" max="100000" name="streams" :placeholder="t('rights.no_limit')"></label>
            <label>{{ t('rights.kbps') }}<input v-model.number="form.limits.kbps" class="ts-input" type="number" min="1" max="100000000" name="kbps" :placeholder="t('rights.no_limit')"></label>
            <label>{{ t('rights.stream') }}<select v-model="form.limits.stream" class="ts-input" name="stream"><option v-for="stream in streams" :key="stream" :value="stream">{{ t.of('superior_stream', stream) }}</option></select></label>
            <label>{{ t('rights.priority') }}<input v-model.number="form.limits.priority" class="ts-input" type="number" min="0" max="100" required name="priority" :title="t('rights.priority_means')"></label>
          </div>
        </fieldset>
        <p v-if="problem" class="ts-alert" role="alert"><strong>{{ problem.title }}</strong><span>{{ problem.advice }}</span></p>
        <div v-if="mayManage" class="ts-form-actions">
          <button class="ts-button is-primary" type="submit" data-action="save-rights" :disabled="isSaving || !isTouched">{{ t('sources.save') }}</button>
          <span v-if="isTouched" class="ts-dim">{{ t('rights.at_once') }}</span>
          <span class="ts-spacer"></span>
          <button v-if="!isInitial" class="ts-button" type="button" data-action="reset-rights" :disabled="isSaving" @click="reset">{{ t('rights.reset') }}</button>
        </div>
      </form>
    </div>`,
  props: { platform: Object, path: String, mayManage: Boolean, t: Function },
  emits: ["changed", "message"],
  data() {
    return { form: null, usage: null, isInitial: true, isTouched: false, isSaving: false, failure: null, problem: null, rights: RIGHTS, scopes: SCOPES, streams: STREAMS };
  },
  computed: {
    usageText() {
      const { streams, kbps, moving, refused } = this.usage;
      return this.t("rights.usage", { streams, rate: format.bitrate(kbps), moving, refused });
    },
  },
  mounted() {
    this.read();
  },
  methods: {
    drop(list, at) {
      list.splice(at, 1);
      this.isTouched = true;
    },
    addGrant() {
      this.form.grants.push({ actions: ["live"], scope: "all", value: "", hours: [] });
      this.isTouched = true;
    },
    addHours(grant) {
      grant.hours.push({ weekdays: [1, 2, 3, 4, 5], start: "08:00", end: "18:00" });
      this.isTouched = true;
    },
    take({ grants, limits, usage, is_initial: isInitial }) {
      Object.assign(this, { form: { grants, limits }, usage, isInitial, isTouched: false });
    },
    async read() {
      try {
        this.take(await api.call("GET", `${this.path}/grants`));
      } catch (problem) {
        this.failure = this.t.problem(problem);
      }
    },
    save() {
      const { grants, limits } = this.form;
      // An emptied number is none; days are told in their order.
      const tidy = grants.map((grant) => ({ ...grant, hours: grant.hours.map((hours) => ({ ...hours, weekdays: [...hours.weekdays].sort() })) }));
      const body = { grants: tidy, limits: { ...limits, streams: limits.streams === "" ? null : limits.streams, kbps: limits.kbps || null } };
      return this.act(async () => this.take(await api.call("PUT", `${this.path}/grants`, { body })));
    },
    reset() {
      return this.act(async () => {
        await api.call("DELETE", `${this.path}/grants`);
        await this.read();
      });
    },
    async act(work) {
      this.isSaving = true;
      this.problem = null;
      try {
        await work();
        this.$emit("message", this.t("rights.saved"));
      } catch (problem) {
        this.problem = this.t.problem(problem);
        if (problem.code === "invalid-request") this.problem.advice = problem.detail;
      } finally {
        this.isSaving = false;
      }
    },
  },
};
