// The dialog that asks for the server's token.

import { button, h } from './dom.js';

/**
 * Asks until something is typed or the dialog is left.
 * @param {boolean} wrong whether a token was tried and refused
 * @returns {Promise<string>} '' when left
 */
export function askForToken(wrong) {
  const input = h('input', {
    type: 'password', id: 'token', autocomplete: 'current-password', required: true,
  });
  const dialog = h('dialog.dialog', { 'aria-labelledby': 'token-title' },
    h('form', { method: 'dialog' },
      h('h2', { id: 'token-title' }, 'This studio has a token'),
      h('p.soft', {}, wrong
        ? 'The server did not accept that one. Please try again.'
        : 'It was printed where strokejax serve was started.'),
      h('label', { for: 'token' }, 'Token'),
      input,
      h('div.row.end', {},
        button('Continue', () => {}, { kind: 'primary', type: 'submit' }))));
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    let value = '';
    dialog.querySelector('form').addEventListener('submit', () => { value = input.value.trim(); });
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(value);
    });
  });
}
