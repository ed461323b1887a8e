// What the platform has learned about a device, and what showed it.
import * as api from "tongshi/api.js";
import * as format from "tongshi/format.js";

export default {
  template: `
    <section class="ts-profile">
      <div v-if="failure" class="ts-alert" role="alert"><strong>{{ failure.title }}</strong><span>{{ failure.advice }}</span></div>
      <div v-else-if="!profile" class="ts-empty"><span class="ts-spinner"></span><p>{{ t('profile.loading') }}</p></div>
      <template v-else>
        <p class="ts-panel-note">{{ kind }}</p>
        <div v-if="!profile.values.length" class="ts-empty"><p>{{ t('profile.none') }}</p></div>
        <ul v-else class="ts-list">
          <li v-for="value in profile.values" :key="value.facet" class="ts-fact" :data-facet="value.facet">
            <div><span>{{ t.of('facet', value.facet) }}</span><strong>{{ t.of('value', value.value) }}</strong>
              <button v-if="mayPin && isOwn(value)" class="ts-icon is-small" data-action="forget" :title="t('profile.forget')" :aria-label="t('profile.forget')" @click="forget(value)"><q-icon name="delete_outline"></q-icon></button></div>
            <p>{{ value.evidence || t('profile.by_hand') }}</p>
            <p class="ts-dim">{{ t.of('origin', value.origin || '') }} · {{ when(value.learned) }}</p>
          </li>
        </ul>
      </template>
    </section>`,
  props: { deviceId: String, mayPin: Boolean, t: Function },
  emits: ["message"],
  data() {
    return { profile: null, failure: null };
  },
  computed: {
    kind() {
      const { manufacturer, model, firmware } = this.profile;
      return [manufacturer, model, firmware].filter(Boolean).join(" · ") || this.t("profile.unknown_kind");
    },
  },
  watch: {
    deviceId() {
      this.profile = null;
      this.load();
    },
  },
  mounted() {
    this.load();
  },
  methods: {
    isOwn: (value) => ["pinned for this device", "learned from this device"].includes(value.origin),
    when(time) {
      const at = new Date(time);
      return `${format.day(at)} ${format.clock(at)}`;
    },
    async load() {
      const deviceId = this.deviceId;
      this.failure = null;
      try {
        const profile = await api.call("GET", `${api.devicePath(deviceId)}/profile`);
        if (deviceId === this.deviceId) this.profile = profile;
      } catch (problem) {
        if (deviceId === this.deviceId) this.failure = this.t.problem(problem);
      }
    },
    async forget(value) {
      try {
        await api.call("DELETE", `${api.devicePath(this.deviceId)}/profile/${encodeURIComponent(value.facet)}`);
        this.$emit("message", this.t("profile.forgotten"));
      } catch (problem) {
        this.$emit("message", this.t.problem(problem).title);
      }
      this.load();
    },
  },
};
