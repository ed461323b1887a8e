// A camera's streams as they are now: what arrives, who takes it, and captures of it.
import * as api from "tongshi/api.js";
import Captures from "tongshi/captures.js";
import * as format from "tongshi/format.js";
import Panel from "tongshi/panel.js";
import Readers from "tongshi/readers.js";

const REFRESH_MS = 3_000;

export default {
  components: { panel: Panel, captures: Captures, readers: Readers },
  template: `
    <panel class="ts-stream-panel" icon="insights" :title="t('details.title')" :subtitle="name" :t="t" @close="$emit('close')">
      <p v-if="!channelKey" class="ts-panel-note">{{ t('details.choose') }}</p>
      <template v-else>
        <div v-if="failure" class="ts-alert" role="alert"><strong>{{ failure.title }}</strong><span>{{ failure.advice }}</span></div>
        <div v-else-if="!sessions" class="ts-empty" role="status"><span class="ts-spinner"></span><p>{{ t('details.reading') }}</p></div>
        <p v-else-if="!sessions.length" class="ts-panel-note">{{ t('details.none') }}</p>
        <section v-for="one in sessions || []" :key="one.stream + one.transcoded_from" :data-stream="one.stream">
          <h3>{{ t('stream_choice.' + one.stream) }}<span v-if="one.transcoded_from" class="ts-chip is-plain">{{ t('tile.transcoded') }}</span></h3>
          <p v-if="one.stall" class="ts-warn-text" role="status">{{ t.of('stall', one.stall) }}</p>
          <dl class="ts-facts"><template v-for="fact in facts(one)" :key="fact.name"><dt>{{ t('details.' + fact.name) }}</dt><dd :class="fact.tone">{{ fact.value }}</dd></template></dl>
          <h3>{{ t('readers.title') }}</h3>
          <readers :taken-by="one.taken_by || {}" :t="t"></readers>
        </section>
        <captures v-if="mayCapture" :channel-key="channelKey" :t="t" @message="(text) => $emit('message', text)"></captures>
      </template>
    </panel>`,
  props: { channelKey: String, mayCapture: Boolean, t: Function },
  emits: ["close", "message"],
  data() {
    return { name: "", sessions: null, failure: null };
  },
  watch: {
    channelKey() {
      this.restart();
    },
  },
  mounted() {
    this.restart();
    this.timer = setInterval(() => document.hidden || this.refresh(), REFRESH_MS);
  },
  beforeUnmount() {
    clearInterval(this.timer);
  },
  methods: {
    restart() {
      const key = this.channelKey;
      Object.assign(this, { name: (key || "").split("~").pop(), sessions: null, failure: null });
      if (!key) return;
      api.channel(key).then((channel) => key === this.channelKey && (this.name = channel.name), () => {});
      this.refresh();
    },
    async refresh() {
      const key = this.channelKey;
      if (!key) return;
      try {
        const all = await api.all("/sessions");
        const own = all.filter((one) => `${one.device_id}~${one.channel_id}` === key);
        // All who watch a stream in one form share it: one of them tells of it.
        const forms = new Map(own.map((one) => [`${one.stream} ${one.transcoded_from || ""}`, one]));
        const details = await Promise.all([...forms.values()].map((one) => api.session(one.session_id).catch(() => one)));
        if (key !== this.channelKey) return;
        this.sessions = details;
        this.failure = null;
      } catch (problem) {
        this.failure = this.t.problem(problem);
      }
    },
    facts(one) {
      const facts = [];
      const add = (name, value, tone = "") => value && facts.push({ name, value, tone });
      const picture = one.video && `${format.codec(one.video.codec)} · ${one.video.width}×${one.video.height}`;
      add("picture", one.transcoded_from ? `${format.codec(one.transcoded_from)} → ${picture}` : picture);
      add("rate", [one.fps != null && `${one.fps.toFixed(1)} fps`, format.bitrate(one.bitrate_kbps)].filter(Boolean).join(" · "));
      add("gop", one.gop_s != null && this.t("details.seconds", { n: one.gop_s.toFixed(1) }));
      add("audio", one.audio ? `${one.audio.codec} · ${one.audio.sample_rate / 1000} kHz` : this.t("details.no_audio"));
      add("source", [one.transport && this.t.of("transport", one.transport), one.source].filter(Boolean).join(" · "));
      add("ssrc", one.ssrc);
      add("loss", `${format.percent(one.packet_loss_ratio, 2)} · ${one.lost_packets} / ${one.packets + one.lost_packets}`, one.packet_loss_ratio > 0.01 ? "is-bad" : "");
      add("jitter", one.jitter_ms != null && `${one.jitter_ms.toFixed(1)} ms`);
      add("received", one.received_bytes > 0 && format.bytes(one.received_bytes));
      add("strangers", one.stranger_packets > 0 && String(one.stranger_packets), "is-bad");
      return facts;
    },
  },
};
