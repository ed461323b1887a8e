// One's own password. All log-ins of the user end with the change, this one too.
import * as api from "tongshi/api.js";

export default {
  template: `
    <dialog ref="dialog" class="ts-dialog" :aria-label="t('password.title')" @close="$emit('close')">
      <form class="ts-card" @submit.prevent="change">
        <h2>{{ t('password.title') }}</h2>
        <input type="text" name="username" autocomplete="username" :value="username" readonly hidden>
        <label>{{ t('password.current') }}<input v-model="current" class="ts-input" type="password" autocomplete="current-password" maxlength="1024" required></label>
        <label>{{ t('password.new') }}<input v-model="next" class="ts-input" type="password" autocomplete="new-password" maxlength="1024" required></label>
        <label>{{ t('password.again') }}<input v-model="again" class="ts-input" type="password" autocomplete="new-password" maxlength="1024" required></label>
        <p v-if="problem" class="ts-alert" role="alert"><strong>{{ problem.title }}</strong><span>{{ problem.advice }}</span></p>
        <button class="ts-button is-primary" type="submit" :disabled="isBusy">{{ t('password.submit') }}</button>
        <button class="ts-button" type="button" @click="$refs.dialog.close()">{{ t('password.cancel') }}</button>
      </form>
    </dialog>`,
  props: { username: String, t: Function },
  emits: ["close", "changed"],
  data() {
    return { current: "", next: "", again: "", problem: null, isBusy: false };
  },
  mounted() {
    this.$refs.dialog.showModal();
  },
  methods: {
    async change() {
      if (this.next !== this.again) {
        this.problem = { title: this.t("password.differ"), advice: "" };
        return;
      }
      this.isBusy = true;
      try {
        await api.call("POST", "/me/password", { body: { current: this.current, new: this.next } });
        this.$emit("changed");
      } catch (problem) {
        this.problem = this.t.problem(problem);
      } finally {
        this.isBusy = false;
      }
    },
  },
};
