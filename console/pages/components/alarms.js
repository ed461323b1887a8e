// The list of alarms: the newest first; acknowledge, look at the clip or picture, jump to the camera.
import * as api from "tongshi/api.js";
import * as format from "tongshi/format.js";
import { Names } from "tongshi/names.js";
import Panel from "tongshi/panel.js";

const CLOCK_DIFFERS_MS = 60_000;

export default {
  components: { panel: Panel },
  template: `
    <panel class="ts-alarms" icon="notifications" :title="t('alarms.title')" :t="t" @close="$emit('close')">
      <div class="ts-views" role="group" :aria-label="t('alarms.which')">
        <button class="ts-toggle" data-filter="open" :class="{ 'is-on': !state.isAll }" :aria-pressed="String(!state.isAll)" @click="feed.show(false)">{{ t('alarms.open') }}</button>
        <button class="ts-toggle" data-filter="all" :class="{ 'is-on': state.isAll }" :aria-pressed="String(state.isAll)" @click="feed.show(true)">{{ t('alarms.all') }}</button>
      </div>
      <p v-if="!state.isLive" class="ts-panel-note" role="status">{{ t('bell.away') }}</p>
      <div v-if="state.problem" class="ts-alert" role="alert"><strong>{{ t.problem(state.problem).title }}</strong><span>{{ t.problem(state.problem).advice }}</span></div>
      <div v-else-if="state.items === null" class="ts-empty"><span class="ts-spinner"></span><p>{{ t('alarms.loading') }}</p></div>
      <div v-else-if="!state.items.length" class="ts-empty"><q-icon name="notifications_none" size="32px"></q-icon>
        <p class="ts-notice-title">{{ t(state.isAll ? 'alarms.none' : 'alarms.none_open') }}</p><p>{{ t('alarms.none_advice') }}</p></div>
      <ul v-else class="ts-list ts-alarm-list">
        <li v-for="alarm in state.items" :key="alarm.alarm_id" class="ts-alarm-item" :class="'is-priority-' + (alarm.priority || 0)" :data-alarm="alarm.alarm_id">
          <div class="ts-alarm-line">
            <span v-if="alarm.priority" class="ts-priority" :title="t('alarms.priority', { n: alarm.priority })">{{ alarm.priority }}</span>
            <strong class="ts-alarm-text">{{ text(alarm) }}</strong>
            <span v-if="alarm.repeats" class="ts-dim" :title="t('alarms.repeats', { n: alarm.repeats })">×{{ alarm.repeats + 1 }}</span>
            <time class="ts-dim" :datetime="alarm.received" :title="t('alarms.received')">{{ when(alarm.received) }}</time>
          </div>
          <p class="ts-alarm-where">{{ where(alarm) }}</p>
          <p v-if="alarm.description" class="ts-dim">{{ alarm.description }}</p>
          <p v-if="differs(alarm)" class="ts-dim">{{ t('alarms.device_time', { time: when(alarm.time) }) }}</p>
          <p v-if="alarm.acknowledged_by" class="ts-dim"><q-icon name="done" size="16px"></q-icon> {{ t('alarms.acknowledged', { name: alarm.acknowledged_by, time: when(alarm.acknowledged) }) }}</p>
          <p v-for="(action, at) in failedActions(alarm)" :key="at" class="ts-warn-text">{{ t('alarms.action_failed', { what: t.of('action', action.kind) }) }} {{ action.detail }}</p>
          <div class="ts-alarm-actions">
            <button v-if="!alarm.acknowledged_by && mayHandle" class="ts-button is-small" data-action="acknowledge" :disabled="busy.has(alarm.alarm_id)" @click="acknowledge(alarm)"><q-icon name="done"></q-icon>{{ t('alarms.acknowledge') }}</button>
            <button v-if="keyOf(alarm)" class="ts-button is-small" data-action="live" @click="$emit('live', keyOf(alarm))"><q-icon name="videocam"></q-icon>{{ t('alarms.live') }}</button>
            <template v-for="file in files(alarm)" :key="file.file_id">
              <button v-if="file.url" class="ts-button is-small" :data-file="file.kind" :aria-expanded="String(shown === file.file_id)" @click="shown = shown === file.file_id ? null : file.file_id">
                <q-icon :name="file.kind === 'clip' ? 'movie' : 'photo'"></q-icon>{{ t('file.' + file.kind) }}</button>
              <span v-else class="ts-dim" :title="file.detail">{{ t('file.' + file.kind) }}: {{ t.of('file_state', file.state) }}</span>
            </template>
          </div>
          <template v-for="file in files(alarm)" :key="file.file_id">
            <figure v-if="shown === file.file_id" class="ts-alarm-file">
              <p v-if="broken === file.file_id" class="ts-panel-note" role="alert">{{ t('file.broken') }}</p>
              <video v-else-if="file.kind === 'clip'" :src="url(file)" controls autoplay muted playsinline @error="broken = file.file_id"></video>
              <img v-else :src="url(file)" :alt="t('file.picture')" @error="broken = file.file_id">
              <figcaption><a class="ts-button is-small" :href="url(file)" download>{{ t('file.save') }}</a></figcaption>
            </figure>
          </template>
        </li>
      </ul>
      <button v-if="state.next" class="ts-button" data-action="older" :disabled="isReading" @click="older">{{ t('alarms.older') }}</button>
    </panel>`,
  props: { feed: Object, state: Object, language: String, mayHandle: Boolean, t: Function },
  emits: ["close", "live", "message"],
  data() {
    return { busy: new Set(), shown: null, broken: null, isReading: false, names: new Map() };
  },
  watch: {
    "state.items": {
      immediate: true,
      handler(items) {
        this.lookUp ??= new Names(this.names);
        for (const alarm of items || []) if (this.keyOf(alarm)) this.lookUp.want(this.keyOf(alarm));
      },
    },
  },
  methods: {
    keyOf(alarm) {
      return alarm.channel_id ? `${alarm.device_id}~${alarm.channel_id}` : null;
    },
    text(alarm) {
      return (this.language === "zh" ? alarm.text_chinese : alarm.text) || alarm.type_text || this.t("alarms.unknown");
    },
    where(alarm) {
      const name = this.names.get(this.keyOf(alarm));
      return name || alarm.channel_id || alarm.source_id;
    },
    when(time) {
      const at = new Date(time);
      const clock = format.clock(at);
      return format.day(at) === format.day(new Date()) ? clock : `${format.day(at).slice(5)} ${clock}`;
    },
    differs(alarm) {
      return Math.abs(Date.parse(alarm.time) - Date.parse(alarm.received)) > CLOCK_DIFFERS_MS;
    },
    files: (alarm) => alarm.actions.map((action) => action.file).filter(Boolean),
    failedActions: (alarm) => alarm.actions.filter((action) => action.outcome === "failed" || action.outcome === "left_out"),
    url: (file) => `${window.path_prefix || ""}${file.url}`,
    async acknowledge(alarm) {
      this.busy = new Set(this.busy).add(alarm.alarm_id);
      try {
        this.feed.replace(await api.call("POST", `/alarms/${encodeURIComponent(alarm.alarm_id)}/acknowledge`, { body: {} }));
      } catch (problem) {
        this.say(problem);
      } finally {
        const busy = new Set(this.busy);
        busy.delete(alarm.alarm_id);
        this.busy = busy;
      }
    },
    async older() {
      this.isReading = true;
      await this.feed.readOlder().catch((problem) => this.say(problem));
      this.isReading = false;
    },
    say(problem) {
      const { title, advice } = this.t.problem(problem);
      this.$emit("message", `${title} ${advice}`);
    },
  },
};
