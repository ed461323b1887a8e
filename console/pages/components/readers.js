// Who takes a stream: viewers, superior platforms and other receivers, pushes and recordings, with their rates.
import * as format from "tongshi/format.js";

const ICONS = { viewers: "person", senders: "call_made", pushes: "upload" };

export default {
  template: `
    <div class="ts-readers">
      <ul v-if="rows.length" class="ts-list"><li v-for="row in rows" :key="row.id" class="ts-reader" :data-reader="row.kind">
        <q-icon :name="icons[row.kind]" size="16px"></q-icon>
        <span class="ts-grow" :title="row.who + '  ' + row.from">{{ row.who }} <span class="ts-dim">{{ row.from }}</span></span>
        <span v-if="row.lost" class="ts-warn-text">{{ row.lost }}</span><span class="ts-dim">{{ rates[row.id] || '' }}</span><span class="ts-tag">{{ row.way }}</span></li></ul>
      <p v-else-if="!takenBy.recorders" class="ts-panel-note">{{ t('readers.none') }}</p>
      <p v-if="takenBy.recorders" class="ts-reader"><q-icon name="fiber_manual_record" size="16px"></q-icon><span>{{ t('readers.recorders', { n: takenBy.recorders }) }}</span></p>
    </div>`,
  props: { takenBy: Object, t: Function },
  data() {
    return { rates: {}, icons: ICONS };
  },
  computed: {
    rows() {
      const { viewers = [], senders = [], pushes = [] } = this.takenBy;
      const seen = {};
      const number = (id) => (seen[id] = (seen[id] || 0) + 1);
      const rows = viewers.map((one) => {
        const id = `${one.session_id} ${one.way} ${one.source}`;
        const lost = one.skipped ? this.t("readers.skipped", { n: one.skipped }) : "";
        return { kind: "viewers", id: `${id} ${number(id)}`, who: one.username || "–", from: one.source, way: this.t.of("way", one.way), bytes: one.sent_bytes, lost };
      });
      for (const one of senders) {
        const lost = one.fraction_lost > 0.01 ? this.t("tile.loss", { loss: format.percent(one.fraction_lost) }) : "";
        rows.push({ kind: "senders", id: one.sender_id, who: one.label, from: one.peer || "", way: one.transport.split("_")[0], bytes: one.payload_bytes, lost });
      }
      for (const one of pushes) {
        const lost = one.state === "running" ? "" : one.last_reason;
        rows.push({ kind: "pushes", id: one.push_id, who: this.t("readers.push"), from: one.address, way: "RTMP", bytes: one.sent_bytes, lost });
      }
      return rows;
    },
  },
  watch: {
    rows: {
      immediate: true,
      handler(rows) {
        const now = performance.now();
        const rates = {};
        const counted = {};
        for (const { id, bytes } of rows) {
          const before = this.counted?.[id];
          counted[id] = { bytes, now };
          if (before && bytes >= before.bytes) rates[id] = format.bitrate(((bytes - before.bytes) * 8) / (now - before.now));
        }
        this.counted = counted;
        this.rates = rates;
      },
    },
  },
};
