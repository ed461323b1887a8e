// The main page: header, tree, the wall or the playback, and one panel beside them.
import { AlarmFeed, emptyFeed } from "tongshi/alarm_feed.js";
import Alarms from "tongshi/alarms.js";
import * as api from "tongshi/api.js";
import Bell from "tongshi/bell.js";
import Device from "tongshi/device.js";
import DevicePlayback from "tongshi/device_playback.js";
import Diagnosis from "tongshi/diagnosis.js";
import * as format from "tongshi/format.js";
import Password from "tongshi/password.js";
import Playback from "tongshi/playback.js";
import Ptz from "tongshi/ptz.js";
import Sources from "tongshi/sources.js";
import StreamPanel from "tongshi/stream_panel.js";
import * as stored from "tongshi/stored.js";
import Subordinates from "tongshi/subordinates.js";
import Superiors from "tongshi/superiors.js";
import { translator } from "tongshi/translator.js";
import Tree from "tongshi/tree.js";
import Wall from "tongshi/wall.js";

const SIZES = [1, 4, 9, 16];
const LOOKED_AT = 200; // cameras among which the first ones for the wall are looked for
const COUNTS_MS = 5_000;
const MESSAGE_MS = 6_000;
// Panels that a reload brings back, with the action that they need. A diagnosis is not among them: it asks the camera.
const PANELS = { ptz: "ptz.control", stream: "live.view", alarms: "alarms.view", device: "catalog.view" };

// Views beside wall and playback, with the action that they need.
const VIEWS = { sources: "devices.manage", superiors: "devices.manage", subordinates: "devices.manage" };
const PLATFORMS = ["superiors", "subordinates"]; // one button for both

function viewOf(name, actions) {
  if (name in VIEWS && actions.includes(VIEWS[name])) return name;
  return name === "playback" ? "playback" : "wall";
}

