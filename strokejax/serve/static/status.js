// The status line: the served model, and the connection to the server.

const line = document.querySelector('.status');
const text = line.querySelector('.status-text');
const WORDS = { connecting: 'Connecting', lost: 'Reconnecting', off: 'No connection' };

/**
 * The answer of GET /health, with the newest `version` of the model.
 * @type {{model?: string, version?: number, token?: boolean}}
 */
export const health = {};

/**
 * @param {'connecting'|'open'|'lost'|'off'} [state] the last one by default
 * @param {string} [message] a sentence to show instead of the state
 */
export function showStatus(state = line.dataset.state, message = '') {
  const model = health.model ? `${health.model} · version ${health.version}` : WORDS.connecting;
  const words = message || WORDS[state] || model;
  line.dataset.state = state;
  // A screen reader announces each assignment, even of the same text.
  if (text.textContent !== words) text.textContent = words;
}
