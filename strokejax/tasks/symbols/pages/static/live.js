// The socket that carries the pen's events and brings the answers.

import { currentToken } from '../api.js';

const FIRST_WAIT = 500;
const LONGEST_WAIT = 15_000;
const AT_ONCE = 400;

/**
 * A live connection that comes back by itself.
 * @param {{message: (told: any) => void, state: (open: boolean, reason?: string) => void}} handlers
 *   `state` is called at each opening and at each loss
 */
export function createLive({ message, state }) {
  let socket = null;
  let waiting = [];
  let frame = 0;
  let wait = FIRST_WAIT;
  let timer = 0;
  let last = 0;

  const isOpen = () => socket?.readyState === WebSocket.OPEN;

  function flush() {
    frame = 0;
    while (waiting.length && isOpen()) socket.send(waiting.splice(0, AT_ONCE).join('\n'));
  }

  /** Sends with what gathers until the next frame, or now; false without a connection. */
  function send(line, now) {
    if (!isOpen()) return false;
    waiting.push(JSON.stringify(line));
    if (now) flush();
    else frame ||= requestAnimationFrame(flush);
    return true;
  }

  function connect() {
    clearTimeout(timer);
    if (socket && socket.readyState <= WebSocket.OPEN) return;
    const url = new URL('live', document.baseURI);
    url.protocol = url.protocol.replace('http', 'ws');
    const token = currentToken();
    const mine = new WebSocket(url, token ? ['strokejax', `token.${token}`] : ['strokejax']);
    socket = mine;
    mine.onopen = () => {
      wait = FIRST_WAIT;
      last = 0;
      waiting = [];
      live.epoch += 1;
      state(true);
    };
    mine.onmessage = (event) => message(JSON.parse(event.data));
    mine.onclose = ({ reason }) => {
      state(false, reason);
      timer = setTimeout(connect, wait * (0.75 + Math.random() / 2));
      wait = Math.min(2 * wait, LONGEST_WAIT);
    };
  }

  const live = {
    /** How many connections there were: ids hold within one. */
    epoch: 0,
    connect,
    isOpen,
    /** @param {{t: number, x: number, y: number, down: boolean}} event t in seconds */
    point({ t, x, y, down }) {
      last = Math.max(last, t);
      return send({ t: last, x, y, down }, !down);
    },
    /** @param {number} id @param {string} name */
    correct: (id, name) => send({ correct: id, name }, true),
    /** Ends the symbol that is being drawn. */
    flush: () => send({ flush: true }, true),
    /** Drops the symbol that is being drawn. */
    cancel: () => send({ cancel: true }, true),
  };
  addEventListener('online', connect);
  return live;
}
