// The log-in page. The answer to a good log-in sets the session cookie, which no script can read.
import * as api from "tongshi/api.js";
import { translator } from "tongshi/translator.js";

export default {
  template: `
    <div class="ts-page ts-login" :lang="lang === 'zh' ? 'zh-CN' : 'en'">
      <form class="ts-card" @submit.prevent="logIn">
        <h1 class="ts-brand">{{ t('brand') }}</h1>
        <p class="ts-dim">{{ t('login.subtitle') }}</p>
        <label>{{ t('login.username') }}<input ref="username" v-model="username" class="ts-input" name="username" autocomplete="username" autocapitalize="none" spellcheck="false" maxlength="64" required autofocus></label>
        <label>{{ t('login.password') }}<input v-model="password" class="ts-input" name="password" type="password" autocomplete="current-password" maxlength="1024" required></label>
        <p v-if="problem" class="ts-alert" role="alert"><strong>{{ problem.title }}</strong><span>{{ problem.advice }}</span></p>
        <button class="ts-button is-primary" type="submit" :disabled="isBusy">{{ t(isBusy ? 'login.busy' : 'login.submit') }}</button>
        <div class="ts-login-foot"><span class="ts-dim">{{ t('login.first') }}</span>
          <button class="ts-toggle" type="button" data-action="language" :title="t('page.language_title')" @click="switchLanguage">{{ t('page.language') }}</button></div>
      </form>
    </div>`,
  props: { texts: Object, language: String },
  data() {
    return { lang: this.language, username: "", password: "", problem: null, isBusy: false };
  },
  computed: {
    t() {
      return translator(this.texts, this.lang);
    },
  },
  mounted() {
    document.title = this.t("title");
    this.$refs.username.focus();
  },
  methods: {
    async logIn() {
      this.isBusy = true;
      this.problem = null;
      try {
        await api.call("POST", "/login", { body: { username: this.username, password: this.password } });
        location.assign(`${window.path_prefix || ""}/`);
      } catch (problem) {
        this.problem = this.t.problem(problem);
        if (problem.retryAfterS) this.problem.advice += ` ${this.t("login.wait", { s: problem.retryAfterS })}`;
        this.password = "";
        this.isBusy = false;
      }
    },
    switchLanguage() {
      this.lang = this.lang === "zh" ? "en" : "zh";
      document.cookie = `tongshi_language=${this.lang}; path=/; max-age=31536000; samesite=lax`;
      document.documentElement.lang = this.lang === "zh" ? "zh-CN" : "en";
      document.title = this.t("title");
    },
  },
};
