// The user's words: teaches, blocks and forgets them; the server stores them.

import { request } from '../api.js';
import { button, field, h, showText } from '../dom.js';

const LISTS = [['taught', 'Taught'], ['blocked', 'Blocked']];

export function createUserWords() {
  const note = h('p.note', { role: 'alert', hidden: true });
  const input = field({ id: 'keyboard-word', maxlength: 62, 'data-testid': 'keyboard-word' });
  const lists = LISTS.map(([name, title]) => {
    const list = h('ul.user-words', { 'data-testid': `keyboard-${name}` });
    return { name, list, element: h('div', { hidden: true }, h('h3', {}, title), list) };
  });
  const form = h('form.field', { onsubmit: (event) => { event.preventDefault(); submit('taught'); } },
    h('label', { for: 'keyboard-word' }, 'Word to teach or block'), input,
    h('div.row', {},
      button('Teach', () => {}, { kind: 'small', type: 'submit', testid: 'keyboard-teach' }),
      button('Block', () => submit('blocked'), { kind: 'small', testid: 'keyboard-block' })));
  const element = h('div.user-word-lists', {}, form, note, lists.map((list) => list.element));

  function show(words) {
    for (const { name, list, element: box } of lists) {
      box.hidden = !words[name].length;
      list.replaceChildren(...words[name].map((word) => h('li', {}, word,
        button(`Forget ${word}`, () => change(word, 'forgotten'), { icon: 'clear', only: true, kind: 'quiet' }))));
    }
  }

  /** Resolves to whether the server changed the word; shows its error if not. */
  async function change(word, fate) {
    try {
      show(await request('POST', 'api/words', { body: { word, fate } }));
      showText(note, '');
      return true;
    } catch (error) {
      showText(note, error.message);
      return false;
    }
  }

  async function submit(fate) {
    if (await change(input.value.trim(), fate)) input.value = '';
  }

  return {
    element,
    change,
    /** Fills the field with a word to teach. @param {string} word */
    offer(word) { input.value = word; },
    async load() { show(await request('GET', 'api/words')); },
  };
}
