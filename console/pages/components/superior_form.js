// The settings of one superior: new, or on file.
import * as api from "tongshi/api.js";

const TOLD = ["superior_id", "has_password", "link", "streams"];
const NEW = {
  name: "", superior_id: "", enabled: true, host: "", port: 5060, transport: "UDP", alternate: "", domain: "", own_id: "", own_domain: "",
  username: "", edition: "3.0", charset: "GB2312", advertised_host: "", expires_s: 3600, keepalive_s: 60, keepalive_misses: 3,
  retry_s: 10, retry_max_s: 300, tree: "flat", with_own_item: true, id_prefix: "", keeps_ids: true, fragment_items: 1, fragment_pause_s: 0,
  shares: [{ kind: "all", value: "", shown: true }],
};
const CHOICES = { transport: ["UDP", "TCP"], edition: ["2.0", "3.0", "1.1", "1.0"], charset: ["GB2312", "GBK", "GB18030", "UTF-8"], tree: ["flat", "regions", "groups"] };
const KINDS = ["all", "region", "group", "device", "channel"];
const TIMES = [["expires_s", 60, 86400], ["keepalive_s", 5, 3600], ["keepalive_misses", 1, 20], ["retry_s", 1, 3600], ["retry_max_s", 1, 86400], ["fragment_items", 1, 100], ["fragment_pause_s", 0, 10]];
const TEXTS = ["alternate", "domain", "own_domain", "username", "advertised_host", "id_prefix"];

// What an operator decides about a superior, of all that the platform tells about it.
export function settingsOf(superior) {
  return Object.fromEntries(Object.entries(superior).filter(([name]) => !TOLD.includes(name)));
}

