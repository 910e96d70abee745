// The dialog that asks for the server's token.

import { button, h } from './dom.js';

/**
 * @param {boolean} refused whether the server has refused a token
 * @returns {Promise<string>} the token; '' if the user closes the dialog
 */
export function askForToken(refused) {
  const input = h('input', {
    type: 'password', id: 'token', autocomplete: 'current-password', required: true,
  });
  const dialog = h('dialog.dialog', { 'aria-labelledby': 'token-title' },
    h('form', { method: 'dialog' },
      h('h2', { id: 'token-title' }, 'Enter the token'),
      h('p.soft', {}, refused
        ? 'The server refused this token; enter another one.'
        : 'strokejax serve printed it when it started.'),
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
