import { createHmac, randomBytes } from 'node:crypto';

/** What `stripe listen` or `stripe logs tail` asked for when it opened its session. */
export interface SessionGrant {
  readonly apiKey: string;
  readonly features: readonly string[];
  /** Whether the CLI posts snapshot (thin) events somewhere: only then does an answer follow. */
  readonly forwardsSnapshot: boolean;
  readonly forwardsThin: boolean;
  /** The JSON text that `logs tail` sent, `{}` otherwise. */
  readonly filters: string;
}

/** The signing secret of every `listen` with this key: derived, so it outlives sessions and restarts. */
export function cliSecret(apiKey: string): string {
  return `whsec_${createHmac('sha256', apiKey).update('stripecli webhook secret').digest('hex')}`;
}

/**
 * The websocket id. It carries the grant itself, so a CLI that reconnects after a restart of the emulator
 * is known again; whoever can write one already holds the API key in it.
 */
export function sealGrant(grant: SessionGrant): string {
  const nonce = randomBytes(9).toString('base64url');
  return `cliws_${Buffer.from(JSON.stringify({ ...grant, nonce })).toString('base64url')}`;
}

/** The grant inside a websocket id, or null when it is none of ours. */
export function openGrant(id: string): SessionGrant | null {
  if (!id.startsWith('cliws_')) return null;
  try {
    const value: unknown = JSON.parse(
      Buffer.from(id.slice('cliws_'.length), 'base64url').toString(),
    );
    return isGrant(value) ? value : null;
  } catch {
    return null; // not JSON: not ours
  }
}

function isGrant(value: unknown): value is SessionGrant {
  return (
    typeof value === 'object' &&
    value !== null &&
    'apiKey' in value &&
    typeof value.apiKey === 'string' &&
    'features' in value &&
    Array.isArray(value.features) &&
    'filters' in value &&
    typeof value.filters === 'string'
  );
}
