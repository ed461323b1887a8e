// How a device stands: presence, clock, alarms armed or not, what it tells by itself, and its outages.
import * as api from "tongshi/api.js";
import * as format from "tongshi/format.js";

const REFRESH_MS = 5_000;
const OUTAGES = 10;
const KINDS = ["catalog", "alarm", "mobile_position", "ptz_position"];

export default {
  template: `
    <section class="ts-device-state">
      <dl class="ts-facts" data-section="presence">
        <template v-for="fact in facts" :key="fact.name"><dt>{{ t('device.' + fact.name) }}</dt><dd :class="fact.tone">{{ fact.value }}</dd></template>
      </dl>
      <section data-section="clock"><header class="ts-group-head"><h3>{{ t('clock.title') }}</h3>
          <button v-if="may('device.diagnose')" class="ts-button is-small" data-action="ask-clock" :disabled="busy.clock || !device.online" @click="askClock">{{ t('clock.ask') }}</button></header>
        <p v-if="!clock" class="ts-panel-note">{{ failures.clock || t('device.reading') }}</p>
        <p v-else-if="clock.offset_s == null" class="ts-panel-note">{{ t('clock.unknown') }}</p>
        <template v-else><p :class="clock.drifting_since ? 'ts-warn-text' : ''"><strong>{{ offset }}</strong> <span class="ts-dim">± {{ seconds(clock.error_s) }} · {{ t.of('clock_source', clock.source) }} · {{ when(clock.measured_at) }}</span></p>
          <p v-if="clock.drifting_since" class="ts-warn-text">{{ t('clock.drifting', { time: when(clock.drifting_since) }) }}</p>
          <p v-if="clock.zone_hours" class="ts-warn-text">{{ t('clock.zone', { n: clock.zone_hours }) }}</p></template>
      </section>
      <section v-if="may('alarms.view')" data-section="guard"><header class="ts-group-head"><h3>{{ t('guard.title') }}</h3>
          <template v-if="may('device.control')"><button class="ts-button is-small" data-action="arm" :disabled="busy.guard || !device.online" @click="guard(true)">{{ t('guard.arm') }}</button>
            <button class="ts-button is-small" data-action="disarm" :disabled="busy.guard || !device.online" @click="guard(false)">{{ t('guard.disarm') }}</button></template></header>
        <p v-if="!situation" class="ts-panel-note">{{ failures.guard || t('device.reading') }}</p>
        <p v-else-if="!situation.guards.length" class="ts-panel-note">{{ t('guard.none') }}</p>
        <p v-for="one in situation ? situation.guards : []" :key="one.target_id">
          <strong>{{ t(one.armed ? 'guard.armed' : 'guard.disarmed') }}</strong> <span class="ts-dim">{{ one.target_id === deviceId ? '' : one.target_id }} {{ t(one.confirmed ? 'guard.confirmed' : 'guard.unconfirmed') }} · {{ one.changed_by || t('guard.by_itself') }} · {{ when(one.changed) }}</span></p>
        <p v-if="situation && situation.newest" class="ts-dim">{{ t('guard.newest', { time: when(situation.newest) }) }}</p>
      </section>
      <section data-section="subscriptions"><h3>{{ t('subscriptions.title') }}</h3>
        <p v-if="!subscriptions" class="ts-panel-note">{{ failures.subscriptions || t('device.reading') }}</p>
        <ul v-else class="ts-list"><li v-for="kind in kinds" :key="kind" class="ts-subscription" :data-kind="kind">
          <span class="ts-dot" :class="dot(kind)"></span><span>{{ t('subscription.' + kind) }}</span>
          <span class="ts-dim ts-grow" :title="of(kind) ? of(kind).error : ''">{{ standing(kind) }}</span>
          <button v-if="may('subscriptions.manage')" class="ts-button is-small" :data-action="of(kind) ? 'unsubscribe' : 'subscribe'" :disabled="busy[kind]" @click="subscribe(kind, !of(kind))">{{ t(of(kind) ? 'subscriptions.end' : 'subscriptions.begin') }}</button>
        </li></ul>
      </section>
      <section data-section="outages"><h3>{{ t('outages.title') }}</h3>
        <p v-if="!outages" class="ts-panel-note">{{ failures.outages || t('device.reading') }}</p>
        <p v-else-if="!outages.length" class="ts-panel-note">{{ t('outages.none') }}</p>
        <ul v-else class="ts-list"><li v-for="outage in outages" :key="outage.outage_id" class="ts-outage" :class="{ 'is-open': !outage.ended_at }">
          <div><strong>{{ t.of('cause', outage.cause) }}</strong><span v-if="outage.is_site_wide" class="ts-tag">{{ t('outages.site', { site: outage.site }) }}</span>
            <span class="ts-dim">{{ span(outage) }}</span></div>
          <p v-if="outage.channel_id" class="ts-dim">{{ outage.channel_id }}</p>
          <p class="ts-dim">{{ outage.evidence }}</p>
          <p v-if="!outage.ended_at">{{ t('cause.' + outage.cause + '.advice') }}</p>
        </li></ul>
      </section>
    </section>`,
  props: { deviceId: String, device: Object, may: Function, t: Function },
  emits: ["message"],
  data() {
    return { clock: null, situation: null, subscriptions: null, outages: null, failures: {}, busy: {}, kinds: KINDS };
  },
  computed: {
    facts() {
      const d = this.device;
      const facts = [];
      const add = (name, value, tone = "") => value && facts.push({ name, value, tone });
      add("presence", this.t(d.online ? "tree.online" : "tree.offline"), d.online ? "is-good" : "is-bad");
      add("seen", d.last_seen_at && this.when(d.last_seen_at));
      add("registered", d.registered_at && this.when(d.registered_at));
      add("expires", d.online && d.expires_at && this.when(d.expires_at));
      add("address", [d.transport, d.remote].filter(Boolean).join("  "));
      add("kind", [d.manufacturer, d.model, d.firmware].filter(Boolean).join(" · "));
      add("edition", d.edition && (this.t.has(`edition.${d.edition}`) ? this.t(`edition.${d.edition}`) : d.edition));
      add("channels", d.catalog_at ? this.t(d.catalog_complete ? "device.catalog_whole" : "device.catalog_part", { n: d.channels, time: this.when(d.catalog_at) }) : String(d.channels));
      return facts;
    },
    offset() {
      const { offset_s: offset } = this.clock;
      if (Math.abs(offset) < 0.5) return this.t("clock.right");
      return this.t(offset > 0 ? "clock.ahead" : "clock.behind", { s: this.seconds(Math.abs(offset)) });
    },
  },
  watch: {
    deviceId() {
      Object.assign(this, { clock: null, situation: null, subscriptions: null, outages: null, failures: {} });
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
    when(time) {
      const at = new Date(time);
      return format.day(at) === format.day(new Date()) ? format.clock(at) : `${format.day(at)} ${format.clock(at)}`;
    },
    seconds(s) {
      if (s < 10) return `${Number(s).toFixed(1)} s`;
      return s < 120 ? `${Math.round(s)} s` : format.duration(s);
    },
    span(outage) {
      const begin = this.when(outage.began_at);
      if (!outage.ended_at) return this.t("outages.since", { time: begin });
      return `${begin} – ${this.when(outage.ended_at)} (${format.duration((Date.parse(outage.ended_at) - Date.parse(outage.began_at)) / 1000)})`;
    },
    async refresh() {
      const path = api.devicePath(this.deviceId);
      const view = this.may("health.view");
      await Promise.all([
        view && this.read("clock", `${path}/clock`, (clock) => (this.clock = clock)),
        this.may("alarms.view") && this.read("guard", `${path}/alarm-situation`, (situation) => (this.situation = situation)),
        this.read("subscriptions", `${path}/subscriptions`, ({ items }) => (this.subscriptions = items)),
        view && this.read("outages", `/outages?${new URLSearchParams({ device_id: this.deviceId, limit: OUTAGES })}`, ({ items }) => (this.outages = items)),
      ]);
    },
    async read(name, path, take) {
      const deviceId = this.deviceId;
      try {
        const found = await api.call("GET", path);
        if (deviceId === this.deviceId) take(found);
      } catch (problem) {
        if (deviceId === this.deviceId) this.failures = { ...this.failures, [name]: this.t.problem(problem).title };
      }
    },
    of(kind) {
      return this.subscriptions.find((one) => one.kind === kind) || null;
    },
    dot(kind) {
      const one = this.of(kind);
      if (!one) return "is-off";
      return one.state === "active" || one.state === "refreshing" ? (one.is_mute ? "is-warn" : "is-good") : "is-busy";
    },
    standing(kind) {
      const one = this.of(kind);
      if (!one) return this.t("subscriptions.none");
      if (one.is_mute) return this.t("subscriptions.mute");
      const state = this.t.of("subscription_state", one.state);
      return one.error ? `${state}: ${one.error}` : `${state} · ${this.t("subscriptions.notifies", { n: one.notifies })}`;
    },
    askClock() {
      return this.doing("clock", async () => (this.clock = await api.call("POST", `${api.devicePath(this.deviceId)}/clock`)));
    },
    guard(armed) {
      return this.doing("guard", async () => {
        const state = await api.call("PUT", `${api.devicePath(this.deviceId)}/guard`, { body: { armed } });
        this.$emit("message", this.t(state.armed ? "guard.done_armed" : "guard.done_disarmed"));
      });
    },
    subscribe(kind, isWanted) {
      const path = `${api.devicePath(this.deviceId)}/subscriptions/${kind}`;
      return this.doing(kind, () => (isWanted ? api.call("PUT", path, { body: {} }) : api.call("DELETE", path)));
    },
    async doing(name, act) {
      this.busy = { ...this.busy, [name]: true };
      try {
        await act();
      } catch (problem) {
        const { title, advice } = this.t.problem(problem);
        this.$emit("message", `${title} ${advice}`);
      } finally {
        this.busy = { ...this.busy, [name]: false };
      }
      this.refresh();
    },
  },
};
