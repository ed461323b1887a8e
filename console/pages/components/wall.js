// The wall: 1, 4, 9 or 16 tiles, one of which may be enlarged over the others.
import Tile from "tongshi/tile.js";

export default {
  components: { tile: Tile },
  template: `
    <div class="ts-wall" :class="'is-' + size" role="group" :aria-label="t('wall.name')">
      <tile v-for="place in places" :key="place.key" :index="place.index" :channel-key="place.channel"
        :selected="selected === place.index" :is-moved="isMoving && selected === place.index" :is-detailed="isDetailed && selected === place.index"
        :is-single="size === 1" :is-enlarged="enlarged === place.index" :may="may" :t="t"
        @select="$emit('select', place.index)" @close="$emit('place', place.index, null)"
        @place="(key) => $emit('place', place.index, key)" @playback="$emit('playback', place.channel)"
        @enlarge="$emit('enlarge', enlarged === place.index ? -1 : place.index)"
        @ptz="$emit('ptz', place.index)" @details="$emit('details', place.index)" @why="$emit('why', place.channel)"
        @message="(text) => $emit('message', text)"></tile>
    </div>`,
  props: { size: Number, tiles: Array, selected: Number, enlarged: Number, isMoving: Boolean, isDetailed: Boolean, may: Function, t: Function },
  emits: ["select", "place", "playback", "enlarge", "ptz", "details", "why", "message"],
  computed: {
    // A tile stays with its camera: one that changes its place, or is left alone, goes on showing it.
    places() {
      return Array.from({ length: this.size }, (_, index) => {
        const channel = this.tiles[index] || null;
        return { index, channel, key: channel || `empty ${index}` };
      });
    },
  },
  mounted() {
    window.addEventListener("keydown", this.pressed);
  },
  beforeUnmount() {
    window.removeEventListener("keydown", this.pressed);
  },
  methods: {
    pressed(event) {
      if (event.key === "Escape" && this.enlarged >= 0 && !event.target.closest?.("dialog, aside")) this.$emit("enlarge", -1);
    },
  },
};
