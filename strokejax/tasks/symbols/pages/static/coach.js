// The coach: comments on the drawings so far.

import { count, h, percent } from '../dom.js';

/** Rates of confusion below this one are not mentioned. */
const MIN_RATE = 0.005;

/**
 * Comments on an answer of POST /symbols or its preview.
 * @param {any} answer
 * @param {number[]} outliers indices among the drawings of the lesson
 * @returns {{text: string, kind: 'odd'|''}[]}
 */
function comments(answer, outliers) {
  const result = [];
  const add = (text, kind = '') => result.push({ text, kind });
  const { confusions = [], mistaken, old_loss: loss } = answer;
  if (outliers.length) {
    const numbers = new Intl.ListFormat('en').format(outliers.map((i) => String(i + 1)));
    add(outliers.length > 1
      ? `Drawings ${numbers} are outliers. Remove them if they are mistakes.`
      : `Drawing ${numbers} is an outlier. Remove it if it is a mistake.`, 'odd');
  }
  for (const { symbol, rate } of confusions.filter((c) => c.rate >= MIN_RATE).slice(0, 3)) {
    add(`About ${percent(rate)} of further drawings will be recognised as ${symbol}.`);
  }
  if (!confusions.length && mistaken >= MIN_RATE) {
    add(`About ${percent(mistaken)} of further drawings will be recognised as other symbols.`);
  }
  if (loss && loss.worst >= 0.01) {
    add(`The accuracy of the other symbols falls by ${percent(Math.max(0, loss.mean))} on average, and by ${percent(loss.worst)} for ${loss.symbol}.`);
  }
  if (!result.length) add('No other symbol is confused with it.');
  return result;
}

export function createCoach() {
  const verdict = h('p.coach-verdict');
  const meter = h('div.meter', { 'aria-hidden': 'true' }, h('span.meter-fill'));
  const list = h('ul.coach-words');
  const element = h('div.coach.card', { 'data-testid': 'teach-coach', 'aria-live': 'polite', 'aria-busy': 'false' },
    h('h2', {}, 'Coach'), verdict, meter, list);

  function fill(text, share, lines) {
    element.dataset.enough = String(share >= 1);
    verdict.textContent = text;
    meter.style.setProperty('--share', share);
    list.replaceChildren(...lines.map((line) => h('li', { class: line.kind }, line.text)));
  }

  return {
    element,
    start: () => fill('Draw the symbol as you will write it later.', 0, [
      { text: 'Three drawings are enough to start; five to ten are better.', kind: '' },
      { text: 'Let the drawings vary a little, as your writing does.', kind: '' }]),
    setBusy(busy) { element.setAttribute('aria-busy', String(busy)); },
    /** @param {any} answer @param {number} samples number of drawings @param {number[]} outliers */
    show(answer, samples, outliers) {
      const more = answer.more ?? 0;
      fill(more ? `Add ${more} more.` : 'These drawings are enough.', samples / (samples + more),
        comments(answer, outliers));
    },
    /** @param {string} sentence an error @param {number} samples number of drawings */
    fail(sentence, samples) {
      fill(count(samples, 'drawing'), 0, [{ text: sentence, kind: 'odd' }]);
    },
  };
}
