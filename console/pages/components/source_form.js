// One source: new, from a search, or one that is on file. It can be tried before it is saved.
import * as api from "tongshi/api.js";
import * as format from "tongshi/format.js";

const TEXTS = ["name", "url", "sub_url", "username", "civil_code", "place", "push_path"];
const CHOICES = ["transport", "mode"];
const ADDRESS = ["url", "sub_url", "username"];

export default {
  template: `
    <dialog ref="dialog" class="ts-dialog" :aria-label="title" @close="$emit('close')">
      <form class="ts-card ts-source-form" @submit.prevent="save">
        <h2>{{ title }}</h2>
        <template v-if="made">
          <p class="ts-notice-advice">{{ t('sources.key_once') }}</p>
          <dl class="ts-facts"><dt>{{ t('sources.push_path') }}</dt><dd data-field="push_path">{{ made.push_path }}</dd><dt>{{ t('sources.push_key') }}</dt><dd data-field="push_key">{{ made.push_key }}</dd>
            <template v-for="url in made.push_urls || []" :key="url"><dt>{{ t('sources.push_url') }}</dt><dd>{{ url }}</dd></template></dl>
          <button class="ts-button is-primary" type="button" data-action="done" @click="$refs.dialog.close()">{{ t('sources.done') }}</button>
        </template>
        <template v-else>
          <div v-if="isNew" class="ts-views" role="radiogroup" :aria-label="t('sources.kind')">
            <button v-for="kind in ['pull', 'push']" :key="kind" type="button" class="ts-toggle" role="radio" :data-kind="kind" :class="{ 'is-on': form.kind === kind }" :aria-checked="String(form.kind === kind)" @click="form.kind = kind">{{ t.of('source_kind', kind) }}</button></div>
          <label>{{ t('sources.name') }}<input v-model.trim="form.name" class="ts-input" name="name" maxlength="128" required></label>
          <template v-if="form.kind === 'pull'">
            <label>{{ t('sources.url') }}<input v-model.trim="form.url" class="ts-input" name="url" maxlength="2048" required :placeholder="t('sources.url_example')" spellcheck="false" autocomplete="off"></label>
            <label>{{ t('sources.sub_url') }}<input v-model.trim="form.sub_url" class="ts-input" name="sub_url" maxlength="2048" spellcheck="false" autocomplete="off"></label>
            <div class="ts-two">
              <label>{{ t('sources.username') }}<input v-model="form.username" class="ts-input" name="source_user" maxlength="256" autocomplete="off"></label>
              <label>{{ t('sources.password') }}<input v-model="password" class="ts-input" name="source_password" type="password" maxlength="256" autocomplete="new-password" :placeholder="source.has_password ? t('sources.password_kept') : ''"></label>
              <label>{{ t('sources.transport') }}<select v-model="form.transport" class="ts-input" name="transport"><option v-for="name in ['auto', 'tcp', 'udp']" :key="name" :value="name">{{ t.of('source_transport', name) }}</option></select></label>
              <label>{{ t('sources.mode') }}<select v-model="form.mode" class="ts-input" name="mode"><option v-for="name in ['on_demand', 'always']" :key="name" :value="name">{{ t.of('source_mode', name) }}</option></select></label>
            </div>
          </template>
          <template v-else>
            <label>{{ t('sources.push_path') }}<input v-model.trim="form.push_path" class="ts-input" name="push_path" maxlength="200" required placeholder="push/gate" spellcheck="false"></label>
            <label v-if="!isNew" class="ts-check"><input v-model="wantsNewKey" type="checkbox" name="new_key"> {{ t('sources.new_key') }}</label>
          </template>
          <div class="ts-two">
            <label v-if="isNew">{{ t('sources.channel_id') }}<input v-model.trim="channelId" class="ts-input" name="channel_id" pattern="[0-9]{20}" maxlength="20" :placeholder="t('sources.channel_id_auto')"></label>
            <label>{{ t('sources.civil_code') }}<input v-model.trim="form.civil_code" class="ts-input" name="civil_code" pattern="([0-9]{2}){1,4}" maxlength="8" placeholder="340200"></label>
            <label class="ts-wide">{{ t('sources.place') }}<input v-model.trim="form.place" class="ts-input" name="place" maxlength="256"></label>
          </div>
          <p v-if="verdict" class="ts-alert" :class="{ 'is-good': verdict.ok }" role="status" data-verdict :data-ok="String(verdict.ok)"><strong>{{ verdictTitle }}</strong><span>{{ verdictDetail }}</span></p>
          <p v-if="problem" class="ts-alert" role="alert"><strong>{{ problem.title }}</strong><span>{{ problem.advice }}</span></p>
          <div class="ts-form-actions">
            <button v-if="form.kind === 'pull'" class="ts-button is-large" type="button" data-action="test" :disabled="isTesting || !form.url" @click="test"><span v-if="isTesting" class="ts-spinner is-small"></span>{{ t(isTesting ? 'sources.testing' : 'sources.test') }}</button>
            <span class="ts-spacer"></span>
            <button class="ts-button is-large" type="button" @click="$refs.dialog.close()">{{ t('panel.cancel') }}</button>
            <button class="ts-button is-primary" type="submit" data-action="save" :disabled="isSaving">{{ t('sources.save') }}</button>
          </div>
        </template>
      </form>
    </dialog>`,
  props: { source: Object, t: Function },
  emits: ["close", "saved"],
  data() {
    const form = { kind: this.source.kind || "pull" };
    for (const name of TEXTS) form[name] = this.source[name] || "";
    form.transport = this.source.transport || "auto";
    form.mode = this.source.mode || "on_demand";
    return { form, password: this.source.password || "", channelId: "", wantsNewKey: false, verdict: null, problem: null, isTesting: false, isSaving: false, made: null };
  },
  computed: {
    isNew() {
      return !this.source.channel_id;
    },
    title() {
      return this.isNew ? this.t("sources.add") : this.t("sources.edit");
    },
    verdictTitle() {
      return this.verdict.ok ? this.t("sources.works", { s: this.verdict.first_picture_s }) : this.t.of("source_verdict", this.verdict.verdict);
    },
    verdictDetail() {
      const { ok, video, audio, left_out, message } = this.verdict;
      if (!ok) return message;
      const sound = audio ? `${audio.codec} ${audio.sample_rate} Hz` : this.t("sources.no_sound");
      const rest = left_out.length ? ` · ${this.t("sources.left_out", { codecs: left_out.join(", ") })}` : "";
      return `${format.codec(video.codec)} ${video.width}×${video.height} · ${sound}${rest}`;
    },
  },
  mounted() {
    this.$refs.dialog.showModal();
  },
  methods: {
    // What is on file is tried as it is: its password is not known here.
    isAsOnFile() {
      return !this.isNew && !this.password && ADDRESS.every((name) => this.form[name] === (this.source[name] || "")) && this.form.transport === this.source.transport;
    },
    async test() {
      this.isTesting = true;
      this.verdict = this.problem = null;
      const { url, username, transport } = this.form;
      try {
        this.verdict = this.isAsOnFile()
          ? await api.call("POST", `/sources/${this.source.channel_id}/test`)
          : await api.call("POST", "/sources/test", { body: { url, username, password: this.password, transport } });
      } catch (problem) {
        this.problem = this.t.problem(problem);
      } finally {
        this.isTesting = false;
      }
    },
    body() {
      const body = {};
      const names = this.form.kind === "pull" ? [...TEXTS.filter((name) => name !== "push_path"), ...CHOICES] : ["name", "civil_code", "place", "push_path"];
      for (const name of names) if (this.isNew || this.form[name] !== (this.source[name] || "")) body[name] = this.form[name];
      if (this.form.kind === "pull" && this.password) body.password = this.password;
      if (this.isNew) {
        Object.assign(body, { kind: this.form.kind, channel_id: this.channelId });
        for (const name of ["onvif_address", "manufacturer", "model"]) if (this.source[name]) body[name] = this.source[name];
      } else if (this.wantsNewKey) body.push_key = "";
      return body;
    },
    async save() {
      this.isSaving = true;
      this.problem = null;
      try {
        const path = this.isNew ? "/sources" : `/sources/${this.source.channel_id}`;
        const saved = await api.call(this.isNew ? "POST" : "PATCH", path, { body: this.body() });
        this.$emit("saved");
        if (saved.push_key) this.made = saved;
        else this.$refs.dialog.close();
      } catch (problem) {
        this.problem = this.t.problem(problem);
        if (problem.code === "unsuitable-source" || problem.code === "invalid-request") this.problem.advice = problem.detail;
      } finally {
        this.isSaving = false;
      }
    },
  },
};
