// Words that a user teaches or blocks, kept by the server.

import { request } from '../api.js';
import { button, field, h, say } from '../dom.js';

const LISTS = [['taught', 'Taught'], ['blocked', 'Never typed']];

export function createOwnWords() {
  const note = h('p.note', { role: 'alert', hidden: true });
  const input = field({ id: 'keyboard-word', maxlength: 62, 'data-testid': 'keyboard-word' });
  const lists = LISTS.map(([name, title]) => {
    const list = h('ul.own-words', { 'data-testid': `keyboard-${name}` });
    return { name, list, element: h('div', { hidden: true }, h('h3', {}, title), list) };
  });
  const form = h('form.field', { onsubmit: (event) => { event.preventDefault(); teach(); } },
    h('label', { for: 'keyboard-word' }, 'A word of your own'), input,
    h('div.row', {},
      button('Teach', () => {}, { kind: 'small', type: 'submit', testid: 'keyboard-teach' }),
      button('Never type', () => give('blocked'), { kind: 'small', testid: 'keyboard-block' })));
  const element = h('div.own', {}, form, note, lists.map((each) => each.element));

  function show(found) {
    for (const { name, list, element: box } of lists) {
      box.hidden = !found[name].length;
      list.replaceChildren(...found[name].map((word) => h('li', {}, word,
        button(`Forget ${word}`, () => change(word, 'forgotten'), { icon: 'clear', only: true, kind: 'quiet' }))));
    }
  }

  /** Whether the server did it; says why not. */
  async function change(word, fate) {
    try {
      show(await request('POST', 'api/words', { body: { word, fate } }));
      say(note, '');
      return true;
    } catch (error) {
      say(note, error.message);
      return false;
    }
  }

  async function give(fate) {
    if (await change(input.value.trim(), fate)) input.value = '';
  }

  const teach = () => give('taught');

  return {
    element,
    change,
    /** Writes a word into the field, for teaching it. @param {string} word */
    offer(word) { input.value = word; },
    async load() { show(await request('GET', 'api/words')); },
  };
}
