// The head line of playback: which camera, whose recordings, which day.
import * as format from "tongshi/format.js";

export default {
  template: `
    <header class="ts-playback-head">
      <h2>{{ title || t('playback.name') }}</h2>
      <div v-if="hasChannel && mayAskDevice" class="ts-views" role="group" :aria-label="t('source.name')">
        <button v-for="name in ['platform', 'device']" :key="name" class="ts-toggle" :data-source="name" :class="{ 'is-on': source === name }"
          :aria-pressed="String(source === name)" :title="t('source.' + name + '_title')" @click="$emit('source', name)">{{ t('source.' + name) }}</button>
      </div>
      <span class="ts-spacer"></span>
      <template v-if="hasChannel">
        <button class="ts-icon" :title="t('playback.day_before')" :aria-label="t('playback.day_before')" @click="turn(-1)"><q-icon name="chevron_left"></q-icon></button>
        <input type="date" class="ts-input" :value="date" :max="today" :aria-label="t('playback.date')" @change="$emit('date', $event.target.value || today)">
        <button class="ts-icon" :title="t('playback.day_after')" :aria-label="t('playback.day_after')" :disabled="date >= today" @click="turn(1)"><q-icon name="chevron_right"></q-icon></button>
      </template>
    </header>`,
  props: { title: String, hasChannel: Boolean, source: String, mayAskDevice: Boolean, date: String, t: Function },
  emits: ["date", "source"],
  computed: {
    today() {
      return format.day(new Date());
    },
  },
  methods: {
    turn(days) {
      const day = format.midnight(this.date);
      day.setDate(day.getDate() + days);
      this.$emit("date", format.day(day));
    },
  },
};
