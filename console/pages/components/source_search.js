// Cameras that are found over ONVIF, and the streams that one of them offers.
import * as api from "tongshi/api.js";
import * as format from "tongshi/format.js";

export default {
  template: `
    <dialog ref="dialog" class="ts-dialog" :aria-label="t('sources.search')" @close="$emit('close')">
      <div class="ts-card ts-source-form">
        <h2>{{ t('sources.search') }}</h2>
        <div v-if="isSearching" class="ts-empty" data-searching><span class="ts-spinner"></span><p>{{ t('sources.searching') }}</p></div>
        <template v-else-if="!camera">
          <p v-if="!found.length" class="ts-notice-advice">{{ t('sources.nothing_found') }}</p>
          <ul v-else class="ts-list ts-found">
            <li v-for="each in found" :key="each.endpoint">
              <button type="button" class="ts-found-camera" :data-camera="each.host" @click="choose(each)"><strong>{{ each.name || each.hardware || each.host }}</strong><span class="ts-dim">{{ [each.host, each.hardware, each.location].filter(Boolean).join(' · ') }}</span><span v-if="each.channel_id" class="ts-rec-none">{{ t('sources.on_file', { id: each.channel_id }) }}</span></button>
            </li>
          </ul>
          <form class="ts-row-form" @submit.prevent="choose({ address: address, host: address, name: '' })"><input v-model.trim="address" class="ts-input ts-grow" name="onvif_address" :placeholder="t('sources.onvif_example')" spellcheck="false" :aria-label="t('sources.onvif_address')" required><button class="ts-button" type="submit" data-action="ask">{{ t('sources.ask') }}</button></form>
        </template>
        <template v-else>
          <p><strong>{{ camera.name || camera.host }}</strong> <span class="ts-dim">{{ camera.address }}</span></p>
          <form class="ts-two" @submit.prevent="describe">
            <label>{{ t('sources.username') }}<input v-model="username" class="ts-input" name="onvif_user" autocomplete="off"></label>
            <label>{{ t('sources.password') }}<input v-model="password" class="ts-input" name="onvif_password" type="password" autocomplete="new-password"></label>
            <button class="ts-button is-large" type="submit" data-action="describe" :disabled="isAsking"><span v-if="isAsking" class="ts-spinner is-small"></span>{{ t('sources.read_streams') }}</button>
          </form>
          <template v-if="told">
            <p class="ts-dim">{{ [told.manufacturer, told.model, told.firmware].filter(Boolean).join(' · ') }}<template v-if="isClockWrong"> · <span class="ts-warn-text">{{ t('sources.clock', { s: Math.round(told.clock_offset_s) }) }}</span></template></p>
            <ul class="ts-list ts-found">
              <li v-for="(stream, at) in told.streams" :key="stream.url" class="ts-found-stream" :data-stream="stream.name">
                <span class="ts-grow" :title="stream.url"><strong>{{ stream.name }}</strong> <span class="ts-dim">{{ detail(stream) }}</span></span>
                <label class="ts-check"><input v-model="main" type="radio" name="main" :value="at"> {{ t('sources.as_main') }}</label>
                <label class="ts-check"><input v-model="sub" type="radio" name="sub" :value="at"> {{ t('sources.as_sub') }}</label>
              </li>
            </ul>
            <p v-if="!told.streams.length" class="ts-notice-advice">{{ t('sources.no_streams') }}</p>
          </template>
        </template>
        <p v-if="problem" class="ts-alert" role="alert"><strong>{{ problem.title }}</strong><span>{{ problem.advice }}</span></p>
        <div class="ts-form-actions">
          <button v-if="camera" class="ts-button is-large" type="button" @click="back">{{ t('sources.back') }}</button>
          <button v-else class="ts-button is-large" type="button" data-action="again" :disabled="isSearching" @click="search">{{ t('sources.again') }}</button>
          <span class="ts-spacer"></span>
          <button class="ts-button is-large" type="button" @click="$refs.dialog.close()">{{ t('panel.cancel') }}</button>
          <button v-if="told && told.streams.length" class="ts-button is-primary" type="button" data-action="use" @click="use">{{ t('sources.use') }}</button>
        </div>
      </div>
    </dialog>`,
  props: { t: Function },
  emits: ["close", "chosen"],
  data() {
    return { isSearching: false, found: [], camera: null, address: "", username: "admin", password: "", told: null, isAsking: false, main: 0, sub: null, problem: null };
  },
  computed: {
    isClockWrong() {
      return this.told.clock_offset_s != null && Math.abs(this.told.clock_offset_s) > 5;
    },
  },
  mounted() {
    this.$refs.dialog.showModal();
    this.search();
  },
  methods: {
    detail(stream) {
      const size = stream.width ? `${stream.width}×${stream.height}` : "";
      const rate = [stream.fps ? `${stream.fps} fps` : "", format.bitrate(stream.bitrate_kbps), stream.audio];
      return [format.codec(stream.codec), size, ...rate].filter(Boolean).join(" · ");
    },
    async search() {
      this.isSearching = true;
      this.problem = null;
      try {
        this.found = (await api.call("POST", "/sources/discover")).items;
      } catch (problem) {
        this.problem = this.t.problem(problem);
      } finally {
        this.isSearching = false;
      }
    },
    choose(camera) {
      Object.assign(this, { camera, told: null, problem: null });
    },
    back() {
      Object.assign(this, { camera: null, told: null, problem: null });
    },
    async describe() {
      this.isAsking = true;
      this.problem = this.told = null;
      try {
        const { address } = this.camera;
        this.told = await api.call("POST", "/sources/describe", { body: { address, username: this.username, password: this.password } });
        this.main = 0;
        this.sub = this.told.streams.length > 1 ? this.told.streams.length - 1 : null;
      } catch (problem) {
        this.problem = this.t.problem(problem);
      } finally {
        this.isAsking = false;
      }
    },
    use() {
      const { streams, manufacturer, model } = this.told;
      const sub = this.sub !== null && this.sub !== this.main ? streams[this.sub].url : "";
      this.$emit("chosen", {
        name: this.camera.name || this.camera.host,
        url: streams[this.main].url,
        sub_url: sub,
        username: this.username,
        password: this.password,
        onvif_address: this.camera.address,
        manufacturer,
        model,
      });
    },
  },
};
