/** The account that the CLI works on. */
export interface CliTarget {
  key: string;
  /** A local Stripe; null is Stripe itself. */
  apiBase: string | null;
  /** Of the local Stripe: also catches the hosts that the CLI has built in. */
  socket?: string;
}

/** The key of the local account; see `npm start`. */
const LOCAL_KEY = 'sk_test_tenure_local';

/**
 * The account that the environment names: STRIPE_API_KEY or STRIPE_SECRET_KEY, and STRIPE_API_BASE. Without a key it
 * is the local Stripe of `npm start`. Throws for a live key: nothing here is for real money.
 */
export function cliTarget(env: Record<string, string | undefined>): CliTarget {
  const key = env['STRIPE_API_KEY']?.trim() || env['STRIPE_SECRET_KEY']?.trim();
  const base = env['STRIPE_API_BASE']?.trim() || null;
  if (!key) {
    return {
      key: LOCAL_KEY,
      apiBase: loopback(base ?? `http://127.0.0.1:${env['EMULATOR_PORT']?.trim() || '12111'}`),
    };
  }
  if (/^[rs]k_live_/.test(key)) {
    throw new Error('The key is live. The CLI is for testing: set a test key (sk_test_…).');
  }
  return { key, apiBase: base === null ? null : loopback(base) };
}

/** The CLI takes no other local address than this one. */
function loopback(base: string): string {
  return base.replace('//localhost', '//127.0.0.1').replace(/\/+$/, '');
}

/** Options that go to every command. */
export function targetArgs({ apiBase, socket }: CliTarget): string[] {
  return apiBase === null || socket !== undefined ? [] : ['--api-base', apiBase];
}

/** What the CLI is started with; `home` keeps it from the configuration of the user who runs it. */
export function cliEnvironment(target: CliTarget, home: string): Record<string, string> {
  const local: Record<string, string> =
    target.socket !== undefined
      ? { STRIPE_CLI_UNIX_SOCKET: target.socket }
      : // Its look for updates would wait for a network that may not be there; a closed port answers at once.
        target.apiBase === null
        ? {}
        : { HTTPS_PROXY: 'http://127.0.0.1:9' };
  return {
    PATH: process.env['PATH'] ?? '',
    HOME: home,
    XDG_CONFIG_HOME: home,
    STRIPE_API_KEY: target.key,
    STRIPE_CLI_TELEMETRY_OPTOUT: '1',
    ...local,
  };
}
