// The settings of one platform, new or on file, by a plan of its fields.
import * as api from "tongshi/api.js";
import Fields from "tongshi/fields.js";

// What an operator decides about a platform, of all that is told about it.
export function settingsOf(plan, platform) {
  return Object.fromEntries(Object.entries(platform).filter(([name]) => !plan.told.includes(name)));
}

export default {
  components: { fields: Fields },
  template: `
    <dialog ref="dialog" class="ts-dialog" :aria-label="title" @close="$emit('close')">
      <form class="ts-card ts-source-form" @submit.prevent="save">
        <h2>{{ title }}</h2>
        <div class="ts-two">
          <fields :fields="plan.first" :form="form" :word="plan.word" :t="t"></fields>
          <label>{{ t(plan.word + '.id') }}<input v-model.trim="id" class="ts-input" name="id" pattern="[0-9]{20}" maxlength="20" required :disabled="!isNew" :title="t('superiors.id_form')"></label>
          <fields :fields="plan.reached" :form="form" :word="plan.word" :t="t"></fields>
          <label>{{ t('superiors.password') }}<input v-model="password" class="ts-input" name="platform_password" type="password" maxlength="256" autocomplete="new-password" :required="isNew && plan.needsPassword" :placeholder="platform.has_password ? t('sources.password_kept') : ''"></label>
          <fields :fields="plan.main" :form="form" :word="plan.word" :t="t"></fields>
        </div>
        <slot :form="form"></slot>
        <details v-for="group in plan.groups" :key="group.name" class="ts-details" :data-group="group.name"><summary>{{ t(plan.word + '.group_' + group.name) }}</summary>
          <div class="ts-two ts-more-settings"><fields :fields="group.fields" :form="form" :word="plan.word" :t="t"></fields></div>
        </details>
        <p v-if="problem" class="ts-alert" role="alert"><strong>{{ problem.title }}</strong><span>{{ problem.advice }}</span></p>
        <div class="ts-form-actions">
          <span class="ts-spacer"></span>
          <button class="ts-button is-large" type="button" @click="$refs.dialog.close()">{{ t('panel.cancel') }}</button>
          <button class="ts-button is-primary" type="submit" data-action="save" :disabled="isSaving">{{ t('sources.save') }}</button>
        </div>
      </form>
    </dialog>`,
  props: { plan: Object, platform: Object, t: Function },
  emits: ["close", "saved"],
  data() {
    // A copy: what is not saved changes nothing behind the dialog.
    const form = JSON.parse(JSON.stringify({ ...this.plan.fresh, ...settingsOf(this.plan, this.platform) }));
    return { form, id: this.platform[this.plan.id] || "", password: "", problem: null, isSaving: false };
  },
  computed: {
    isNew() {
      return !this.platform[this.plan.id];
    },
    title() {
      return this.t(`${this.plan.word}.${this.isNew ? "add" : "edit_title"}`);
    },
  },
  mounted() {
    this.$refs.dialog.showModal();
  },
  methods: {
    body() {
      const body = this.plan.tidy ? this.plan.tidy(this.form) : { ...this.form };
      if (this.password) body.password = this.password;
      if (this.isNew) body[this.plan.id] = this.id;
      return body;
    },
    async save() {
      this.isSaving = true;
      this.problem = null;
      try {
        await api.call(this.isNew ? "POST" : "PUT", `/${this.plan.word}${this.isNew ? "" : `/${this.id}`}`, { body: this.body() });
        this.$emit("saved", this.id);
        this.$refs.dialog.close();
      } catch (problem) {
        this.problem = this.t.problem(problem);
        if (problem.code === "invalid-request") this.problem.advice = problem.detail;
      } finally {
        this.isSaving = false;
      }
    },
  },
};
