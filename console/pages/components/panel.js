// What opens beside the wall: a title, a way to close it, and its content.
export default {
  template: `
    <section class="ts-panel" :aria-label="title" @keydown.esc="$emit('close')">
      <header class="ts-panel-head">
        <q-icon :name="icon" size="20px"></q-icon>
        <h2 ref="title" tabindex="-1">{{ title }}</h2>
        <slot name="actions"></slot>
        <button class="ts-icon" data-action="close-panel" :title="t('panel.close')" :aria-label="t('panel.close')" @click="$emit('close')"><q-icon name="close"></q-icon></button>
      </header>
      <p v-if="subtitle" class="ts-panel-subtitle" :title="subtitle">{{ subtitle }}</p>
      <div class="ts-panel-body"><slot></slot></div>
    </section>`,
  props: { title: String, subtitle: String, icon: String, t: Function },
  emits: ["close"],
  mounted() {
    this.$refs.title.focus({ preventScroll: true });
  },
};
