import { parseArgs } from 'node:util';
import { startEmulator } from './stripe-emulator/index.ts';

const HELP = `The local Stripe emulator.

  npm run emulator -- [--port 12111] [--host 127.0.0.1] [--data FILE] [--socket PATH]

  --port N     port to listen on (EMULATOR_PORT, default 12111; 0 = any free one)
  --host H     address to listen on (default 127.0.0.1)
  --data FILE  keep everything in this file and start from it (default: memory only)
  --socket P   also listen on this Unix socket (what STRIPE_CLI_UNIX_SOCKET of the Stripe CLI points to)
  --public-url U  where callers reach it, when a proxy is in front that does not say so (X-Forwarded-Proto and -Host are read)
  --tls DIR    speak TLS for api.stripe.com: callers trust DIR/ca.pem (made by openssl)
  --json       print {"url": …} instead of text
  --help       this text
`;

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: process.env['EMULATOR_PORT'] ?? '12111' },
    host: { type: 'string', default: '127.0.0.1' },
    data: { type: 'string' },
    socket: { type: 'string' },
    'public-url': { type: 'string' },
    tls: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) {
  process.stdout.write(HELP);
} else {
  const emulator = await startEmulator({
    port: Number(values.port),
    host: values.host,
    dataFile: values.data,
    unixSocket: values.socket,
    publicUrl: values['public-url'],
    tlsDir: values.tls,
  });
  console.log(
    values.json
      ? JSON.stringify({ url: emulator.url })
      : `Stripe emulator on ${emulator.url} (any key sk_test_…, usually sk_test_tenure_local)`,
  );
  const stop = () => void emulator.close().then(() => process.exit(0));
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  // Started by another program: end with it, however it ends.
  if (process.connected) process.once('disconnect', stop);
}
