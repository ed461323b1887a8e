// Devices and their channels. Children come from REST when a device is opened; only the rows in sight are in the
// document (q-tree keeps all of them, which is too slow for a device with thousands of channels).
import * as api from "tongshi/api.js";
import * as stored from "tongshi/stored.js";

const ROW_PX = 34;
const SPARE_ROWS = 10;
const REFRESH_MS = 5_000;
const SEARCH_REFRESH_MS = 20_000;
const SEARCH_DELAY_MS = 200;
const DRAG_TYPE = "application/x-tongshi-channel";

export default {
  template: `
    <nav class="ts-tree" :aria-label="t('tree.name')">
      <div class="ts-search">
        <q-icon name="search" size="18px"></q-icon>
        <input v-model="search" type="search" :placeholder="t('tree.search')" :aria-label="t('tree.search')"
          @keydown.down.prevent="focusRows" @keydown.esc="search = ''">
        <span v-if="isSearching" class="ts-spinner is-small"></span>
      </div>
      <div v-if="devices === null && !failure" class="ts-empty"><span class="ts-spinner"></span><p>{{ t('tree.loading') }}</p></div>
      <div v-else-if="failure" class="ts-empty" role="alert">
        <p class="ts-notice-title">{{ failure.title }}</p><p>{{ failure.advice }}</p>
        <button class="ts-button" @click="refresh">{{ t('tile.retry') }}</button>
      </div>
      <div v-else-if="!devices.length" class="ts-empty ts-how" data-empty="devices">
        <p class="ts-notice-title">{{ t('empty.title') }}</p>
        <p>{{ t('empty.how') }}</p>
        <dl v-if="server">
          <dt>{{ t('empty.sip_id') }}</dt><dd>{{ server.sip_id }}</dd>
          <dt>{{ t('empty.sip_domain') }}</dt><dd>{{ server.sip_domain }}</dd>
          <dt>{{ t('empty.sip_address') }}</dt>
          <dd v-for="address in server.sip_addresses" :key="address">{{ address }}</dd>
        </dl>
        <p>{{ t('empty.password') }}</p>
      </div>
      <div v-else-if="!rows.length" class="ts-empty"><p>{{ t('tree.no_match', { text: search }) }}</p></div>
      <div v-else ref="scroller" class="ts-rows" role="tree" tabindex="0" :aria-label="t('tree.name')"
          :aria-activedescendant="'ts-row-' + active" @scroll="scrolled" @keydown="keyPressed">
        <div :style="{ height: rows.length * ${ROW_PX} + 'px', position: 'relative' }">
          <div v-for="{ row, at } in visible" :key="row.id" :id="'ts-row-' + at" class="ts-row" role="treeitem"
              :class="{ 'is-active': at === active, 'is-device': row.device, 'is-shown': shown.has(row.key) || (row.device && row.device.device_id === device) }"
              :style="{ top: at * ${ROW_PX} + 'px', paddingLeft: 8 + row.depth * 16 + 'px' }"
              :aria-level="row.depth + 1" :aria-expanded="row.isFolder ? String(row.isOpen) : undefined"
              :aria-selected="String(shown.has(row.key))" :draggable="Boolean(row.key)" :title="row.title"
              :data-channel="row.key || undefined" :data-device="row.device ? row.device.device_id : undefined"
              @dragstart="dragged($event, row)" @click="chosen(row, at)">
            <q-icon v-if="row.isFolder" class="ts-twist" :name="row.isOpen ? 'expand_more' : 'chevron_right'" size="18px" @click.stop="twisted(row, at)"></q-icon>
            <q-icon v-else-if="row.device" class="ts-twist" name="dns" size="16px"></q-icon>
            <q-icon v-else-if="row.isNote" class="ts-twist" name="more_horiz" size="16px"></q-icon>
            <q-icon v-else class="ts-twist" name="videocam" size="16px"></q-icon>
            <span v-if="row.online != null" class="ts-dot" :class="row.online ? 'is-good' : 'is-bad'"
              :title="t(row.online ? 'tree.online' : 'tree.offline')"></span>
            <span class="ts-row-name">{{ row.name }}</span>
            <span v-if="row.recording" class="ts-rec is-small" :title="t('tile.recording')">{{ t('tile.rec') }}</span>
            <span v-if="row.count != null" class="ts-count">{{ row.count }}</span>
            <button v-if="row.device && maySync" class="ts-icon is-small" tabindex="-1" :title="t('tree.sync')"
              :aria-label="t('tree.sync')" :disabled="syncing.has(row.device.device_id)" @click.stop="sync(row.device)">
              <q-icon name="sync" :class="{ 'ts-turning': syncing.has(row.device.device_id) }"></q-icon></button>
          </div>
        </div>
      </div>
    </nav>`,
  props: { t: Function, server: Object, shown: Set, device: String, maySync: Boolean },
  emits: ["choose", "device", "message", "loaded"],
  data() {
    return {
      devices: null,
      failure: null,
      opened: new Set(stored.load("opened", [])),
      children: {},
      search: "",
      query: "",
      found: null,
      isSearching: false,
      syncing: new Set(),
      active: 0,
      top: 0,
      height: 600,
    };
  },
  computed: {
    rows() {
      if (this.query && this.found) return this.foundRows();
      return (this.devices || []).flatMap((device) => this.deviceRows(device));
    },
    visible() {
      const first = Math.max(0, Math.floor(this.top / ROW_PX) - SPARE_ROWS);
      const count = Math.ceil(this.height / ROW_PX) + 2 * SPARE_ROWS;
      return this.rows.slice(first, first + count).map((row, offset) => ({ row, at: first + offset }));
    },
  },
  watch: {
    search(text) {
      clearTimeout(this.delay);
      this.delay = setTimeout(() => this.find(text.trim().toLowerCase()), SEARCH_DELAY_MS);
    },
    rows(rows) {
      this.active = Math.min(this.active, Math.max(0, rows.length - 1));
      this.$nextTick(() => this.measured());
    },
  },
  mounted() {
    this.refresh();
    this.timer = setInterval(() => document.hidden || this.refresh(), REFRESH_MS);
    window.addEventListener("resize", this.measured);
  },
  beforeUnmount() {
    clearInterval(this.timer);
    clearTimeout(this.delay);
    window.removeEventListener("resize", this.measured);
  },
  methods: {
    async refresh() {
      if (this.isRefreshing) return;
      this.isRefreshing = true;
      try {
        const devices = await api.all("/devices");
        this.devices = devices;
        this.failure = null;
        // A site with a few devices has nothing to gain from a closed tree; one that registers now is opened, too.
        if (!stored.load("opened", null) && devices.length <= 8) {
          this.opened = new Set(devices.map((device) => device.device_id));
        }
        await Promise.all(devices.filter((d) => this.opened.has(d.device_id)).map((d) => this.fetchChildren(d.device_id)));
        this.$emit("loaded");
        if (this.query && performance.now() - this.foundAt > SEARCH_REFRESH_MS) await this.find(this.query);
      } catch (problem) {
        if (this.devices === null) this.failure = this.t.problem(problem);
      } finally {
        this.isRefreshing = false;
      }
    },
    async fetchChildren(deviceId) {
      const path = `/devices/${encodeURIComponent(deviceId)}/channels`;
      const channels = await api.all(path, { kind: "all" });
      this.children = { ...this.children, [deviceId]: Object.freeze(channels) };
    },
    deviceRows(device) {
      const isOpen = this.opened.has(device.device_id);
      const row = {
        id: device.device_id,
        depth: 0,
        device,
        isFolder: true,
        isOpen,
        name: device.name || device.device_id,
        title: [device.name, device.device_id, device.transport, device.remote, device.manufacturer, device.model]
          .filter(Boolean)
          .join("\n"),
        online: device.online,
        count: device.channels,
      };
      return isOpen ? [row, ...this.childRows(device.device_id)] : [row];
    },
    childRows(deviceId) {
      const channels = this.children[deviceId];
      if (!channels) return [this.note(deviceId, this.t("tree.loading"))];
      if (!channels.length) return [this.note(deviceId, this.t("tree.no_channels"))];
      // Platforms list themselves first: that is the row of the device already.
      const items = channels.filter((channel) => channel.channel_id !== deviceId || channel.kind === "camera");
      const known = new Set(items.map((channel) => channel.channel_id));
      const below = new Map();
      for (const channel of items) {
        const parent = (channel.parent_ids || []).find((id) => known.has(id) && id !== channel.channel_id) || "";
        if (!below.has(parent)) below.set(parent, []);
        below.get(parent).push(channel);
      }
      const rows = [];
      const seen = new Set();
      const add = (parent, depth) => {
        for (const channel of below.get(parent) || []) {
          if (seen.has(channel.channel_id)) continue;
          seen.add(channel.channel_id);
          const isFolder = channel.kind !== "camera";
          const isOpen = isFolder && !this.opened.has(`-${channel.key}`);
          rows.push({ ...this.channelRow(channel, depth), isFolder, isOpen });
          if (!isFolder || isOpen) add(channel.channel_id, depth + 1);
        }
      };
      add("", 1);
      return rows;
    },
    channelRow(channel, depth) {
      const isCamera = channel.kind === "camera";
      return {
        id: channel.key,
        depth,
        channel,
        key: isCamera ? channel.key : null,
        name: channel.name || channel.channel_id,
        title: [channel.name, channel.channel_id, channel.address, channel.manufacturer, channel.model].filter(Boolean).join("\n"),
        online: isCamera ? channel.online : null,
        recording: channel.recording,
      };
    },
    note(deviceId, name) {
      return { id: `${deviceId}-note`, depth: 1, isNote: true, name, title: name };
    },
    foundRows() {
      const has = (...texts) => texts.some((text) => text && text.toLowerCase().includes(this.query));
      const rows = [];
      let lastDevice = null;
      for (const channel of this.found) {
        const device = this.devices.find((d) => d.device_id === channel.device_id);
        const isMatch = has(channel.name, channel.channel_id, channel.address, device?.name, channel.device_id);
        if (!isMatch) continue;
        if (channel.device_id !== lastDevice) {
          lastDevice = channel.device_id;
          const head = device || { device_id: lastDevice, online: false };
          rows.push({ ...this.deviceRows({ ...head })[0], isFolder: false, count: null });
        }
        rows.push(this.channelRow(channel, 1));
      }
      return rows;
    },
    async find(query) {
      this.query = query;
      if (!query || (this.found && performance.now() - this.foundAt < SEARCH_REFRESH_MS)) return;
      this.isSearching = true;
      try {
        this.found = Object.freeze(await api.all("/channels", {}, 1000));
        this.foundAt = performance.now();
      } catch (problem) {
        this.$emit("message", this.t.problem(problem).title);
      } finally {
        this.isSearching = false;
      }
    },
    chosen(row, at) {
      this.active = at;
      if (row.device) {
        this.$emit("device", row.device.device_id);
        if (row.isFolder && !row.isOpen) this.toggle(row);
      } else if (row.isFolder) this.toggle(row);
      else if (row.key) this.$emit("choose", row.channel);
    },
    twisted(row, at) {
      this.active = at;
      this.toggle(row);
    },
    toggle(row) {
      const name = row.device ? row.device.device_id : `-${row.id}`;
      const opened = new Set(this.opened);
      if (!opened.delete(name)) opened.add(name);
      this.opened = opened;
      stored.save("opened", [...opened]);
      if (row.device && opened.has(name)) {
        this.fetchChildren(name).catch((problem) => this.$emit("message", this.t.problem(problem).title));
      }
    },
    async sync(device) {
      this.syncing = new Set(this.syncing).add(device.device_id);
      try {
        const result = await api.call("POST", `/devices/${encodeURIComponent(device.device_id)}/catalog`);
        this.$emit("message", this.t(result.complete ? "tree.synced" : "tree.synced_in_part", { n: result.channels }));
        await this.fetchChildren(device.device_id);
      } catch (problem) {
        const { title, advice } = this.t.problem(problem);
        this.$emit("message", `${title} ${advice}`);
      } finally {
        const syncing = new Set(this.syncing);
        syncing.delete(device.device_id);
        this.syncing = syncing;
      }
    },
    dragged(event, row) {
      event.dataTransfer.setData(DRAG_TYPE, row.key);
      event.dataTransfer.setData("text/plain", row.name);
      event.dataTransfer.effectAllowed = "copy";
    },
    keyPressed(event) {
      const row = this.rows[this.active];
      const moves = { ArrowDown: 1, ArrowUp: -1, PageDown: 12, PageUp: -12, Home: -Infinity, End: Infinity };
      if (event.key in moves) {
        this.active = Math.max(0, Math.min(this.rows.length - 1, this.active + moves[event.key]));
        this.reveal();
      } else if (event.key === "Enter" || event.key === " ") {
        this.chosen(row, this.active);
      } else if (event.key === "ArrowRight" && row.isFolder && !row.isOpen) {
        this.toggle(row);
      } else if (event.key === "ArrowLeft" && row.isFolder && row.isOpen) {
        this.toggle(row);
      } else {
        return;
      }
      event.preventDefault();
    },
    focusRows() {
      this.$refs.scroller?.focus();
    },
    reveal() {
      const scroller = this.$refs.scroller;
      const top = this.active * ROW_PX;
      if (top < scroller.scrollTop) scroller.scrollTop = top;
      else if (top + ROW_PX > scroller.scrollTop + scroller.clientHeight) {
        scroller.scrollTop = top + ROW_PX - scroller.clientHeight;
      }
    },
    scrolled() {
      this.top = this.$refs.scroller.scrollTop;
    },
    measured() {
      if (this.$refs.scroller) this.height = this.$refs.scroller.clientHeight;
    },
  },
};