export default {
  template: `
    <dialog ref="dialog" class="ts-dialog" :aria-label="title" @close="$emit('close')">
      <form class="ts-card ts-source-form" @submit.prevent="save">
        <h2>{{ title }}</h2>
        <div class="ts-two">
          <label>{{ t('superiors.name') }}<input v-model.trim="form.name" class="ts-input" name="name" maxlength="256"></label>
          <label>{{ t('superiors.id') }}<input v-model.trim="form.superior_id" class="ts-input" name="superior_id" pattern="[0-9]{20}" maxlength="20" required :disabled="!isNew" :title="t('superiors.id_form')"></label>
          <label>{{ t('superiors.host') }}<input v-model.trim="form.host" class="ts-input" name="host" maxlength="255" required placeholder="192.0.2.10" spellcheck="false"></label>
          <label>{{ t('superiors.port') }}<input v-model.number="form.port" class="ts-input" name="port" type="number" min="1" max="65535" required></label>
          <label>{{ t('superiors.password') }}<input v-model="password" class="ts-input" name="superior_password" type="password" maxlength="256" autocomplete="new-password" :placeholder="superior.has_password ? t('sources.password_kept') : ''"></label>
          <label>{{ t('superiors.own_id') }}<input v-model.trim="form.own_id" class="ts-input" name="own_id" pattern="[0-9]{20}" maxlength="20" :placeholder="t('superiors.own_id_auto')"></label>
          <label v-for="name in ['transport', 'edition', 'charset', 'tree']" :key="name">{{ t('superiors.' + name) }}<select v-model="form[name]" class="ts-input" :name="name"><option v-for="value in choices[name]" :key="value" :value="value">{{ word(name, value) }}</option></select></label>
        </div>
        <fieldset class="ts-rules">
          <legend>{{ t('superiors.shown') }}</legend>
          <p class="ts-panel-hint">{{ t('superiors.shown_how') }}</p>
          <div v-for="(share, at) in form.shares" :key="at" class="ts-rule">
            <select v-model="share.shown" class="ts-input" :aria-label="t('superiors.rule')" data-rule="shown"><option :value="true">{{ t('superiors.show') }}</option><option :value="false">{{ t('superiors.hide') }}</option></select>
            <select v-model="share.kind" class="ts-input" :aria-label="t('superiors.rule_kind')" data-rule="kind"><option v-for="kind in kinds" :key="kind" :value="kind">{{ t.of('share_kind', kind) }}</option></select>
            <input v-if="share.kind !== 'all'" v-model.trim="share.value" class="ts-input" maxlength="144" required :aria-label="t.of('share_kind', share.kind)" :placeholder="t.of('share_example', share.kind)" data-rule="value"><span v-else></span>
            <button class="ts-icon" type="button" data-action="drop-rule" :title="t('superiors.drop_rule')" :aria-label="t('superiors.drop_rule')" @click="form.shares.splice(at, 1)"><q-icon name="close"></q-icon></button>
          </div>
          <button class="ts-button is-small" type="button" data-action="add-rule" @click="form.shares.push({ kind: 'region', value: '', shown: true })"><q-icon name="add"></q-icon>{{ t('superiors.add_rule') }}</button>
        </fieldset>
        <details class="ts-details"><summary>{{ t('superiors.more_settings') }}</summary>
          <div class="ts-two ts-more-settings">
            <label v-for="name in texts" :key="name">{{ t('superiors.' + name) }}<input v-model.trim="form[name]" class="ts-input" :name="name" maxlength="255" spellcheck="false" :placeholder="t('superiors.automatic')"></label>
            <label v-for="[name, least, most] in times" :key="name">{{ t('superiors.' + name) }}<input v-model.number="form[name]" class="ts-input" :name="name" type="number" :min="least" :max="most" :step="name === 'fragment_pause_s' ? 0.1 : 1" required></label>
            <label class="ts-check"><input v-model="form.with_own_item" type="checkbox" name="with_own_item"> {{ t('superiors.with_own_item') }}</label>
            <label class="ts-check"><input v-model="form.keeps_ids" type="checkbox" name="keeps_ids"> {{ t('superiors.keeps_ids') }}</label>
          </div>
        </details>
        <p v-if="problem" class="ts-alert" role="alert"><strong>{{ problem.title }}</strong><span>{{ problem.advice }}</span></p>
        <div class="ts-form-actions">
          <span class="ts-spacer"></span>
          <button class="ts-button is-large" type="button" @click="$refs.dialog.close()">{{ t('panel.cancel') }}</button>
          <button class="ts-button is-primary" type="submit" data-action="save" :disabled="isSaving">{{ t('sources.save') }}</button>
        </div>
      </form>
    </dialog>`,
  props: { superior: Object, t: Function },
  emits: ["close", "saved"],
  data() {
    // A copy: what is not saved changes nothing behind the dialog.
    const form = JSON.parse(JSON.stringify({ ...NEW, ...settingsOf(this.superior), superior_id: this.superior.superior_id || "" }));
    return { form, password: "", problem: null, isSaving: false, choices: CHOICES, kinds: KINDS, times: TIMES, texts: TEXTS };
  },
  computed: {
    isNew() {
      return !this.superior.superior_id;
    },
    title() {
      return this.t(this.isNew ? "superiors.add" : "superiors.edit_title");
    },
  },
  mounted() {
    this.$refs.dialog.showModal();
  },
  methods: {
    word(name, value) {
      return this.t.of({ edition: "edition", tree: "tree_form" }[name] || name, value);
    },
    body() {
      const { superior_id, ...settings } = this.form;
      settings.shares = settings.shares.map((share) => (share.kind === "all" ? { ...share, value: "" } : share));
      if (this.password) settings.password = this.password;
      return this.isNew ? { ...settings, superior_id } : settings;
    },
    async save() {
      this.isSaving = true;
      this.problem = null;
      try {
        const path = this.isNew ? "/superiors" : `/superiors/${this.superior.superior_id}`;
        await api.call(this.isNew ? "POST" : "PUT", path, { body: this.body() });
        this.$emit("saved", this.form.superior_id);
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
