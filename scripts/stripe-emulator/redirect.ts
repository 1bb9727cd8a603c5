/**
 * `node --import tenure/emulator/redirect app.js`: what the program sends to Stripe's hosts goes to the emulator at
 * STRIPE_EMULATOR_URL (default http://127.0.0.1:12111), without a change to the program, a certificate or a hosts file.
 */
import http from 'node:http';
import https from 'node:https';
import { syncBuiltinESMExports } from 'node:module';

const target = new URL(process.env['STRIPE_EMULATOR_URL'] || 'http://127.0.0.1:12111');
const STRIPE_HOSTS = new Set(['api.stripe.com', 'files.stripe.com', 'meter-events.stripe.com']);

type Answered = (response: http.IncomingMessage) => void;
type Arguments = [
  where: string | URL | https.RequestOptions,
  options?: https.RequestOptions | Answered,
  answered?: Answered,
];

const send = https.request;
const sendPlain = http.request;

function request(...given: Arguments): http.ClientRequest {
  const [where, second, third] = given;
  const answered = typeof second === 'function' ? second : third;
  const more = typeof second === 'object' ? second : {};
  const options: https.RequestOptions =
    typeof where === 'string' || where instanceof URL
      ? { ...fromUrl(new URL(where)), ...more }
      : where;
  const host = (options.hostname ?? options.host ?? '').replace(/:\d+$/, '');
  if (!STRIPE_HOSTS.has(host)) return Reflect.apply(send, https, given);
  const { agent: _tls, servername: _name, ...kept } = options;
  const sent = sendPlain(
    {
      ...kept,
      protocol: 'http:',
      host: target.hostname,
      hostname: target.hostname,
      port: target.port || 80,
      headers: withoutHost(options.headers),
    },
    answered,
  );
  // Who sends over TLS waits for this before the body is written.
  sent.once('socket', (socket) => {
    if (socket.connecting) socket.once('connect', () => socket.emit('secureConnect'));
  });
  return sent;
}

function fromUrl(url: URL): https.RequestOptions {
  return { hostname: url.hostname, port: url.port, path: url.pathname + url.search };
}

/** The emulator's own host is what its pages lead to. */
function withoutHost(headers: https.RequestOptions['headers']): http.OutgoingHttpHeaders {
  if (headers === undefined || Array.isArray(headers)) return {};
  const entries = Object.entries(headers).filter(([name]) => name.toLowerCase() !== 'host');
  return Object.fromEntries(entries);
}

Object.assign(https, {
  request,
  get: (...given: Arguments) => {
    const sent = request(...given);
    sent.end();
    return sent;
  },
});
syncBuiltinESMExports();

const fetchAnywhere = globalThis.fetch;
globalThis.fetch = (input, init) => {
  const url = new URL(input instanceof Request ? input.url : input);
  if (!STRIPE_HOSTS.has(url.hostname)) return fetchAnywhere(input, init);
  const moved = new URL(url.pathname + url.search, target);
  return input instanceof Request
    ? fetchAnywhere(new Request(moved, input), init)
    : fetchAnywhere(moved, init);
};
