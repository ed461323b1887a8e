// The wall: 1, 4 or 9 tiles.
import Tile from "tongshi/tile.js";

export default {
  components: { tile: Tile },
  template: `
    <div class="ts-wall" :class="'is-' + size" role="group" :aria-label="t('wall.name')">
      <tile v-for="index in size" :key="index" :index="index - 1" :channel-key="tiles[index - 1] || null"
        :selected="selected === index - 1" :is-moved="isMoving && selected === index - 1" :may="may" :t="t"
        @select="$emit('select', index - 1)" @close="$emit('place', index - 1, null)"
        @place="(key) => $emit('place', index - 1, key)" @playback="$emit('playback', tiles[index - 1])"
        @ptz="$emit('ptz', index - 1)" @why="$emit('why', tiles[index - 1])"
        @message="(text) => $emit('message', text)"></tile>
    </div>`,
  props: { size: Number, tiles: Array, selected: Number, isMoving: Boolean, may: Function, t: Function },
  emits: ["select", "place", "playback", "ptz", "why", "message"],
};