export default {
  components: {
    tree: Tree,
    wall: Wall,
    playback: Playback,
    sources: Sources,
    superiors: Superiors,
    subordinates: Subordinates,
    "device-playback": DevicePlayback,
    ptz: Ptz,
    "stream-panel": StreamPanel,
    diagnosis: Diagnosis,
    alarms: Alarms,
    device: Device,
    bell: Bell,
    password: Password,
  },
  template: `
    <div class="ts-page" :lang="lang === 'zh' ? 'zh-CN' : 'en'">
      <a class="ts-skip" href="#ts-main">{{ t('page.skip') }}</a>
      <header class="ts-header">
        <h1 class="ts-brand">{{ t('brand') }}</h1>
        <div class="ts-views" role="group" :aria-label="t('view.name')">
          <button class="ts-toggle" data-view="wall" :class="{ 'is-on': view === 'wall' }" :aria-pressed="String(view === 'wall')" @click="show('wall')">{{ t('view.wall') }}</button>
          <button class="ts-toggle" data-view="playback" :class="{ 'is-on': view === 'playback' }" :aria-pressed="String(view === 'playback')" @click="show('playback')">{{ t('view.playback') }}</button>
          <button v-for="name in moreViews" :key="name" class="ts-toggle" :data-view="name" :class="{ 'is-on': isIn(name) }" :aria-pressed="String(isIn(name))" @click="show(name)">{{ t('view.' + name) }}</button>
        </div>
        <div v-if="view === 'wall'" class="ts-views" role="group" :aria-label="t('wall.size')">
          <button v-for="n in sizes" :key="n" class="ts-toggle" :data-size="n" :class="{ 'is-on': size === n }" :aria-pressed="String(size === n)"
            :title="t('wall.tiles', { n })" @click="resize(n)">{{ n }}</button>
        </div>
        <span class="ts-spacer"></span>
        <dl class="ts-counts" :aria-label="t('counts.name')">
          <div v-for="count in counts" :key="count.label" :title="count.title" :class="count.tone" :data-count="count.name">
            <dt>{{ count.label }}</dt><dd>{{ count.value }}</dd></div>
        </dl>
        <bell v-if="feed" :feed="alarmState" :is-open="panel === 'alarms'" :t="t" @toggle="openPanel(panel === 'alarms' ? null : 'alarms')"></bell>
        <button class="ts-toggle" data-action="language" :title="t('page.language_title')" @click="switchLanguage">{{ t('page.language') }}</button>
        <button class="ts-toggle ts-user" data-action="password" :title="t('password.title')" @click="isChangingPassword = true">
          <q-icon name="person" size="18px"></q-icon>{{ me.username }}</button>
        <button class="ts-icon" data-action="logout" :title="t('page.log_out')" :aria-label="t('page.log_out')" @click="logOut"><q-icon name="logout"></q-icon></button>
      </header>
      <div class="ts-body">
        <aside class="ts-side"><tree :t="t" :server="server" :shown="shownKeys" :device="panel === 'device' ? panelDevice : ''" :may-sync="may('catalog.sync')" @choose="choose" @device="openDevice" @loaded="fill" @message="say"></tree></aside>
        <main id="ts-main" class="ts-main" tabindex="-1">
          <wall v-if="view === 'wall'" :size="size" :tiles="tiles" :selected="selected" :enlarged="enlarged" :is-moving="panel === 'ptz'" :is-detailed="panel === 'stream'" :may="may" :t="t"
            @select="(at) => selected = at" @place="place" @enlarge="enlarge" @playback="openPlayback" @ptz="(at) => panelPressed('ptz', at)" @details="(at) => panelPressed('stream', at)" @why="diagnose" @message="say"></wall>
          <sources v-else-if="view === 'sources'" :t="t" @live="showLive" @message="say"></sources>
          <component :is="view" v-else-if="isOfPlatforms(view)" :may-manage="may('devices.manage')" :t="t" @show="show" @message="say"></component>
          <device-playback v-else-if="source === 'device'" :channel-key="playbackKey" :date="date" :may-download="may('device-records.download')" :t="t"
            @date="setDate" @source="setSource" @message="say"></device-playback>
          <playback v-else :channel-key="playbackKey" :date="date" :may-ask-device="may('device-records.view')" :t="t" @date="setDate" @source="setSource" @message="say"></playback>
        </main>
        <aside v-if="panel" class="ts-dock" :data-panel="panel">
          <ptz v-if="panel === 'ptz'" :channel-key="tiles[selected] || null" :may-set-home="may('device.control')" :t="t" @close="openPanel(null)" @message="say"></ptz>
          <stream-panel v-else-if="panel === 'stream'" :channel-key="tiles[selected] || null" :may-capture="may('device.diagnose')" :t="t" @close="openPanel(null)" @message="say"></stream-panel>
          <diagnosis v-else-if="panel === 'diagnosis'" :channel-key="diagnosisKey" :may-trace="may('trace.view')" :may-capture="may('device.diagnose')" :may-pin="may('profiles.manage')" :t="t" @close="openPanel(null)" @message="say"></diagnosis>
          <alarms v-else-if="panel === 'alarms' && feed" :feed="feed" :state="alarmState" :language="lang" :may-handle="may('alarms.handle')" :t="t" @close="openPanel(null)" @live="showLive" @message="say"></alarms>
          <device v-else-if="panel === 'device'" :device-id="panelDevice" :may="may" :t="t" @close="openPanel(null)" @message="say"></device>
        </aside>
      </div>
      <password v-if="isChangingPassword" :username="me.username" :t="t" @close="isChangingPassword = false" @changed="leave"></password>
      <div class="ts-message" role="status" aria-live="polite"><span v-if="message">{{ message }}</span></div>
    </div>`,
  props: { texts: Object, language: String, me: Object, server: Object },
  data() {
    const wall = stored.load("wall", {});
    const query = new URLSearchParams(location.search);
    return {
      lang: this.language,
      view: viewOf(query.get("view"), this.me.actions),
      playbackKey: query.get("channel") || null,
      date: query.get("date") || format.day(new Date()),
      source: query.get("source") === "device" && this.me.actions.includes("device-records.view") ? "device" : "platform",
      panel: this.me.actions.includes(PANELS[query.get("panel")]) ? query.get("panel") : null,
      panelDevice: query.get("device") || "",
      diagnosisKey: null,
      feed: null,
      alarmState: emptyFeed(),
      size: SIZES.includes(wall.size) ? wall.size : 4,
      tiles: Array.isArray(wall.tiles) ? wall.tiles.slice(0, 16) : [],
      isArranged: Boolean(wall.isArranged),
      enlarged: wall.size > 1 && wall.enlarged < wall.size ? wall.enlarged : -1,
      selected: 0,
      overview: null,
      message: "",
      isChangingPassword: false,
      sizes: SIZES,
    };
  },
  computed: {
    t() {
      return translator(this.texts, this.lang);
    },
    moreViews() {
      return Object.keys(VIEWS).filter((name) => name !== "subordinates" && this.may(VIEWS[name]));
    },
    shownKeys() {
      const keys = this.view === "wall" ? this.tiles.slice(0, this.size) : this.view === "playback" ? [this.playbackKey] : [];
      return new Set(keys.filter(Boolean));
    },
    counts() {
      const o = this.overview;
      if (!o) return [];
      const counts = [];
      const add = (name, value, title, tone = "") => counts.push({ name, label: this.t(`counts.${name}`), value, title, tone });
      if (o.cameras != null) {
        const rate = o.cameras ? o.cameras_online / o.cameras : null;
        add("online", `${o.cameras_online} / ${o.cameras}  ${format.percent(rate)}`, o.formula || this.t("counts.formula"), rate !== null && rate < 0.98 ? "is-warn" : "");
      }
      if (o.recordings != null) {
        const missing = o.recordings_wanted != null && o.recordings < o.recordings_wanted;
        add("recordings", missing ? `${o.recordings} / ${o.recordings_wanted}` : String(o.recordings), this.t("counts.recordings_title"), missing ? "is-warn" : "");
      }
      if (o.disk_total_bytes) {
        const free = o.disk_free_bytes / o.disk_total_bytes;
        add("disk", `${format.bytes(o.disk_free_bytes)}  ${format.percent(free, 0)}`, this.t("counts.disk_title", { total: format.bytes(o.disk_total_bytes) }), o.disk_writable === false || free < 0.05 ? "is-bad" : "");
      }
      return counts;
    },
  },
  created() {
    document.title = this.t("title");
    if (this.panel === "device" && !this.panelDevice) this.panel = null;
  },
  mounted() {
    if (this.may("alarms.view")) this.feed = new AlarmFeed(this.alarmState, (alarm) => this.alarmRaised(alarm));
    window.addEventListener(api.UNAUTHENTICATED, this.leave);
    this.refreshCounts();
    this.timer = setInterval(() => document.hidden || this.refreshCounts(), COUNTS_MS);
  },
  beforeUnmount() {
    window.removeEventListener(api.UNAUTHENTICATED, this.leave);
    clearInterval(this.timer);
    this.feed?.close();
  },
  methods: {
    isOfPlatforms: (view) => PLATFORMS.includes(view),
    isIn(name) {
      return this.view === name || (this.isOfPlatforms(name) && this.isOfPlatforms(this.view));
    },
    may(action) {
      return this.me.actions.includes(action);
    },
    // A wall that nobody has arranged yet shows the first cameras that are there.
    async fill() {
      const isFull = () => this.isArranged || [...Array(this.size).keys()].every((index) => this.tiles[index]);
      if (isFull()) return;
      const { items: cameras } = await api.call("GET", "/channels", { params: { limit: LOOKED_AT } }).catch(() => ({ items: [] }));
      if (isFull()) return;
      const tiles = this.tiles.slice();
      for (const [rank, { key, online }] of cameras.entries()) {
        if (!online || tiles.includes(key)) continue;
        // Its place in the tree, so that the wall does not depend on who came first.
        const isFree = rank < this.size && !tiles[rank];
        const at = isFree ? rank : [...Array(this.size).keys()].find((index) => !tiles[index]);
        if (at === undefined) break;
        tiles[at] = key;
      }
      if (tiles.join() !== this.tiles.join()) this.tiles = tiles;
    },
    choose(channel) {
      if (this.view === "playback") return this.openPlayback(channel.key);
      const already = this.tiles.slice(0, this.size).indexOf(channel.key);
      const empty = [...Array(this.size).keys()].find((index) => !this.tiles[index]);
      const free = this.tiles[this.selected] && empty !== undefined ? empty : this.selected;
      if (already >= 0) this.selected = already;
      else this.place(free, channel.key);
      if (this.enlarged >= 0) this.enlarge(this.selected);
    },
    // One picture over all others; -1: none.
    enlarge(at) {
      this.enlarged = at;
      if (at >= 0) this.selected = at;
      this.saveWall();
    },
    place(at, key) {
      const tiles = this.tiles.slice();
      const before = key ? tiles.indexOf(key) : -1;
      if (before >= 0 && before !== at) tiles[before] = tiles[at] || null; // dropped from another tile: they change places
      tiles[at] = key;
      this.tiles = tiles;
      this.selected = at;
      if (!key && this.enlarged === at) this.enlarged = -1;
      this.isArranged = true;
      this.saveWall();
    },
    resize(size) {
      this.size = size;
      this.enlarged = -1;
      if (size === 1 && this.selected > 0 && this.tiles[this.selected]) {
        // One tile: the selected camera is the one to enlarge.
        const tiles = this.tiles.slice();
        [tiles[0], tiles[this.selected]] = [tiles[this.selected], tiles[0]];
        this.tiles = tiles;
      }
      if (this.selected >= size) this.selected = 0;
      this.fill();
      this.saveWall();
    },
    saveWall() {
      stored.save("wall", { size: this.size, enlarged: this.enlarged, tiles: Array.from(this.tiles, (key) => key || null), isArranged: this.isArranged });
    },
    openPanel(panel) {
      this.panel = panel;
      this.saveAddress();
    },
    openDevice(deviceId) {
      this.panelDevice = deviceId;
      this.openPanel("device");
    },
    panelPressed(panel, at) {
      const isOpen = this.panel === panel && this.selected === at;
      this.selected = at;
      this.openPanel(isOpen ? null : panel);
    },
    diagnose(key) {
      this.diagnosisKey = key;
      this.openPanel("diagnosis");
    },
    showLive(key) {
      if (this.view !== "wall") this.show("wall");
      this.choose({ key });
    },
    alarmRaised(alarm) {
      const text = (this.lang === "zh" ? alarm.text_chinese : alarm.text) || this.t("alarms.unknown");
      this.say(this.t("alarms.raised", { text }));
    },
    setSource(source) {
      this.source = source;
      this.saveAddress();
    },
    show(view) {
      if (view === "playback" && !this.playbackKey) this.playbackKey = this.tiles[this.selected] || null;
      this.view = view;
      this.saveAddress();
    },
    openPlayback(key) {
      this.playbackKey = key;
      this.view = "playback";
      this.saveAddress();
    },
    setDate(date) {
      this.date = date;
      this.saveAddress();
    },
    saveAddress() {
      const isPlayback = this.view === "playback";
      const query = isPlayback ? { view: "playback", ...(this.playbackKey && { channel: this.playbackKey }), date: this.date } : this.view in VIEWS ? { view: this.view } : {};
      if (isPlayback && this.source === "device") query.source = "device";
      if (this.panel in PANELS) query.panel = this.panel;
      if (this.panel === "device") query.device = this.panelDevice;
      const text = new URLSearchParams(query).toString();
      history.replaceState(history.state, "", text ? `?${text}` : location.pathname);
    },
    async refreshCounts() {
      if (!this.may("health.view")) return;
      this.overview = await api.call("GET", "/overview").catch(() => this.overview);
    },
    switchLanguage() {
      this.lang = this.lang === "zh" ? "en" : "zh";
      document.cookie = `tongshi_language=${this.lang}; path=/; max-age=31536000; samesite=lax`;
      document.documentElement.lang = this.lang === "zh" ? "zh-CN" : "en";
      document.title = this.t("title");
    },
    async logOut() {
      await api.call("POST", "/logout").catch(() => {});
      this.leave();
    },
    leave() {
      location.assign(`${window.path_prefix || ""}/login`);
    },
    say(text) {
      clearTimeout(this.forget);
      this.message = text;
      this.forget = setTimeout(() => (this.message = ""), MESSAGE_MS);
    },
  },
};
