// Everything about one device: how it stands, what was learned about it, and what was said.
import * as api from "tongshi/api.js";
import DeviceProfile from "tongshi/device_profile.js";
import DeviceState from "tongshi/device_state.js";
import Panel from "tongshi/panel.js";
import Trace from "tongshi/trace.js";

const REFRESH_MS = 5_000;

export default {
  components: { panel: Panel, "device-state": DeviceState, "device-profile": DeviceProfile, trace: Trace },
  template: `
    <panel class="ts-device" icon="dns" :title="device && device.name || t('device.title')" :subtitle="deviceId" :t="t" :data-device="deviceId" @close="$emit('close')">
      <div v-if="failure" class="ts-alert" role="alert"><strong>{{ failure.title }}</strong><span>{{ failure.advice }}</span></div>
      <div v-else-if="!device" class="ts-empty"><span class="ts-spinner"></span><p>{{ t('device.reading') }}</p></div>
      <template v-else>
        <div class="ts-device-actions">
          <button v-if="may('catalog.sync')" class="ts-button" data-action="sync" :disabled="isSyncing || !device.online" @click="sync"><q-icon name="sync" :class="{ 'ts-turning': isSyncing }"></q-icon>{{ t('device.sync') }}</button>
          <template v-if="may('device.control')">
            <button v-if="!isAsking" class="ts-button" data-action="restart" :disabled="!device.online" @click="isAsking = true"><q-icon name="restart_alt"></q-icon>{{ t('device.restart') }}</button>
          </template>
        </div>
        <div v-if="isAsking" class="ts-alert is-question" role="alertdialog" :aria-label="t('device.restart')">
          <strong>{{ t('device.restart_sure', { name: device.name || deviceId }) }}</strong><span>{{ t('device.restart_means', { n: device.channels }) }}</span>
          <span class="ts-links"><button class="ts-button is-danger" data-action="restart-sure" :disabled="isRestarting" @click="restart">{{ t('device.restart_yes') }}</button>
            <button class="ts-button" data-action="restart-no" @click="isAsking = false">{{ t('panel.cancel') }}</button></span></div>
        <div class="ts-views" role="tablist">
          <button v-for="name in tabs" :key="name" class="ts-toggle" role="tab" :data-tab="name" :class="{ 'is-on': tab === name }" :aria-selected="String(tab === name)" @click="tab = name">{{ t('tab.' + name) }}</button></div>
        <device-state v-if="tab === 'state'" :device-id="deviceId" :device="device" :may="may" :t="t" @message="(text) => $emit('message', text)"></device-state>
        <device-profile v-else-if="tab === 'profile'" :device-id="deviceId" :may-pin="may('profiles.manage')" :t="t" @message="(text) => $emit('message', text)"></device-profile>
        <trace v-else :device-id="deviceId" :t="t" @message="(text) => $emit('message', text)"></trace>
      </template>
    </panel>`,
  props: { deviceId: String, may: Function, t: Function },
  emits: ["close", "message"],
  data() {
    return { device: null, failure: null, tab: "state", isSyncing: false, isAsking: false, isRestarting: false };
  },
  computed: {
    tabs() {
      return this.may("trace.view") ? ["state", "profile", "trace"] : ["state", "profile"];
    },
  },
  watch: {
    deviceId() {
      Object.assign(this, { device: null, failure: null, isAsking: false });
      this.refresh();
    },
  },
  mounted() {
    this.refresh();
    this.timer = setInterval(() => document.hidden || this.refresh(), REFRESH_MS);
  },
  beforeUnmount() {
    clearInterval(this.timer);
  },
  methods: {
    async refresh() {
      const deviceId = this.deviceId;
      try {
        const device = await api.call("GET", api.devicePath(deviceId));
        if (deviceId !== this.deviceId) return;
        this.device = device;
        this.failure = null;
      } catch (problem) {
        if (deviceId === this.deviceId && !this.device) this.failure = this.t.problem(problem);
      }
    },
    async sync() {
      this.isSyncing = true;
      try {
        const result = await api.call("POST", `${api.devicePath(this.deviceId)}/catalog`);
        this.$emit("message", this.t(result.complete ? "tree.synced" : "tree.synced_in_part", { n: result.channels }));
        this.refresh();
      } catch (problem) {
        this.say(problem);
      } finally {
        this.isSyncing = false;
      }
    },
    async restart() {
      this.isRestarting = true;
      try {
        await api.call("POST", `${api.devicePath(this.deviceId)}/restart`);
        this.$emit("message", this.t("device.restarting"));
      } catch (problem) {
        this.say(problem);
      } finally {
        this.isRestarting = false;
        this.isAsking = false;
      }
    },
    say(problem) {
      const { title, advice } = this.t.problem(problem);
      this.$emit("message", `${title} ${advice}`);
    },
  },
};
