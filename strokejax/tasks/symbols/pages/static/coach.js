// What the coach says of the drawings so far.

import { h } from '../dom.js';
import { drawings as countOf, percent } from '../words.js';

const NOTABLE = 0.005;

const list = (words) => new Intl.ListFormat('en').format(words);

/**
 * Sentences of an answer of POST /symbols or its preview.
 * @param {any} told
 * @param {number[]} odd indices among the drawings shown
 * @returns {{text: string, kind: 'odd'|''}[]}
 */
function sentences(told, odd) {
  const said = [];
  const say = (text, kind = '') => said.push({ text, kind });
  if (odd.length) {
    const which = list(odd.map((i) => String(i + 1)));
    say(`Drawing${odd.length > 1 ? 's' : ''} ${which} ${odd.length > 1 ? 'stand' : 'stands'} out from the rest. Keep ${odd.length > 1 ? 'them' : 'it'} only if you mean ${odd.length > 1 ? 'them' : 'it'}.`, 'odd');
  }
  for (const { symbol, rate } of (told.confusions ?? []).filter((c) => c.rate >= NOTABLE).slice(0, 3)) {
    say(`Will be taken for ${symbol} in about ${percent(rate)} of drawings.`);
  }
  if ((told.confusions ?? []).length === 0 && told.mistaken >= NOTABLE) {
    say(`About ${percent(told.mistaken)} of further drawings will be taken for something else.`);
  }
  const loss = told.old_loss;
  if (loss && loss.worst >= 0.01) {
    say(`Other symbols lose ${percent(Math.max(0, loss.mean))} on average; ${loss.symbol} loses most, ${percent(loss.worst)}.`);
  }
  if (!said.length) say('It is clear of all other symbols.');
  return said;
}

/** The coach's card. */
export function createCoach() {
  const verdict = h('p.coach-verdict');
  const meter = h('div.meter', { 'aria-hidden': 'true' }, h('span.meter-fill'));
  const words = h('ul.coach-words');
  const element = h('div.coach.card', { 'data-testid': 'teach-coach', 'aria-live': 'polite', 'aria-busy': 'false' },
    h('h2', {}, 'Coach'), verdict, meter, words);

  function fill(text, share, said) {
    element.dataset.enough = String(share >= 1);
    verdict.textContent = text;
    meter.style.setProperty('--share', share);
    words.replaceChildren(...said.map((s) => h('li', { class: s.kind }, s.text)));
  }

  return {
    element,
    start: () => fill('Draw it as you will write it later.', 0, [
      { text: 'Three drawings are a start, five to ten are better.', kind: '' },
      { text: 'Vary a little, as your hand does anyway.', kind: '' }]),
    thinking(busy) { element.setAttribute('aria-busy', String(busy)); },
    /** @param {any} told @param {number} drawings @param {number[]} odd */
    show(told, drawings, odd) {
      const more = told.more ?? 0;
      fill(more ? `${more} more would be worth it.` : 'Enough.', drawings / (drawings + more),
        sentences(told, odd));
    },
    /** @param {string} sentence @param {number} drawings */
    fail(sentence, drawings) {
      fill(`${countOf(drawings)}.`, 0, [{ text: sentence, kind: 'odd' }]);
    },
  };
}
