// Fields of a form by a list: {name} is a text, with `choices` a choice, with `least` and `most` a number, with `check` a yes or no.
export default {
  template: `
    <template v-for="field in fields" :key="field.name">
      <label v-if="field.check" class="ts-check"><input v-model="form[field.name]" type="checkbox" :name="field.name"> {{ t(word + '.' + field.name) }}</label>
      <label v-else :class="{ 'ts-wide': field.wide }">{{ t(word + '.' + field.name) }}
        <select v-if="field.choices" v-model="form[field.name]" class="ts-input" :name="field.name"><option v-for="value in field.choices" :key="value" :value="value">{{ value === null ? t('superiors.automatic') : t.of(field.kind || field.name, value) }}</option></select>
        <input v-else-if="field.most" v-model.number="form[field.name]" class="ts-input" type="number" :name="field.name" :min="field.least" :max="field.most" :step="field.step || 1" :required="!field.optional" :placeholder="field.optional ? t('superiors.automatic') : ''">
        <input v-else v-model.trim="form[field.name]" class="ts-input" :name="field.name" maxlength="1024" spellcheck="false" :required="field.required" :pattern="field.pattern" :placeholder="field.example || (field.required ? '' : t('superiors.automatic'))">
      </label>
    </template>`,
  props: { fields: Array, form: Object, word: String, t: Function },
};
